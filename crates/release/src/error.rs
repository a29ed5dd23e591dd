//! Why a verb of this room stopped.

use std::path::PathBuf;

use statement::StatementDigest;

use crate::log_access::LogError;

/// Why a verb of this room stopped. What was done so far stays; running the verb again goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// A condition of the law does not hold.
    #[error(transparent)]
    Law(#[from] law::Refusal),
    /// The center's log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The disk, or a file on it.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// A key file.
    #[error(transparent)]
    Key(#[from] keys::KeyError),
    /// TUF metadata.
    #[error(transparent)]
    Tuf(#[from] tuf::TufError),
    /// A bundle could not be made.
    #[error(transparent)]
    Bundle(#[from] law::BundleError),
    /// A statement could not be made.
    #[error(transparent)]
    Statement(#[from] statement::StatementError),
    /// An envelope could not be made.
    #[error(transparent)]
    Envelope(#[from] statement::EnvelopeError),
    /// The supervisor could not be asked.
    #[error("the supervisor at {url} could not be asked; run the verb again when it answers")]
    Supervisor {
        /// Where it was looked for.
        url: String,
        /// Why.
        #[source]
        source: serve::ClientError,
    },
    /// The supervisor's answer is not one.
    #[error("the supervisor's answer is wrong at `{field}`: `{value}`")]
    SupervisorAnswer {
        /// What is wrong.
        field: &'static str,
        /// What was found, cut to 80 characters.
        value: String,
    },
    /// The supervisor said no.
    #[error("the supervisor refuses {subject} [{code}]: {detail}")]
    Refused {
        /// Release, build or metadata role.
        subject: String,
        /// The condition that does not hold.
        code: String,
        /// What it saw.
        detail: String,
    },
    /// Nobody refused, but nothing came within the time.
    #[error("{what} of {subject} did not come within {waited_ms} ms; {last}")]
    Waited {
        /// What was waited for.
        what: &'static str,
        /// Build or release.
        subject: StatementDigest,
        /// How long.
        waited_ms: u64,
        /// What the law said last.
        last: String,
    },
    /// An older build is proposed without saying that this is meant.
    #[error(
        "build {build} was released before as seq {seq}; say that going back is meant (rollback), or propose another build"
    )]
    OlderBuild {
        /// The build.
        build: StatementDigest,
        /// Its newest number so far.
        seq: u64,
    },
    /// A file that the log names is not in the repository.
    #[error(
        "version {version} of `{role}` is published but {} does not hold it; restore that file from a mirror",
        path.display()
    )]
    FileLost {
        /// TUF role.
        role: &'static str,
        /// Version.
        version: u64,
        /// Where it should be.
        path: PathBuf,
    },
    /// An artifact is larger than this room takes.
    #[error("artifact of {bytes} bytes; at most {bytes_max} are taken (artifact_bytes_max)")]
    ArtifactTooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// The repository has no root or top-level `targets` yet.
    #[error("the repository is not initialised (`{missing}` is missing); run init first")]
    NotInitialised {
        /// What is missing.
        missing: &'static str,
    },
    /// No key file is configured for a role that has to be signed.
    #[error("no key is configured for TUF role `{role}` (keys.{role})")]
    NoKey {
        /// The role.
        role: &'static str,
    },
    /// The configured key may not sign this role by the root or delegation in use.
    #[error(
        "key {keyid} may not sign `{role}` by the metadata in use; configure the key that may (keys.{role})"
    )]
    NoSeat {
        /// The role.
        role: &'static str,
        /// Id of the configured key.
        keyid: String,
    },
    /// The root has to be made anew by its holders.
    #[error(
        "root version {version} ends {expires}; have its holders sign a new one, and the parties a constitution that names it"
    )]
    RootAgeing {
        /// Its version.
        version: u64,
        /// When it ends, UTC.
        expires: String,
    },
    /// Too many orders wait.
    #[error("{pending} orders wait; see why (release queue) before ordering more")]
    QueueFull {
        /// How many.
        pending: usize,
    },
    /// The queue of orders cannot be read.
    #[error("{} is damaged; restore it, or remove it and order again", path.display())]
    QueueDamaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// Somebody signed a root whose key belongs neither to it nor to the one before.
    #[error(
        "key {keyid} is a root key neither of this root nor of the one before; leave its copy out"
    )]
    RootSigner {
        /// Id of the key.
        keyid: String,
    },
    /// The metadata lacks the signatures it needs after cosigning.
    #[error("metadata of `{role}` is not signed by center and supervisor")]
    NotCosigned {
        /// The role.
        role: &'static str,
        /// Why.
        #[source]
        source: tuf::TufError,
    },
}

impl ReleaseError {
    /// The stable name of the check that said no, if one did.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Law(refusal) | Self::Log(LogError::Law(refusal)) => Some(refusal.code().as_str()),
            Self::Refused { code, .. } => Some(code),
            _ => None,
        }
    }
}
