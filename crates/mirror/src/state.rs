//! What a mirror remembers, per log. Invariant: `mirrored <= held <= pending`.
//!
//! - *pending*: checkpoints the log signed, each following from the one before; entries are proven
//!   against them.
//! - *held*: entries from the first on, in files on disk; counted here after the files are durable.
//! - *mirrored*: the checkpoint that was cosigned last. It never becomes smaller.

use sqlx::Row;
use store::{Db, Write};
use tlog::{Hash, Origin};

use crate::MirrorError;
use crate::limits::PENDING_MAX;

/// Steps of the schema; only ever added to.
pub(crate) const MIGRATIONS: &[&str] = &["
    CREATE TABLE pending (
        origin TEXT NOT NULL,
        size INTEGER NOT NULL,
        root BLOB NOT NULL,
        note TEXT NOT NULL,
        PRIMARY KEY (origin, size)
    ) STRICT;
    CREATE TABLE held (
        origin TEXT PRIMARY KEY,
        entries INTEGER NOT NULL,
        bytes INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE mirrored (
        origin TEXT PRIMARY KEY,
        size INTEGER NOT NULL,
        root BLOB NOT NULL,
        time INTEGER NOT NULL,
        note TEXT NOT NULL
    ) STRICT;
    CREATE TABLE forks (
        origin TEXT PRIMARY KEY,
        seen_at INTEGER NOT NULL,
        evidence BLOB NOT NULL
    ) STRICT;
"];

/// A tree that the log signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) size: u64,
    pub(crate) root: Hash,
}

impl Known {
    /// Every log begins with the empty tree.
    pub(crate) const EMPTY: Self = Self {
        size: 0,
        root: Hash::EMPTY_ROOT,
    };
}

/// The newest cosigned checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mirrored {
    pub(crate) tree: Known,
    /// POSIX seconds stated in the cosignatures.
    pub(crate) time: u64,
    /// The checkpoint with the log's signatures.
    pub(crate) note: String,
}

/// How far a log has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Book {
    /// The newest pending checkpoint.
    pub(crate) pending: Option<Known>,
    /// Number of entries held; the index of the first one that is lacking.
    pub(crate) held: u64,
    /// Bytes of the files of this log.
    pub(crate) bytes: u64,
    pub(crate) mirrored: Option<Mirrored>,
    /// Evidence that the log signed two histories.
    pub(crate) fork: Option<Vec<u8>>,
}

impl Book {
    /// Size of the newest cosigned tree.
    pub(crate) fn mirrored_size(&self) -> u64 {
        self.mirrored
            .as_ref()
            .map_or(0, |mirrored| mirrored.tree.size)
    }

    /// Reads it inside the transaction that will change it.
    pub(crate) async fn read(
        db: &Db,
        transaction: &mut Write,
        origin: &Origin,
    ) -> Result<Self, MirrorError> {
        let pending = sqlx::query(
            "SELECT size, root FROM pending WHERE origin = ? ORDER BY size DESC LIMIT 1",
        );
        let held = sqlx::query("SELECT entries, bytes FROM held WHERE origin = ?");
        let mirrored = sqlx::query("SELECT size, root, time, note FROM mirrored WHERE origin = ?");
        let fork = sqlx::query("SELECT evidence FROM forks WHERE origin = ?");
        let mut rows = Vec::with_capacity(4);
        for query in [pending, held, mirrored, fork] {
            let row = query.bind(origin.as_str());
            let row = row.fetch_optional(&mut **transaction).await;
            rows.push(row.map_err(|e| db.sort(e))?);
        }
        let [pending, held, mirrored, fork] = &rows[..] else {
            unreachable!("four queries have four answers")
        };
        let mut book = Self::default();
        if let Some(row) = pending {
            book.pending = Some(known(row, "pending")?);
        }
        if let Some(row) = held {
            book.held = from_sql(row.get(0), "held")?;
            book.bytes = from_sql(row.get(1), "held")?;
        }
        if let Some(row) = mirrored {
            book.mirrored = Some(Mirrored {
                tree: known(row, "mirrored")?,
                time: from_sql(row.get(2), "mirrored")?,
                note: row.get(3),
            });
        }
        book.fork = fork.as_ref().map(|row| row.get(0));
        book.check()?;
        Ok(book)
    }

    /// The invariant of this file.
    fn check(&self) -> Result<(), MirrorError> {
        let pending = self.pending.map_or(0, |tree| tree.size);
        if self.mirrored_size() <= self.held && self.held <= pending {
            return Ok(());
        }
        Err(MirrorError::Row {
            table: "held",
            what: "fewer entries than are mirrored, or more than are pending",
        })
    }
}

fn known(row: &sqlx::sqlite::SqliteRow, table: &'static str) -> Result<Known, MirrorError> {
    let root: Vec<u8> = row.get(1);
    let root = <[u8; 32]>::try_from(root).map_err(|_| MirrorError::Row {
        table,
        what: "a root that has not 32 bytes",
    })?;
    Ok(Known {
        size: from_sql(row.get(0), table)?,
        root: Hash::from_bytes(root),
    })
}

/// SQLite's integers are signed; sizes and times are bounded by 2^63-1 where they are parsed.
fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn from_sql(number: i64, table: &'static str) -> Result<u64, MirrorError> {
    u64::try_from(number).map_err(|_| MirrorError::Row {
        table,
        what: "a negative number",
    })
}

/// The pending checkpoint of this size, with the log's signatures, if it is remembered.
pub(crate) async fn pending_at(
    db: &Db,
    transaction: &mut Write,
    origin: &Origin,
    size: u64,
) -> Result<Option<(Known, String)>, MirrorError> {
    let row = sqlx::query("SELECT size, root, note FROM pending WHERE origin = ? AND size = ?")
        .bind(origin.as_str())
        .bind(to_sql(size))
        .fetch_optional(&mut **transaction)
        .await
        .map_err(|e| db.sort(e))?;
    row.map(|row| Ok((known(&row, "pending")?, row.get(2))))
        .transpose()
}

/// Remembers a pending checkpoint and forgets the oldest ones beyond the limit. One that is there
/// already stays as it is.
pub(crate) async fn add_pending(
    db: &Db,
    transaction: &mut Write,
    origin: &Origin,
    tree: Known,
    note: &str,
) -> Result<(), MirrorError> {
    sqlx::query(
        "INSERT INTO pending (origin, size, root, note) VALUES (?, ?, ?, ?)
         ON CONFLICT (origin, size) DO NOTHING",
    )
    .bind(origin.as_str())
    .bind(to_sql(tree.size))
    .bind(tree.root.as_bytes().as_slice())
    .bind(note)
    .execute(&mut **transaction)
    .await
    .map_err(|e| db.sort(e))?;
    sqlx::query(
        "DELETE FROM pending WHERE origin = ?1 AND size NOT IN
         (SELECT size FROM pending WHERE origin = ?1 ORDER BY size DESC LIMIT ?2)",
    )
    .bind(origin.as_str())
    .bind(PENDING_MAX)
    .execute(&mut **transaction)
    .await
    .map_err(|e| db.sort(e))?;
    Ok(())
}

/// Counts entries whose files are durable.
pub(crate) async fn add_held(
    db: &Db,
    transaction: &mut Write,
    origin: &Origin,
    entries: u64,
    bytes: u64,
) -> Result<(), MirrorError> {
    sqlx::query(
        "INSERT INTO held (origin, entries, bytes) VALUES (?, ?, ?)
         ON CONFLICT (origin) DO UPDATE SET entries = max(entries, excluded.entries),
         bytes = excluded.bytes",
    )
    .bind(origin.as_str())
    .bind(to_sql(entries))
    .bind(to_sql(bytes))
    .execute(&mut **transaction)
    .await
    .map_err(|e| db.sort(e))?;
    Ok(())
}

/// Remembers what is about to be cosigned; pending checkpoints below it have no more use.
pub(crate) async fn advance(
    db: &Db,
    transaction: &mut Write,
    origin: &Origin,
    mirrored: &Mirrored,
) -> Result<(), MirrorError> {
    sqlx::query(
        "INSERT INTO mirrored (origin, size, root, time, note) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root,
         time = excluded.time, note = excluded.note WHERE excluded.size >= mirrored.size",
    )
    .bind(origin.as_str())
    .bind(to_sql(mirrored.tree.size))
    .bind(mirrored.tree.root.as_bytes().as_slice())
    .bind(to_sql(mirrored.time))
    .bind(&mirrored.note)
    .execute(&mut **transaction)
    .await
    .map_err(|e| db.sort(e))?;
    sqlx::query("DELETE FROM pending WHERE origin = ? AND size < ?")
        .bind(origin.as_str())
        .bind(to_sql(mirrored.tree.size))
        .execute(&mut **transaction)
        .await
        .map_err(|e| db.sort(e))?;
    Ok(())
}

/// Keeps the first evidence against a log; from then on it is stopped.
pub(crate) async fn keep_fork(
    db: &Db,
    transaction: &mut Write,
    origin: &Origin,
    evidence: &[u8],
    now: u64,
) -> Result<(), MirrorError> {
    sqlx::query(
        "INSERT INTO forks (origin, seen_at, evidence) VALUES (?, ?, ?)
         ON CONFLICT (origin) DO NOTHING",
    )
    .bind(origin.as_str())
    .bind(to_sql(now))
    .bind(evidence)
    .execute(&mut **transaction)
    .await
    .map_err(|e| db.sort(e))?;
    Ok(())
}
