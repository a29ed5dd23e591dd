//! A connection of either kind, while somebody has it.

use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, Transaction};

#[cfg(feature = "postgres")]
use sqlx::Postgres;

/// What a query runs on.
#[derive(Debug)]
pub enum Held {
    /// A transaction of SQLite.
    SqliteWrite(Transaction<'static, Sqlite>),
    /// A connection to SQLite that only reads.
    SqliteRead(PoolConnection<Sqlite>),
    /// A transaction of PostgreSQL.
    #[cfg(feature = "postgres")]
    PostgresWrite(Transaction<'static, Postgres>),
    /// A connection to PostgreSQL.
    #[cfg(feature = "postgres")]
    PostgresRead(PoolConnection<Postgres>),
}

impl Held {
    /// Has SQLite overwrite what this transaction deletes, not only forget it. A server is not asked.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn overwrite_deleted(&mut self) -> Result<(), sqlx::Error> {
        if let Self::SqliteWrite(transaction) = self {
            sqlx::query("PRAGMA secure_delete = ON")
                .fetch_optional(&mut **transaction)
                .await?;
        }
        Ok(())
    }
}
