//! The database: durable settings, schema steps, one writer, clear refusals.
#![allow(clippy::unwrap_used, missing_docs)]

use sqlx::Row;
use store::{Db, DbError};

const ONE: &str = "CREATE TABLE entry (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
                   CREATE TABLE owner (id INTEGER PRIMARY KEY, entry INTEGER NOT NULL REFERENCES entry (id));";
const TWO: &str = "ALTER TABLE entry ADD COLUMN seen INTEGER NOT NULL DEFAULT 0";

async fn count(db: &Db) -> i64 {
    sqlx::query("SELECT count(*) FROM entry")
        .fetch_one(db.readers())
        .await
        .unwrap()
        .get(0)
}

async fn insert(db: &Db, id: i64, body: Vec<u8>) -> Result<(), DbError> {
    let mut write = db.begin().await?;
    sqlx::query("INSERT INTO entry (id, body) VALUES ($1, $2)")
        .bind(id)
        .bind(body)
        .execute(&mut *write)
        .await
        .map_err(|e| db.sort(e))?;
    db.commit(write).await
}

#[tokio::test]
async fn what_was_deleted_for_good_stands_in_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.sqlite3");
    let db = Db::open(&path, &["CREATE TABLE t (v TEXT NOT NULL) STRICT"])
        .await
        .unwrap();
    let stands = || {
        let files = std::fs::read_dir(dir.path()).unwrap();
        files.into_iter().any(|file| {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            bytes.windows(12).any(|window| window == b"a secret row")
        })
    };
    let mut write = db.begin().await.unwrap();
    let insert = sqlx::query("INSERT INTO t VALUES ('a secret row')");
    insert.execute(&mut *write).await.unwrap();
    db.commit(write).await.unwrap();
    assert!(stands());
    let mut write = db.begin().await.unwrap();
    for sql in ["PRAGMA secure_delete = ON", "DELETE FROM t"] {
        sqlx::query(sql).fetch_optional(&mut *write).await.unwrap();
    }
    db.commit(write).await.unwrap();
    assert!(stands(), "in the write-ahead log");
    assert!(db.empty_wal().await.unwrap());
    assert!(!stands());
}

#[tokio::test]
async fn the_database_is_opened_for_durability() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(&dir.path().join("new/db.sqlite3"), &[ONE])
        .await
        .unwrap();
    let mut write = db.begin().await.unwrap();
    for (pragma, expected) in [
        ("PRAGMA journal_mode", "wal"),
        ("PRAGMA synchronous", "2"),
        ("PRAGMA foreign_keys", "1"),
        ("PRAGMA busy_timeout", "5000"),
    ] {
        let row = sqlx::query(pragma).fetch_one(&mut *write).await.unwrap();
        let found = row
            .try_get::<String, _>(0)
            .unwrap_or_else(|_| row.get::<i64, _>(0).to_string());
        assert_eq!(found, expected, "{pragma}");
    }
}

#[tokio::test]
async fn schema_steps_are_applied_once_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let db = Db::open(&path, &[ONE]).await.unwrap();
    insert(&db, 1, vec![1]).await.unwrap();
    db.close().await;
    let db = Db::open(&path, &[ONE, TWO]).await.unwrap();
    let seen: i64 = sqlx::query("SELECT seen FROM entry")
        .fetch_one(db.readers())
        .await
        .unwrap()
        .get(0);
    assert_eq!((seen, count(&db).await), (0, 1));
    db.close().await;
    Db::open(&path, &[ONE, TWO]).await.unwrap().close().await;
    let error = Db::open(&path, &[ONE]).await.unwrap_err();
    assert!(
        matches!(
            error,
            DbError::SchemaTooNew {
                found: 2,
                known: 1,
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_failing_schema_step_leaves_no_part_of_itself() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let broken = "CREATE TABLE half (id INTEGER); CREATE TABLE entry (id INTEGER);";
    let error = Db::open(&path, &[ONE, broken]).await.unwrap_err();
    assert!(
        matches!(error, DbError::Migration { step: 2, .. }),
        "{error}"
    );
    let db = Db::open(&path, &[ONE, "CREATE TABLE half (id INTEGER)"])
        .await
        .unwrap();
    assert_eq!(count(&db).await, 0);
}

#[tokio::test]
async fn concurrent_writers_that_read_first_all_succeed() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(&dir.path().join("db"), &[ONE]).await.unwrap();
    let other = Db::open(&dir.path().join("db"), &[ONE]).await.unwrap();
    let tasks: Vec<_> = (0..40)
        .map(|i| {
            let db = if i % 2 == 0 {
                db.clone()
            } else {
                other.clone()
            };
            tokio::spawn(async move {
                let mut write = db.begin().await?;
                let next: i64 = sqlx::query("SELECT coalesce(max(id), 0) + 1 FROM entry")
                    .fetch_one(&mut *write)
                    .await
                    .map_err(|e| db.sort(e))?
                    .get(0);
                sqlx::query("INSERT INTO entry (id, body) VALUES ($1, x'00')")
                    .bind(next)
                    .execute(&mut *write)
                    .await
                    .map_err(|e| db.sort(e))?;
                db.commit(write).await
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(count(&db).await, 40);
}

#[tokio::test]
async fn a_transaction_that_is_dropped_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(&dir.path().join("db"), &[ONE]).await.unwrap();
    let mut write = db.begin().await.unwrap();
    sqlx::query("INSERT INTO entry (id, body) VALUES (1, x'00')")
        .execute(&mut *write)
        .await
        .unwrap();
    drop(write);
    insert(&db, 1, vec![]).await.unwrap();
    assert_eq!(count(&db).await, 1);
}

#[tokio::test]
async fn a_duplicate_a_dangling_reference_and_a_write_by_a_reader_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(&dir.path().join("db"), &[ONE]).await.unwrap();
    insert(&db, 1, vec![]).await.unwrap();
    assert!(matches!(
        insert(&db, 1, vec![]).await,
        Err(DbError::Duplicate { .. })
    ));
    let mut write = db.begin().await.unwrap();
    let dangling = sqlx::query("INSERT INTO owner (entry) VALUES (99)")
        .execute(&mut *write)
        .await;
    assert!(dangling.is_err());
    drop(write);
    let by_reader = sqlx::query("DELETE FROM entry")
        .execute(db.readers())
        .await
        .unwrap_err();
    assert!(matches!(db.sort(by_reader), DbError::ReadOnly { .. }));
    assert_eq!(count(&db).await, 1);
}

#[tokio::test]
async fn a_full_database_says_so_and_keeps_what_was_committed() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(&dir.path().join("db"), &[ONE]).await.unwrap();
    insert(&db, 1, vec![7]).await.unwrap();
    // SQLite answers SQLITE_FULL for its own page limit as for a full disk.
    let mut write = db.begin().await.unwrap();
    sqlx::query("PRAGMA max_page_count = 8")
        .execute(&mut *write)
        .await
        .unwrap();
    db.commit(write).await.unwrap();
    let error = insert(&db, 2, vec![0; 200_000]).await.unwrap_err();
    assert!(matches!(error, DbError::DiskFull { .. }), "{error}");
    assert!(error.to_string().contains("free some space"));
    assert_eq!(count(&db).await, 1);
    insert(&db, 3, vec![8]).await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    std::fs::write(&path, vec![b'x'; 8192]).unwrap();
    let error = Db::open(&path, &[ONE]).await.unwrap_err();
    assert!(matches!(error, DbError::Corrupt { .. }), "{error:?}");
    assert!(error.to_string().contains(&path.display().to_string()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_new_database_may_be_opened_by_many_at_once() {
    for _ in 0..20 {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new.sqlite3");
        let mut opening = tokio::task::JoinSet::new();
        for id in 0..6 {
            let path = path.clone();
            opening.spawn(async move {
                let db = Db::open(&path, &[ONE, TWO]).await?;
                insert(&db, id, b"body".to_vec()).await
            });
        }
        for opened in opening.join_all().await {
            opened.unwrap();
        }
        assert_eq!(count(&Db::open(&path, &[ONE, TWO]).await.unwrap()).await, 6);
    }
}
