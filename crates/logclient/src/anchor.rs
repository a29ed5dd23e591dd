//! Trust that begins with the digest of a constitution, as everything of this project does.

use statement::{Envelope, Predicate, Statement, StatementDigest};
use tlog::{BundleId, Policy, PolicyError, bundle};

use crate::limits::NOTE_BYTES_MAX;
use crate::sources::{LogFiles, ReadError};
use crate::trust::{Trust, TrustError, claimed};

/// Why an anchor gives no policy.
#[derive(Debug, thiserror::Error)]
pub enum AnchorError {
    /// A file cannot be read.
    #[error("the beginning of the log cannot be read")]
    Read(#[source] ReadError),
    /// Its checkpoint is none.
    #[error("the checkpoint is refused")]
    Checkpoint(#[source] TrustError),
    /// No such constitution.
    #[error("the log does not begin with the constitution of the anchor; give --vkey or --policy")]
    NotFound,
    /// Its policy is none.
    #[error("the policy in the constitution is refused")]
    Policy(#[source] PolicyError),
}

impl Trust {
    /// The policy of the first constitution, which is among the first entries of a log and is known by its digest.
    /// After a change of log or witness keys a checkpoint no longer satisfies it; then the policy has to be given.
    ///
    /// # Errors
    /// [`AnchorError`].
    pub fn under_anchor(files: &LogFiles, anchor: StatementDigest) -> Result<Self, AnchorError> {
        let note = files.read("checkpoint", NOTE_BYTES_MAX);
        let note = note.map_err(AnchorError::Read)?.unwrap_or_default();
        let size = claimed(&note).map_err(AnchorError::Checkpoint)?.size();
        let width = u16::try_from(size.min(256)).unwrap_or(256);
        let id = BundleId::new(0, width).map_err(|_| AnchorError::NotFound)?;
        let found = files.bundle(id).map_err(AnchorError::Read)?;
        let (served, bytes) = found.ok_or(AnchorError::NotFound)?;
        let entries = bundle::parse(&bytes, served.width()).map_err(|_| AnchorError::NotFound)?;
        for entry in entries {
            let Ok(envelope) = Envelope::parse(entry) else {
                continue;
            };
            if envelope.digest() != anchor {
                continue;
            }
            if let Ok(Statement {
                predicate: Predicate::Constitution(constitution),
                ..
            }) = Statement::parse(envelope.payload())
            {
                let policy =
                    Policy::parse(&constitution.tlog_policy).map_err(AnchorError::Policy)?;
                return Ok(Self::Policy(Box::new(policy)));
            }
        }
        Err(AnchorError::NotFound)
    }
}
