//! Why an endpoint says no, sorted by who has to act; each with the stable code of the named check.

use std::{io, path::Path, path::PathBuf};

use law::{BundleError, Code, Refusal};
use serve::ClientError;
use store::StoreError;

use crate::{step::Step, timeline::Fault, tuf_client::TufClientError};

/// Why nothing was installed or verified. What ran before still runs.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The law says no; its code is the code.
    #[error(transparent)]
    Law(#[from] Refusal),
    /// The TUF metadata or target is refused, or could not be had.
    #[error(transparent)]
    Tuf(#[from] TufClientError),
    /// Bytes that should be a bundle are not one.
    #[error("{what} is not a bundle; fetch it again from where the file came from")]
    Bundle {
        /// Which bundle.
        what: String,
        /// What is wrong with it.
        #[source]
        source: BundleError,
    },
    /// The list of withdrawals is not one.
    #[error(
        "withdrawals/index.json is refused at `{value}`: {reason}; ask who runs the repository"
    )]
    WithdrawalsIndex {
        /// What was found, cut to 80 characters.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The list of withdrawals that the signed timestamp names is not served.
    #[error("{value} is refused: {reason}; a withdrawal may be hidden here, use another mirror")]
    WithdrawalsHidden {
        /// Which file.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The repository did not give a file.
    #[error("the repository gave no {what}; the update can be tried again")]
    Http {
        /// Which file.
        what: String,
        /// Why.
        #[source]
        source: ClientError,
    },
    /// A file of the endpoint's own is damaged.
    #[error("{} is damaged at `{field}`; restore it, or remove {} and update again", path.display(), path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        field: String,
    },
    /// The disk refused.
    #[error("nothing was changed on disk that a later update cannot complete")]
    Store(#[from] StoreError),
    /// A file cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Rings are ascending percentages from 1 to 99.
    #[error("rings are ascending percentages from 1 to 99; {percent} is out of place")]
    Rings {
        /// The one that is wrong.
        percent: u64,
    },
    /// The number that decides about rings could not be drawn.
    #[error("no number could be drawn for this installation")]
    Random(#[source] keys::KeyError),
    /// Comparing with what was seen before, or by others, found a fault.
    #[error(
        "{fault}; the proof is in {}: show it to the other parties of the constitution. Nothing is installed until a person has looked at it and says: limpid endpoint timeline --settle {} --reason WHY", dir.join(fault.first_evidence()).display(), fault.id
    )]
    Fault {
        /// What was found.
        fault: Box<Fault>,
        /// The endpoint's directory.
        dir: PathBuf,
    },
    /// A fault was found before, and nobody has settled it.
    #[error(
        "{fault}; this is not settled, so nothing is installed. The proof is in {}; a person who has looked at it says: limpid endpoint timeline --settle {} --reason WHY", dir.join(fault.first_evidence()).display(), fault.id
    )]
    Unsettled {
        /// What was found.
        fault: Box<Fault>,
        /// The endpoint's directory.
        dir: PathBuf,
    },
    /// There is no fault of this name.
    #[error("there is no fault {id}; `limpid endpoint timeline` lists those that were found")]
    NoFault {
        /// The name that was given.
        id: String,
    },
    /// More places to compare with than are asked.
    #[error(
        "{count} places to compare with are configured; at most {} are asked",
        crate::limits::PLACES_MAX
    )]
    Places {
        /// How many.
        count: usize,
    },
    /// A reason for settling a fault is one short line.
    #[error(
        "a reason has 1 to {} bytes and no control characters",
        crate::limits::REASON_BYTES_MAX
    )]
    Reason,
    /// The caller stopped the update.
    #[error("stopped after step `{after}`; the update can be tried again")]
    Stopped {
        /// The last step that was done.
        after: Step,
    },
}

impl EndpointError {
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }

    /// The stable name of the check that did not hold.
    pub fn code(&self) -> &str {
        match self {
            Self::Law(refusal) => refusal.code().as_str(),
            Self::Tuf(error) => tuf_code(error),
            Self::Bundle { .. } => "bundle.malformed",
            Self::WithdrawalsIndex { .. } => "withdrawals.malformed",
            Self::WithdrawalsHidden { .. } => "withdrawals.hidden",
            Self::Http {
                source: ClientError::TooLarge { .. },
                ..
            } => TOO_LONG,
            Self::Http { .. } => "http",
            Self::Damaged { .. } => "state.damaged",
            Self::Store(_) | Self::Io { .. } => "io",
            Self::Rings { .. } => "config.rings",
            Self::Random(_) => "io",
            Self::Fault { fault, .. } => fault.code(),
            Self::Unsettled { .. } => "timeline.unsettled",
            Self::NoFault { .. } => "timeline.no_fault",
            Self::Reason => "timeline.reason",
            Self::Places { .. } => "config.gossip",
            Self::Stopped { .. } => "stopped",
        }
    }

    /// What a program answers: 1 when evidence was judged and refused, 2 when it could not be judged
    /// (a missing file, bytes that are no bundle, no network). Both mean: do not trust the file.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Law(_)
            | Self::WithdrawalsHidden { .. }
            | Self::Fault { .. }
            | Self::Unsettled { .. } => 1,
            Self::Tuf(
                TufClientError::Fetch { .. }
                | TufClientError::Memory(_)
                | TufClientError::MemoryDamaged { .. }
                | TufClientError::Clock { .. },
            ) => 2,
            Self::Tuf(_) => 1,
            _ => 2,
        }
    }
}

/// A download did not end at its limit; nothing of it was used.
const TOO_LONG: &str = "download.too_long";

const fn tuf_code(error: &TufClientError) -> &'static str {
    match error {
        TufClientError::Rollback { .. } => "tuf.rollback",
        TufClientError::FastForward { .. } => "tuf.fast_forward",
        TufClientError::Expired { .. } => "tuf.expired",
        TufClientError::Threshold { .. } => "tuf.threshold",
        TufClientError::NotFound { .. } => "tuf.not_found",
        TufClientError::Integrity { .. } => "tuf.integrity",
        TufClientError::RootNotAllowed { .. } => Code::TufRoot.as_str(),
        TufClientError::TooManyRoots => "tuf.too_many_roots",
        TufClientError::Malformed { .. } => "tuf.malformed",
        TufClientError::TargetTooLarge { .. } => "artifact.too_long",
        TufClientError::Fetch {
            source: ClientError::TooLarge { .. },
            ..
        } => TOO_LONG,
        TufClientError::Fetch { .. } => "http",
        TufClientError::Memory(_) => "io",
        TufClientError::MemoryDamaged { .. } => "state.damaged",
        TufClientError::Clock { .. } => "clock",
    }
}
