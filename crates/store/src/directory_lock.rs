//! One process per directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::StoreError;
use crate::scratch::{Durability, make_directories};

/// Holds the file `LOCK` of a directory (`flock`). The kernel lets go when the process ends,
/// also when it is killed, so no stale lock is ever left.
#[derive(Debug)]
pub struct DirLock {
    path: PathBuf,
    // Held open for as long as the lock is wanted.
    _file: File,
}

impl DirLock {
    /// Takes the lock of `directory`, which is made when absent. Does not wait.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process, or this one, holds it.
    pub fn take(directory: &Path) -> Result<Self, StoreError> {
        make_directories(directory, Durability::Synced)?;
        let path = directory.join("LOCK");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(|e| StoreError::io("open", &path, e))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { path, _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path }),
            Err(TryLockError::Error(error)) => Err(StoreError::io("lock", &path, error)),
        }
    }

    /// The lock file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}
