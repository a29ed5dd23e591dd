//! What a witness remembers, in SQLite.
//!
//! Invariant: for each log, `latest.size` and `latest.time` never go down, and a cosignature over
//! (size, root, time) exists only if that row was committed before.

use sqlx::Row as _;
use store::{Db, Write};
use tlog::{Checkpoint, Hash, Origin};

use crate::WitnessError;
use crate::evidence::{Fault, FaultKind};
use crate::limits::FAULTS_MAX;

/// Steps of the schema; only ever added to.
pub(crate) const MIGRATIONS: &[&str] = &["
    CREATE TABLE latest (
        origin TEXT PRIMARY KEY,
        size INTEGER NOT NULL,
        root BLOB NOT NULL,
        time INTEGER NOT NULL,
        note TEXT NOT NULL
    ) STRICT;
    CREATE TABLE faults (
        origin TEXT NOT NULL,
        size INTEGER NOT NULL,
        root BLOB NOT NULL,
        kind TEXT NOT NULL,
        seen_at INTEGER NOT NULL,
        known TEXT NOT NULL,
        offered TEXT NOT NULL,
        PRIMARY KEY (origin, size, root)
    ) STRICT;
"];

/// The largest tree of a log that was cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Latest {
    pub(crate) size: u64,
    pub(crate) root: Hash,
    /// POSIX seconds stated in its cosignatures; 0 if there is none yet.
    pub(crate) time: u64,
    /// The checkpoint with the log's signatures; empty if there is none yet.
    pub(crate) note: String,
}

impl Latest {
    /// Every log begins with the empty tree.
    const NONE: Self = Self {
        size: 0,
        root: Hash::EMPTY_ROOT,
        time: 0,
        note: String::new(),
    };
}

/// SQLite's integers are signed; sizes and times are bounded by 2^63-1 where they are parsed.
fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn from_sql(number: i64, table: &'static str) -> Result<u64, WitnessError> {
    u64::try_from(number).map_err(|_| WitnessError::Row {
        table,
        what: "a negative number",
    })
}

const SELECT: &str = "SELECT size, root, time, note FROM latest WHERE origin = ?";

/// What was cosigned last, inside the transaction that will replace it.
pub(crate) async fn latest(
    db: &Db,
    transaction: &mut Write,
    origin: &Origin,
) -> Result<Latest, WitnessError> {
    let row = sqlx::query(SELECT)
        .bind(origin.as_str())
        .fetch_optional(&mut **transaction)
        .await
        .map_err(|e| db.sort(e))?;
    row.map_or(Ok(Latest::NONE), |row| parse_latest(&row))
}

/// The same for readers.
pub(crate) async fn read_latest(db: &Db, origin: &Origin) -> Result<Option<Latest>, WitnessError> {
    let row = sqlx::query(SELECT)
        .bind(origin.as_str())
        .fetch_optional(db.readers())
        .await
        .map_err(|e| db.sort(e))?;
    row.map(|row| parse_latest(&row)).transpose()
}

fn parse_latest(row: &sqlx::sqlite::SqliteRow) -> Result<Latest, WitnessError> {
    let root: Vec<u8> = row.get(1);
    let root = <[u8; 32]>::try_from(root).map_err(|_| WitnessError::Row {
        table: "latest",
        what: "a root that has not 32 bytes",
    })?;
    Ok(Latest {
        size: from_sql(row.get(0), "latest")?,
        root: Hash::from_bytes(root),
        time: from_sql(row.get(2), "latest")?,
        note: row.get(3),
    })
}

/// Remembers a checkpoint that is about to be cosigned; suspicions about it are settled.
pub(crate) async fn advance(
    db: &Db,
    transaction: &mut Write,
    checkpoint: &Checkpoint,
    time: u64,
    note: &str,
) -> Result<(), WitnessError> {
    sqlx::query(
        "INSERT INTO latest (origin, size, root, time, note) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root,
         time = excluded.time, note = excluded.note WHERE excluded.size >= latest.size",
    )
    .bind(checkpoint.origin().as_str())
    .bind(to_sql(checkpoint.size()))
    .bind(checkpoint.root().as_bytes().as_slice())
    .bind(to_sql(time))
    .bind(note)
    .execute(&mut **transaction)
    .await
    .map_err(|e| db.sort(e))?;
    sqlx::query("DELETE FROM faults WHERE origin = ? AND size = ? AND root = ? AND kind = ?")
        .bind(checkpoint.origin().as_str())
        .bind(to_sql(checkpoint.size()))
        .bind(checkpoint.root().as_bytes().as_slice())
        .bind(FaultKind::Unproven.as_str())
        .execute(&mut **transaction)
        .await
        .map_err(|e| db.sort(e))?;
    Ok(())
}

/// Keeps evidence, once per (log, size, root); a split replaces a mere suspicion.
pub(crate) async fn keep_fault(
    db: &Db,
    transaction: &mut Write,
    checkpoint: &Checkpoint,
    fault: &Fault,
) -> Result<(), WitnessError> {
    sqlx::query(
        "INSERT INTO faults (origin, size, root, kind, seen_at, known, offered)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
         WHERE ?4 = 'split' OR (SELECT count(*) FROM faults WHERE origin = ?1) < ?8
         ON CONFLICT (origin, size, root) DO UPDATE SET kind = excluded.kind,
         known = excluded.known, seen_at = excluded.seen_at
         WHERE excluded.kind = 'split' AND faults.kind = 'unproven'",
    )
    .bind(&fault.origin)
    .bind(to_sql(fault.size))
    .bind(checkpoint.root().as_bytes().as_slice())
    .bind(fault.kind.as_str())
    .bind(to_sql(fault.seen_at))
    .bind(&fault.known)
    .bind(&fault.offered)
    .bind(FAULTS_MAX)
    .execute(&mut **transaction)
    .await
    .map_err(|e| db.sort(e))?;
    Ok(())
}

/// The evidence kept, splits first, at most [`FAULTS_MAX`].
pub(crate) async fn faults(db: &Db) -> Result<Vec<Fault>, WitnessError> {
    let rows = sqlx::query(
        "SELECT kind, origin, size, seen_at, known, offered FROM faults
         ORDER BY kind, origin, size, seen_at LIMIT ?",
    )
    .bind(FAULTS_MAX)
    .fetch_all(db.readers())
    .await
    .map_err(|e| db.sort(e))?;
    rows.iter()
        .map(|row| {
            let kind: String = row.get(0);
            Ok(Fault {
                kind: FaultKind::parse(&kind).ok_or(WitnessError::Row {
                    table: "faults",
                    what: "an unknown kind",
                })?,
                origin: row.get(1),
                size: from_sql(row.get(2), "faults")?,
                seen_at: from_sql(row.get(3), "faults")?,
                known: row.get(4),
                offered: row.get(5),
            })
        })
        .collect()
}
