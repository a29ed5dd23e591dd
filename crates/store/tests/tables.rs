//! What tables promise, asked of SQLite and, with the feature `postgres`, of a PostgreSQL server of the test's own.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

use store::tables::{Each, Step, Write, query};
use store::{DbError, Tables};

#[cfg(feature = "postgres")]
#[path = "../../log/tests/remote/postgres_server.rs"]
mod postgres_server;

#[cfg(feature = "postgres")]
pub(crate) const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);
#[cfg(feature = "postgres")]
pub(crate) use store::Secret;

const ONE: Step = Step::Same(
    "CREATE TABLE jobs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        body BLOB,
        held INTEGER NOT NULL DEFAULT 0
    ) STRICT;",
);
const TWO: Step = Step::Same("ALTER TABLE jobs ADD COLUMN seen INTEGER;");
const BROKEN: Step =
    Step::Same("CREATE TABLE half (id INTEGER) STRICT; CREATE TABLE jobs (id INTEGER) STRICT;");

/// Tables that nobody used yet, opened as often as wanted.
trait Place {
    async fn open(&self, steps: &[Step]) -> Result<Tables, DbError>;
}

async fn every_sentence<P: Place>(fresh: impl AsyncFn() -> P) {
    values_come_back_as_they_went(&fresh().await).await;
    what_is_dropped_leaves_nothing(&fresh().await).await;
    a_second_row_of_a_key_is_a_duplicate(&fresh().await).await;
    a_statement_that_skips_a_conflict_goes_on(&fresh().await).await;
    steps_are_taken_once_and_whole_and_a_newer_schema_is_refused(&fresh().await).await;
    a_write_that_names_what_it_found_is_done_by_one_of_many(&fresh().await).await;
    numbers_of_rows_only_grow(&fresh().await).await;
}

async fn insert(tables: &Tables, write: &mut Write, name: &str) -> Result<i64, DbError> {
    let row = query("INSERT INTO jobs (name) VALUES ($1) RETURNING id")
        .bind(name)
        .fetch_one(&mut **write)
        .await
        .map_err(|e| tables.sort(e))?;
    Ok(row.get(0))
}

async fn count(tables: &Tables) -> i64 {
    let row = query("SELECT COUNT(*) FROM jobs").fetch_one(tables.readers());
    row.await.unwrap().get(0)
}

async fn values_come_back_as_they_went(place: &impl Place) {
    let tables = place.open(&[ONE]).await.unwrap();
    let mut write = tables.begin().await.unwrap();
    for (name, body, held) in [
        ("empty", Some(Vec::new()), 0_i64),
        ("none", None, i64::MAX),
        ("bytes", Some(vec![0, 255, b'\'']), i64::MIN),
    ] {
        query("INSERT INTO jobs (name, body, held) VALUES ($1, $2, $3)")
            .bind(name)
            .bind(body)
            .bind(held)
            .execute(&mut *write)
            .await
            .unwrap();
    }
    tables.commit(write).await.unwrap();
    let mut read = tables.acquire().await.unwrap();
    let rows = query("SELECT name, body, held FROM jobs ORDER BY id")
        .fetch_all(&mut *read)
        .await
        .unwrap();
    let found: Vec<(String, Option<Vec<u8>>, i64)> = rows
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect();
    assert_eq!(
        found,
        [
            ("empty".to_owned(), Some(Vec::new()), 0),
            ("none".to_owned(), None, i64::MAX),
            ("bytes".to_owned(), Some(vec![0, 255, b'\'']), i64::MIN),
        ]
    );
}

async fn what_is_dropped_leaves_nothing(place: &impl Place) {
    let tables = place.open(&[ONE]).await.unwrap();
    let mut write = tables.begin().await.unwrap();
    insert(&tables, &mut write, "a").await.unwrap();
    drop(write);
    assert_eq!(count(&tables).await, 0);
    let mut write = tables.begin().await.unwrap();
    insert(&tables, &mut write, "a").await.unwrap();
    tables.commit(write).await.unwrap();
    tables.close().await;
    assert_eq!(count(&place.open(&[ONE]).await.unwrap()).await, 1);
}

async fn a_second_row_of_a_key_is_a_duplicate(place: &impl Place) {
    let tables = place.open(&[ONE]).await.unwrap();
    let mut write = tables.begin().await.unwrap();
    insert(&tables, &mut write, "a").await.unwrap();
    let again = insert(&tables, &mut write, "a").await;
    assert!(matches!(again, Err(DbError::Duplicate { .. })), "{again:?}");
}

async fn a_statement_that_skips_a_conflict_goes_on(place: &impl Place) {
    let tables = place.open(&[ONE]).await.unwrap();
    let mut write = tables.begin().await.unwrap();
    for changed in [1, 0] {
        let done = query("INSERT INTO jobs (name) VALUES ($1) ON CONFLICT (name) DO NOTHING")
            .bind("a")
            .execute(&mut *write)
            .await
            .unwrap();
        assert_eq!(done.rows_affected(), changed);
    }
    tables.commit(write).await.unwrap();
    assert_eq!(count(&tables).await, 1);
}

async fn steps_are_taken_once_and_whole_and_a_newer_schema_is_refused(place: &impl Place) {
    let tables = place.open(&[ONE]).await.unwrap();
    let mut write = tables.begin().await.unwrap();
    insert(&tables, &mut write, "a").await.unwrap();
    tables.commit(write).await.unwrap();
    assert!(place.open(&[ONE, BROKEN]).await.is_err());
    let tables = place.open(&[ONE, TWO]).await.unwrap();
    let row = query("SELECT seen FROM jobs").fetch_one(tables.readers());
    assert_eq!(row.await.unwrap().get::<Option<i64>, _>(0), None);
    place.open(&[ONE, TWO]).await.unwrap();
    let error = place.open(&[ONE]).await.unwrap_err();
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    let said = format!("{error} {}", cause.unwrap_or_default());
    assert!(said.contains("use the newer program"), "{said}");
}

async fn a_write_that_names_what_it_found_is_done_by_one_of_many(place: &impl Place) {
    let tables = place.open(&[ONE]).await.unwrap();
    let mut write = tables.begin().await.unwrap();
    insert(&tables, &mut write, "a").await.unwrap();
    tables.commit(write).await.unwrap();
    let mut tries = tokio::task::JoinSet::new();
    for fence in 1..=8_i64 {
        let tables = tables.clone();
        tries.spawn(async move {
            let mut write = tables.begin().await.unwrap();
            let done = query("UPDATE jobs SET held = $1 WHERE name = 'a' AND held = 0")
                .bind(fence)
                .execute(&mut *write)
                .await
                .unwrap();
            tables.commit(write).await.unwrap();
            done.rows_affected()
        });
    }
    assert_eq!(tries.join_all().await.iter().sum::<u64>(), 1);
}

async fn numbers_of_rows_only_grow(place: &impl Place) {
    let tables = place.open(&[ONE]).await.unwrap();
    let mut last = 0;
    for name in ["a", "b", "c"] {
        let mut write = tables.begin().await.unwrap();
        let id = insert(&tables, &mut write, name).await.unwrap();
        tables.commit(write).await.unwrap();
        assert!(id > last);
        last = id;
        let mut write = tables.begin().await.unwrap();
        let gone = query("DELETE FROM jobs").execute(&mut *write);
        gone.await.unwrap();
        tables.commit(write).await.unwrap();
    }
}

struct OnDisk(tempfile::TempDir);

impl Place for OnDisk {
    async fn open(&self, steps: &[Step]) -> Result<Tables, DbError> {
        Tables::open_file(&self.0.path().join("db"), steps).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_every_sentence() {
    every_sentence(async || OnDisk(tempfile::tempdir().unwrap())).await;
}

#[test]
fn where_they_differ_each_has_its_own_text() {
    let each = Each {
        sqlite: "a",
        postgres: "b",
    };
    let step = Step::Each(each);
    assert_eq!((step.sqlite(), &*step.postgres()), ("a", "b"));
}

#[cfg(feature = "postgres")]
mod on_a_server {
    use super::postgres_server::PostgresServer;
    use super::*;
    use store::PostgresAddress;

    struct OnServer<'a>(&'a PostgresServer, String);

    impl Place for OnServer<'_> {
        async fn open(&self, steps: &[Step]) -> Result<Tables, DbError> {
            let address = PostgresAddress::read(&self.0.secret(), &self.1).unwrap();
            Tables::open_server(address, steps).await
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn postgresql_keeps_every_sentence() {
        let server = PostgresServer::start();
        every_sentence(async || OnServer(&server, server.new_schema())).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_takes_the_next_row_waits_for_nobody_and_none_is_taken_twice() {
        const NEXT: Each = Each {
            sqlite: "",
            postgres: "SELECT id FROM jobs WHERE held = 0 ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED",
        };
        let server = PostgresServer::start();
        let place = OnServer(&server, server.new_schema());
        let tables = place.open(&[ONE]).await.unwrap();
        let mut write = tables.begin().await.unwrap();
        for name in ["a", "b", "c"] {
            insert(&tables, &mut write, name).await.unwrap();
        }
        tables.commit(write).await.unwrap();
        let mut open = Vec::new();
        let mut taken = Vec::new();
        // None of them is committed while the next one takes.
        for _ in 0..4 {
            let mut write = tables.begin().await.unwrap();
            let next = query(tables.choose(NEXT)).fetch_optional(&mut *write);
            taken.extend(next.await.unwrap().map(|row| row.get::<i64, _>(0)));
            open.push(write);
        }
        assert_eq!(taken, [1, 2, 3]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_lock_is_held_until_its_session_ends_and_a_lost_session_is_seen() {
        let server = PostgresServer::start();
        let place = OnServer(&server, server.new_schema());
        let (one, two) = (
            place.open(&[ONE]).await.unwrap(),
            place.open(&[ONE]).await.unwrap(),
        );
        let (mut first, mut second) = (one.locks().await.unwrap(), two.locks().await.unwrap());
        assert!(first.try_take("leader", 0).await.unwrap());
        assert!(!second.try_take("leader", 0).await.unwrap());
        assert!(second.try_take("leader", 1).await.unwrap());
        first.give_back("leader", 0).await.unwrap();
        assert!(second.try_take("leader", 0).await.unwrap());
        server.cut_leaders();
        assert!(!second.is_alive().await);
        assert!(first.try_take("leader", 0).await.unwrap());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_committed_survives_a_kill_of_the_server_and_the_pool_goes_on() {
        let mut server = PostgresServer::start();
        let schema = server.new_schema();
        let tables = OnServer(&server, schema).open(&[ONE]).await.unwrap();
        let mut write = tables.begin().await.unwrap();
        insert(&tables, &mut write, "a").await.unwrap();
        tables.commit(write).await.unwrap();
        let mut lost = tables.begin().await.unwrap();
        insert(&tables, &mut lost, "b").await.unwrap();
        server.kill_and_start();
        let error = tables.commit(lost).await.unwrap_err();
        assert!(matches!(error, DbError::Unreachable { .. }), "{error:?}");
        assert_eq!(count(&tables).await, 1);
    }
}
