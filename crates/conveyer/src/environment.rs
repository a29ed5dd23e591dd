//! An environment that can be built in: a tree made from the store and nothing else, exactly as its lock says.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use tlog::{Hash, Sha256Stream};

mod apt;
mod archive_file;
mod cargo;
mod fault;
mod fetch;
mod gather;
mod keep;
mod locking;
mod pack;
mod supply;
mod verify;
mod wish;
mod xz;

pub use fault::{PackFault, SupplyError};
pub use fetch::{Fetched, fetch};
pub use gather::{Center, Sources, Tell};
pub use keep::{EnvironmentStore, Obtained, Supplier};
pub use locking::lock_wishes;
pub use supply::EnvironmentsConfig;
pub use verify::{Verified, WrongInput};
pub use wish::WishList;

use crate::error::ConveyerError;
use crate::host::HostKind;
use crate::lock::{Lock, LockedFile, LockedKind};
use crate::party::PartyDirs;
use crate::scratch::Scratch;

/// Where the sandbox mounts things; every tree has these folders, empty.
const MOUNT_POINTS: [&str; 4] = ["build", "dev", "proc", "tmp"];
/// The time of every file in a tree, seconds since 1970.
const FILE_TIME: u64 = 315_532_800;

/// How the name of a tree begins while it is being made.
pub(crate) const UNFINISHED: &str = ".new-";

/// How much is looked at before a tree that was assembled earlier is used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assurance {
    /// Every path, its kind, mode, size, link target and time, and that nothing else is there. Finds accidents and
    /// careless hands. Does *not* find somebody who writes to the party's own store and sets the time back.
    Listing,
    /// All of that, and the SHA-256 of every byte.
    Digests,
}

/// An assembled environment.
#[derive(Clone, Debug)]
pub struct Environment {
    lock: Lock,
    digest: Hash,
    root: PathBuf,
}

impl Environment {
    /// Imports an environment from the host and assembles it.
    ///
    /// # Errors
    /// See [`Lock::import_host`] and [`Environment::assemble`].
    pub fn import_host(kind: HostKind, party: &PartyDirs) -> Result<Self, ConveyerError> {
        let lock = Lock::import_host(kind, party.inputs())?;
        Self::assemble(lock, party, Assurance::Listing)
    }

    /// Makes the tree of `lock` from the party's inputs, or uses the one that is there after checking it as
    /// `assurance` says; also writes the lock to the party's blobs. Files that are run are copied and their digests checked on the way; the others are hard
    /// links to blobs that were hashed when they entered the store, and are hashed again under
    /// [`Assurance::Digests`].
    ///
    /// # Errors
    /// [`ConveyerError::EnvironmentAltered`] naming the first path that is not as locked; the store.
    pub fn assemble(
        lock: Lock,
        party: &PartyDirs,
        assurance: Assurance,
    ) -> Result<Self, ConveyerError> {
        let digest = party.blobs().put(lock.to_text().as_bytes())?;
        let root = party.trees().join(digest.to_hex());
        if !root.is_dir() {
            let fresh = Scratch::make(&party.trees(), UNFINISHED)?;
            fill(fresh.path(), &lock, party)?;
            match fs::rename(fresh.path(), &root) {
                Ok(()) => drop(fresh.keep()),
                // Another process of this party was faster; its tree is checked below like any other.
                Err(_) if root.is_dir() => {}
                Err(error) => return Err(ConveyerError::io("name", &root)(error)),
            }
        }
        let environment = Self { lock, digest, root };
        environment.check(assurance)?;
        Ok(environment)
    }

    /// What it is made of.
    #[must_use]
    pub fn lock(&self) -> &Lock {
        &self.lock
    }

    /// The lock's digest, which names the environment.
    #[must_use]
    pub fn digest(&self) -> &Hash {
        &self.digest
    }

    /// The assembled tree on this machine.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Compares the tree with the lock.
    ///
    /// # Errors
    /// [`ConveyerError::EnvironmentAltered`].
    pub fn check(&self, assurance: Assurance) -> Result<(), ConveyerError> {
        for file in self.lock.files() {
            self.check_one(file, assurance)
                .map_err(|what| self.altered(file.path.as_str(), what))?;
        }
        self.check_nothing_else()
    }

    fn check_one(&self, file: &LockedFile, assurance: Assurance) -> Result<(), &'static str> {
        let path = self.root.join(file.path.as_str());
        let about = fs::symlink_metadata(&path).map_err(|_| "it is missing")?;
        match &file.kind {
            LockedKind::Link { target } => {
                let found = fs::read_link(&path).map_err(|_| "it is no link")?;
                if found.as_os_str() != target.as_str() {
                    return Err("its target");
                }
            }
            LockedKind::File {
                executable,
                sha256,
                bytes,
            } => {
                if !about.is_file() || about.len() != *bytes {
                    return Err("its size");
                }
                if about.mode() & 0o7777 != mode(*executable) {
                    return Err("its mode");
                }
                if about.mtime() != i64::try_from(FILE_TIME).expect("a small constant") {
                    return Err("its time");
                }
                if assurance == Assurance::Digests && digest_of(&path) != Some(*sha256) {
                    return Err("its digest");
                }
            }
        }
        Ok(())
    }

    /// A file more is an input nobody named.
    fn check_nothing_else(&self) -> Result<(), ConveyerError> {
        let known: BTreeSet<&str> = self
            .lock
            .files()
            .iter()
            .map(|file| file.path.as_str())
            .collect();
        let folders: BTreeSet<&str> = self
            .lock
            .files()
            .iter()
            .flat_map(|file| file.path.folders())
            .chain(MOUNT_POINTS)
            .collect();
        let mut open = vec![self.root.clone()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(&folder).map_err(ConveyerError::io("list", &folder))? {
                let entry = entry.map_err(ConveyerError::io("list", &folder))?;
                let path = entry.path();
                let inner = path
                    .strip_prefix(&self.root)
                    .expect("listed below the root")
                    .to_string_lossy();
                let is_folder = entry
                    .file_type()
                    .map_err(ConveyerError::io("look at", &path))?
                    .is_dir();
                let is_known = if is_folder {
                    folders.contains(&*inner)
                } else {
                    known.contains(&*inner)
                };
                if !is_known {
                    return Err(self.altered(&inner, "the lock does not name it"));
                }
                if is_folder {
                    open.push(path);
                }
            }
        }
        Ok(())
    }

    fn altered(&self, path: &str, what: &'static str) -> ConveyerError {
        ConveyerError::EnvironmentAltered {
            path: path.to_owned(),
            what,
            tree: self.root.clone(),
        }
    }
}

fn fill(root: &Path, lock: &Lock, party: &PartyDirs) -> Result<(), ConveyerError> {
    let folders: BTreeSet<&str> = lock
        .files()
        .iter()
        .flat_map(|file| file.path.folders())
        .chain(MOUNT_POINTS)
        .collect();
    // In order, so that a folder comes after the one it is in.
    for folder in folders {
        let path = root.join(folder);
        fs::create_dir(&path).map_err(ConveyerError::io("make", &path))?;
        open_to_all(&path)?;
    }
    open_to_all(root)?;
    for file in lock.files() {
        let path = root.join(file.path.as_str());
        match &file.kind {
            LockedKind::Link { target } => {
                symlink(target, &path).map_err(ConveyerError::io("link", &path))?
            }
            LockedKind::File {
                executable, sha256, ..
            } => place(&path, *executable, sha256, party)?,
        }
    }
    Ok(())
}

fn place(
    path: &Path,
    executable: bool,
    sha256: &Hash,
    party: &PartyDirs,
) -> Result<(), ConveyerError> {
    let blob = party.inputs().path(sha256);
    if executable || fs::hard_link(&blob, path).is_err() {
        // A blob is 0444 and its mode is shared by all its names: what is run needs a copy of its own.
        let mut copy = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(ConveyerError::io("make", path))?;
        party.inputs().copy_to(sha256, &mut copy)?;
        let permissions = fs::Permissions::from_mode(mode(executable));
        copy.set_permissions(permissions)
            .map_err(ConveyerError::io("set the mode of", path))?;
    }
    let file = File::open(path).map_err(ConveyerError::io("open", path))?;
    file.set_modified(UNIX_EPOCH + Duration::from_secs(FILE_TIME))
        .map_err(ConveyerError::io("set the time of", path))
}

fn mode(executable: bool) -> u32 {
    if executable { 0o555 } else { 0o444 }
}

fn open_to_all(path: &Path) -> Result<(), ConveyerError> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .map_err(ConveyerError::io("open", path))
}

fn digest_of(path: &Path) -> Option<Hash> {
    use std::io::Read;
    let mut file = File::open(path).ok()?;
    let mut stream = Sha256Stream::new();
    let mut chunk = vec![0; crate::limits::CHUNK_BYTES];
    loop {
        match file.read(&mut chunk).ok()? {
            0 => return Some(stream.finish()),
            count => stream.update(&chunk[..count]),
        }
    }
}
