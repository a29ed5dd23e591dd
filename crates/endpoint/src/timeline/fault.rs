//! What this endpoint found against others by comparing, and can prove to anybody.

use std::fmt;

use serde::{Deserialize, Serialize};
use statement::FileDigest;
use tlog::{Checkpoint, Fork, sha256};

use super::excerpt::ShownPublication;
use crate::posix_time::rfc3339;

/// Size and root of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tree {
    /// Entries.
    pub size: u64,
    /// Root.
    pub root: FileDigest,
}

impl Tree {
    fn of(checkpoint: &Checkpoint) -> Self {
        Self {
            size: checkpoint.size(),
            root: FileDigest::new(*checkpoint.root()),
        }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// A log signed two trees of which neither begins with the other.
    TwoHistories {
        /// The log.
        origin: String,
        /// The smaller tree, or the one seen first.
        smaller: Tree,
        /// The larger one.
        larger: Tree,
    },
    /// Two publications of one version of a role stand.
    TwoPublications {
        /// TUF role.
        role: String,
        /// Version.
        version: u64,
        /// The metadata that this endpoint was shown.
        one: FileDigest,
        /// The metadata that somebody else was shown.
        other: FileDigest,
    },
}

/// A person looked at a fault and lets installs go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settlement {
    /// When, POSIX seconds by this endpoint's clock.
    pub at: u64,
    /// Why, in the person's words.
    pub reason: String,
}

/// A fault of a log or of the center, with the files that prove it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Its name here: twelve hexadecimal digits, the same whenever the same is found.
    pub id: String,
    /// What was found.
    pub what: FaultKind,
    /// Files below the endpoint's directory that prove it.
    pub evidence: Vec<String>,
    /// When it was found, POSIX seconds by this endpoint's clock.
    pub found_at: u64,
    /// How it was settled; until then nothing is installed.
    pub settled: Option<Settlement>,
}

impl Fault {
    /// The file to show to others; of two bundles, that of this endpoint's own side.
    pub(crate) fn first_evidence(&self) -> &str {
        self.evidence.first().map_or("evidence", String::as_str)
    }

    /// Whether both are about histories of one log.
    pub(crate) fn is_about_log_of(&self, other: &FaultKind) -> bool {
        match (&self.what, other) {
            (
                FaultKind::TwoHistories { origin: one, .. },
                FaultKind::TwoHistories { origin: other, .. },
            ) => one == other,
            _ => false,
        }
    }

    /// The stable name of the check that found it.
    pub const fn code(&self) -> &'static str {
        match self.what {
            FaultKind::TwoHistories { .. } => "timeline.fork",
            FaultKind::TwoPublications { .. } => "publication.fork",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            FaultKind::TwoHistories {
                origin,
                smaller,
                larger,
            } if smaller.size == larger.size => write!(
                f,
                "the log {origin} signed two trees of {} entries, with roots {} and {}",
                smaller.size,
                short(smaller.root),
                short(larger.root)
            ),
            FaultKind::TwoHistories {
                origin,
                smaller,
                larger,
            } => write!(
                f,
                "the log {origin} signed two histories: its tree of {} entries (root {}) does not begin \
                 with the tree of {} entries (root {}) that it signed too",
                larger.size,
                short(larger.root),
                smaller.size,
                short(smaller.root)
            ),
            FaultKind::TwoPublications {
                role,
                version,
                one,
                other,
            } => write!(
                f,
                "version {version} of role {role} was published twice: as {} here, as {} elsewhere",
                short(*one),
                short(*other)
            ),
        }?;
        match &self.settled {
            Some(settled) => {
                let at = rfc3339(settled.at);
                write!(f, "; settled at {at}: {}", settled.reason)
            }
            None => Ok(()),
        }
    }
}

/// A fault before it is written down, with its proof.
#[derive(Debug)]
pub(crate) enum Finding {
    Histories(Box<Fork>),
    Publications {
        role: String,
        version: u64,
        /// The digest seen here, and the bundle if it is still kept.
        one: (FileDigest, Option<Vec<u8>>),
        other: Box<ShownPublication>,
    },
}

impl From<Box<Fork>> for Finding {
    fn from(fork: Box<Fork>) -> Self {
        Self::Histories(fork)
    }
}

impl Finding {
    /// The fault and its evidence: names below the endpoint's directory, and bytes.
    pub(crate) fn write_up(self, now: u64) -> (Fault, Vec<(String, Vec<u8>)>) {
        let (what, id, evidence) = match self {
            Self::Histories(fork) => {
                let (smaller, larger) = (&**fork.smaller(), &**fork.larger());
                let id = name_of(&format!("{smaller}{larger}"));
                let what = FaultKind::TwoHistories {
                    origin: smaller.origin().to_string(),
                    smaller: Tree::of(smaller),
                    larger: Tree::of(larger),
                };
                let file = format!("evidence/{id}.fork");
                (what, id, vec![(file, fork.to_evidence().to_bytes())])
            }
            Self::Publications {
                role,
                version,
                one: (one, kept),
                other: shown,
            } => {
                let other = shown.metadata;
                let id = name_of(&format!("{role}\n{version}\n{one}\n{other}\n"));
                let here = kept.map(|bundle| (format!("evidence/{id}.here.bundle"), bundle));
                let elsewhere = (format!("evidence/{id}.elsewhere.bundle"), shown.bundle);
                let evidence = here.into_iter().chain([elsewhere]).collect();
                let what = FaultKind::TwoPublications {
                    role,
                    version,
                    one,
                    other,
                };
                (what, id, evidence)
            }
        };
        let fault = Fault {
            id,
            what,
            evidence: evidence.iter().map(|(name, _)| name.clone()).collect(),
            found_at: now,
            settled: None,
        };
        (fault, evidence)
    }
}

/// Whole digests are in the evidence and in the JSON.
fn short(digest: FileDigest) -> String {
    digest.to_string()[..12].to_owned()
}

fn name_of(text: &str) -> String {
    sha256(text.as_bytes()).to_hex()[..12].to_owned()
}
