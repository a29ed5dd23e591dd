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

/// Why the database refused.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The disk is full. The transaction is rolled back.
    #[error("no space left for the database {}; free some space, nothing committed is lost", path.display())]
    DiskFull {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },

    /// The file or its directory cannot be written or opened.
    #[error("the database {} cannot be written; make it and its directory writable for this user", path.display())]
    ReadOnly {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },

    /// Another process keeps the database locked.
    #[error("the database {} stays locked by another process; stop it", path.display())]
    Busy {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },

    /// The file is damaged or is no database.
    #[error("{} is damaged or is no SQLite database; restore it from a copy", path.display())]
    Corrupt {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },

    /// A unique key exists already. The caller usually knows what that means.
    #[error("the row exists already in {}", path.display())]
    Duplicate {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },

    /// The database was written by a newer program.
    #[error("the database {} has schema {found}, this program knows up to {known}; use the newer program", path.display())]
    SchemaTooNew {
        /// The database file.
        path: PathBuf,
        /// Its `user_version`.
        found: i64,
        /// Count of migrations we have.
        known: i64,
    },

    /// A migration failed; the schema stays as it was before it.
    #[error("schema step {step} of {} failed", path.display())]
    Migration {
        /// The database file.
        path: PathBuf,
        /// Number of the step, from 1.
        step: i64,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },

    /// The directory could not be prepared.
    #[error(transparent)]
    Store(#[from] StoreError),

    /// Anything else.
    #[error("the database {} refused", path.display())]
    Other {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
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

impl DbError {
    /// Sorts what SQLite answered about the database at `path`.
    pub(crate) fn sort(path: &Path, source: sqlx::Error) -> Self {
        let path = path.to_owned();
        let Some(db) = source.as_database_error() else {
            return Self::Other { path, source };
        };
        if db.is_unique_violation() {
            return Self::Duplicate { path, source };
        }
        let extended = db.code().and_then(|code| code.parse::<u32>().ok());
        match extended.map(|code| code & 0xff) {
            Some(code::FULL) => Self::DiskFull { path, source },
            Some(code::READONLY | code::CANTOPEN | code::PERM) => Self::ReadOnly { path, source },
            Some(code::BUSY | code::LOCKED) => Self::Busy { path, source },
            Some(code::CORRUPT | code::NOTADB) => Self::Corrupt { path, source },
            _ => Self::Other { path, source },
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
