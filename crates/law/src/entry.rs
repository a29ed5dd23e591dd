//! One entry that counts, and the type that says it is in a witnessed log.

use std::ops::Deref;

use statement::{KeyId, PartyId, Predicate, Role, Statement, StatementDigest};

use crate::refusal::{Code, Refusal};

/// An entry as judged by what was in force at its index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub(crate) index: u64,
    pub(crate) key: KeyId,
    pub(crate) key_not_after: u64,
    pub(crate) party: PartyId,
    pub(crate) legal_owner: String,
    pub(crate) vendor: bool,
    pub(crate) role: Role,
    pub(crate) digest: StatementDigest,
    pub(crate) statement: Statement,
}

impl Standing {
    /// Its position in the log.
    pub const fn index(&self) -> u64 {
        self.index
    }
    /// Whether it stands below `index` in its log. Order is asked here and nowhere else: by index, never by a clock.
    pub(crate) const fn is_below(&self, index: u64) -> bool {
        self.index < index
    }
    /// The key that signed.
    pub const fn key(&self) -> KeyId {
        self.key
    }
    /// Whose key it is.
    pub const fn party(&self) -> &PartyId {
        &self.party
    }
    /// The party's legal owner; quorums count these.
    pub fn legal_owner(&self) -> &str {
        &self.legal_owner
    }
    /// The role of the key.
    pub const fn role(&self) -> Role {
        self.role
    }
    /// Digest of the payload.
    pub const fn digest(&self) -> StatementDigest {
        self.digest
    }
    /// What is said.
    pub const fn statement(&self) -> &Statement {
        &self.statement
    }
    /// Whether inclusion by `by` (POSIX seconds) is within the lives of statement and key.
    pub(crate) fn check_in_time(&self, by: u64) -> Result<(), Refusal> {
        let key = (self.key, self.key_not_after);
        check_in_time(self.predicate(), self.index, key, by)
    }
    pub(crate) const fn predicate(&self) -> &Predicate {
        &self.statement.predicate
    }
}

/// Whether inclusion of an entry by `by` (POSIX seconds) is within the lives of statement and key.
pub(crate) fn check_in_time(
    predicate: &Predicate,
    index: u64,
    (key, key_not_after): (KeyId, u64),
    by: u64,
) -> Result<(), Refusal> {
    let not_after = predicate.not_after();
    if by > not_after {
        let detail = format!("entry {index} by {by}, not_after {not_after}");
        return Err(Refusal::new(Code::EntryTooLate, detail));
    }
    if by > key_not_after {
        let detail = format!("entry {index} by {by}, key {key} ended {key_not_after}");
        return Err(Refusal::new(Code::EntryKeyExpired, detail));
    }
    Ok(())
}

/// A predicate that stands in a witnessed log, signed by a rostered key of the right role, in time.
///
/// Made only by [`crate::Settled`]; holding one means all of that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Included<S> {
    predicate: S,
    standing: Standing,
}

impl<S> Included<S> {
    pub(crate) const fn new(predicate: S, standing: Standing) -> Self {
        Self {
            predicate,
            standing,
        }
    }
    /// Where it stands and who signed it.
    pub const fn standing(&self) -> &Standing {
        &self.standing
    }
    /// Digest of the payload.
    pub const fn digest(&self) -> StatementDigest {
        self.standing.digest
    }
}

impl<S> Deref for Included<S> {
    type Target = S;
    fn deref(&self) -> &S {
        &self.predicate
    }
}
