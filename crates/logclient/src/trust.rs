//! Whom a reader of a log believes, and what a checkpoint is worth to that reader.

use tlog::{
    Checkpoint, Note, NoteError, Origin, ParseError, Policy, PolicyError, Verified, VerifierKey,
    open_checkpoint, open_witnessed,
};

/// Whose signatures a reader asks for.
#[derive(Debug, Clone)]
pub enum Trust {
    /// Nobody's: files are compared with each other and with what the checkpoint claims.
    Nobody,
    /// A key of the log must have signed.
    Log(Vec<VerifierKey>),
    /// The log and a quorum of witnesses must have signed (C2SP tlog-policy).
    Policy(Box<Policy>),
}

/// Whose signatures were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signed {
    /// Nobody asked.
    Unchecked,
    /// The log's: it may still show other entries to others.
    ByLog,
    /// And those of a quorum of witnesses.
    Witnessed {
        /// Key names of the witnesses that count.
        cosigners: Vec<String>,
        /// Median of their times, in POSIX seconds.
        median_time: u64,
    },
}

/// A checkpoint that is as good as the reader asked for.
#[derive(Debug, Clone)]
pub struct Opened {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The note, byte for byte.
    pub note: Vec<u8>,
    /// Who signed.
    pub signed: Signed,
}

/// Why a checkpoint is not good enough.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// It is no checkpoint.
    #[error("it is no checkpoint")]
    Malformed(#[source] ParseError),
    /// The log did not sign.
    #[error("it is not signed by the log")]
    Log(#[source] NoteError),
    /// The policy is not met.
    #[error("it does not satisfy the policy")]
    Policy(#[source] PolicyError),
}

impl Trust {
    /// Opens a checkpoint.
    ///
    /// # Errors
    /// [`TrustError`] when it is not as good as asked for.
    pub fn open(&self, note: &[u8]) -> Result<Opened, TrustError> {
        let opened = |checkpoint: &Checkpoint, signed| Opened {
            checkpoint: checkpoint.clone(),
            note: note.to_vec(),
            signed,
        };
        match self {
            Self::Nobody => Ok(opened(&claimed(note)?, Signed::Unchecked)),
            Self::Policy(policy) if policy.quorum().is_some() => {
                let witnessed = open_witnessed(note, policy).map_err(TrustError::Policy)?;
                let names = witnessed.cosigners().iter();
                let signed = Signed::Witnessed {
                    cosigners: names.map(|(name, _)| name.to_string()).collect(),
                    median_time: witnessed.median_time(),
                };
                Ok(opened(&witnessed, signed))
            }
            Self::Log(_) | Self::Policy(_) => {
                let verified = self.verified(note)?;
                Ok(opened(&verified, Signed::ByLog))
            }
        }
    }

    /// Opens a checkpoint by the log's signature alone.
    ///
    /// # Errors
    /// [`TrustError`], always under [`Trust::Nobody`].
    pub fn verified(&self, note: &[u8]) -> Result<Verified<Checkpoint>, TrustError> {
        let origin = claimed(note)?.origin().clone();
        open_checkpoint(note, &self.log_keys(&origin)).map_err(TrustError::Log)
    }

    /// Keys that speak for a log.
    pub fn log_keys(&self, origin: &Origin) -> Vec<VerifierKey> {
        match self {
            Self::Nobody => Vec::new(),
            Self::Log(keys) => keys.clone(),
            Self::Policy(policy) => policy.log_keys(origin).into_iter().cloned().collect(),
        }
    }
}

/// What a note claims, unverified.
///
/// # Errors
/// [`TrustError::Malformed`].
pub(crate) fn claimed(note: &[u8]) -> Result<Checkpoint, TrustError> {
    Note::parse(note)
        .and_then(|note| Checkpoint::parse(note.text()))
        .map_err(TrustError::Malformed)
}
