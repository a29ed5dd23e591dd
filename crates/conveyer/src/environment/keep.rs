//! What a party has fetched: blobs by digest, and for each input a record of who gave it.
//!
//! ```text
//! STORE/inputs/ab/cd/abcd...        archives and their files, by SHA-256
//! STORE/obtained/<sha256>.json      who gave an input
//! STORE/obtained/<sha256>.lock      every line of this lock was compared with its archive
//! ```

use std::fmt;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use store::Blobs;
use tlog::Hash;

use super::fault::SupplyError;
use crate::error::ConveyerError;
use crate::lock::{Input, LIMPID, Lock};

/// Who gave an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Supplier {
    /// Its public origin, reached by this party itself.
    Origin,
    /// A folder that this party named.
    Folder,
    /// The center, whose word alone the lock is then.
    Center,
    /// This machine, as installed.
    Host,
}

impl fmt::Display for Supplier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Origin => "its public origin",
            Self::Folder => "a folder of this party",
            Self::Center => "taken from the center",
            Self::Host => "this machine, as installed",
        })
    }
}

/// How this party came to an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Obtained {
    /// The input, as the lock calls it.
    pub input: String,
    /// Its origin, as the lock says.
    pub origin: String,
    /// Who gave it.
    pub from: Supplier,
    /// Why not its public origin.
    pub why: Option<String>,
}

/// A party's inputs of environments. The `inputs` of a [`crate::PartyDirs`] are the same when both have the same
/// folder.
#[derive(Debug)]
pub struct EnvironmentStore {
    root: PathBuf,
    inputs: Blobs,
}

impl EnvironmentStore {
    /// Opens or makes the store. It is not synced to disk: each input can be had again.
    ///
    /// # Errors
    /// I/O.
    pub fn open(root: &Path) -> Result<Self, ConveyerError> {
        let obtained = root.join("obtained");
        fs::create_dir_all(&obtained).map_err(ConveyerError::io("make", &obtained))?;
        Ok(Self {
            root: root.to_owned(),
            inputs: Blobs::open_cache(&root.join("inputs"))?,
        })
    }

    /// Archives and files by digest.
    #[must_use]
    pub fn inputs(&self) -> &Blobs {
        &self.inputs
    }

    /// How each input of the lock came here, by name; an input that never came is not among them.
    ///
    /// # Errors
    /// [`SupplyError::Record`], I/O.
    pub fn obtained(&self, lock: &Lock) -> Result<Vec<Obtained>, SupplyError> {
        let mut all = Vec::new();
        for input in lock.inputs().iter().filter(|input| input.origin != LIMPID) {
            all.extend(self.record(&key_of(lock, input))?.map(|found| Obtained {
                input: input.name.clone(),
                origin: input.origin.clone(),
                ..found
            }));
        }
        Ok(all)
    }

    /// Names of the inputs that only the center could give, for the verdict of a rebuild.
    ///
    /// # Errors
    /// As [`EnvironmentStore::obtained`].
    pub fn taken_from_center(&self, lock: &Lock) -> Result<Vec<String>, SupplyError> {
        let all = self.obtained(lock)?.into_iter();
        Ok(all
            .filter(|one| one.from == Supplier::Center)
            .map(|one| one.input)
            .collect())
    }

    pub(super) fn record(&self, key: &Hash) -> Result<Option<Obtained>, SupplyError> {
        let path = self.path_of(key);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ConveyerError::io("read", &path)(error).into()),
        };
        let record = serde_json::from_slice(&bytes);
        record
            .map(Some)
            .map_err(|source| SupplyError::Record { path, source })
    }

    /// Replaces the record of an input.
    pub(super) fn keep(&self, key: &Hash, obtained: &Obtained) -> Result<(), SupplyError> {
        let path = self.path_of(key);
        let text = serde_json::to_vec(obtained).expect("strings and an enum become JSON");
        let folder = self.root.join("obtained");
        let mut file = tempfile::NamedTempFile::new_in(&folder)
            .map_err(ConveyerError::io("make a file in", &folder))?;
        file.write_all(&text)
            .map_err(ConveyerError::io("write", &path))?;
        file.persist(&path)
            .map_err(|error| ConveyerError::io("name", &path)(error.error))?;
        Ok(())
    }

    /// Remembers that every line of this lock was compared with its archive.
    pub(super) fn mark_complete(&self, lock: &Lock) -> Result<(), SupplyError> {
        let path = self.mark_of(lock);
        Ok(fs::write(&path, lock.name()).map_err(ConveyerError::io("write", &path))?)
    }

    /// Whether [`EnvironmentStore::mark_complete`] was called for this lock.
    pub(super) fn is_complete(&self, lock: &Lock) -> bool {
        self.mark_of(lock).is_file()
    }

    fn mark_of(&self, lock: &Lock) -> PathBuf {
        let name = format!("{}.lock", lock.digest().to_hex());
        self.root.join("obtained").join(name)
    }

    fn path_of(&self, key: &Hash) -> PathBuf {
        let name = format!("{}.json", key.to_hex());
        self.root.join("obtained").join(name)
    }
}

/// What an input's record is kept under: the digest of its archive, or that of its lines in the lock.
pub(super) fn key_of(lock: &Lock, input: &Input) -> Hash {
    match lock.archive_of(&input.name) {
        Some(archive) => archive.sha256,
        None => lock.digest_of_input(&input.name),
    }
}
