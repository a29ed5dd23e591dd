//! A schema of tables, brought to its newest step.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use super::PostgresError;

/// A schema's name that needs no quotes.
pub(super) fn check_schema(name: &str) -> Result<(), PostgresError> {
    let is_good = (1..=63).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.starts_with("pg_")
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    match is_good {
        true => Ok(()),
        false => Err(PostgresError::Schema {
            given: name.chars().take(200).collect(),
        }),
    }
}

/// Brings the schema to its newest step, in one transaction; of several processes one does it.
pub(super) async fn migrate(
    connection: &mut PgConnection,
    schema: &str,
    steps: &[impl AsRef<str>],
) -> Result<(), PostgresError> {
    let done = apply(connection, schema, steps).await;
    let found = done.map_err(|error| PostgresError::said(&error))?;
    let known = steps.len() as i64;
    match found > known {
        true => Err(PostgresError::SchemaTooNew { found, known }),
        false => Ok(()),
    }
}

/// Applies the steps that are missing; returns the step that was found.
async fn apply(
    connection: &mut PgConnection,
    schema: &str,
    steps: &[impl AsRef<str>],
) -> Result<i64, sqlx::Error> {
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
    for (step, sql) in (1_i64..).zip(steps).skip(found.unsigned_abs() as usize) {
        // A step is a text of this program.
        let sql = AssertSqlSafe(sql.as_ref().to_owned());
        sqlx::raw_sql(sql).execute(&mut *transaction).await?;
        sqlx::query("INSERT INTO steps VALUES ($1)")
            .bind(step)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(found)
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
