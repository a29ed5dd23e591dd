//! The repository directory, and the files that wait to get into it.
//!
//! Invariant: `timestamp.json` names only files that are there, and each of the three targets files it
//! leads to is the newest publication or one before it. Files with a version in their name are
//! made once; `timestamp.json`, `withdrawals/index.json` and the proofs of publication are replaced.

use std::path::Path;

use law::Settled;
use statement::{Envelope, FileDigest, StatementDigest};
use store::{Files, StoreError};
use tuf::{Metadata, Root, Signed, Snapshot, Targets, Timestamp, metadata_file};

use crate::{error::ReleaseError, limits::ENVELOPE_BYTES_MAX, metadata_role::MetadataRole};

/// A repository that is served as static files.
#[derive(Debug)]
pub struct Repository {
    files: Files,
}

/// The newest published file of a role.
pub(crate) struct Current {
    pub(crate) version: u64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) file: Signed<Targets>,
}

/// A snapshot that lies in the repository, named by the timestamp or not.
pub(crate) struct SnapshotFile {
    pub(crate) file: Signed<Snapshot>,
    pub(crate) bytes: Vec<u8>,
}

impl Repository {
    /// Opens or makes the directory.
    ///
    /// # Errors
    /// It cannot be made or written.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            files: Files::open(directory)?,
        })
    }

    /// The directory to serve.
    pub fn root(&self) -> &Path {
        self.files.root()
    }

    /// Whether there is a first root.
    pub(crate) fn is_initialised(&self) -> Result<bool, StoreError> {
        self.contains(&root_path(1))
    }

    /// The newest root that is served.
    pub(crate) fn newest_root(&self) -> Result<Signed<Root>, ReleaseError> {
        Ok(self.newest_root_file()?.0)
    }

    /// The newest root that is served, with its bytes. Roots are written only after they were checked.
    pub(crate) fn newest_root_file(&self) -> Result<(Signed<Root>, Vec<u8>), ReleaseError> {
        let mut newest = None;
        for version in 1.. {
            let Some(bytes) = self.optional(&root_path(version), Root::BYTES_MAX as u64)? else {
                break;
            };
            newest = Some(bytes);
        }
        let bytes = newest.ok_or(ReleaseError::NotInitialised {
            missing: "metadata/1.root.json",
        })?;
        Ok((tuf::verify_first_root(&bytes)?.0, bytes))
    }

    /// The newest published file of a role, which must be here; none before the first publication.
    pub(crate) fn current(
        &self,
        view: Settled<'_>,
        role: MetadataRole,
    ) -> Result<Option<Current>, ReleaseError> {
        let Some(publication) = view.newest_publication(role.as_str())? else {
            return Ok(None);
        };
        let name = metadata_path(role.as_str(), publication.version);
        let bytes = self.optional(&name, Targets::BYTES_MAX as u64)?;
        let bytes = bytes.filter(|bytes| FileDigest::of(bytes) == publication.metadata);
        let bytes = bytes.ok_or_else(|| ReleaseError::FileLost {
            role: role.as_str(),
            version: publication.version,
            path: self.root().join(&name),
        })?;
        Ok(Some(Current {
            version: publication.version,
            file: Signed::parse(&bytes)?,
            bytes,
        }))
    }

    /// The timestamp that clients see.
    pub(crate) fn timestamp(&self) -> Result<Option<Signed<Timestamp>>, ReleaseError> {
        let bytes = self.optional(
            "metadata/timestamp.json",
            tuf::limits::TIMESTAMP_BYTES_MAX as u64,
        )?;
        Ok(bytes.map(|bytes| Signed::parse(&bytes)).transpose()?)
    }

    /// A snapshot by version.
    pub(crate) fn snapshot(&self, version: u64) -> Result<Option<SnapshotFile>, ReleaseError> {
        let name = metadata_path("snapshot", version);
        let Some(bytes) = self.optional(&name, tuf::limits::SNAPSHOT_BYTES_MAX as u64)? else {
            return Ok(None);
        };
        let file = Signed::parse(&bytes)?;
        Ok(Some(SnapshotFile { file, bytes }))
    }

    /// Makes a file that never changes; the same bytes again are fine.
    pub(crate) fn create(&self, path: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.files.create(path, bytes)
    }

    /// Replaces a file as a whole.
    pub(crate) fn replace(&self, path: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.files.replace(path, bytes)
    }

    /// Whether a file is there.
    pub(crate) fn contains(&self, path: &str) -> Result<bool, StoreError> {
        self.files.contains(path)
    }

    fn optional(&self, path: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, StoreError> {
        optional(&self.files, path, bytes_max)
    }
}

fn optional(files: &Files, path: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, StoreError> {
    match files.read(path, bytes_max) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where a metadata file lies.
pub(crate) fn metadata_path(role: &str, version: u64) -> String {
    format!("metadata/{}", metadata_file(role, version))
}

/// Where a root lies.
pub(crate) fn root_path(version: u64) -> String {
    format!("metadata/{}", tuf::root_file(version))
}

/// Where the proofs of a release lie.
pub(crate) fn bundle_path(release: StatementDigest) -> String {
    format!("bundles/{release}.bundle")
}

/// Where the proof of one publication lies.
pub(crate) fn publication_path(role: MetadataRole, version: u64) -> String {
    format!("publications/{version}.{role}.bundle")
}

/// Where the proof of the newest publication lies too, for those who do not know the version.
pub(crate) fn newest_publication_path(role: MetadataRole) -> String {
    format!("publications/{role}.bundle")
}

/// Where the proof of a withdrawal lies.
pub(crate) fn withdrawal_path(withdrawal: StatementDigest) -> String {
    format!("withdrawals/{withdrawal}.bundle")
}

/// Where a list of withdrawals lies under its digest.
pub(crate) fn withdrawals_path(list: FileDigest) -> String {
    format!("withdrawals/{list}.json")
}

/// Files that both signed and publications that are signed, kept before anything builds on them.
///
/// A publication whose fate is unknown is submitted again, byte for byte: two publications of one
/// version would be a public fault.
#[derive(Debug)]
pub(crate) struct Staging {
    files: Files,
}

impl Staging {
    pub(crate) fn open(directory: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            files: Files::open(directory)?,
        })
    }

    /// The staged file of a role's version.
    pub(crate) fn file(
        &self,
        role: MetadataRole,
        version: u64,
    ) -> Result<Option<Vec<u8>>, ReleaseError> {
        let name = metadata_file(role.as_str(), version);
        Ok(optional(&self.files, &name, Targets::BYTES_MAX as u64)?)
    }

    /// Keeps a file that both signed.
    pub(crate) fn put_file(
        &self,
        role: MetadataRole,
        version: u64,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        self.files
            .replace(&metadata_file(role.as_str(), version), bytes)
    }

    /// The candidate that the center signed, or was about to sign, for a role's version.
    pub(crate) fn candidate(
        &self,
        role: MetadataRole,
        version: u64,
    ) -> Result<Option<Vec<u8>>, ReleaseError> {
        let name = candidate_name(role, version);
        Ok(optional(&self.files, &name, Targets::BYTES_MAX as u64)?)
    }

    /// Keeps a candidate before it is signed.
    pub(crate) fn put_candidate(
        &self,
        role: MetadataRole,
        version: u64,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        self.files.replace(&candidate_name(role, version), bytes)
    }

    /// Forgets a candidate that was refused.
    pub(crate) fn drop_candidate(
        &self,
        role: MetadataRole,
        version: u64,
    ) -> Result<(), StoreError> {
        // An empty file is no candidate.
        self.files.replace(&candidate_name(role, version), b"")
    }

    /// A root that waits for its constitution.
    pub(crate) fn root(&self, version: u64) -> Result<Option<Vec<u8>>, ReleaseError> {
        Ok(optional(
            &self.files,
            &tuf::root_file(version),
            Root::BYTES_MAX as u64,
        )?)
    }

    /// Keeps a root until a constitution that names it is in force.
    pub(crate) fn put_root(&self, version: u64, bytes: &[u8]) -> Result<(), StoreError> {
        self.files.replace(&tuf::root_file(version), bytes)
    }

    /// The staged publication of a role's version.
    pub(crate) fn publication(
        &self,
        role: MetadataRole,
        version: u64,
    ) -> Result<Option<Envelope>, ReleaseError> {
        let name = publication_name(role, version);
        let bytes = optional(&self.files, &name, ENVELOPE_BYTES_MAX)?;
        Ok(bytes.map(|bytes| Envelope::parse(&bytes)).transpose()?)
    }

    /// Keeps a signed publication; from now on it is this one for this version.
    pub(crate) fn put_publication(
        &self,
        role: MetadataRole,
        version: u64,
        envelope: &Envelope,
    ) -> Result<(), StoreError> {
        self.files
            .create(&publication_name(role, version), &envelope.to_bytes())
    }

    /// Keeps a publication in place of one that can no longer be included.
    pub(crate) fn renew_publication(
        &self,
        role: MetadataRole,
        version: u64,
        envelope: &Envelope,
    ) -> Result<(), StoreError> {
        self.files
            .replace(&publication_name(role, version), &envelope.to_bytes())
    }
}

fn candidate_name(role: MetadataRole, version: u64) -> String {
    format!("{version}.{role}.candidate")
}

fn publication_name(role: MetadataRole, version: u64) -> String {
    format!("{version}.{role}.publication")
}
