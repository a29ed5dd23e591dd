//! Folders that last as long as one piece of work, and their removal when the worker was killed.
//!
//! A worker holds a lock (`flock(2)`) on its folder. The kernel drops it when the process ends, however it ends; so a
//! folder that can be locked has no worker any more.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::error::ConveyerError;

/// A locked folder, removed when dropped.
#[derive(Debug)]
pub(crate) struct Scratch {
    folder: TempDir,
    _lock: File,
}

impl Scratch {
    /// Makes a folder in `base` whose name begins with `prefix`.
    pub(crate) fn make(base: &Path, prefix: &str) -> Result<Self, ConveyerError> {
        let folder = tempfile::Builder::new()
            .prefix(prefix)
            .tempdir_in(base)
            .map_err(ConveyerError::io("make a folder in", base))?;
        let lock = File::open(folder.path()).map_err(ConveyerError::io("open", folder.path()))?;
        lock.lock()
            .map_err(ConveyerError::io("lock", folder.path()))?;
        Ok(Self {
            folder,
            _lock: lock,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Gives the folder away: it stays.
    pub(crate) fn keep(self) -> PathBuf {
        self.folder.keep()
    }
}

/// Removes folders of `base` whose names begin with `prefix` and whose workers are gone.
pub(crate) fn sweep(base: &Path, prefix: &str) -> Result<(), ConveyerError> {
    for entry in fs::read_dir(base)
        .map_err(ConveyerError::io("list", base))?
        .flatten()
    {
        let is_ours = entry.file_name().to_string_lossy().starts_with(prefix);
        if !is_ours || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        // What cannot be opened belongs to somebody else, who will sweep it.
        let Ok(folder) = File::open(entry.path()) else {
            continue;
        };
        if folder.try_lock().is_ok() {
            tracing::info!(folder = %entry.path().display(), "removed what a stopped build left");
            fs::remove_dir_all(entry.path()).map_err(ConveyerError::io("remove", entry.path()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_without_a_worker_are_swept() {
        let base = tempfile::tempdir().unwrap();
        let working = Scratch::make(base.path(), "work-").unwrap();
        for left in ["work-left", "other"] {
            fs::create_dir(base.path().join(left)).unwrap();
        }
        sweep(base.path(), "work-").unwrap();
        assert!(working.path().is_dir());
        assert!(!base.path().join("work-left").exists());
        assert!(base.path().join("other").exists());
    }
}
