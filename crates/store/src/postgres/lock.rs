//! Locks that the server holds for a session and gives up when the session ends.

use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Row as _};

use super::{PostgresAddress, PostgresError, answered};

/// A session of its own that holds locks. It can be lost without being noticed, so a lock only decides who tries;
/// what must not happen twice is fenced in the tables.
#[derive(Debug)]
pub struct SessionLocks {
    connection: PgConnection,
    schema: String,
}

impl SessionLocks {
    /// Begins a session without locks.
    ///
    /// # Errors
    /// As [`PostgresAddress::connect`].
    pub async fn begin(address: &PostgresAddress) -> Result<Self, PostgresError> {
        Ok(Self {
            connection: address.connect().await?,
            schema: address.schema.clone(),
        })
    }

    /// Takes the lock `number` of a kind in this schema if nobody holds it. Does not wait.
    ///
    /// # Errors
    /// The session is over.
    pub async fn try_take(&mut self, kind: &str, number: i64) -> Result<bool, PostgresError> {
        self.ask(
            "SELECT pg_try_advisory_lock(hashtextextended($1, $2))",
            kind,
            number,
        )
        .await
    }

    /// Gives a lock back; `false` when it was not held.
    ///
    /// # Errors
    /// The session is over.
    pub async fn give_back(&mut self, kind: &str, number: i64) -> Result<bool, PostgresError> {
        self.ask(
            "SELECT pg_advisory_unlock(hashtextextended($1, $2))",
            kind,
            number,
        )
        .await
    }

    /// Whether the session goes on, and with it what it holds.
    pub async fn is_alive(&mut self) -> bool {
        answered(async { Ok(self.connection.ping().await?) })
            .await
            .is_ok()
    }

    async fn ask(
        &mut self,
        sql: &'static str,
        kind: &str,
        number: i64,
    ) -> Result<bool, PostgresError> {
        let name = format!("limpid {} {kind}", self.schema);
        answered(async {
            let row = sqlx::query(sql)
                .bind(name)
                .bind(number)
                .fetch_one(&mut self.connection)
                .await?;
            Ok(row.get(0))
        })
        .await
    }
}
