//! Tables of a log in PostgreSQL: the text of [`crate::sqlite`], with this server's types.

use sqlx::Row as _;
use sqlx::postgres::PgRow;
use tlog::Hash;

use crate::error::LogError;
use crate::table::Mark;

/// Steps of the schema; only ever added to.
pub(super) const MIGRATIONS: &[&str] = &["
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
