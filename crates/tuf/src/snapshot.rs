//! `snapshot.json` and `timestamp.json`: which versions belong together, and which are newest
//! (spec sections 4.4 and 4.6). Both name other files by version, length and digest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tlog::Hash;

use crate::error::TufError;
use crate::expires::Expires;
use crate::limits::{META_FILES_MAX, SNAPSHOT_BYTES_MAX, TIMESTAMP_BYTES_MAX};
use crate::path::is_part;
use crate::signed::{Header, Metadata, SPEC_VERSION, Signed, check_version};
use crate::targets::Hashes;

/// What a parent says about a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetaFile {
    version: u64,
    length: u64,
    hashes: Hashes,
    #[serde(flatten)]
    extra: BTreeMap<String, Value>,
}

impl MetaFile {
    /// Names these bytes.
    pub fn of(version: u64, bytes: &[u8]) -> Self {
        MetaFile {
            version,
            length: bytes.len() as u64,
            hashes: Hashes {
                sha256: tlog::sha256(bytes),
            },
            extra: BTreeMap::new(),
        }
    }

    /// The version.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Size in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// SHA-256 of the file.
    pub fn sha256(&self) -> &Hash {
        &self.hashes.sha256
    }

    /// Checks that `bytes` are the file that is named here; `file` is for the error message.
    pub fn check_bytes(&self, file: &str, bytes: &[u8]) -> Result<(), TufError> {
        let pin = |field, pinned: String, found: String| {
            Err(TufError::Pin {
                file: file.to_owned(),
                field,
                pinned,
                found,
            })
        };
        if self.length != bytes.len() as u64 {
            return pin("length", self.length.to_string(), bytes.len().to_string());
        }
        let found = tlog::sha256(bytes);
        if self.hashes.sha256 != found {
            return pin("sha256", self.hashes.sha256.to_hex(), found.to_hex());
        }
        Ok(())
    }

    /// Checks the version inside the file.
    pub fn check_version(&self, file: &str, found: u64) -> Result<(), TufError> {
        if self.version == found {
            return Ok(());
        }
        Err(TufError::Pin {
            file: file.to_owned(),
            field: "version",
            pinned: self.version.to_string(),
            found: found.to_string(),
        })
    }
}

/// Names every targets file of one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    #[serde(rename = "_type")]
    type_name: String,
    spec_version: String,
    version: u64,
    expires: Expires,
    meta: BTreeMap<String, MetaFile>,
    #[serde(flatten)]
    extra: BTreeMap<String, Value>,
}

impl Snapshot {
    /// Names the targets files: (role, version, bytes), `targets` among them.
    pub fn build(
        version: u64,
        expires: Expires,
        files: &[(&str, u64, &[u8])],
    ) -> Result<Signed<Snapshot>, TufError> {
        let meta = files
            .iter()
            .map(|(role, version, bytes)| (format!("{role}.json"), MetaFile::of(*version, bytes)))
            .collect();
        Signed::new(Snapshot {
            type_name: Snapshot::TYPE.to_owned(),
            spec_version: SPEC_VERSION.to_owned(),
            version,
            expires,
            meta,
            extra: BTreeMap::new(),
        })
    }

    /// The version.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// When it stops counting.
    pub fn expires(&self) -> Expires {
        self.expires
    }

    /// What is said about a role's file.
    pub fn role(&self, role: &str) -> Result<&MetaFile, TufError> {
        let file = format!("{role}.json");
        self.meta.get(&file).ok_or(TufError::NotPinned {
            parent: Snapshot::TYPE,
            file,
        })
    }
}

impl Metadata for Snapshot {
    const TYPE: &'static str = "snapshot";
    const BYTES_MAX: usize = SNAPSHOT_BYTES_MAX;

    fn header(&self) -> Header<'_> {
        Header {
            type_name: &self.type_name,
            spec_version: &self.spec_version,
            version: self.version,
            expires: self.expires,
        }
    }

    fn check(&self) -> Result<(), TufError> {
        let count = self.meta.len();
        if count > META_FILES_MAX {
            return Err(TufError::TooMany {
                field: "meta",
                count,
                max: META_FILES_MAX,
            });
        }
        for (file, meta) in &self.meta {
            let role = file.strip_suffix(".json").unwrap_or_default();
            if !is_part(role) || matches!(role, "root" | "snapshot" | "timestamp") {
                return Err(TufError::Field {
                    field: "meta",
                    value: file.chars().take(120).collect(),
                    reason: "must name targets files only, as <role>.json",
                });
            }
            check_version(meta.version)?;
        }
        self.role("targets").map(|_| ())
    }
}

/// Names the newest snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timestamp {
    #[serde(rename = "_type")]
    type_name: String,
    spec_version: String,
    version: u64,
    expires: Expires,
    meta: OnlySnapshot,
    /// Ours: the list of withdrawals at this moment, which may be empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    withdrawals: Option<ListFile>,
    #[serde(flatten)]
    extra: BTreeMap<String, Value>,
}

/// The list of withdrawals as a timestamp names it, so that a mirror cannot serve a shorter one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListFile {
    hashes: Hashes,
    length: u64,
}

impl ListFile {
    /// Names these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let sha256 = tlog::sha256(bytes);
        Self {
            hashes: Hashes { sha256 },
            length: bytes.len() as u64,
        }
    }

    /// Size in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// SHA-256 of the list.
    pub fn sha256(&self) -> &Hash {
        &self.hashes.sha256
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OnlySnapshot {
    #[serde(rename = "snapshot.json")]
    snapshot: MetaFile,
}

impl Timestamp {
    /// Names a snapshot by its version and bytes.
    pub fn build(
        version: u64,
        expires: Expires,
        snapshot_version: u64,
        snapshot: &[u8],
    ) -> Result<Signed<Timestamp>, TufError> {
        Signed::new(Timestamp {
            type_name: Timestamp::TYPE.to_owned(),
            spec_version: SPEC_VERSION.to_owned(),
            version,
            expires,
            meta: OnlySnapshot {
                snapshot: MetaFile::of(snapshot_version, snapshot),
            },
            withdrawals: None,
            extra: BTreeMap::new(),
        })
    }

    /// The same, and names a list of withdrawals.
    pub fn with_withdrawals(
        version: u64,
        expires: Expires,
        (snapshot_version, snapshot): (u64, &[u8]),
        withdrawals: &[u8],
    ) -> Result<Signed<Timestamp>, TufError> {
        let plain = Self::build(version, expires, snapshot_version, snapshot)?;
        Signed::new(Timestamp {
            withdrawals: Some(ListFile::of(withdrawals)),
            ..plain.signed().clone()
        })
    }

    /// The version.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// When it stops counting.
    pub fn expires(&self) -> Expires {
        self.expires
    }

    /// The list of withdrawals that is named, if one is.
    pub fn withdrawals(&self) -> Option<&ListFile> {
        self.withdrawals.as_ref()
    }

    /// What is said about the snapshot.
    pub fn snapshot(&self) -> &MetaFile {
        &self.meta.snapshot
    }
}

impl Metadata for Timestamp {
    const TYPE: &'static str = "timestamp";
    const BYTES_MAX: usize = TIMESTAMP_BYTES_MAX;

    fn header(&self) -> Header<'_> {
        Header {
            type_name: &self.type_name,
            spec_version: &self.spec_version,
            version: self.version,
            expires: self.expires,
        }
    }

    fn check(&self) -> Result<(), TufError> {
        check_version(self.meta.snapshot.version)
    }
}
