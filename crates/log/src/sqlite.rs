//! The embedded table: one SQLite database (`log.sqlite3`), for one machine.
//!
//! The tail has one row per batch, not one per entry, and rows whose entries are in full bundles
//! are deleted with the next batch. So an entry is written here once, beside the pages' headers,
//! and the database stays small however long the log gets.

use std::path::Path;
use std::pin::Pin;

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use store::{Db, Write};
use tlog::Hash;

use crate::batch::Batch;
use crate::error::LogError;
use crate::limits::{MOVED_ROWS, WAL_PAGES};
use crate::table::{Fence, Mark, SignedTree, State, Table, Work, may_follow};

/// Steps of the schema; only ever added to. The table `entries` is that of an older program.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE entries (
        idx INTEGER PRIMARY KEY,
        digest BLOB NOT NULL,
        key BLOB NOT NULL,
        bytes BLOB NOT NULL,
        UNIQUE (digest, key)
    ) STRICT;
    CREATE TABLE signed (
        size INTEGER PRIMARY KEY,
        root BLOB NOT NULL,
        note TEXT NOT NULL
    ) STRICT;
    CREATE TABLE archived (
        size INTEGER PRIMARY KEY,
        note TEXT NOT NULL
    ) STRICT;
",
    "
    CREATE TABLE state (
        id INTEGER PRIMARY KEY CHECK (id = 0),
        fence INTEGER NOT NULL,
        sequenced INTEGER NOT NULL,
        integrated INTEGER NOT NULL,
        integrated_root BLOB NOT NULL
    ) STRICT;
    INSERT INTO state VALUES (0, 0, 0, 0,
        x'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    CREATE TABLE tail (
        first INTEGER PRIMARY KEY,
        count INTEGER NOT NULL,
        bytes BLOB NOT NULL
    ) STRICT;
",
];

/// The rows of one log in SQLite.
#[derive(Debug, Clone)]
pub struct SqliteTable(Db);

/// Where a log stands, as a writer needs it.
struct Sizes {
    sequenced: u64,
    integrated: u64,
}

fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn from_sql(row: &SqliteRow, column: usize) -> u64 {
    // Only numbers of ours were written; a negative one fails the checks that follow.
    u64::try_from(row.get::<i64, _>(column)).unwrap_or(u64::MAX)
}

fn root_of(row: &SqliteRow, column: usize, table: &'static str) -> Result<Hash, LogError> {
    let root: Vec<u8> = row.get(column);
    let root = <[u8; 32]>::try_from(root).map_err(|_| LogError::Row {
        table,
        what: "a root that has not 32 bytes".to_owned(),
    })?;
    Ok(Hash::from_bytes(root))
}

impl SqliteTable {
    /// Opens or makes the database, and moves the rows of an older program into the tail.
    ///
    /// # Errors
    /// The database is damaged, of a newer program, or cannot be written.
    pub async fn open(path: &Path) -> Result<Self, LogError> {
        let table = Self(Db::open_with(path, MIGRATIONS, WAL_PAGES).await?);
        while table.move_old_rows().await? {}
        Ok(table)
    }

    /// Moves some rows of the table `entries` behind the tail, in one transaction; `false` when
    /// there are none any more.
    async fn move_old_rows(&self) -> Result<bool, LogError> {
        let mut transaction = self.0.begin().await?;
        let rows = sqlx::query(
            "SELECT s.sequenced, e.idx, e.bytes FROM state s, entries e ORDER BY e.idx LIMIT ?",
        )
        .bind(to_sql(MOVED_ROWS))
        .fetch_all(&mut *transaction)
        .await
        .map_err(|e| self.0.sort(e))?;
        let Some(first) = rows.first().map(|row| from_sql(row, 0)) else {
            return Ok(false);
        };
        let mut batch = Batch::new(first);
        for row in &rows {
            if from_sql(row, 1) != batch.end() {
                return Err(LogError::Row {
                    table: "entries",
                    what: format!("entry {} is missing", batch.end()),
                });
            }
            let bytes: &[u8] = row.get(2);
            batch.push(bytes).map_err(LogError::Encode)?;
        }
        self.insert(&mut transaction, &batch).await?;
        for sql in [
            "UPDATE state SET sequenced = ?",
            "DELETE FROM entries WHERE idx < ?",
        ] {
            sqlx::query(sql)
                .bind(to_sql(batch.end()))
                .execute(&mut *transaction)
                .await
                .map_err(|e| self.0.sort(e))?;
        }
        self.0.commit(transaction).await?;
        tracing::info!(size = batch.end(), "rows of an older program were moved");
        Ok(true)
    }

    async fn insert(&self, transaction: &mut Write, batch: &Batch) -> Result<(), LogError> {
        sqlx::query("INSERT INTO tail (first, count, bytes) VALUES (?, ?, ?)")
            .bind(to_sql(batch.first()))
            .bind(to_sql(batch.len() as u64))
            .bind(batch.bytes())
            .execute(&mut **transaction)
            .await
            .map_err(|e| self.0.sort(e))?;
        Ok(())
    }

    /// A write transaction that goes on only if nobody led since; and where the log stands.
    async fn begin(&self, fence: Fence) -> Result<(Write, Sizes), LogError> {
        let mut transaction = self.0.begin().await?;
        let row = sqlx::query("SELECT fence, sequenced, integrated FROM state")
            .fetch_one(&mut *transaction)
            .await
            .map_err(|e| self.0.sort(e))?;
        fence.check(from_sql(&row, 0))?;
        let sizes = Sizes {
            sequenced: from_sql(&row, 1),
            integrated: from_sql(&row, 2),
        };
        Ok((transaction, sizes))
    }

    async fn write_batch(
        &self,
        fence: Fence,
        batch: &Batch,
        integrated: Mark,
    ) -> Result<(), LogError> {
        let (mut transaction, sizes) = self.begin(fence).await?;
        if sizes.sequenced != batch.first() {
            return Err(LogError::Moved {
                expected: batch.first(),
                found: sizes.sequenced,
            });
        }
        self.insert(&mut transaction, batch).await?;
        let statement = match integrated.size > sizes.integrated {
            true => {
                sqlx::query("DELETE FROM tail WHERE first + count <= ?")
                    .bind(to_sql(integrated.size))
                    .execute(&mut *transaction)
                    .await
                    .map_err(|e| self.0.sort(e))?;
                sqlx::query("UPDATE state SET sequenced = ?, integrated = ?, integrated_root = ?")
                    .bind(to_sql(batch.end()))
                    .bind(to_sql(integrated.size))
                    .bind(integrated.root.as_bytes().as_slice())
            }
            false => sqlx::query("UPDATE state SET sequenced = ?").bind(to_sql(batch.end())),
        };
        statement
            .execute(&mut *transaction)
            .await
            .map_err(|e| self.0.sort(e))?;
        Ok(self.0.commit(transaction).await?)
    }

    async fn read_state(&self) -> Result<State, LogError> {
        let row = sqlx::query(
            "SELECT s.fence, s.sequenced, s.integrated, s.integrated_root, c.size, c.root, c.note
             FROM state s LEFT JOIN signed c ORDER BY c.size DESC LIMIT 1",
        )
        .fetch_one(self.0.readers())
        .await
        .map_err(|e| self.0.sort(e))?;
        let signed = match row.get::<Option<i64>, _>(4) {
            None => None,
            Some(_) => Some(SignedTree {
                mark: Mark {
                    size: from_sql(&row, 4),
                    root: root_of(&row, 5, "signed")?,
                },
                note: row.get(6),
            }),
        };
        Ok(State {
            fence: Fence(from_sql(&row, 0)),
            sequenced: from_sql(&row, 1),
            integrated: Mark {
                size: from_sql(&row, 2),
                root: root_of(&row, 3, "state")?,
            },
            signed,
        })
    }

    async fn read_tail(&self, index: u64) -> Result<Option<Batch>, LogError> {
        let row = sqlx::query(
            "SELECT first, count, bytes FROM tail WHERE first <= ? ORDER BY first DESC LIMIT 1",
        )
        .bind(to_sql(index))
        .fetch_optional(self.0.readers())
        .await
        .map_err(|e| self.0.sort(e))?;
        let Some(row) = row else {
            return Ok(None);
        };
        let (first, count) = (from_sql(&row, 0), from_sql(&row, 1));
        if index - first >= count {
            return Ok(None);
        }
        let batch = Batch::from_bytes(first, count, row.get(2));
        batch.map(Some).ok_or_else(|| LogError::Row {
            table: "tail",
            what: format!("the batch from {first} is not {count} entries"),
        })
    }

    async fn write_signed(
        &self,
        fence: Fence,
        previous: Option<Mark>,
        next: &SignedTree,
    ) -> Result<(), LogError> {
        let (mut transaction, sizes) = self.begin(fence).await?;
        let row = sqlx::query("SELECT size, root FROM signed ORDER BY size DESC LIMIT 1")
            .fetch_optional(&mut *transaction)
            .await
            .map_err(|e| self.0.sort(e))?;
        let found = match &row {
            None => None,
            Some(row) => Some(Mark {
                size: from_sql(row, 0),
                root: root_of(row, 1, "signed")?,
            }),
        };
        may_follow(found, previous, &next.mark)?;
        if next.mark.size > sizes.sequenced {
            return Err(LogError::Moved {
                expected: next.mark.size,
                found: sizes.sequenced,
            });
        }
        sqlx::query(
            "INSERT INTO signed (size, root, note) VALUES (?, ?, ?)
             ON CONFLICT (size) DO UPDATE SET note = excluded.note",
        )
        .bind(to_sql(next.mark.size))
        .bind(next.mark.root.as_bytes().as_slice())
        .bind(&next.note)
        .execute(&mut *transaction)
        .await
        .map_err(|e| self.0.sort(e))?;
        // Only the newest matters for what may be signed next; older ones are in the archive.
        sqlx::query("DELETE FROM signed WHERE size < ?")
            .bind(to_sql(next.mark.size))
            .execute(&mut *transaction)
            .await
            .map_err(|e| self.0.sort(e))?;
        Ok(self.0.commit(transaction).await?)
    }

    async fn write_archived(&self, fence: Fence, size: u64, note: &str) -> Result<(), LogError> {
        let (mut transaction, _) = self.begin(fence).await?;
        sqlx::query("INSERT INTO archived (size, note) VALUES (?, ?) ON CONFLICT DO NOTHING")
            .bind(to_sql(size))
            .bind(note)
            .execute(&mut *transaction)
            .await
            .map_err(|e| self.0.sort(e))?;
        Ok(self.0.commit(transaction).await?)
    }

    async fn take_lead(&self) -> Result<Fence, LogError> {
        let mut transaction = self.0.begin().await?;
        let row = sqlx::query("UPDATE state SET fence = fence + 1 RETURNING fence")
            .fetch_one(&mut *transaction)
            .await
            .map_err(|e| self.0.sort(e))?;
        self.0.commit(transaction).await?;
        Ok(Fence(from_sql(&row, 0)))
    }

    async fn read_archived(&self) -> Result<Vec<(u64, String)>, LogError> {
        let rows = sqlx::query("SELECT size, note FROM archived ORDER BY size")
            .fetch_all(self.0.readers())
            .await
            .map_err(|e| self.0.sort(e))?;
        let archived = rows.iter().map(|row| (from_sql(row, 0), row.get(1)));
        Ok(archived.collect())
    }
}

impl Table for SqliteTable {
    fn lead(&self) -> Work<'_, Fence> {
        Box::pin(self.take_lead())
    }

    fn state(&self) -> Work<'_, State> {
        Box::pin(self.read_state())
    }

    fn append<'a>(&'a self, fence: Fence, batch: &'a Batch, integrated: Mark) -> Work<'a, ()> {
        Box::pin(self.write_batch(fence, batch, integrated))
    }

    fn tail(&self, index: u64) -> Work<'_, Option<Batch>> {
        Box::pin(self.read_tail(index))
    }

    fn keep_signed<'a>(
        &'a self,
        fence: Fence,
        previous: Option<Mark>,
        next: &'a SignedTree,
    ) -> Work<'a, ()> {
        Box::pin(self.write_signed(fence, previous, next))
    }

    fn archive<'a>(&'a self, fence: Fence, size: u64, note: &'a str) -> Work<'a, ()> {
        Box::pin(self.write_archived(fence, size, note))
    }

    fn archived(&self) -> Work<'_, Vec<(u64, String)>> {
        Box::pin(self.read_archived())
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.0.close())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A database as the program before this schema left it, with these rows.
    async fn old_database(path: &Path, rows: impl Iterator<Item = u64>) {
        let db = Db::open(path, &MIGRATIONS[..1]).await.unwrap();
        let mut transaction = db.begin().await.unwrap();
        for index in rows {
            sqlx::query("INSERT INTO entries (idx, digest, key, bytes) VALUES (?, ?, x'00', ?)")
                .bind(to_sql(index))
                .bind(index.to_be_bytes().as_slice())
                .bind(entry(index))
                .execute(&mut *transaction)
                .await
                .unwrap();
        }
        sqlx::raw_sql(
            "INSERT INTO signed VALUES (600, zeroblob(32), 'a note');
             INSERT INTO archived VALUES (4, 'the first'), (600, 'a note');",
        )
        .execute(&mut *transaction)
        .await
        .unwrap();
        db.commit(transaction).await.unwrap();
        db.close().await;
    }

    fn entry(index: u64) -> Vec<u8> {
        format!("entry {index}").into_bytes()[..(index % 8) as usize].to_vec()
    }

    #[tokio::test]
    async fn the_rows_of_an_older_program_are_moved_and_nothing_it_signed_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.sqlite3");
        old_database(&path, 0..700).await;
        // Twice: what was moved is not moved again.
        for _ in 0..2 {
            let table = SqliteTable::open(&path).await.unwrap();
            let state = table.state().await.unwrap();
            assert_eq!((state.sequenced, state.integrated), (700, Mark::EMPTY));
            let signed = state.signed.unwrap();
            assert_eq!((signed.mark.size, signed.note.as_str()), (600, "a note"));
            assert_eq!(table.archived().await.unwrap().len(), 2);
            let mut next = 0;
            while let Some(batch) = table.tail(next).await.unwrap() {
                assert_eq!(batch.get(next).unwrap(), entry(next));
                next += 1;
            }
            assert_eq!(next, 700);
            table.close().await;
        }
    }

    #[tokio::test]
    async fn an_older_database_that_lost_a_row_is_not_moved() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.sqlite3");
        old_database(&path, (0..300).filter(|index| *index != 290)).await;
        for _ in 0..2 {
            let refused = SqliteTable::open(&path).await.unwrap_err();
            assert!(
                refused.to_string().contains("entry 290 is missing"),
                "{refused}"
            );
        }
    }
}
