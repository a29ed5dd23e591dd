//! The signer's diff: everything that differs between the newest logged version of a targets
//! file and the one that somebody asks to be signed.
//!
//! A signer goes through the list and refuses unless each change is housekeeping or the effect of
//! an included `release` or `withdrawal`. So the list must be complete: [`diff`] takes the file
//! apart by a pattern without `..`, and a field that is added one day does not compile until it
//! is compared. Fields this crate does not know are kept and compared like the others.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use crate::delegation::Delegations;
use crate::expires::Expires;
use crate::path::TargetPath;
use crate::targets::{TargetFile, Targets};

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A target that was not listed before.
    Added {
        /// Its path.
        path: TargetPath,
        /// What is said about it.
        target: Box<TargetFile>,
    },
    /// A target that is no longer listed.
    Removed {
        /// Its path.
        path: TargetPath,
        /// What was said about it.
        target: Box<TargetFile>,
    },
    /// Something about a target is different: digest, length, release, any field.
    Replaced {
        /// Its path.
        path: TargetPath,
        /// What was said about it.
        old: Box<TargetFile>,
        /// What is said now.
        new: Box<TargetFile>,
    },
    /// The version is one higher, or 1 when there was none. Housekeeping.
    VersionAdvanced {
        /// The new version.
        new: u64,
    },
    /// The version is anything else, the same one included.
    VersionNotConsecutive {
        /// The version before; none if there was no file.
        old: Option<u64>,
        /// The version asked for.
        new: u64,
    },
    /// The expiry is another one. [`diff`] does not judge it; [`review`] does.
    ExpiryMoved {
        /// The expiry before.
        old: Option<Expires>,
        /// The expiry asked for.
        new: Expires,
    },
    /// The expiry is past, or further away than the role's policy allows.
    ExpiryOutOfPolicy {
        /// The expiry asked for.
        new: Expires,
        /// The latest that the policy allows, POSIX seconds.
        latest: u64,
    },
    /// Delegated roles, their keys, thresholds, patterns or order are different.
    DelegationsChanged {
        /// The delegations before.
        old: Option<Box<Delegations>>,
        /// The delegations asked for.
        new: Option<Box<Delegations>>,
    },
    /// Any other field is different, known to this crate or not.
    FieldChanged {
        /// Its name.
        field: String,
        /// Its value before.
        old: Option<Value>,
        /// Its value now.
        new: Option<Value>,
    },
}

impl Change {
    /// True for what every new version brings and nobody needs to justify.
    pub fn is_housekeeping(&self) -> bool {
        matches!(
            self,
            Change::VersionAdvanced { .. } | Change::ExpiryMoved { .. }
        )
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Added { path, target } => {
                write!(f, "added {path} (sha256 {})", target.sha256().to_hex())
            }
            Change::Removed { path, .. } => write!(f, "removed {path}"),
            Change::Replaced { path, old, new } => write!(
                f,
                "replaced {path} (sha256 {} by {})",
                old.sha256().to_hex(),
                new.sha256().to_hex()
            ),
            Change::VersionAdvanced { new } => write!(f, "version is now {new}"),
            Change::VersionNotConsecutive { old: None, new } => {
                write!(f, "version {new} is asked for, and there was none before")
            }
            Change::VersionNotConsecutive {
                old: Some(old),
                new,
            } => {
                write!(f, "version {new} does not follow {old}")
            }
            Change::ExpiryMoved { new, .. } => write!(f, "expires {new}"),
            Change::ExpiryOutOfPolicy { new, latest } => {
                write!(
                    f,
                    "expiry {new} is past or later than {latest} (POSIX seconds)"
                )
            }
            Change::DelegationsChanged { .. } => f.write_str("delegations changed"),
            Change::FieldChanged { field, .. } => write!(f, "field {field} changed"),
        }
    }
}

/// Lists everything that differs. `None` = there was no version before.
pub fn diff(old: Option<&Targets>, new: &Targets) -> Vec<Change> {
    // `_type` is checked at parsing: it has one value.
    let Targets {
        type_name: _,
        spec_version,
        version,
        expires,
        targets,
        delegations,
        extra,
    } = new;
    let mut changes = vec![version_change(old.map(|o| o.version), *version)];
    if old.map(|o| o.expires) != Some(*expires) {
        changes.push(Change::ExpiryMoved {
            old: old.map(|o| o.expires),
            new: *expires,
        });
    }
    let nothing = BTreeMap::new();
    changes.extend(target_changes(
        old.map_or(&nothing, |o| &o.targets),
        targets,
    ));
    let old_delegations = old.and_then(|o| o.delegations.as_ref());
    if old_delegations != delegations.as_ref() {
        changes.push(Change::DelegationsChanged {
            old: old_delegations.cloned().map(Box::new),
            new: delegations.clone().map(Box::new),
        });
    }
    if let Some(old) = old.filter(|o| o.spec_version != *spec_version) {
        changes.push(Change::FieldChanged {
            field: "spec_version".to_owned(),
            old: Some(old.spec_version.clone().into()),
            new: Some(spec_version.clone().into()),
        });
    }
    let nothing = BTreeMap::new();
    changes.extend(field_changes(old.map_or(&nothing, |o| &o.extra), extra));
    changes
}

/// How far away an expiry may be.
#[derive(Clone, Copy, Debug)]
pub struct ExpiryPolicy {
    /// The signer's time, POSIX seconds.
    pub now: u64,
    /// The longest life of the role's metadata in seconds; see [`crate::limits`].
    pub lifetime_s_max: u64,
}

/// [`diff`], with the expiry judged: it must lie in the future and within the policy, moved or not.
pub fn review(old: Option<&Targets>, new: &Targets, policy: ExpiryPolicy) -> Vec<Change> {
    let mut changes = diff(old, new);
    let latest = policy.now.saturating_add(policy.lifetime_s_max);
    if new.expires.is_past(policy.now) || new.expires.posix() > latest {
        changes.retain(|change| !matches!(change, Change::ExpiryMoved { .. }));
        changes.push(Change::ExpiryOutOfPolicy {
            new: new.expires,
            latest,
        });
    }
    changes
}

fn version_change(old: Option<u64>, new: u64) -> Change {
    if old.unwrap_or(0).checked_add(1) == Some(new) {
        Change::VersionAdvanced { new }
    } else {
        Change::VersionNotConsecutive { old, new }
    }
}

fn target_changes(
    old: &BTreeMap<TargetPath, TargetFile>,
    new: &BTreeMap<TargetPath, TargetFile>,
) -> Vec<Change> {
    let paths: BTreeSet<&TargetPath> = old.keys().chain(new.keys()).collect();
    let change = |path: &TargetPath| match (old.get(path), new.get(path)) {
        (None, Some(new)) => Some(Change::Added {
            path: path.clone(),
            target: Box::new(new.clone()),
        }),
        (Some(old), None) => Some(Change::Removed {
            path: path.clone(),
            target: Box::new(old.clone()),
        }),
        (Some(old), Some(new)) if old != new => Some(Change::Replaced {
            path: path.clone(),
            old: Box::new(old.clone()),
            new: Box::new(new.clone()),
        }),
        _ => None,
    };
    paths.into_iter().filter_map(change).collect()
}

fn field_changes(old: &BTreeMap<String, Value>, new: &BTreeMap<String, Value>) -> Vec<Change> {
    let fields: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    fields
        .into_iter()
        .filter(|field| old.get(*field) != new.get(*field))
        .map(|field| Change::FieldChanged {
            field: field.clone(),
            old: old.get(field).cloned(),
            new: new.get(field).cloned(),
        })
        .collect()
}
