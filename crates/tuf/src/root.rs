//! `root.json`: the keys and thresholds of the four top-level roles (spec section 4.3).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::TufError;
use crate::expires::Expires;
use crate::key::{Key, KeyId, check_keys};
use crate::limits::ROOT_BYTES_MAX;
use crate::role::{Authority, RoleKeys, VerifiedSigners};
use crate::signed::{Header, Metadata, SPEC_VERSION, Signed};

/// One of the four roles that a root names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopRole {
    /// Signs the next root.
    Root,
    /// Signs the top-level targets, which only delegates.
    Targets,
    /// Signs which versions belong together.
    Snapshot,
    /// Signs what is newest.
    Timestamp,
}

impl TopRole {
    /// The role's name in metadata.
    pub fn as_str(self) -> &'static str {
        match self {
            TopRole::Root => "root",
            TopRole::Targets => "targets",
            TopRole::Snapshot => "snapshot",
            TopRole::Timestamp => "timestamp",
        }
    }

    /// True for the names that no delegated role may take.
    pub fn is_name(name: &str) -> bool {
        matches!(name, "root" | "targets" | "snapshot" | "timestamp")
    }
}

/// Keys and threshold of one role, to build a root or a delegation from.
#[derive(Clone, Debug)]
pub struct Seats {
    /// The keys that may sign.
    pub keys: Vec<Key>,
    /// How many of them must.
    pub threshold: u32,
}

/// What a root is built from.
#[derive(Clone, Debug)]
pub struct RootPlan {
    /// From 1, each root one higher than the one before.
    pub version: u64,
    /// When it stops counting.
    pub expires: Expires,
    /// Who signs the next root.
    pub root: Seats,
    /// Who signs the top-level targets.
    pub targets: Seats,
    /// Who signs snapshots.
    pub snapshot: Seats,
    /// Who signs timestamps.
    pub timestamp: Seats,
}

/// The root of trust of the repository, itself named by the constitution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    #[serde(rename = "_type")]
    type_name: String,
    spec_version: String,
    version: u64,
    expires: Expires,
    consistent_snapshot: bool,
    keys: BTreeMap<KeyId, Key>,
    roles: Roles,
    #[serde(flatten)]
    extra: BTreeMap<String, Value>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Roles {
    root: RoleKeys,
    snapshot: RoleKeys,
    targets: RoleKeys,
    timestamp: RoleKeys,
}

impl Root {
    /// Builds a root; refuses what [`Signed::parse`] would refuse.
    pub fn build(plan: &RootPlan) -> Result<Signed<Root>, TufError> {
        let seats = [&plan.root, &plan.targets, &plan.snapshot, &plan.timestamp];
        let keys = seats
            .iter()
            .flat_map(|s| &s.keys)
            .map(|key| (key.id(), key.clone()))
            .collect();
        let role = |seats: &Seats| RoleKeys::new(&seats.keys, seats.threshold);
        Signed::new(Root {
            type_name: Root::TYPE.to_owned(),
            spec_version: SPEC_VERSION.to_owned(),
            version: plan.version,
            expires: plan.expires,
            consistent_snapshot: true,
            keys,
            roles: Roles {
                root: role(&plan.root),
                snapshot: role(&plan.snapshot),
                targets: role(&plan.targets),
                timestamp: role(&plan.timestamp),
            },
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

    /// Who may sign a top-level role.
    pub fn authority(&self, role: TopRole) -> Result<Authority, TufError> {
        let seats = match role {
            TopRole::Root => &self.roles.root,
            TopRole::Targets => &self.roles.targets,
            TopRole::Snapshot => &self.roles.snapshot,
            TopRole::Timestamp => &self.roles.timestamp,
        };
        Authority::new(role.as_str(), seats.keyids(), seats.threshold(), &self.keys)
    }
}

impl Metadata for Root {
    const TYPE: &'static str = "root";
    const BYTES_MAX: usize = ROOT_BYTES_MAX;

    fn header(&self) -> Header<'_> {
        Header {
            type_name: &self.type_name,
            spec_version: &self.spec_version,
            version: self.version,
            expires: self.expires,
        }
    }

    fn check(&self) -> Result<(), TufError> {
        if !self.consistent_snapshot {
            return Err(TufError::Field {
                field: "consistent_snapshot",
                value: "false".to_owned(),
                reason: "must be true: file names carry versions and digests",
            });
        }
        check_keys(&self.keys)?;
        for role in [
            TopRole::Root,
            TopRole::Targets,
            TopRole::Snapshot,
            TopRole::Timestamp,
        ] {
            self.authority(role)?;
        }
        Ok(())
    }
}

/// Verifies a first root by its own threshold. That it is the right one is not in its bytes:
/// its digest must come from the constitution.
pub fn verify_first_root(bytes: &[u8]) -> Result<(Signed<Root>, VerifiedSigners), TufError> {
    let root = Signed::<Root>::parse(bytes)?;
    let signers = root.signed().authority(TopRole::Root)?.verify(&root)?;
    Ok((root, signers))
}

/// Verifies a root that something above both roots names, so that the keys of `trusted` need not have
/// signed it: version one higher, and its own threshold. Who calls this says what names it.
pub fn verify_named_root(trusted: &Root, bytes: &[u8]) -> Result<Signed<Root>, TufError> {
    let (next, _) = verify_first_root(bytes)?;
    if trusted.version.checked_add(1) != Some(next.signed().version) {
        return Err(TufError::RootVersion {
            trusted: trusted.version,
            found: next.signed().version,
        });
    }
    Ok(next)
}

/// Verifies the root after `trusted`: version one higher, and the thresholds of both
/// (spec section 5.3.4 and 5.3.5). Expiry is not looked at: a newer one may follow.
pub fn verify_next_root(trusted: &Root, bytes: &[u8]) -> Result<Signed<Root>, TufError> {
    let next = Signed::<Root>::parse(bytes)?;
    if trusted.version.checked_add(1) != Some(next.signed().version) {
        return Err(TufError::RootVersion {
            trusted: trusted.version,
            found: next.signed().version,
        });
    }
    trusted.authority(TopRole::Root)?.verify(&next)?;
    next.signed().authority(TopRole::Root)?.verify(&next)?;
    Ok(next)
}
