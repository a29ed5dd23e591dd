//! One call at a time works on a sample's ciphertext, in this process and in all that share its directory.
//!
//! ```text
//! locks/b7dc80210d33289b777623333ffd4900     held (`flock`) while somebody works on it, then removed
//! ```
//!
//! What is protected is a file, so it is a file that is locked: a lock of the database would be gone with the database,
//! while the one who held it goes on writing. The kernel lets go when a process ends, also when it is killed.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use statement::SampleId;

use crate::error::{CenterError, Refusal};

/// Times that a lock file may have been removed by another between its opening and its locking.
const TRIES: usize = 16;

/// The samples that somebody works on.
#[derive(Debug, Clone)]
pub(crate) struct Occupancy {
    busy: Arc<Mutex<BTreeSet<SampleId>>>,
    /// Where the lock files are, if other processes work here too.
    shared: Option<PathBuf>,
}

impl Occupancy {
    /// For this process alone.
    pub(crate) fn alone() -> Self {
        Self {
            busy: Arc::default(),
            shared: None,
        }
    }

    /// For all that lock in this directory, which is made when absent.
    pub(crate) fn shared(dir: PathBuf) -> Result<Self, CenterError> {
        fs::create_dir_all(&dir).map_err(refused("make", &dir))?;
        Ok(Self {
            busy: Arc::default(),
            shared: Some(dir),
        })
    }

    /// Keeps everybody else from working on a sample's ciphertext until the guard is dropped.
    pub(crate) fn occupy(&self, sample: &SampleId) -> Result<Occupied, Refusal> {
        if !lock(&self.busy).insert(sample.clone()) {
            return Err(Refusal::Busy);
        }
        let mut occupied = Occupied {
            sample: sample.clone(),
            busy: Arc::clone(&self.busy),
            held: None,
        };
        if let Some(dir) = &self.shared {
            let path = dir.join(sample.as_str());
            let file = lock_file(&path)?.ok_or(Refusal::Busy)?;
            occupied.held = Some((path, file));
        }
        Ok(occupied)
    }
}

/// A sample that one call works on.
pub(crate) struct Occupied {
    sample: SampleId,
    busy: Arc<Mutex<BTreeSet<SampleId>>>,
    held: Option<(PathBuf, File)>,
}

impl Drop for Occupied {
    fn drop(&mut self) {
        if let Some((path, _)) = &self.held {
            // Removed while it is held, so it is nobody else's. One that stays is locked by whoever comes next.
            fs::remove_file(path).ok();
        }
        lock(&self.busy).remove(&self.sample);
    }
}

fn lock(busy: &Mutex<BTreeSet<SampleId>>) -> MutexGuard<'_, BTreeSet<SampleId>> {
    busy.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The locked file; nothing when another holds it.
fn lock_file(path: &Path) -> Result<Option<File>, CenterError> {
    for _ in 0..TRIES {
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(0o600);
        let file = options.open(path).map_err(refused("open", path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(refused("lock", path)(error)),
        }
        // Who held it before may have removed the name since it was opened; then this lock protects nothing.
        let ours = file.metadata().map_err(refused("read", path))?.ino();
        if fs::metadata(path).is_ok_and(|named| named.ino() == ours) {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

fn refused(
    action: &'static str,
    path: &Path,
) -> impl FnOnce(std::io::Error) -> CenterError + use<> {
    let path = path.to_owned();
    move |source| CenterError::File {
        action,
        path,
        source,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn of_many_in_two_processes_one_works_on_a_sample() {
        let dir = tempfile::tempdir().unwrap();
        // As two processes have it: nothing in common but the directory.
        let cells = [0, 1].map(|_| Occupancy::shared(dir.path().to_owned()).unwrap());
        let sample = SampleId::new([5; 16]);
        let inside = std::sync::atomic::AtomicUsize::new(0);
        let entered = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for number in 0..4 {
                let (cell, sample, inside, entered) =
                    (&cells[number % 2], &sample, &inside, &entered);
                scope.spawn(move || {
                    for _ in 0..500 {
                        let Ok(occupied) = cell.occupy(sample) else {
                            continue;
                        };
                        use std::sync::atomic::Ordering::SeqCst;
                        assert_eq!(inside.fetch_add(1, SeqCst), 0, "two at once");
                        entered.fetch_add(1, SeqCst);
                        inside.fetch_sub(1, SeqCst);
                        drop(occupied);
                    }
                });
            }
        });
        assert!(entered.into_inner() > 0);
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            0,
            "nothing stays"
        );
    }
}
