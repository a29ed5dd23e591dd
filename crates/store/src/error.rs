//! What can go wrong on disk, sorted by what the operator has to do.

use std::io;
use std::path::{Path, PathBuf};

use tlog::Hash;

use crate::BadPath;

/// Why bytes could not be kept or given back.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing is stored under this name.
    #[error("{} is not there", path.display())]
    NotFound {
        /// The file looked for.
        path: PathBuf,
    },

    /// More bytes than allowed. Nothing was stored.
    #[error("{what} has more than the {bytes_max} bytes allowed here")]
    TooLarge {
        /// The file, or "the stream".
        what: String,
        /// The limit.
        bytes_max: u64,
    },

    /// The file's bytes are not those that were stored.
    #[error("{} is corrupt: its SHA-256 is {found}; restore it from a copy or a mirror", path.display(), found = found.to_hex())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Digest of what is there; the expected one is the file's name.
        found: Hash,
    },

    /// The name is taken by other bytes. Nothing was changed.
    #[error("{} exists with other bytes and is never changed", path.display())]
    Conflict {
        /// The file.
        path: PathBuf,
    },

    /// The relative path is not one of ours.
    #[error(transparent)]
    Path(#[from] BadPath),

    /// Another process works on this directory.
    #[error("another process holds {}; stop it, or use another directory", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },

    /// The disk or a quota is full.
    #[error("no space left for {}; free some space, nothing acknowledged is lost", path.display())]
    DiskFull {
        /// The file being written.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },

    /// The file system or directory cannot be written.
    #[error("{} cannot be written; make its directory writable for this user", path.display())]
    ReadOnly {
        /// The file being written.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },

    /// The stream that was to be stored failed; nothing was stored.
    #[error("the stream to be stored broke off")]
    Stream(#[source] io::Error),

    /// A store beyond this machine refused.
    #[error("could not {action} {name}")]
    Remote {
        /// What was being done.
        action: &'static str,
        /// The object.
        name: String,
        /// What it answered.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// Anything else the operating system refused.
    #[error("could not {action} {}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
}

impl StoreError {
    /// Sorts what the operating system answered to `action` on `path`.
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        use io::ErrorKind;
        let path = path.to_owned();
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                Self::DiskFull { path, source }
            }
            ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => {
                Self::ReadOnly { path, source }
            }
            ErrorKind::NotFound => Self::NotFound { path },
            _ => Self::Io {
                action,
                path,
                source,
            },
        }
    }
}

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file of this machine.
    File(PathBuf),
    /// Host, database and schema of a server.
    Server(String),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Server(name) => f.write_str(name),
        }
    }
}

/// Why the database refused.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The disk is full. The transaction is rolled back.
    #[error("no space left for the database {place}; free some space, nothing committed is lost")]
    DiskFull {
        /// The database.
        place: Place,
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },

    /// The file or its directory cannot be written or opened.
    #[error("the database {place} cannot be written; make it writable for this user")]
    ReadOnly {
        /// The database.
        place: Place,
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },

    /// Another process keeps the database locked.
    #[error("the database {place} stays locked by another process")]
    Busy {
        /// The database.
        place: Place,
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },

    /// The file is damaged or is no database.
    #[error("the database {place} is damaged or is none; restore it from a copy")]
    Corrupt {
        /// The database.
        place: Place,
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },

    /// A unique key exists already. The caller usually knows what that means.
    #[error("the row exists already in {place}")]
    Duplicate {
        /// The database.
        place: Place,
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },

    /// The database was written by a newer program.
    #[error(
        "the database {place} has schema {found}, this program knows up to {known}; use the newer program"
    )]
    SchemaTooNew {
        /// The database.
        place: Place,
        /// Its `user_version`.
        found: i64,
        /// Count of migrations we have.
        known: i64,
    },

    /// A migration failed; the schema stays as it was before it.
    #[error("schema step {step} of {place} failed")]
    Migration {
        /// The database.
        place: Place,
        /// Number of the step, from 1.
        step: i64,
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },

    /// The directory could not be prepared.
    #[error(transparent)]
    Store(#[from] StoreError),

    /// The server does not answer, or ended in the middle. Whether a commit under way was done is not known.
    #[error("the database {place} does not answer; nothing committed is lost, see that it runs")]
    Unreachable {
        /// The database.
        place: Place,
        /// What became of the way to it.
        #[source]
        source: sqlx::Error,
    },

    /// The server cannot be used as it is.
    #[cfg(feature = "postgres")]
    #[error("the database {place} cannot be used")]
    Server {
        /// The database.
        place: Place,
        /// Why not.
        #[source]
        source: crate::PostgresError,
    },

    /// Anything else.
    #[error("the database {place} refused")]
    Other {
        /// The database.
        place: Place,
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },
}

/// SQLite's primary result codes (sqlite.org/rescode.html); the low byte of an extended code.
mod code {
    pub(super) const PERM: u32 = 3;
    pub(super) const BUSY: u32 = 5;
    pub(super) const LOCKED: u32 = 6;
    pub(super) const READONLY: u32 = 8;
    pub(super) const CORRUPT: u32 = 11;
    pub(super) const FULL: u32 = 13;
    pub(super) const CANTOPEN: u32 = 14;
    pub(super) const NOTADB: u32 = 26;
}

/// PostgreSQL's codes (postgresql.org/docs/current/errcodes-appendix.html).
#[cfg(feature = "postgres")]
mod sqlstate {
    pub(super) const READ_ONLY: &str = "25006";
    pub(super) const NO_PRIVILEGE: &str = "42501";
    pub(super) const DEADLOCK: &str = "40P01";
    pub(super) const DISK_FULL: &str = "53100";
    pub(super) const LOCK_NOT_AVAILABLE: &str = "55P03";
    pub(super) const QUERY_CANCELED: &str = "57014";
    pub(super) const DATA_CORRUPTED: &str = "XX001";
    pub(super) const INDEX_CORRUPTED: &str = "XX002";
    /// Shut down by an administrator, after a crash, starting up, idle in a transaction for too long, too many
    /// connections.
    pub(super) const ENDED: [&str; 5] = ["57P01", "57P02", "57P03", "25P03", "53300"];
}

impl DbError {
    /// Sorts what SQLite answered about the database at `path`.
    pub(crate) fn sort(path: &Path, source: sqlx::Error) -> Self {
        let place = Place::File(path.to_owned());
        let Some(db) = source.as_database_error() else {
            return Self::Other { place, source };
        };
        if db.is_unique_violation() {
            return Self::Duplicate { place, source };
        }
        let extended = db.code().and_then(|code| code.parse::<u32>().ok());
        match extended.map(|code| code & 0xff) {
            Some(code::FULL) => Self::DiskFull { place, source },
            Some(code::READONLY | code::CANTOPEN | code::PERM) => Self::ReadOnly { place, source },
            Some(code::BUSY | code::LOCKED) => Self::Busy { place, source },
            Some(code::CORRUPT | code::NOTADB) => Self::Corrupt { place, source },
            _ => Self::Other { place, source },
        }
    }

    /// Sorts what a PostgreSQL server answered, or what became of the way to it.
    #[cfg(feature = "postgres")]
    pub(crate) fn sort_server(place: &str, source: sqlx::Error) -> Self {
        let place = Place::Server(place.to_owned());
        let Some(db) = source.as_database_error() else {
            return match source {
                sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::Tls(_) => {
                    Self::Unreachable { place, source }
                }
                _ => Self::Other { place, source },
            };
        };
        if db.is_unique_violation() {
            return Self::Duplicate { place, source };
        }
        match db.code().as_deref() {
            Some(sqlstate::DISK_FULL) => Self::DiskFull { place, source },
            Some(sqlstate::READ_ONLY | sqlstate::NO_PRIVILEGE) => Self::ReadOnly { place, source },
            Some(sqlstate::LOCK_NOT_AVAILABLE | sqlstate::DEADLOCK | sqlstate::QUERY_CANCELED) => {
                Self::Busy { place, source }
            }
            Some(sqlstate::DATA_CORRUPTED | sqlstate::INDEX_CORRUPTED) => {
                Self::Corrupt { place, source }
            }
            Some(code) if sqlstate::ENDED.contains(&code) => Self::Unreachable { place, source },
            _ => Self::Other { place, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_a_read_only_one_are_told_apart() {
        let sort = |errno| {
            StoreError::io(
                "write",
                Path::new("/x"),
                io::Error::from_raw_os_error(errno),
            )
        };
        // ENOSPC, EDQUOT, EFBIG; EROFS, EACCES; EIO.
        for errno in [28, 122, 27] {
            assert!(
                matches!(sort(errno), StoreError::DiskFull { .. }),
                "{errno}"
            );
        }
        for errno in [30, 13] {
            assert!(
                matches!(sort(errno), StoreError::ReadOnly { .. }),
                "{errno}"
            );
        }
        assert!(matches!(sort(5), StoreError::Io { .. }));
    }
}
