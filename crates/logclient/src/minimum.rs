//! What a log announced that it serves no more (`spec/pruning.md`).
//!
//! ```text
//! GET <prefix>/minimum-index        a .tlog-proof whose `extra` is the entry that announces it
//! ```

use statement::{Envelope, EnvelopeError, Predicate, Statement, StatementError};
use tlog::{BundleId, Checkpoint, ParseError, ProofError, TileId, TlogProof, verify_inclusion};

use crate::trust::{Trust, TrustError, claimed};

/// Where a log's announcement is.
pub(crate) const MINIMUM_PATH: &str = "minimum-index";

/// An announcement that stands in the log: full files that end at `minimum` or below it may be absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Minimum {
    /// The first entry that stays.
    pub minimum: u64,
    /// The entry that says so.
    pub announced_at: u64,
    /// Where the entries below can be had, as it says.
    pub elsewhere: Vec<String>,
    /// Why, as it says.
    pub reason: String,
}

/// Why an announcement is not believed.
#[derive(Debug, thiserror::Error)]
pub enum MinimumError {
    /// It is no proof.
    #[error("it is no tlog-proof")]
    Proof(#[source] ParseError),
    /// Its checkpoint is not as good as asked for.
    #[error("its checkpoint is refused")]
    Checkpoint(#[source] TrustError),
    /// Its checkpoint is of another log, or of more entries than the log shows.
    #[error("its checkpoint is not of this log as it is shown: {size} entries of `{origin}`")]
    OtherTree {
        /// The log that it is of.
        origin: String,
        /// Its size.
        size: u64,
    },
    /// It carries no entry.
    #[error("it lacks the entry (`extra`)")]
    NoEntry,
    /// The entry does not stand there.
    #[error("its entry does not stand at index {index}")]
    Inclusion {
        /// The index that it names.
        index: u64,
        /// Why not.
        #[source]
        source: ProofError,
    },
    /// The entry is no envelope.
    #[error("its entry is no envelope")]
    Envelope(#[source] EnvelopeError),
    /// The entry says nothing that we know.
    #[error("its entry is no statement")]
    Statement(#[source] StatementError),
    /// The entry says something else.
    #[error("its entry is no `pruning` of this log that keeps itself")]
    OtherStatement,
}

impl Minimum {
    /// Opens an announcement, to be believed as far as the trust goes, for a log as `shown`.
    ///
    /// # Errors
    /// [`MinimumError`].
    pub fn open(bytes: &[u8], trust: &Trust, shown: &Checkpoint) -> Result<Self, MinimumError> {
        let proof = TlogProof::parse(bytes).map_err(MinimumError::Proof)?;
        let opened = trust.open(&proof.checkpoint);
        let checkpoint = opened.map_err(MinimumError::Checkpoint)?.checkpoint;
        if checkpoint.origin() != shown.origin() || checkpoint.size() > shown.size() {
            return Err(MinimumError::OtherTree {
                origin: checkpoint.origin().to_string(),
                size: checkpoint.size(),
            });
        }
        Self::read(&proof, &checkpoint)
    }

    /// Reads one whose checkpoint nobody verified: enough to say why something is not there.
    ///
    /// # Errors
    /// [`MinimumError`].
    pub(crate) fn claimed(bytes: &[u8]) -> Result<Self, MinimumError> {
        let proof = TlogProof::parse(bytes).map_err(MinimumError::Proof)?;
        let checkpoint = claimed(&proof.checkpoint).map_err(MinimumError::Checkpoint)?;
        Self::read(&proof, &checkpoint)
    }

    fn read(proof: &TlogProof, checkpoint: &Checkpoint) -> Result<Self, MinimumError> {
        let entry = proof.extra.as_deref().ok_or(MinimumError::NoEntry)?;
        let (leaf, index) = (tlog::leaf_hash(entry), proof.index);
        verify_inclusion(
            &leaf,
            index,
            checkpoint.size(),
            &proof.path,
            checkpoint.root(),
        )
        .map_err(|source| MinimumError::Inclusion { index, source })?;
        let envelope = Envelope::parse(entry).map_err(MinimumError::Envelope)?;
        let statement = Statement::parse(envelope.payload()).map_err(MinimumError::Statement)?;
        match statement.predicate {
            Predicate::Pruning(said)
                if said.origin == *checkpoint.origin() && said.checkpoint.size <= index =>
            {
                Ok(Self {
                    minimum: said.checkpoint.size,
                    announced_at: index,
                    elsewhere: said.elsewhere,
                    reason: said.reason,
                })
            }
            _ => Err(MinimumError::OtherStatement),
        }
    }

    /// Whether a bundle may be absent.
    pub fn frees_bundle(&self, id: BundleId) -> bool {
        self.frees(0, id.index(), id.is_full())
    }

    /// Whether a tile may be absent.
    pub fn frees_tile(&self, id: TileId) -> bool {
        self.frees(id.level(), id.index(), id.is_full())
    }

    fn frees(&self, level: u8, index: u64, is_full: bool) -> bool {
        let full_below = self.minimum.checked_shr(8 * (u32::from(level) + 1));
        is_full && index < full_below.unwrap_or(0)
    }

    /// Entries that need not be served.
    pub const fn withheld(&self) -> u64 {
        self.minimum / 256 * 256
    }
}
