//! An entry that was read once, and whose signature is verified once.
//!
//! Reading an entry and verifying its signature take most of the time of judging it, and need
//! nothing of what is in force. A log does both on all cores and lets [`InForce`](crate::InForce)
//! use the result twice: when it judges the candidate, and when the entry counts.

use statement::{Envelope, KeyId, Statement, StatementDigest};
use tlog::{Hash, leaf_hash};

use crate::{
    opening::chain,
    refusal::{Code, Refusal},
};

/// The bytes of an entry, read; made only from these bytes, so it cannot stand for others.
#[derive(Debug, Clone)]
pub struct Opened {
    pub(crate) leaf: Hash,
    pub(crate) envelope: Envelope,
    pub(crate) statement: Statement,
    digest: StatementDigest,
    /// Whether the key that the envelope names signed it. The name is the key's digest, so this
    /// holds whatever roster the key is on.
    verified: bool,
}

impl Opened {
    /// Reads an entry.
    ///
    /// # Errors
    /// [`Code::EntryMalformed`]: it is no envelope, or its payload no statement.
    pub fn read(entry: &[u8]) -> Result<Self, Refusal> {
        let malformed = |detail: String| Refusal::new(Code::EntryMalformed, detail);
        let envelope = Envelope::parse(entry).map_err(|error| malformed(chain(&error)))?;
        let statement =
            Statement::parse(envelope.payload()).map_err(|error| malformed(chain(&error)))?;
        Ok(Self::of(entry, envelope, statement))
    }

    /// The same for who has read the entry and wants to know precisely why it was not taken.
    ///
    /// # Errors
    /// What is wrong with the envelope, or with its payload.
    pub fn read_precisely(
        entry: &[u8],
    ) -> Result<Result<Self, statement::StatementError>, statement::EnvelopeError> {
        let envelope = Envelope::parse(entry)?;
        Ok(Statement::parse(envelope.payload())
            .map(|statement| Self::of(entry, envelope, statement)))
    }

    fn of(entry: &[u8], envelope: Envelope, statement: Statement) -> Self {
        Self {
            leaf: leaf_hash(entry),
            digest: envelope.digest(),
            envelope,
            statement,
            verified: false,
        }
    }

    /// Verifies the signature with the raw Ed25519 key, and remembers it if that is right; if not,
    /// whoever judges the entry says why.
    pub fn verify(&mut self, raw_key: &[u8; 32]) {
        self.verified = self.verified || self.envelope.verify(raw_key).is_ok();
    }

    /// Whether the signature was verified, so that it need not be again.
    pub const fn is_verified(&self) -> bool {
        self.verified
    }

    /// Says whether the signature stands, without verifying it twice.
    pub(crate) fn check_signature(&self, key: &statement::PartyKey) -> Result<(), Refusal> {
        if self.verified {
            return Ok(());
        }
        let refused = |detail: String| Refusal::new(Code::EntrySignature, detail);
        let raw = key.raw().map_err(|error| refused(error.to_string()))?;
        let raw: [u8; 32] = raw
            .try_into()
            .map_err(|_| refused("the key is not Ed25519".to_owned()))?;
        let verified = self.envelope.verify(&raw);
        verified.map_err(|error| refused(chain(&error)))
    }

    /// What is said.
    pub const fn statement(&self) -> &Statement {
        &self.statement
    }

    /// Digest of the payload.
    pub const fn digest(&self) -> StatementDigest {
        self.digest
    }

    /// The key that the envelope names.
    pub fn key(&self) -> KeyId {
        self.envelope.key()
    }
}
