//! What the governance of a log says in versions: each one whole, each naming the one before.
//!
//! A version counts when the governance quorum of the constitution in force signed the identical payload, in time, above the
//! entry that completed the version before. The first that is complete is in force; what does not follow it has no effect.

use std::{collections::BTreeSet, ops::Deref};

use statement::{Declaration, Predicate, ResidencyPolicy, StatementDigest};

use crate::{
    entry::{Included, Standing},
    quorum::check_governance,
    refusal::{Code, Refusal},
    settled::Settled,
};

/// The codes of one kind of statement.
pub(crate) struct Codes {
    missing: Code,
    version: Code,
    quorum: Code,
    fork: Code,
}

/// A kind of statement that comes in versions.
pub(crate) trait Versioned: Clone {
    const KIND: &'static str;
    const CODES: Codes;
    fn of(predicate: &Predicate) -> Option<&Self>;
    /// Its version, and the digest of the one before.
    fn place(&self) -> (u64, Option<StatementDigest>);
}

impl Versioned for ResidencyPolicy {
    const KIND: &'static str = "policy";
    const CODES: Codes = Codes {
        missing: Code::PolicyMissing,
        version: Code::PolicyVersion,
        quorum: Code::PolicyQuorum,
        fork: Code::PolicyFork,
    };
    fn of(predicate: &Predicate) -> Option<&Self> {
        match predicate {
            Predicate::Policy(policy) => Some(policy),
            _ => None,
        }
    }
    fn place(&self) -> (u64, Option<StatementDigest>) {
        (self.version, self.previous)
    }
}

impl Versioned for Declaration {
    const KIND: &'static str = "declaration";
    const CODES: Codes = Codes {
        missing: Code::DeclarationMissing,
        version: Code::DeclarationVersion,
        quorum: Code::DeclarationQuorum,
        fork: Code::DeclarationFork,
    };
    fn of(predicate: &Predicate) -> Option<&Self> {
        match predicate {
            Predicate::Declaration(declaration) => Some(declaration),
            _ => None,
        }
    }
    fn place(&self) -> (u64, Option<StatementDigest>) {
        (self.version, self.previous)
    }
}

/// A version that a governance quorum signed and that follows the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Governed<S> {
    included: Included<S>,
    entries: Vec<u64>,
    signers: BTreeSet<statement::PartyId>,
}

impl<S> Governed<S> {
    /// Digest of the payload.
    pub const fn digest(&self) -> StatementDigest {
        self.included.digest()
    }

    /// The entry that completed the quorum.
    pub const fn standing(&self) -> &Standing {
        self.included.standing()
    }

    /// Indices of the signatures up to the one that completed the quorum, ascending.
    pub fn entries(&self) -> &[u64] {
        &self.entries
    }

    /// Whose signatures these are.
    pub const fn signers(&self) -> &BTreeSet<statement::PartyId> {
        &self.signers
    }
}

impl<S> Deref for Governed<S> {
    type Target = S;
    fn deref(&self) -> &S {
        &self.included
    }
}

/// Every version that counts, oldest first; never empty.
///
/// # Errors
/// The codes of the kind, or why the signatures that stand do not count.
pub(crate) fn chain<S: Versioned>(view: Settled<'_>) -> Result<Vec<Governed<S>>, Refusal> {
    let mut chain: Vec<Governed<S>> = Vec::new();
    let mut why = None;
    loop {
        let last = chain.last();
        let next = last.map_or((1, None), |last| (last.place().0 + 1, Some(last.digest())));
        let above = last.map(|last| last.standing().index);
        match following::<S>(view, next, above, &mut why)? {
            Some(found) => chain.push(found),
            None => break,
        }
    }
    if !chain.is_empty() {
        return Ok(chain);
    }
    Err(why.unwrap_or_else(|| why_none::<S>(view)))
}

/// The version that follows, if one is complete.
fn following<S: Versioned>(
    view: Settled<'_>,
    (version, previous): (u64, Option<StatementDigest>),
    above: Option<u64>,
    why: &mut Option<Refusal>,
) -> Result<Option<Governed<S>>, Refusal> {
    let mut complete = Vec::new();
    for digest in said::<S>(view, |said| said.place() == (version, previous)) {
        match count::<S>(view, digest, above) {
            Ok(found) => complete.push(found),
            Err(refusal) => *why = Some(refusal),
        }
    }
    if complete.len() > 1 {
        // Whoever signed the next version has said which of them it follows.
        let mut ignored = None;
        complete.retain(|found| {
            let next = (version + 1, Some(found.digest()));
            let after = Some(found.standing().index);
            let mut next = said::<S>(view, |said| said.place() == next).into_iter();
            next.any(|digest| {
                let counted = count::<S>(view, digest, after);
                counted.map_err(|refusal| ignored = Some(refusal)).is_ok()
            })
        });
        if complete.len() != 1 {
            let detail = format!("version {version}");
            return Err(Refusal::new(S::CODES.fork, detail));
        }
    }
    Ok(complete.pop())
}

fn said<S: Versioned>(view: Settled<'_>, fits: impl Fn(&S) -> bool) -> Vec<StatementDigest> {
    let state = view.state();
    let digests = state.governed.iter().copied();
    digests
        .filter(|digest| {
            let first = state
                .standing
                .get(digest)
                .and_then(|entries| entries.first());
            let said = first.and_then(|entry| S::of(entry.predicate()));
            said.is_some_and(&fits)
        })
        .collect()
}

/// Counts the signatures under one payload, in order, until they are a quorum.
fn count<S: Versioned>(
    view: Settled<'_>,
    digest: StatementDigest,
    above: Option<u64>,
) -> Result<Governed<S>, Refusal> {
    let (mut signers, mut indices) = (BTreeSet::new(), Vec::new());
    let mut why = Refusal::new(S::CODES.quorum, format!("{} {digest}", S::KIND));
    for entry in view.entries(digest)? {
        let Some(said) = S::of(entry.predicate()) else {
            continue;
        };
        if above.is_some_and(|above| entry.is_below(above + 1)) {
            let detail = format!("entry {} comes before the version it follows", entry.index);
            why = Refusal::new(S::CODES.version, detail);
            continue;
        }
        signers.insert(entry.party.clone());
        indices.push(entry.index);
        match check_governance(view.constitution_at(entry.index)?, &signers) {
            Ok(()) => {
                return Ok(Governed {
                    included: Included::new(said.clone(), entry.clone()),
                    entries: indices,
                    signers,
                });
            }
            Err(refusal) => {
                let detail = format!("{} {digest}: {}", S::KIND, refusal.detail());
                why = Refusal::new(S::CODES.quorum, detail);
            }
        }
    }
    Err(why)
}

/// Nothing stands that could be a first version.
fn why_none<S: Versioned>(view: Settled<'_>) -> Refusal {
    let others = said::<S>(view, |_| true);
    if let Some(other) = others.first() {
        let detail = format!("{} {other} stands, and no version 1", S::KIND);
        return Refusal::new(S::CODES.version, detail);
    }
    let none = Refusal::new(S::CODES.missing, format!("log {}", view.state().origin));
    view.why_missing(S::KIND, |_, _| true, none)
}
