//! What becomes of a batch of submissions: a pure function of the law as it stands, of what the
//! disk says about each, of the quotas and of two times.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use law::{InForce, Opened};
use statement::{FileDigest, Predicate};

use crate::batch::Batch;
use crate::error::SubmitRefusal;
use crate::identities::Identity;
use crate::quota::Quota;
use crate::shared::Shared;

/// Where an entry stands, or why it stands nowhere.
pub(crate) type Verdict = Result<u64, SubmitRefusal>;

/// A well-formed submission.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) bytes: Vec<u8>,
    pub(crate) opened: Opened,
}

/// An entry that is there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) index: u64,
    pub(crate) bytes: Vec<u8>,
}

/// What the disk says about a candidate.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// The entry with this payload and key.
    pub(crate) known: Option<Known>,
    /// The first public blob that the statement names and that is not held.
    pub(crate) missing_blob: Option<FileDigest>,
}

/// What time it is, for two purposes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    /// POSIX seconds, by which lives of statements and keys are judged.
    pub(crate) posix: u64,
    /// Since any fixed moment, by which quotas are earned.
    pub(crate) elapsed: Duration,
}

/// What is to be done.
#[derive(Debug)]
pub(crate) struct Plan {
    /// For each candidate; `Ok` only once `batch` is durable.
    pub(crate) verdicts: Vec<Verdict>,
    /// The entries to write.
    pub(crate) batch: Batch,
    /// For each candidate whether it is in `batch`.
    pub(crate) taken: Vec<bool>,
}

impl Candidate {
    /// Reads the body of a submission.
    pub(crate) fn parse(bytes: Vec<u8>) -> Result<Self, SubmitRefusal> {
        let opened = Opened::read_precisely(&bytes)
            .map_err(SubmitRefusal::Envelope)?
            .map_err(SubmitRefusal::Statement)?;
        Ok(Self { bytes, opened })
    }

    /// The same, with the signature verified where the key is on the roster: so that it is done
    /// beside the sequencer, on all cores. If it is not right the sequencer says why.
    pub(crate) fn read(bytes: Vec<u8>, shared: &Shared) -> Result<Self, SubmitRefusal> {
        let mut candidate = Self::parse(bytes)?;
        if let Some(key) = shared.signing_key(candidate.opened.key()) {
            candidate.opened.verify(&key);
        }
        Ok(candidate)
    }

    /// Bytes of the entry.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it may change what later entries are judged by.
    pub(crate) fn changes_the_law(&self) -> bool {
        matches!(
            self.opened.statement().predicate,
            Predicate::Constitution(_)
                | Predicate::Activation(_)
                | Predicate::Revocation(_)
                | Predicate::Closure(_)
                | Predicate::Halt(_)
        )
    }

    pub(crate) fn identity(&self) -> Identity {
        Identity::of(&self.opened.digest(), &self.opened.key())
    }
}

/// Decides about a batch, without effects: what is written comes out of it. Quotas are asked, last
/// of all, about each entry that would be written.
pub(crate) fn plan(
    law: &InForce,
    candidates: &[Candidate],
    facts: &[Facts],
    quota: &mut Quota,
    now: Now,
) -> Plan {
    let mut plan = Plan {
        verdicts: Vec::with_capacity(candidates.len()),
        batch: Batch::new(law.next_index()),
        taken: vec![false; candidates.len()],
    };
    let mut in_batch: HashMap<Identity, Known> = HashMap::new();
    for ((candidate, facts), taken) in candidates.iter().zip(facts).zip(&mut plan.taken) {
        let place = in_batch.entry(candidate.identity());
        let first = match (&place, &facts.known) {
            (Entry::Occupied(first), _) => Some(first.get()),
            (Entry::Vacant(_), stored) => stored.as_ref(),
        };
        if let Some(first) = first.filter(|first| first.bytes == candidate.bytes) {
            plan.verdicts.push(Ok(first.index));
            continue;
        }
        let first = first.map(|first| first.index);
        let verdict = judge(law, candidate, facts, now.posix).and_then(|()| {
            // The same payload and key under another signature: the first leaf stands for both.
            if let Some(first) = first {
                return Ok(first);
            }
            may_add(quota, candidate, now.elapsed)?;
            let index = plan.batch.end();
            let bytes = candidate.bytes.clone();
            // Longer ones are no envelopes.
            plan.batch
                .push(&bytes)
                .map_err(|_| SubmitRefusal::Unavailable)?;
            *taken = true;
            place.insert_entry(Known { index, bytes });
            Ok(index)
        });
        plan.verdicts.push(verdict);
    }
    plan
}

fn may_add(
    quota: &mut Quota,
    candidate: &Candidate,
    elapsed: Duration,
) -> Result<(), SubmitRefusal> {
    if matches!(
        candidate.opened.statement().predicate,
        Predicate::Revocation(_)
    ) {
        return Ok(());
    }
    let taken = quota.take(candidate.opened.key(), elapsed);
    taken.map_err(|wait| SubmitRefusal::Quota { wait })
}

fn judge(
    law: &InForce,
    candidate: &Candidate,
    facts: &Facts,
    now: u64,
) -> Result<(), SubmitRefusal> {
    law.judge_opened(&candidate.opened, now)
        .map_err(SubmitRefusal::Law)?;
    match facts.missing_blob {
        Some(digest) => Err(SubmitRefusal::BlobMissing { digest }),
        None => Ok(()),
    }
}
