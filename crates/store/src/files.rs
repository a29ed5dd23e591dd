//! Named files below one directory: made once, or replaced as a whole.
//!
//! This is how a log publishes: tiles and bundles with [`Files::create_many`], the checkpoint
//! with [`Files::replace`] after them.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::limits::{FILES_PER_WRITER, WRITERS_MAX};
use crate::scratch::{Durability, Scratch, Unfinished};
use crate::{RelativePath, StoreError};

/// A durable file without its name, the name, and its bytes.
type Ready<'a> = (Unfinished, PathBuf, &'a [u8]);

/// Published files are for everybody to read.
const FILE_MODE: u32 = 0o644;
/// Private ones are for their owner.
const PRIVATE_MODE: u32 = 0o600;

/// A directory of named files.
#[derive(Debug)]
pub struct Files {
    root: PathBuf,
    scratch: Scratch,
}

impl Files {
    /// Opens or makes the directory.
    ///
    /// # Errors
    /// The directory cannot be made or written.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            root: root.to_owned(),
            scratch: Scratch::open(root, Durability::Synced)?,
        })
    }

    /// The directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Makes one file. Making it again with the same bytes is `Ok` and changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when other bytes have the name; a bad path; the disk refuses.
    pub fn create(&self, path: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.create_many(&[(path, bytes)])
    }

    /// Makes one file that only its owner can read; otherwise as [`Files::create`].
    ///
    /// # Errors
    /// As for [`Files::create`].
    pub fn create_private(&self, path: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.resolve(path)?;
        self.scratch.make_parent(&path)?;
        let made = self.scratch.write(bytes, PRIVATE_MODE)?;
        if !made.name_once(&path)? {
            self.is_same(&path, bytes)?;
        }
        path.parent()
            .map_or(Ok(()), |parent| self.scratch.sync_directory(parent))
    }

    /// Gives a file another name, which nobody has: it has the old name or the new one, never both or none, and durably the new one when
    /// this returns.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when something has the name; [`StoreError::NotFound`]; a bad path; the disk refuses.
    pub fn rename_once(&self, from: &str, to: &str) -> Result<(), StoreError> {
        let (from, to) = (self.resolve(from)?, self.resolve(to)?);
        self.scratch.make_parent(&to)?;
        Scratch::rename_once(&from, &to)?;
        [&to, &from]
            .into_iter()
            .filter_map(|path| path.parent())
            .try_for_each(|parent| self.scratch.sync_directory(parent))
    }

    /// Makes several files: all of them durable first, then named, then each directory made
    /// durable once. Not atomic as a whole: after a crash any part of them may be there, each of
    /// them whole, and the same call completes the rest.
    ///
    /// # Errors
    /// As for [`Files::create`]; files before the failing one may have been made.
    pub fn create_many<P, B>(&self, files: &[(P, B)]) -> Result<(), StoreError>
    where
        P: AsRef<str>,
        B: AsRef<[u8]>,
    {
        let mut wanted = Vec::with_capacity(files.len());
        let mut directories = BTreeSet::new();
        for (path, bytes) in files {
            let path = self.resolve(path.as_ref())?;
            self.scratch.make_parent(&path)?;
            directories.extend(path.parent().map(Path::to_owned));
            wanted.push((path, bytes.as_ref()));
        }
        for (unfinished, path, bytes) in self.write_all(wanted)? {
            if !unfinished.name_once(&path)? {
                self.is_same(&path, bytes)?;
            }
        }
        directories
            .iter()
            .try_for_each(|directory| self.scratch.sync_directory(directory))
    }

    /// Writes the files that are not there yet and makes them durable, many at a time: a disk that
    /// is asked for several at once needs little longer than for one.
    fn write_all<'a>(
        &self,
        mut wanted: Vec<(PathBuf, &'a [u8])>,
    ) -> Result<Vec<Ready<'a>>, StoreError> {
        let share = wanted.len().div_ceil(WRITERS_MAX).max(FILES_PER_WRITER);
        let mut shares = Vec::new();
        while wanted.len() > share {
            shares.push(wanted.split_off(wanted.len() - share));
        }
        std::thread::scope(|scope| {
            let spawn = |share| scope.spawn(move || self.write_share(share));
            let others: Vec<_> = shares.into_iter().map(spawn).collect();
            let mut ready = self.write_share(wanted)?;
            for other in others {
                match other.join() {
                    Ok(written) => ready.extend(written?),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            Ok(ready)
        })
    }

    fn write_share<'a>(
        &self,
        share: Vec<(PathBuf, &'a [u8])>,
    ) -> Result<Vec<Ready<'a>>, StoreError> {
        let mut ready = Vec::with_capacity(share.len());
        for (path, bytes) in share {
            // Present already is the usual case after a restart and costs no write.
            if !self.is_same(&path, bytes)? {
                ready.push((self.scratch.write(bytes, FILE_MODE)?, path, bytes));
            }
        }
        Ok(ready)
    }

    /// Writes a file, replacing what had its name. Readers see the old bytes or the new ones.
    ///
    /// # Errors
    /// A bad path, or the disk refuses; then the old bytes stay.
    pub fn replace(&self, path: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.resolve(path)?;
        self.scratch.make_parent(&path)?;
        self.scratch.write(bytes, FILE_MODE)?.name_over(&path)?;
        path.parent()
            .map_or(Ok(()), |parent| self.scratch.sync_directory(parent))
    }

    /// The file's bytes, at most `bytes_max`.
    ///
    /// # Errors
    /// Absent, larger than allowed, a bad path, or the disk refuses.
    pub fn read(&self, path: &str, bytes_max: u64) -> Result<Vec<u8>, StoreError> {
        let path = self.resolve(path)?;
        let refused = |e| StoreError::io("read", &path, e);
        let file = File::open(&path).map_err(refused)?;
        let mut bytes = Vec::new();
        file.take(bytes_max.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(refused)?;
        if bytes.len() as u64 > bytes_max {
            return Err(StoreError::TooLarge {
                what: path.display().to_string(),
                bytes_max,
            });
        }
        Ok(bytes)
    }

    /// Whether the file is there.
    ///
    /// # Errors
    /// A bad path.
    pub fn contains(&self, path: &str) -> Result<bool, StoreError> {
        Ok(self.resolve(path)?.is_file())
    }

    /// Removes a directory of files and what is in it; absent is fine. Not durable: after a power
    /// cut any part of it may be back.
    ///
    /// # Errors
    /// A bad path, or the disk refuses.
    pub fn remove_directory(&self, path: &str) -> Result<(), StoreError> {
        let path = self.resolve(path)?;
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(StoreError::io("remove", &path, error))
            }
            _ => {
                self.scratch.forget(&path);
                Ok(())
            }
        }
    }

    /// Removes a file; absent is fine. Not durable: after a power cut it may be back.
    ///
    /// # Errors
    /// A bad path, or the disk refuses.
    pub fn remove(&self, path: &str) -> Result<(), StoreError> {
        let path = self.resolve(path)?;
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(StoreError::io("remove", &path, error))
            }
            _ => Ok(()),
        }
    }

    fn resolve(&self, path: &str) -> Result<PathBuf, StoreError> {
        Ok(path.parse::<RelativePath>()?.under(&self.root))
    }

    /// `false` when nothing is there, `true` when these very bytes are; else a conflict.
    fn is_same(&self, path: &Path, bytes: &[u8]) -> Result<bool, StoreError> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(StoreError::io("open", path, error)),
        };
        let mut present = Vec::with_capacity(bytes.len());
        file.take(bytes.len() as u64 + 1)
            .read_to_end(&mut present)
            .map_err(|e| StoreError::io("read", path, e))?;
        if present == bytes {
            Ok(true)
        } else {
            Err(StoreError::Conflict {
                path: path.to_owned(),
            })
        }
    }
}
