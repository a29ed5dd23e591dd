//! Installed versions on disk, and the switch between them.
//!
//! ```text
//! versions/2-77e1c0a9b3d4/truename       the file
//! versions/2-77e1c0a9b3d4.json           what it is
//! current  -> versions/2-77e1c0a9b3d4    what runs
//! previous -> versions/1-4c5b90ffe021    what ran before
//! ```
//!
//! Invariant: *what `current` names is durable, whole and judged*. The rename of `current` is the only
//! moment at which anything changes for the user; before it the old version runs, after it the new one.

use std::{
    fmt, fs, io,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use statement::{FileDigest, Kind, StatementDigest};
use store::Files;

use crate::{error::EndpointError, file_digest::digest_file, limits::STATE_BYTES_MAX};

/// Programs can be started; nobody but the owner can change them.
const PROGRAM_MODE: u32 = 0o755;

/// A version on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Installed {
    /// Number in its series.
    pub seq: u64,
    /// Version for people.
    pub version: String,
    /// Digest of the release statement.
    pub release: StatementDigest,
    /// Name of the file.
    pub file: String,
    /// Digest of the file.
    pub artifact: FileDigest,
    /// Length of the file.
    pub artifact_bytes: u64,
}

impl Installed {
    /// Name of its directory: `<seq>-<first twelve digits of the release digest>`.
    fn name(&self) -> String {
        format!("{}-{}", self.seq, self.release.short())
    }

    /// Path of its file below the endpoint's directory.
    pub fn path(&self) -> PathBuf {
        Path::new("versions").join(self.name()).join(&self.file)
    }
}

impl fmt::Display for Installed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let release = self.release.short();
        write!(
            f,
            "{} {}, number {}, release {release}",
            self.file, self.version, self.seq
        )
    }
}

/// The versions of one endpoint.
#[derive(Debug)]
pub(crate) struct Versions<'a> {
    files: &'a Files,
}

impl<'a> Versions<'a> {
    pub(crate) const fn new(files: &'a Files) -> Self {
        Self { files }
    }

    /// What runs now.
    ///
    /// # Errors
    /// [`EndpointError::Damaged`] when `current` does not lead to a version of ours.
    pub(crate) fn current(&self) -> Result<Option<Installed>, EndpointError> {
        let link = self.root().join("current");
        let target = match fs::read_link(&link) {
            Ok(target) => target,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(EndpointError::io("read the link", &link, error)),
        };
        let receipt = target.to_str().map(|target| format!("{target}.json"));
        let receipt = receipt.unwrap_or_default();
        let damaged = |field: String| EndpointError::Damaged {
            path: link.clone(),
            field,
        };
        let bytes = self
            .files
            .read(&receipt, STATE_BYTES_MAX)
            .map_err(|error| damaged(error.to_string()))?;
        let installed: Installed =
            serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        if Path::new("versions").join(installed.name()) == target {
            Ok(Some(installed))
        } else {
            Err(damaged(target.display().to_string()))
        }
    }

    /// Whether the file is there with its very bytes.
    pub(crate) fn is_intact(&self, installed: &Installed) -> bool {
        digest_file(&self.root().join(installed.path()))
            .is_ok_and(|found| found == (installed.artifact, installed.artifact_bytes))
    }

    /// The file, whole.
    pub(crate) fn bytes(&self, installed: &Installed) -> Result<Vec<u8>, EndpointError> {
        let path = self.root().join(installed.path());
        fs::read(&path).map_err(|error| EndpointError::io("read", &path, error))
    }

    /// Writes a version beside the others; durable when it returns. Doing it again repairs it.
    pub(crate) fn write(
        &self,
        version: &Installed,
        kind: Kind,
        bytes: &[u8],
    ) -> Result<(), EndpointError> {
        let path = version.path();
        let name = path.to_string_lossy();
        self.files.replace(&name, bytes)?;
        if kind == Kind::Software {
            make_program(&self.root().join(&path))?;
        }
        let receipt = serde_json::to_vec(version).map_err(|error| EndpointError::Damaged {
            path: path.clone(),
            field: error.to_string(),
        })?;
        let name = format!("versions/{}.json", version.name());
        Ok(self.files.replace(&name, &receipt)?)
    }

    /// Keeps what runs as `previous`, unless it is the version that is about to run.
    pub(crate) fn keep_previous(&self, next: &Installed) -> Result<(), EndpointError> {
        match fs::read_link(self.root().join("current")) {
            Ok(target) if target != Path::new("versions").join(next.name()) => {
                self.point("previous", &target)
            }
            _ => Ok(()),
        }
    }

    /// The switch: from here on `version` runs.
    pub(crate) fn switch(&self, version: &Installed) -> Result<(), EndpointError> {
        self.point("current", &Path::new("versions").join(version.name()))
    }

    /// Removes versions that neither link names. Failing is harmless: the next update tries again.
    pub(crate) fn prune(&self) {
        let named = |link| fs::read_link(self.root().join(link)).ok();
        let kept: Vec<_> = ["current", "previous"]
            .into_iter()
            .filter_map(named)
            .collect();
        let Ok(entries) = fs::read_dir(self.root().join("versions")) else {
            return;
        };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let version = name.strip_suffix(".json").unwrap_or(&name);
            if !is_version(version) || kept.contains(&Path::new("versions").join(version)) {
                continue;
            }
            let path = entry.path();
            let removed = match name == version {
                true => fs::remove_dir_all(&path),
                false => fs::remove_file(&path),
            };
            if let Err(error) = removed {
                tracing::warn!(path = %path.display(), %error, "an old version stays");
            }
        }
    }

    /// Replaces a link by rename, so that it names the old or the new version and never nothing.
    fn point(&self, link: &str, target: &Path) -> Result<(), EndpointError> {
        let root = self.root();
        let (fresh, link) = (root.join(format!(".{link}.new")), root.join(link));
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(EndpointError::io("remove", &fresh, error));
            }
            _ => {}
        }
        symlink(target, &fresh).map_err(|error| EndpointError::io("link", &fresh, error))?;
        fs::rename(&fresh, &link).map_err(|error| EndpointError::io("rename", &link, error))?;
        sync(root)
    }

    fn root(&self) -> &Path {
        self.files.root()
    }
}

/// Only what we wrote is ever removed: digits, a dash, twelve hexadecimal digits.
fn is_version(name: &str) -> bool {
    name.split_once('-').is_some_and(|(seq, digest)| {
        seq.parse::<u64>().is_ok()
            && digest.len() == 12
            && digest.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

fn make_program(path: &Path) -> Result<(), EndpointError> {
    let refused = |error| EndpointError::io("make executable", path, error);
    fs::set_permissions(path, fs::Permissions::from_mode(PROGRAM_MODE)).map_err(refused)?;
    sync(path)
}

fn sync(path: &Path) -> Result<(), EndpointError> {
    fs::File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(|error| EndpointError::io("sync", path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_versions_are_ever_removed() {
        assert!(is_version("12-77e1c0a9b3d4"));
        for other in [
            "",
            "12",
            "12-",
            "x-77e1c0a9b3d4",
            "12-77e1c0a9b3d",
            "12-77e1c0a9b3dg",
            "-1-77e1c0a9b3d4",
        ] {
            assert!(!is_version(other), "{other}");
        }
    }
}
