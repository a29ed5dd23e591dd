//! Hashes everything a lock names that this party has, on every processor, and says what is wrong.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use store::StoreError;
use tlog::Hash;

use super::keep::EnvironmentStore;
use crate::lock::{Lock, LockedKind};

/// One blob that is not what the lock says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WrongInput {
    /// The input.
    pub input: String,
    /// `archive`, or a path of the tree.
    pub what: String,
    /// What is wrong with it.
    pub why: &'static str,
    /// What helps.
    pub remedy: &'static str,
}

/// What [`EnvironmentStore::verify`] saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Everything that is wrong, by input.
    pub wrong: Vec<WrongInput>,
    /// Blobs hashed.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Wall clock, milliseconds.
    pub wall_ms: u64,
}

/// A blob to look at, and the first line of the lock that names it.
struct Wanted<'a> {
    sha256: Hash,
    bytes: u64,
    input: &'a str,
    what: &'a str,
}

impl EnvironmentStore {
    /// Hashes every archive and file of the lock. A blob that several lines name is read once; memory is bounded by
    /// one buffer for each processor.
    #[must_use]
    pub fn verify(&self, lock: &Lock) -> Verified {
        let started = Instant::now();
        let wanted = wanted(lock);
        let (next, bytes) = (AtomicUsize::new(0), AtomicU64::new(0));
        let wrong = Mutex::new(Vec::new());
        let work = || {
            while let Some(one) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                match self.check(one) {
                    Ok(()) => drop(bytes.fetch_add(one.bytes, Ordering::Relaxed)),
                    Err(found) => wrong
                        .lock()
                        .expect("no thread panics while it holds the list")
                        .push(found),
                }
            }
        };
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 1..workers {
                scope.spawn(work);
            }
            work();
        });
        let mut wrong = wrong
            .into_inner()
            .expect("no thread panics while it holds the list");
        wrong.sort();
        Verified {
            wrong,
            blobs: wanted.len() as u64,
            bytes: bytes.into_inner(),
            wall_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        }
    }

    fn check(&self, wanted: &Wanted<'_>) -> Result<(), WrongInput> {
        let wrong = |why, remedy| WrongInput {
            input: wanted.input.to_owned(),
            what: wanted.what.to_owned(),
            why,
            remedy,
        };
        const FETCH: &str = "run: limpid conveyer environment fetch";
        if !self.inputs().contains(&wanted.sha256) {
            return Err(wrong("it is not in the store", FETCH));
        }
        match self.inputs().copy_to(&wanted.sha256, &mut std::io::sink()) {
            Ok(bytes) if bytes == wanted.bytes => Ok(()),
            Ok(_) => Err(wrong(
                "the lock gives it another size than its digest has",
                "refuse this lock",
            )),
            Err(StoreError::Corrupt { .. }) => Err(wrong(
                "its bytes were changed on this disk",
                "remove it and fetch again; find out who writes here",
            )),
            Err(_) => Err(wrong(
                "it cannot be read",
                "look at the disk and its rights",
            )),
        }
    }
}

/// Every blob once; big ones first, so that no thread is left with one at the end.
fn wanted(lock: &Lock) -> Vec<Wanted<'_>> {
    let mut all: BTreeMap<Hash, Wanted<'_>> = BTreeMap::new();
    for archive in lock.archives() {
        all.entry(archive.sha256).or_insert(Wanted {
            sha256: archive.sha256,
            bytes: archive.bytes,
            input: &archive.input,
            what: "archive",
        });
    }
    for file in lock.files() {
        if let LockedKind::File { sha256, bytes, .. } = file.kind {
            all.entry(sha256).or_insert(Wanted {
                sha256,
                bytes,
                input: &file.input,
                what: file.path.as_str(),
            });
        }
    }
    let mut all: Vec<_> = all.into_values().collect();
    all.sort_by_key(|one| std::cmp::Reverse(one.bytes));
    all
}
