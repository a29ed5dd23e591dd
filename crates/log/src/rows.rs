//! The database: entries in order, what was signed, what was archived.
//!
//! `entries.idx` counts from 0 without gaps. `signed` holds one row for each size ever signed,
//! written before anybody sees the signature. `archived` holds the first witnessed checkpoint of
//! each published size.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use statement::{Envelope, KeyId, StatementDigest};
use store::{Db, DbError};
use tlog::{Checkpoint, Hash};

use crate::LogError;

/// Steps of the schema; only ever added to.
pub(crate) const MIGRATIONS: &[&str] = &["
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
"];

/// The rows of one log.
#[derive(Debug, Clone)]
pub(crate) struct Rows(Db);

/// An entry that is there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) index: u64,
    pub(crate) bytes: Vec<u8>,
}

/// An entry to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewRow {
    pub(crate) index: u64,
    pub(crate) digest: StatementDigest,
    pub(crate) key: KeyId,
    pub(crate) bytes: Vec<u8>,
}

fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn from_sql(row: &SqliteRow, column: usize) -> u64 {
    // Only numbers of ours were written; a negative one fails the checks that follow.
    u64::try_from(row.get::<i64, _>(column)).unwrap_or(u64::MAX)
}

impl Rows {
    pub(crate) async fn open(path: &std::path::Path) -> Result<Self, DbError> {
        Ok(Self(Db::open(path, MIGRATIONS).await?))
    }

    /// Number of entries.
    pub(crate) async fn count(&self) -> Result<u64, DbError> {
        let row = sqlx::query("SELECT count(*), coalesce(max(idx) + 1, 0) FROM entries")
            .fetch_one(self.0.readers())
            .await
            .map_err(|e| self.0.sort(e))?;
        // They differ only if rows were lost, which the replay reports.
        Ok(from_sql(&row, 0).max(from_sql(&row, 1)))
    }

    /// Number of entries as far as the last index tells; cheap.
    pub(crate) async fn next_index(&self) -> Result<u64, DbError> {
        let row = sqlx::query("SELECT coalesce(max(idx) + 1, 0) FROM entries")
            .fetch_one(self.0.readers())
            .await
            .map_err(|e| self.0.sort(e))?;
        Ok(from_sql(&row, 0))
    }

    /// The entry with this payload and key.
    pub(crate) async fn find(&self, envelope: &Envelope) -> Result<Option<Known>, DbError> {
        let row = sqlx::query("SELECT idx, bytes FROM entries WHERE digest = ? AND key = ?")
            .bind(envelope.digest().hash().as_bytes().as_slice())
            .bind(envelope.key().hash().as_bytes().as_slice())
            .fetch_optional(self.0.readers())
            .await
            .map_err(|e| self.0.sort(e))?;
        Ok(row.map(|row| Known {
            index: from_sql(&row, 0),
            bytes: row.get(1),
        }))
    }

    /// Writes entries; when this returns `Ok` they are durable.
    pub(crate) async fn append(&self, rows: &[NewRow]) -> Result<(), DbError> {
        let mut transaction = self.0.begin().await?;
        for row in rows {
            sqlx::query("INSERT INTO entries (idx, digest, key, bytes) VALUES (?, ?, ?, ?)")
                .bind(to_sql(row.index))
                .bind(row.digest.hash().as_bytes().as_slice())
                .bind(row.key.hash().as_bytes().as_slice())
                .bind(row.bytes.as_slice())
                .execute(&mut *transaction)
                .await
                .map_err(|e| self.0.sort(e))?;
        }
        self.0.commit(transaction).await
    }

    /// The entries `start..end`, all of them.
    pub(crate) async fn read(&self, start: u64, end: u64) -> Result<Vec<Vec<u8>>, LogError> {
        let rows =
            sqlx::query("SELECT idx, bytes FROM entries WHERE idx >= ? AND idx < ? ORDER BY idx")
                .bind(to_sql(start))
                .bind(to_sql(end))
                .fetch_all(self.0.readers())
                .await
                .map_err(|e| self.0.sort(e))?;
        let mut next = start;
        let mut entries = Vec::with_capacity(rows.len());
        for row in &rows {
            if from_sql(row, 0) != next {
                break;
            }
            entries.push(row.get(1));
            next += 1;
        }
        if next == end {
            return Ok(entries);
        }
        Err(LogError::Row {
            table: "entries",
            what: format!("entry {next} is missing"),
        })
    }

    /// Remembers a checkpoint before it is shown to anybody. A size has one root for ever.
    pub(crate) async fn keep_signed(
        &self,
        checkpoint: &Checkpoint,
        note: &str,
    ) -> Result<(), LogError> {
        let mut transaction = self.0.begin().await?;
        let written = sqlx::query(
            "INSERT INTO signed (size, root, note) VALUES (?, ?, ?)
             ON CONFLICT (size) DO UPDATE SET note = excluded.note WHERE root = excluded.root",
        )
        .bind(to_sql(checkpoint.size()))
        .bind(checkpoint.root().as_bytes().as_slice())
        .bind(note)
        .execute(&mut *transaction)
        .await
        .map_err(|e| self.0.sort(e))?;
        if written.rows_affected() != 1 {
            return Err(LogError::Row {
                table: "signed",
                what: format!("size {} was signed with another root", checkpoint.size()),
            });
        }
        // Only the newest matters for what may be signed next; older ones are in the archive.
        sqlx::query("DELETE FROM signed WHERE size < ?")
            .bind(to_sql(checkpoint.size()))
            .execute(&mut *transaction)
            .await
            .map_err(|e| self.0.sort(e))?;
        Ok(self.0.commit(transaction).await?)
    }

    /// The largest checkpoint that was signed.
    pub(crate) async fn signed(&self) -> Result<Option<(u64, Hash)>, LogError> {
        let row = sqlx::query("SELECT size, root FROM signed ORDER BY size DESC LIMIT 1")
            .fetch_optional(self.0.readers())
            .await
            .map_err(|e| self.0.sort(e))?;
        let Some(row) = row else {
            return Ok(None);
        };
        let root: Vec<u8> = row.get(1);
        let root = <[u8; 32]>::try_from(root).map_err(|_| LogError::Row {
            table: "signed",
            what: "a root that has not 32 bytes".to_owned(),
        })?;
        Ok(Some((from_sql(&row, 0), Hash::from_bytes(root))))
    }

    /// Archives the first witnessed checkpoint of a size; later ones change nothing.
    pub(crate) async fn archive(&self, size: u64, note: &str) -> Result<(), DbError> {
        let mut transaction = self.0.begin().await?;
        sqlx::query("INSERT INTO archived (size, note) VALUES (?, ?) ON CONFLICT DO NOTHING")
            .bind(to_sql(size))
            .bind(note)
            .execute(&mut *transaction)
            .await
            .map_err(|e| self.0.sort(e))?;
        self.0.commit(transaction).await
    }

    /// Every archived checkpoint, by ascending size.
    pub(crate) async fn archived(&self) -> Result<Vec<(u64, String)>, DbError> {
        let rows = sqlx::query("SELECT size, note FROM archived ORDER BY size")
            .fetch_all(self.0.readers())
            .await
            .map_err(|e| self.0.sort(e))?;
        Ok(rows
            .iter()
            .map(|row| (from_sql(row, 0), row.get(1)))
            .collect())
    }

    /// Waits for running queries and closes the database.
    pub(crate) async fn close(&self) {
        self.0.close().await;
    }
}
