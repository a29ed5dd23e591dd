//! Entries that come one by one, each with its own `.tlog-proof`, judged by the constitution chain of a bundle.
//!
//! A center hands its proofs out as they arise: the batch that a receipt stands in is witnessed a minute after the sample came, the
//! verdict later, under other checkpoints. The chain of constitutions is the same for all of them and comes once.

use statement::StatementDigest;
use tlog::{Checkpoint, Origin, TlogProof, Witnessed, leaf_hash, open_witnessed, verify_inclusion};

use crate::{
    bundle::{Bundle, OpenBundle},
    in_force::InForce,
    opening::chain,
    refusal::{Code, Refusal},
};

/// One entry with its proof; nothing of it is verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// The logged bytes.
    pub entry: Vec<u8>,
    /// Where it stands, under a checkpoint of its own.
    pub proof: TlogProof,
}

impl Bundle {
    /// As [`Bundle::open`], with more entries of the same log, each proven by itself.
    ///
    /// # Errors
    /// The condition that does not hold.
    pub fn open_with(
        &self,
        anchor: StatementDigest,
        more: &[Logged],
    ) -> Result<OpenBundle, Refusal> {
        let alone = self.open(anchor)?;
        let mut checkpoints = vec![alone.checkpoint().clone()];
        for logged in more {
            let checkpoint = open_note(alone.view().state(), &logged.proof.checkpoint)?;
            verify_inclusion(
                &leaf_hash(&logged.entry),
                logged.proof.index,
                checkpoint.size(),
                &logged.proof.path,
                checkpoint.root(),
            )
            .map_err(|error| {
                let detail = format!("entry {}: {}", logged.proof.index, chain(&error));
                Refusal::new(Code::NotIncluded, detail)
            })?;
            checkpoints.push(checkpoint);
        }
        let mut state = self.feed(anchor, more)?;
        check_one_history(&mut checkpoints)?;
        for checkpoint in &checkpoints {
            state.note_time(checkpoint);
        }
        Ok(OpenBundle::new(state, alone.checkpoint().clone()))
    }
}

/// Opens a checkpoint by the witness policy that was in force in a log of its size.
fn open_note(state: &InForce, note: &[u8]) -> Result<Witnessed<Checkpoint>, Refusal> {
    let unwitnessed = |detail: String| Refusal::new(Code::CheckpointUnwitnessed, detail);
    let mut lines = std::str::from_utf8(note).unwrap_or_default().lines();
    let origin = lines.next().and_then(|line| line.parse::<Origin>().ok());
    if origin.as_ref() != Some(state.origin()) {
        let detail = format!("a proof of another log than {}", state.origin());
        return Err(Refusal::new(Code::CheckpointOrigin, detail));
    }
    let size: u64 = lines
        .next()
        .and_then(|line| line.parse().ok())
        .unwrap_or(u64::MAX);
    let mut roster = state.succession.chain().iter().rev();
    let below = roster.find(|enacted| enacted.at < size);
    let enacted = below.ok_or_else(|| {
        unwitnessed(format!(
            "no constitution is in force in a log of {size} entries"
        ))
    })?;
    open_witnessed(note, &enacted.policy).map_err(|error| unwitnessed(chain(&error)))
}

/// Ascending by size, each size once: two roots of one size are two histories.
fn check_one_history(checkpoints: &mut [Witnessed<Checkpoint>]) -> Result<(), Refusal> {
    checkpoints.sort_by_key(|checkpoint| checkpoint.size());
    for pair in checkpoints.windows(2) {
        if pair[0].size() == pair[1].size() && pair[0].root() != pair[1].root() {
            let detail = format!(
                "two trees of {} entries: {} and {}",
                pair[0].size(),
                pair[0].root(),
                pair[1].root()
            );
            return Err(Refusal::new(Code::CheckpointRoot, detail));
        }
    }
    Ok(())
}
