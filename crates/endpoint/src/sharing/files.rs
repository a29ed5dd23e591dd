//! Small files of sharing: canonical JSON, durable, read back strictly.

use std::{fs, io::ErrorKind, path::Path};

use serde::{Serialize, de::DeserializeOwned};
use statement::{from_canonical, to_canonical};
use store::{Files, StoreError};

use super::error::SharingError;

fn damaged(files: &Files, name: &str, wrong: String) -> SharingError {
    SharingError::Damaged {
        path: files.root().join(name),
        wrong,
    }
}

/// Reads a file of ours; none when it is not there.
pub(super) fn read<T: DeserializeOwned>(
    files: &Files,
    name: &str,
    bytes_max: u64,
) -> Result<Option<T>, SharingError> {
    let bytes = match files.read(name, bytes_max) {
        Ok(bytes) => bytes,
        Err(StoreError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let parsed = from_canonical(&bytes).map_err(|error| damaged(files, name, error.to_string()))?;
    Ok(Some(parsed))
}

/// Its canonical bytes.
pub(super) fn print<T: Serialize>(
    files: &Files,
    name: &str,
    value: &T,
) -> Result<Vec<u8>, SharingError> {
    to_canonical(value).map_err(|error| damaged(files, name, error.to_string()))
}

/// Writes a file that never changes.
pub(super) fn create<T: Serialize>(
    files: &Files,
    name: &str,
    value: &T,
) -> Result<(), SharingError> {
    let bytes = print(files, name, value)?;
    Ok(files.create(name, &bytes)?)
}

/// Writes a file in the place of what it was.
pub(super) fn replace<T: Serialize>(
    files: &Files,
    name: &str,
    value: &T,
) -> Result<(), SharingError> {
    let bytes = print(files, name, value)?;
    Ok(files.replace(name, &bytes)?)
}

/// Removes a file and makes that durable; absent is fine.
pub(super) fn remove(path: &Path) -> Result<(), SharingError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        other => other.map_err(SharingError::io("remove", path))?,
    }
    sync_parent(path)
}

/// Removes a directory with all that is in it and makes that durable; absent is fine.
pub(super) fn remove_directory(path: &Path) -> Result<(), SharingError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        other => other.map_err(SharingError::io("remove", path))?,
    }
    sync_parent(path)
}

fn sync_parent(path: &Path) -> Result<(), SharingError> {
    let parent = path.parent().unwrap_or(Path::new("."));
    let synced = fs::File::open(parent).and_then(|directory| directory.sync_all());
    synced.map_err(SharingError::io("sync", parent))
}
