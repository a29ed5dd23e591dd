//! Unfinished files, and how one becomes visible: whole, durable, and only once.
//!
//! The order is always: write to `.tmp/`, make the file durable, give it its name, make the
//! directory durable. A machine that stops before the name is given leaves garbage in `.tmp/`,
//! never a half file under a name.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::StoreError;

/// Whether a write waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// `fsync` of file and directory before a write is acknowledged.
    Synced,
    /// No `fsync`: for copies of bytes that can be fetched again.
    Cached,
}

/// The `.tmp` directory of one store and the rules for leaving it.
#[derive(Debug)]
pub(crate) struct Scratch {
    root: PathBuf,
    directory: PathBuf,
    durability: Durability,
    /// Directories whose own names are known to be durable. Existing is not enough: another
    /// thread may have made one and not reached its `fsync` yet.
    durable: Mutex<HashSet<PathBuf>>,
}

/// Distinguishes the unfinished files of one process.
static NEXT: AtomicU64 = AtomicU64::new(0);

impl Scratch {
    /// Prepares `root/.tmp` and removes what stopped processes left there.
    pub(crate) fn open(root: &Path, durability: Durability) -> Result<Self, StoreError> {
        let directory = root.join(".tmp");
        make_directories(&directory, durability)?;
        make_directories(root, durability)?;
        let scratch = Self {
            root: root.to_owned(),
            directory,
            durability,
            durable: Mutex::new(HashSet::new()),
        };
        scratch.sweep()?;
        Ok(scratch)
    }

    /// Every unfinished file is locked by its writer; what can be locked has no writer left.
    fn sweep(&self) -> Result<(), StoreError> {
        let entries = fs::read_dir(&self.directory)
            .map_err(|e| StoreError::io("list", &self.directory, e))?;
        for entry in entries {
            let path = entry
                .map_err(|e| StoreError::io("list", &self.directory, e))?
                .path();
            // A file that vanishes here was finished by its writer.
            if let Ok(file) = File::open(&path)
                && file.try_lock().is_ok()
            {
                drop(fs::remove_file(&path));
            }
        }
        Ok(())
    }

    /// A new unfinished file.
    pub(crate) fn start(&self) -> Result<Unfinished, StoreError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = self
                .directory
                .join(format!("{}-{number}", std::process::id()));
            let file = match options.open(&path) {
                // The name was used by a process that had our number before us. It is not taken again: who sweeps
                // may be about to remove it.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                other => other.map_err(|e| StoreError::io("create", &path, e))?,
            };
            file.lock().map_err(|e| StoreError::io("lock", &path, e))?;
            // Between making and locking it, it looked like one that nobody writes.
            if !was_swept(&file, &path)? {
                return Ok(Unfinished {
                    path,
                    file,
                    durability: self.durability,
                    named: false,
                });
            }
        }
    }

    /// Writes `bytes` to a new unfinished file and makes it durable.
    pub(crate) fn write(&self, bytes: &[u8], mode: u32) -> Result<Unfinished, StoreError> {
        let mut unfinished = self.start()?;
        unfinished.append(bytes)?;
        unfinished.seal(mode)?;
        Ok(unfinished)
    }

    /// Makes the directory above `path`, below our root, and makes its name durable.
    pub(crate) fn make_parent(&self, path: &Path) -> Result<(), StoreError> {
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        let missing: Vec<_> = path
            .ancestors()
            .skip(1)
            .take_while(|above| *above != self.root && !durable.contains(*above))
            .collect();
        for directory in missing.into_iter().rev() {
            make_directories(directory, self.durability)?;
            durable.insert(directory.to_owned());
        }
        Ok(())
    }

    /// Notes that a directory is gone, so that it is made durable again when it is made again.
    pub(crate) fn forget(&self, directory: &Path) {
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        durable.remove(directory);
    }

    /// Gives a file another name that nobody has. The caller makes both directories durable.
    pub(crate) fn rename_once(from: &Path, to: &Path) -> Result<(), StoreError> {
        let taken = || StoreError::Conflict {
            path: to.to_owned(),
        };
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE).map_err(io::Error::from) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(taken()),
            // File systems without this flag: the one process that works here looks first.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => match to.exists() {
                true => Err(taken()),
                false => fs::rename(from, to).map_err(|e| StoreError::io("name", to, e)),
            },
            Err(error) => Err(StoreError::io("name", from, error)),
        }
    }

    /// Makes the names in `directory` durable.
    pub(crate) fn sync_directory(&self, directory: &Path) -> Result<(), StoreError> {
        sync_directory(directory, self.durability)
    }
}

/// Whether a file has lost its name. Asked with the lock held, so that the answer stays true.
fn was_swept(file: &File, path: &Path) -> Result<bool, StoreError> {
    let links = file.metadata().map(|meta| meta.nlink());
    let links = links.map_err(|e| StoreError::io("look at", path, e))?;
    Ok(links == 0)
}

/// A file in `.tmp/`; removed when dropped before it got its name.
#[derive(Debug)]
pub(crate) struct Unfinished {
    path: PathBuf,
    file: File,
    durability: Durability,
    named: bool,
}

impl Unfinished {
    /// Appends `bytes`.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.file
            .write_all(bytes)
            .map_err(|e| StoreError::io("write", &self.path, e))
    }

    /// Sets the final mode and makes the content durable.
    pub(crate) fn seal(&self, mode: u32) -> Result<(), StoreError> {
        self.file
            .set_permissions(fs::Permissions::from_mode(mode))
            .and_then(|()| match self.durability {
                Durability::Synced => self.file.sync_all(),
                Durability::Cached => Ok(()),
            })
            .map_err(|e| StoreError::io("make durable", &self.path, e))
    }

    /// Gives the sealed file its name unless the name is taken; `false` when it is. The caller
    /// makes the directory durable afterwards, in both cases: who took the name may not have
    /// done it yet.
    pub(crate) fn name_once(mut self, target: &Path) -> Result<bool, StoreError> {
        let renamed = renameat_with(CWD, &self.path, CWD, target, RenameFlags::NOREPLACE);
        match renamed.map_err(io::Error::from) {
            Ok(()) => {
                self.named = true;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            // File systems without this flag (NFS, some FUSE): a hard link does not replace.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                match fs::hard_link(&self.path, target) {
                    Ok(()) => Ok(true),
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
                    Err(error) => Err(StoreError::io("name", target, error)),
                }
            }
            Err(error) => Err(StoreError::io("name", target, error)),
        }
    }

    /// Gives the sealed file its name, replacing what had it.
    pub(crate) fn name_over(mut self, target: &Path) -> Result<(), StoreError> {
        fs::rename(&self.path, target).map_err(|e| StoreError::io("replace", target, e))?;
        self.named = true;
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.named {
            // What stays is swept at the next start.
            drop(fs::remove_file(&self.path));
        }
    }
}

fn sync_directory(directory: &Path, durability: Durability) -> Result<(), StoreError> {
    if durability == Durability::Cached {
        return Ok(());
    }
    File::open(directory)
        .and_then(|opened| opened.sync_all())
        .map_err(|e| StoreError::io("make durable", directory, e))
}

/// `mkdir -p`; the name of each directory on the way that had to be made, and of the last one in
/// any case, is made durable in its parent.
///
/// A daemon that is confined to its own directory cannot open the parent. Then the directory was
/// made for it by somebody else, and its name is that one's to keep.
pub(crate) fn make_directories(path: &Path, durability: Durability) -> Result<(), StoreError> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if path.is_dir() {
        return match sync_directory(parent, durability) {
            Err(StoreError::ReadOnly { .. }) => Ok(()),
            other => other,
        };
    }
    if !parent.is_dir() {
        make_directories(parent, durability)?;
    }
    match fs::create_dir(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        Err(error) => return Err(StoreError::io("make directory", path, error)),
    }
    sync_directory(parent, durability)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    /// Without the second look at a new file some of these are swept in nearly every run.
    #[test]
    fn what_is_being_written_is_never_swept_by_another_handle() {
        let dir = tempfile::tempdir().unwrap();
        let scratch = Scratch::open(dir.path(), Durability::Cached).unwrap();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        scratch.sweep().unwrap();
                    }
                });
            }
            let written = (0..2_000).try_for_each(|n| {
                let unfinished = scratch.write(b"bytes", 0o644)?;
                unfinished.name_over(&dir.path().join((n % 7).to_string()))
            });
            done.store(true, Ordering::Relaxed);
            written.unwrap();
        });
    }

    #[test]
    fn a_name_that_a_stopped_process_left_is_left_to_be_swept() {
        let dir = tempfile::tempdir().unwrap();
        let scratch = Scratch::open(dir.path(), Durability::Cached).unwrap();
        let next = NEXT.load(Ordering::Relaxed);
        for number in next..next + 50 {
            let name = format!("{}-{number}", std::process::id());
            fs::write(scratch.directory.join(name), b"old").unwrap();
        }
        let unfinished = scratch.write(b"new", 0o644).unwrap();
        unfinished.name_over(&dir.path().join("file")).unwrap();
        assert_eq!(fs::read(dir.path().join("file")).unwrap(), b"new");
        drop(Scratch::open(dir.path(), Durability::Cached).unwrap());
        assert_eq!(fs::read_dir(&scratch.directory).unwrap().count(), 0);
    }
}
