//! What a PostgreSQL server must be set to, so that what it acknowledges is on its disk.
//!
//! `synchronous_commit` is set for each session and looked at afterwards; `fsync` and
//! `full_page_writes` are the server's, so a server that runs without them is refused. Both can be
//! changed while it runs, therefore each new connection looks.

use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Row as _};

use super::PostgresError;

/// A setting, and the values under which an acknowledged commit is on the server's disk. The first
/// is the one that is asked for.
const NEEDED: [(&str, &[&str]); 3] = [
    ("fsync", &["on"]),
    // Else a page half written at a power cut stays so.
    ("full_page_writes", &["on"]),
    // `local` and `remote_write` would do on one server, but lose at a failover to its standby.
    ("synchronous_commit", &["on", "remote_apply"]),
];

/// What each session of ours asks for. The timeouts end what a client that is gone began, so that
/// nobody waits for its locks for ever.
pub(super) const SESSION: [(&str, &str); 7] = [
    ("synchronous_commit", "on"),
    ("statement_timeout", "30s"),
    ("lock_timeout", "20s"),
    ("idle_in_transaction_session_timeout", "10s"),
    // A leader whose machine is gone is noticed after 5 + 3 * 2 s; a killed process at once.
    ("tcp_keepalives_idle", "5"),
    ("tcp_keepalives_interval", "2"),
    ("tcp_keepalives_count", "3"),
];

/// Refuses a server that may lose what it acknowledged.
pub(super) async fn check(connection: &mut PgConnection) -> Result<(), PostgresError> {
    let said = |error: sqlx::Error| PostgresError::said(&error);
    let row = sqlx::query(
        "SELECT pg_is_in_recovery(), current_setting('fsync'),
                current_setting('full_page_writes'), current_setting('synchronous_commit')",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(said)?;
    if row.get::<bool, _>(0) {
        return Err(PostgresError::Standby);
    }
    for (column, (setting, values)) in (1..).zip(NEEDED) {
        let found: String = row.get(column);
        if !values.contains(&found.as_str()) {
            return Err(PostgresError::Undurable {
                setting: setting.to_owned(),
                found,
                needed: values[0],
            });
        }
    }
    Ok(())
}

/// Refuses tables that the server empties after a crash.
pub(super) async fn check_tables(connection: &mut PgConnection) -> Result<(), PostgresError> {
    let row = sqlx::query(
        "SELECT c.relname::text FROM pg_class c
         WHERE c.relnamespace = current_schema()::regnamespace
           AND c.relkind = 'r' AND c.relpersistence <> 'p' LIMIT 1",
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(|error| PostgresError::said(&error))?;
    match row {
        None => Ok(()),
        Some(row) => Err(PostgresError::Unlogged { table: row.get(0) }),
    }
}

/// Looks at a new connection of the pool; the form that `sqlx` wants.
pub(super) async fn admit(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    connection.ping().await?;
    check(connection)
        .await
        .map_err(|error| sqlx::Error::Configuration(Box::new(error)))
}
