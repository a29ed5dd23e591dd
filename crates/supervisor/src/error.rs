//! Why the room stopped or could not do something. A refusal is not an error: see [`crate::Refused`].

use crate::log_access::LogError;

/// Why the room could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    /// A condition of the law does not hold.
    #[error(transparent)]
    Law(#[from] law::Refusal),
    /// A log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The disk, or a file on it.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// A key file.
    #[error(transparent)]
    Key(#[from] keys::KeyError),
    /// A statement could not be made.
    #[error(transparent)]
    Statement(#[from] statement::StatementError),
    /// An envelope could not be made, or one that was kept is damaged.
    #[error(transparent)]
    Envelope(#[from] statement::EnvelopeError),
    /// The time cannot be written.
    #[error("this machine's clock shows a time that cannot be written; set it")]
    Clock(#[source] tuf::TufError),
    /// The HTTP shell.
    #[error(transparent)]
    Serve(#[from] serve::ServeError),
    /// The HTTP client could not be set up.
    #[error(transparent)]
    Client(#[from] serve::ClientError),
    /// Another candidate of this version was cosigned before: two would be two truths.
    #[error(
        "another candidate of `{role}` version {version} was cosigned ({kept}); publish that one, then make the next version"
    )]
    SecondCandidate {
        /// TUF role.
        role: String,
        /// Version.
        version: u64,
        /// The file that both signed; `GET /cosigned/{role}/{version}` gives it.
        kept: statement::FileDigest,
    },
    /// What was cosigned cannot be read back, so nothing more is cosigned.
    #[error("{} is damaged; restore it from a backup before cosigning", path.display())]
    MemoryDamaged {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The newest published file of a role is nowhere to be had, so nothing can be compared with it.
    #[error(
        "version {version} of `{role}` is published ({metadata}) but neither kept here nor served; restore it to the repository"
    )]
    PreviousLost {
        /// TUF role.
        role: String,
        /// Version.
        version: u64,
        /// Digest of the file.
        metadata: statement::FileDigest,
    },
}
