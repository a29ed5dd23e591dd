//! `targets.json` and the delegated files `software.json` and `rules.json` (spec section 4.5).
//!
//! The top-level file only delegates; a delegated file only lists. Each target names the
//! `release` statement it is the effect of:
//!
//! ```text
//! "software/truename/stable/linux-x86_64/2/truename": {
//!   "custom": {"limpid": {"channel": "stable", "platform": "linux-x86_64",
//!              "product": "truename", "release": "<sha256 of the statement>", "seq": 2}},
//!   "hashes": {"sha256": "…"}, "length": 441640}
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tlog::Hash;

use crate::canonical::hex_hash;
use crate::delegation::Delegations;
use crate::error::TufError;
use crate::expires::Expires;
use crate::limits::{TARGETS_BYTES_MAX, TARGETS_MAX, VERSION_MAX};
use crate::path::{TargetPath, TargetRole};
use crate::root::Seats;
use crate::signed::{Header, Metadata, SPEC_VERSION, Signed};

/// A targets file, top-level or delegated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Targets {
    #[serde(rename = "_type")]
    pub(crate) type_name: String,
    pub(crate) spec_version: String,
    pub(crate) version: u64,
    pub(crate) expires: Expires,
    pub(crate) targets: BTreeMap<TargetPath, TargetFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) delegations: Option<Delegations>,
    #[serde(flatten)]
    pub(crate) extra: BTreeMap<String, Value>,
}

/// What a targets file says about one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetFile {
    length: u64,
    hashes: Hashes,
    custom: Custom,
    #[serde(flatten)]
    extra: BTreeMap<String, Value>,
}

/// The one digest that is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hashes {
    /// SHA-256.
    #[serde(with = "hex_hash")]
    pub sha256: Hash,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Custom {
    limpid: ReleaseName,
    #[serde(flatten)]
    extra: BTreeMap<String, Value>,
}

/// The release that a target is the effect of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseName {
    /// Digest of the `release` statement (SHA-256 of the DSSE payload).
    #[serde(with = "hex_hash")]
    pub release: Hash,
    /// The product.
    pub product: String,
    /// The channel.
    pub channel: String,
    /// The platform.
    pub platform: String,
    /// The release's number, from 1.
    pub seq: u64,
}

impl TargetFile {
    /// The entry for an artifact at `path`, made by the release statement `release`.
    pub fn new(path: &TargetPath, length: u64, sha256: Hash, release: Hash) -> Self {
        let limpid = ReleaseName {
            release,
            product: path.product().to_owned(),
            channel: path.channel().to_owned(),
            platform: path.platform().to_owned(),
            seq: path.seq(),
        };
        TargetFile {
            length,
            hashes: Hashes { sha256 },
            custom: Custom {
                limpid,
                extra: BTreeMap::new(),
            },
            extra: BTreeMap::new(),
        }
    }

    /// Size in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// SHA-256 of the artifact.
    pub fn sha256(&self) -> &Hash {
        &self.hashes.sha256
    }

    /// The release it is the effect of; always agrees with the target's path.
    pub fn release(&self) -> &ReleaseName {
        &self.custom.limpid
    }
}

impl Targets {
    /// The top-level file: it lists nothing and delegates to these roles, in this order.
    pub fn delegating(
        version: u64,
        expires: Expires,
        roles: &[(TargetRole, Seats)],
    ) -> Result<Signed<Targets>, TufError> {
        let delegations = Some(Delegations::build(roles)?);
        Signed::new(Targets::with(
            version,
            expires,
            BTreeMap::new(),
            delegations,
        ))
    }

    /// A delegated file: it lists targets and delegates nothing.
    pub fn listing(
        version: u64,
        expires: Expires,
        targets: BTreeMap<TargetPath, TargetFile>,
    ) -> Result<Signed<Targets>, TufError> {
        Signed::new(Targets::with(version, expires, targets, None))
    }

    fn with(
        version: u64,
        expires: Expires,
        targets: BTreeMap<TargetPath, TargetFile>,
        delegations: Option<Delegations>,
    ) -> Self {
        Targets {
            type_name: Targets::TYPE.to_owned(),
            spec_version: SPEC_VERSION.to_owned(),
            version,
            expires,
            targets,
            delegations,
            extra: BTreeMap::new(),
        }
    }

    /// The same content as another version with another expiry.
    pub fn renewed(&self, version: u64, expires: Expires) -> Result<Signed<Targets>, TufError> {
        Signed::new(Targets {
            version,
            expires,
            ..self.clone()
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

    /// The targets listed.
    pub fn targets(&self) -> &BTreeMap<TargetPath, TargetFile> {
        &self.targets
    }

    /// The delegations, if there are any.
    pub fn delegations(&self) -> Option<&Delegations> {
        self.delegations.as_ref()
    }

    /// Checks that this is a top-level file of ours: it lists nothing, and what it delegates is
    /// one or both of our roles, each for exactly its own paths.
    pub fn check_top_level(&self) -> Result<(), TufError> {
        if let Some(path) = self.targets.keys().next() {
            return Err(TufError::Field {
                field: "targets",
                value: path.to_string(),
                reason: "the top-level file only delegates; list it in the delegated role",
            });
        }
        for role in self.delegations.iter().flat_map(Delegations::roles) {
            let name = role.name().parse::<TargetRole>()?;
            if !role.is_exactly(name) {
                return Err(TufError::Field {
                    field: "paths",
                    value: name.to_string(),
                    reason: "a role is delegated its own paths only, and ends the search",
                });
            }
        }
        Ok(())
    }

    /// Checks that this is a file of the delegated role: delegates nothing, lists only its paths.
    pub fn check_delegated(&self, role: TargetRole) -> Result<(), TufError> {
        if self.delegations.is_some() {
            return Err(TufError::Field {
                field: "delegations",
                value: role.to_string(),
                reason: "a delegated role may not delegate further",
            });
        }
        match self.targets.keys().find(|path| path.role() != role) {
            None => Ok(()),
            Some(path) => Err(TufError::Field {
                field: "targets",
                value: path.to_string(),
                reason: "lies outside the paths of this role",
            }),
        }
    }
}

impl Metadata for Targets {
    const TYPE: &'static str = "targets";
    const BYTES_MAX: usize = TARGETS_BYTES_MAX;

    fn header(&self) -> Header<'_> {
        Header {
            type_name: &self.type_name,
            spec_version: &self.spec_version,
            version: self.version,
            expires: self.expires,
        }
    }

    fn check(&self) -> Result<(), TufError> {
        let count = self.targets.len();
        if count > TARGETS_MAX {
            return Err(TufError::TooMany {
                field: "targets",
                count,
                max: TARGETS_MAX,
            });
        }
        for (path, target) in &self.targets {
            check_target(path, target)?;
        }
        self.delegations.as_ref().map_or(Ok(()), Delegations::check)
    }
}

/// The release named in `custom` must be the one in the path.
fn check_target(path: &TargetPath, target: &TargetFile) -> Result<(), TufError> {
    let named = target.release();
    let agree = named.product == path.product()
        && named.channel == path.channel()
        && named.platform == path.platform()
        && named.seq == path.seq();
    if !agree {
        return Err(TufError::Field {
            field: "custom.limpid",
            value: path.to_string(),
            reason: "names another product, channel, platform or seq than the path",
        });
    }
    if target.length > VERSION_MAX {
        return Err(TufError::Field {
            field: "length",
            value: target.length.to_string(),
            reason: "is larger than any file",
        });
    }
    Ok(())
}
