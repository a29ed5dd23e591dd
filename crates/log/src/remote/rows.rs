//! Tables of a log in PostgreSQL: the text of [`crate::sqlite`], with this server's types.

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection as _};
use tlog::Hash;

use super::RemoteError;
use crate::error::LogError;
use crate::table::Mark;

/// Steps of the schema; only ever added to.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE state (
        id BIGINT PRIMARY KEY CHECK (id = 0),
        fence BIGINT NOT NULL,
        sequenced BIGINT NOT NULL,
        integrated BIGINT NOT NULL,
        integrated_root BYTEA NOT NULL,
        leader TEXT NOT NULL
    ) WITH (fillfactor = 50);
    INSERT INTO state VALUES (0, 0, 0, 0,
        '\\xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', '');
    CREATE TABLE tail (
        first BIGINT PRIMARY KEY,
        count BIGINT NOT NULL,
        bytes BYTEA NOT NULL
    );
    -- Signatures do not shrink.
    ALTER TABLE tail ALTER COLUMN bytes SET STORAGE EXTERNAL;
    CREATE TABLE signed (
        size BIGINT PRIMARY KEY,
        root BYTEA NOT NULL,
        note TEXT NOT NULL
    );
    CREATE TABLE archived (
        size BIGINT PRIMARY KEY,
        note TEXT NOT NULL
    );
"];

/// A schema's name that needs no quotes.
pub(super) fn check_schema(name: &str) -> Result<(), RemoteError> {
    let is_good = (1..=63).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.starts_with("pg_")
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    match is_good {
        true => Ok(()),
        false => Err(RemoteError::Schema {
            given: name.chars().take(200).collect(),
        }),
    }
}

/// Brings the schema to its newest step, in one transaction; of several processes one does it.
pub(super) async fn migrate(
    connection: &mut PgConnection,
    schema: &str,
) -> Result<(), RemoteError> {
    let done = apply(connection, schema).await;
    let found = done.map_err(|error| RemoteError::said(&error))?;
    let known = MIGRATIONS.len() as i64;
    match found > known {
        true => Err(RemoteError::SchemaTooNew { found, known }),
        false => Ok(()),
    }
}

/// Applies the steps that are missing; returns the step that was found.
async fn apply(connection: &mut PgConnection, schema: &str) -> Result<i64, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('limpid schema ' || $1, 0))")
        .bind(schema)
        .execute(&mut *transaction)
        .await?;
    // Asked first: who may not make a schema may still use one that is there.
    let is_there: bool = sqlx::query("SELECT to_regnamespace($1) IS NOT NULL")
        .bind(schema)
        .fetch_one(&mut *transaction)
        .await?
        .get(0);
    if !is_there {
        // The name was checked to have nothing that ends a quote.
        sqlx::query(AssertSqlSafe(format!("CREATE SCHEMA \"{schema}\"")))
            .execute(&mut *transaction)
            .await?;
    }
    let is_there: bool = sqlx::query("SELECT to_regclass('steps') IS NOT NULL")
        .fetch_one(&mut *transaction)
        .await?
        .get(0);
    if !is_there {
        sqlx::query("CREATE TABLE steps (step BIGINT PRIMARY KEY)")
            .execute(&mut *transaction)
            .await?;
    }
    let found: i64 = sqlx::query("SELECT coalesce(max(step), 0) FROM steps")
        .fetch_one(&mut *transaction)
        .await?
        .get(0);
    for (step, sql) in (1_i64..)
        .zip(MIGRATIONS)
        .skip(found.unsigned_abs() as usize)
    {
        sqlx::raw_sql(*sql).execute(&mut *transaction).await?;
        sqlx::query("INSERT INTO steps VALUES ($1)")
            .bind(step)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(found)
}

pub(super) fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn from_sql(row: &PgRow, column: usize) -> u64 {
    // Only numbers of ours were written; a negative one fails the checks that follow.
    u64::try_from(row.get::<i64, _>(column)).unwrap_or(u64::MAX)
}

/// The tree in two columns, the size and the root behind it.
pub(super) fn mark_of(row: &PgRow, column: usize, table: &'static str) -> Result<Mark, LogError> {
    let root: &[u8] = row.get(column + 1);
    let root = <[u8; 32]>::try_from(root).map_err(|_| LogError::Row {
        table,
        what: "a root that has not 32 bytes".to_owned(),
    })?;
    Ok(Mark {
        size: from_sql(row, column),
        root: Hash::from_bytes(root),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_named_so_that_it_needs_no_quotes() {
        let long = "a".repeat(63);
        for name in ["a", "center_log", "log2", &long] {
            assert!(check_schema(name).is_ok(), "{name}");
        }
        let longer = "a".repeat(64);
        for name in [
            "", "2log", "_log", "Log", "lög", "a b", "a;b", "a\"b", "a-b", "pg_x", &longer,
        ] {
            assert!(check_schema(name).is_err(), "{name}");
        }
    }
}
