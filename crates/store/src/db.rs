//! A SQLite database: opened for durability, brought to the newest schema, one writer.
//!
//! SQLite lets one connection write at a time. A transaction that reads first and writes later
//! fails when another one wrote in between, however long it waits; one that says
//! `BEGIN IMMEDIATE` waits its turn. So there is one writing connection, and [`Db::begin`] is
//! the only way to it.

use std::path::{Path, PathBuf};
use std::time::Instant;

use sqlx::sqlite::{
    Sqlite, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool,
    SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, Connection, Row, SqlSafeStr, Transaction};

use crate::limits::{ACQUIRE_TIMEOUT, BUSY_PAUSE, BUSY_TIMEOUT, READERS_MAX, WAL_PAGES};
use crate::scratch::{Durability, make_directories};
use crate::{DbError, Place, StoreError};

/// A write transaction; rolled back when dropped before [`Db::commit`].
pub type Write = Transaction<'static, Sqlite>;

/// An open database.
#[derive(Debug, Clone)]
pub struct Db {
    path: PathBuf,
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Db {
    /// Opens or makes the database at `path` and applies the steps of `migrations` that it has
    /// not seen (`PRAGMA user_version` counts them). Steps are never changed or removed, only
    /// added at the end; each is applied whole or not at all.
    ///
    /// # Errors
    /// The file is damaged, cannot be written, has a newer schema, or a step fails.
    pub async fn open(path: &Path, migrations: &[&'static str]) -> Result<Self, DbError> {
        Self::open_with(path, migrations, WAL_PAGES).await
    }

    /// The same with another size of the write-ahead log, in pages: larger for tables whose rows
    /// are deleted soon, which are then hardly written a second time.
    ///
    /// # Errors
    /// As for [`Db::open`].
    pub async fn open_with(
        path: &Path,
        migrations: &[&'static str],
        wal_pages: u32,
    ) -> Result<Self, DbError> {
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        make_directories(directory, Durability::Synced)?;
        keep_predecessors_word(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("wal_autocheckpoint", wal_pages.to_string())
            .foreign_keys(true);
        let writer = connect_writer(path, &options).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(options.create_if_missing(false).pragma("query_only", "ON"));
        let db = Self {
            path: path.to_owned(),
            writer,
            readers,
        };
        db.migrate(migrations).await?;
        // SQLite syncs the files; the name of the database itself is ours to sync.
        std::fs::File::open(directory)
            .and_then(|opened| opened.sync_all())
            .map_err(|e| StoreError::io("make durable", directory, e))?;
        Ok(db)
    }

    /// Starts a write transaction (`BEGIN IMMEDIATE`), waiting for the one before it. Pass
    /// `&mut *transaction` to queries; end it with [`Db::commit`].
    ///
    /// After a query failed, drop the transaction: SQLite may have rolled it back already, and
    /// what is written next would stand alone.
    ///
    /// # Errors
    /// Another process keeps the database locked, or the disk refuses.
    pub async fn begin(&self) -> Result<Write, DbError> {
        self.writer
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(|e| self.sort(e))
    }

    /// Commits; when this returns `Ok` the changes are durable.
    ///
    /// # Errors
    /// The disk refuses; then nothing of the transaction stays.
    pub async fn commit(&self, transaction: Write) -> Result<(), DbError> {
        transaction.commit().await.map_err(|e| self.sort(e))
    }

    /// Connections for queries that only read; they see committed data and never wait for the
    /// writer.
    #[must_use]
    pub fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// Moves what stands in the write-ahead log into the database and empties it, so that what was deleted (under
    /// `PRAGMA secure_delete`) stands in neither. `false` when a reader was in the way: try again.
    ///
    /// # Errors
    /// The disk refuses.
    pub async fn empty_wal(&self) -> Result<bool, DbError> {
        let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .fetch_one(&self.writer)
            .await
            .map_err(|e| self.sort(e))?;
        Ok(row.get::<i64, _>(0) == 0)
    }

    /// Sorts an error of a query on this database: full, read-only, busy, damaged, duplicate.
    /// For `map_err`.
    #[must_use]
    pub fn sort(&self, source: sqlx::Error) -> DbError {
        DbError::sort(&self.path, source)
    }

    /// The database file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for running queries and closes all connections.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    async fn migrate(&self, migrations: &[&'static str]) -> Result<(), DbError> {
        let mut transaction = self.begin().await?;
        let found: i64 = sqlx::query("PRAGMA user_version")
            .fetch_one(&mut *transaction)
            .await
            .map_err(|e| self.sort(e))?
            .get(0);
        drop(transaction);
        let known = migrations.len() as i64;
        if !(0..=known).contains(&found) {
            return Err(DbError::SchemaTooNew {
                place: Place::File(self.path.clone()),
                found,
                known,
            });
        }
        for (step, sql) in (1..).zip(migrations).skip(found.unsigned_abs() as usize) {
            self.apply(step, sql)
                .await
                .map_err(|source| DbError::Migration {
                    place: Place::File(self.path.clone()),
                    step,
                    source,
                })?;
            tracing::info!(database = %self.path.display(), step, "schema step applied");
        }
        Ok(())
    }

    async fn apply(&self, step: i64, sql: &'static str) -> Result<(), sqlx::Error> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        // Another process may have opened the database at the same time and taken this step first.
        let taken: i64 = sqlx::query("PRAGMA user_version")
            .fetch_one(&mut *transaction)
            .await?
            .get(0);
        if taken >= step {
            return Ok(());
        }
        sqlx::raw_sql(sql).execute(&mut *transaction).await?;
        // A pragma takes no parameter; the number is our own count.
        let version = AssertSqlSafe(format!("PRAGMA user_version = {step}"));
        sqlx::raw_sql(version.into_sql_str())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await
    }
}

/// The one connection that writes.
///
/// SQLite takes a new file into the mode of the write-ahead log under a lock for which it does not wait, whatever the
/// timeout: when two open one new database, the second is told at once that it is locked. So we wait here.
async fn connect_writer(
    path: &Path,
    options: &SqliteConnectOptions,
) -> Result<SqlitePool, DbError> {
    let started = Instant::now();
    loop {
        let connected = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .after_release(|connection, _| Box::pin(is_reusable(connection)))
            .connect_with(options.clone())
            .await
            .map_err(|source| DbError::sort(path, source));
        match connected {
            Err(DbError::Busy { .. }) if started.elapsed() < BUSY_TIMEOUT => {
                tokio::time::sleep(BUSY_PAUSE).await;
            }
            done => return done,
        }
    }
}

/// Makes durable what a killed process left in the write-ahead log.
///
/// It may have been killed between the write of a transaction and its `fsync`. The kernel still
/// has the bytes, so SQLite takes the transaction for committed, and somebody acts on it: files
/// are made from it, it is shown. A power cut then would take it away and leave what follows from
/// it. Before SQLite opens anything, since closing a file of its own would undo its locks.
fn keep_predecessors_word(path: &Path) -> Result<(), StoreError> {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    match std::fs::File::open(&wal).and_then(|opened| opened.sync_all()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::io("make durable", Path::new(&wal), error))
        }
        _ => Ok(()),
    }
}

/// Whether a connection that comes back may be used again; else it is closed and the next
/// writer gets a new one.
///
/// On some errors, a full disk among them, SQLite rolls the transaction back by itself
/// (sqlite.org/lang_transaction.html, section 3). The roll-back that `sqlx` sends afterwards
/// fails, and `sqlx` believes the connection to be in a transaction for ever, so that no write
/// would succeed any more although there is space again.
async fn is_reusable(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // Behind the ping, the roll-back of a dropped transaction has been tried.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}
