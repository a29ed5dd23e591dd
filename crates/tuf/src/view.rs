//! One consistent view of a repository: five files that name each other, each signed by enough
//! keys. The *workflow* (what to fetch, rollback, recovery) is the client library's; this is the
//! same judgement a second time, with strict Ed25519 and distinct raw keys, for endpoint and audit.

use crate::error::TufError;
use crate::expires::Expires;
use crate::path::TargetRole;
use crate::role::{VerifiedSigners, verify_role};
use crate::root::{Root, TopRole};
use crate::signed::{Metadata, Signed};
use crate::snapshot::{Snapshot, Timestamp};
use crate::targets::Targets;

/// Files of one moment, as published.
#[derive(Clone, Copy, Debug)]
pub struct Files<'a> {
    /// `timestamp.json`.
    pub timestamp: &'a [u8],
    /// `<n>.snapshot.json`.
    pub snapshot: &'a [u8],
    /// `<n>.targets.json`.
    pub targets: &'a [u8],
    /// `<n>.<role>.json` of the delegated role.
    pub delegated: &'a [u8],
}

/// A verified view of one delegated role. Only [`verify_view`] makes one.
#[derive(Clone, Debug)]
pub struct VerifiedView {
    timestamp: Signed<Timestamp>,
    snapshot: Signed<Snapshot>,
    top_level: Signed<Targets>,
    delegated: Signed<Targets>,
    signers: VerifiedSigners,
}

impl VerifiedView {
    /// The timestamp.
    pub fn timestamp(&self) -> &Timestamp {
        self.timestamp.signed()
    }

    /// The snapshot.
    pub fn snapshot(&self) -> &Snapshot {
        self.snapshot.signed()
    }

    /// The top-level targets file, which only delegates.
    pub fn top_level(&self) -> &Targets {
        self.top_level.signed()
    }

    /// The delegated file, which lists the targets.
    pub fn delegated(&self) -> &Targets {
        self.delegated.signed()
    }

    /// The keys that signed the delegated file.
    pub fn signers(&self) -> &VerifiedSigners {
        &self.signers
    }
}

/// Verifies the files under a root that is already trusted, at `now` (POSIX seconds).
pub fn verify_view(
    root: &Root,
    role: TargetRole,
    files: Files<'_>,
    now: u64,
) -> Result<VerifiedView, TufError> {
    check_fresh(root, now)?;
    let authority = root.authority(TopRole::Timestamp)?;
    let (timestamp, _) = verify_role::<Timestamp>(&authority, files.timestamp)?;
    check_fresh(timestamp.signed(), now)?;

    let pin = timestamp.signed().snapshot();
    pin.check_bytes("snapshot.json", files.snapshot)?;
    let authority = root.authority(TopRole::Snapshot)?;
    let (snapshot, _) = verify_role::<Snapshot>(&authority, files.snapshot)?;
    pin.check_version("snapshot.json", snapshot.signed().version())?;
    check_fresh(snapshot.signed(), now)?;

    let pin = snapshot.signed().role("targets")?;
    pin.check_bytes("targets.json", files.targets)?;
    let authority = root.authority(TopRole::Targets)?;
    let (top_level, _) = verify_role::<Targets>(&authority, files.targets)?;
    pin.check_version("targets.json", top_level.signed().version())?;
    check_fresh(top_level.signed(), now)?;
    top_level.signed().check_top_level()?;

    let file = format!("{role}.json");
    let pin = snapshot.signed().role(role.as_str())?;
    pin.check_bytes(&file, files.delegated)?;
    let not_delegated = || TufError::NotDelegated {
        role: role.to_string(),
    };
    let delegations = top_level.signed().delegations().ok_or_else(not_delegated)?;
    let authority = delegations.authority(role.as_str())?;
    let (delegated, signers) = verify_role::<Targets>(&authority, files.delegated)?;
    pin.check_version(&file, delegated.signed().version())?;
    check_expiry(role.as_str(), delegated.signed().expires(), now)?;
    delegated.signed().check_delegated(role)?;
    Ok(VerifiedView {
        timestamp,
        snapshot,
        top_level,
        delegated,
        signers,
    })
}

fn check_fresh<T: Metadata>(metadata: &T, now: u64) -> Result<(), TufError> {
    check_expiry(T::TYPE, metadata.header().expires, now)
}

fn check_expiry(role: &str, expires: Expires, now: u64) -> Result<(), TufError> {
    if expires.is_past(now) {
        return Err(TufError::Expired {
            role: role.to_owned(),
            expires,
        });
    }
    Ok(())
}
