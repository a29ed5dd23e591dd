//! Why a verb of conveyer or rebuilder stopped.

use std::path::PathBuf;

use logclient::LogClientError;
use statement::{PartyId, StatementDigest};

use crate::error::ConveyerError;

/// Why a verb stopped. What was done so far stays; running it again goes on from there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RoomError {
    /// A condition of the law does not hold.
    #[error(transparent)]
    Law(#[from] law::Refusal),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogClientError),
    /// Import, environment or build.
    #[error(transparent)]
    Conveyer(#[from] ConveyerError),
    /// The disk, or a file on it.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// A key file, or no randomness.
    #[error(transparent)]
    Key(#[from] keys::KeyError),
    /// A statement could not be made.
    #[error(transparent)]
    Statement(#[from] statement::StatementError),
    /// An envelope could not be made or read.
    #[error(transparent)]
    Envelope(#[from] statement::EnvelopeError),
    /// The HTTP client could not be set up.
    #[error(transparent)]
    Client(#[from] serve::ClientError),
    /// The HTTP shell of the daemon.
    #[error(transparent)]
    Serve(#[from] serve::ServeError),
    /// The log would refuse it.
    #[error(
        "the {what} has {bytes} bytes, the log takes blobs of at most {bytes_max} (blob_bytes_max)"
    )]
    BlobTooLarge {
        /// What it is.
        what: &'static str,
        /// Its size.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// An environment could not be fetched.
    #[error("an environment cannot be had")]
    Supply(#[from] crate::environment::SupplyError),
    /// A recipe names an environment that this party does not have.
    #[error(
        "the recipe's environment {name:?} is not known here; known are rust-host, busybox, and the \
         locks that the configuration names (environments.locks)"
    )]
    UnknownEnvironment {
        /// Its name.
        name: String,
    },
    /// The configuration names a rule that does not exist.
    #[error(transparent)]
    Rule(#[from] binary::UnknownRule),
    /// Too few rebuilders committed in time.
    #[error(
        "build {build}: {} of {needed} independent rebuilders committed within {waited_ms} ms ({}); \
         still missing: {}. Run it again when they did",
        committed.len(), listed(committed), listed(missing)
    )]
    TooFewCommitments {
        /// The build.
        build: StatementDigest,
        /// The constitution's floor.
        needed: u64,
        /// One party of each owner that committed.
        committed: Vec<PartyId>,
        /// Rebuilders of the roster that did not.
        missing: Vec<PartyId>,
        /// How long was waited.
        waited_ms: u64,
    },
    /// Somebody showed a result before enough parties had committed.
    #[error(
        "build {build} is spoilt: {party} showed a result at entry {index}, before everybody needed had \
         committed; import a source with another version to get a new build"
    )]
    RevealedEarly {
        /// The build.
        build: StatementDigest,
        /// Who.
        party: PartyId,
        /// Where.
        index: u64,
    },
    /// What was waited for did not come.
    #[error("{what} of build {build} did not come within {waited_ms} ms; {last}")]
    Waited {
        /// What was waited for.
        what: &'static str,
        /// The build.
        build: StatementDigest,
        /// How long.
        waited_ms: u64,
        /// What was missing last.
        last: String,
    },
    /// A file of kept results cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    Kept {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A kept result is not one.
    #[error("{} holds no result of ours; restore it from a copy, or remove it to build again", path.display())]
    KeptMalformed {
        /// The file.
        path: PathBuf,
    },
    /// Work beside the daemon ended badly; a defect of this program.
    #[error("a part of the daemon ended badly")]
    Ended(#[from] tokio::task::JoinError),
}

impl RoomError {
    /// The stable name of the check that said no, if one did.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Law(refusal) => Some(refusal.code().as_str()),
            Self::Log(error) => error.code(),
            _ => None,
        }
    }

    pub(super) fn kept(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Kept {
            action,
            path,
            source,
        }
    }

    /// Whether the log was not there, or had nothing to show yet: worth another try soon.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Log(LogClientError::Http { source, .. }) => source.is_transient(),
            Self::Log(LogClientError::Nothing { .. }) => true,
            _ => false,
        }
    }
}

fn listed(parties: &[PartyId]) -> String {
    if parties.is_empty() {
        return "nobody".to_owned();
    }
    let names: Vec<_> = parties.iter().map(PartyId::as_str).collect();
    names.join(", ")
}

/// An error with its causes, on one line.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let said = next.to_string();
        // A transparent error repeats its cause's words.
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        cause = next.source();
    }
    text
}
