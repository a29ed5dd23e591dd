//! What is in force at an index: the state that comes of feeding a log's entries in order.
//!
//! Invariant: `settled <= next`. Only entries below `settled` may be built on, because only they are
//! known to be what witnesses saw. An entry is judged once, by what was in force at a *lower* index.

use std::collections::BTreeMap;

use statement::{Constitution, CountryCode, KeyId, StatementDigest};
use tlog::{Checkpoint, Frontier, Hash, Origin, Policy, Witnessed, leaf_hash};

use crate::{
    entry::Standing,
    line::Line,
    marked::Marks,
    opened::Opened,
    refusal::{Code, Refusal},
    settled::Settled,
    succession::Succession,
};

/// Entries are fed one by one, none left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("entry {got} was offered where entry {expected} is next; replay the log in order")]
pub struct OutOfOrder {
    /// The index that is next.
    pub expected: u64,
    /// The index offered.
    pub got: u64,
}

/// What became of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fed {
    /// It counts; the digest of what it says.
    Counts(StatementDigest),
    /// It stands in the log but has no effect.
    Ignored(Refusal),
}

/// An entry that stands in the log and does not count; kept so that refusals can say why.
#[derive(Debug, Clone)]
pub(crate) struct Discarded {
    pub(crate) kind: &'static str,
    pub(crate) digest: StatementDigest,
    pub(crate) build: Option<StatementDigest>,
    pub(crate) refusal: Refusal,
}

/// How the entries came here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// Every entry from 0: absence can be judged.
    Whole,
    /// Some entries with proofs: absence cannot be judged.
    Excerpt,
}

/// What is in force in one log, as replayed so far.
#[derive(Debug, Clone)]
pub struct InForce {
    pub(crate) origin: Origin,
    pub(crate) view: View,
    next: u64,
    pub(crate) frontier: Frontier,
    pub(crate) marks: Marks,
    /// (size, median time) of witnessed checkpoints, ascending.
    times: Vec<(u64, u64)>,
    /// Witnessed checkpoints by size, for activations.
    pub(crate) checkpoints: BTreeMap<u64, (Hash, u64)>,
    pub(crate) succession: Succession,
    chain_indices: Vec<u64>,
    named_sizes: Vec<u64>,
    pub(crate) standing: BTreeMap<StatementDigest, Vec<Standing>>,
    pub(crate) by_build: BTreeMap<StatementDigest, Vec<StatementDigest>>,
    pub(crate) lines: BTreeMap<Line, Vec<StatementDigest>>,
    pub(crate) publications: BTreeMap<(String, u64), Vec<StatementDigest>>,
    pub(crate) withdrawals: BTreeMap<StatementDigest, Vec<StatementDigest>>,
    pub(crate) adverse: Vec<(StatementDigest, Option<StatementDigest>)>,
    pub(crate) halts: Vec<StatementDigest>,
    pub(crate) prunings: Vec<StatementDigest>,
    /// Declarations and residency policies, in log order.
    pub(crate) governed: Vec<StatementDigest>,
    pub(crate) epochs: Vec<StatementDigest>,
    pub(crate) admissions: Vec<StatementDigest>,
    /// Grants to look at samples again, in log order.
    pub(crate) grants: Vec<StatementDigest>,
    /// Batches of receipts and erasures of each home, in log order.
    pub(crate) stocks: BTreeMap<CountryCode, Vec<StatementDigest>>,
    pub(crate) closures: BTreeMap<StatementDigest, Vec<StatementDigest>>,
    pub(crate) revoked: BTreeMap<KeyId, u64>,
    pub(crate) discarded: Vec<Discarded>,
}

impl InForce {
    /// Starts a replay of the whole log `origin` under the trust anchor.
    pub fn replay(origin: Origin, anchor: StatementDigest) -> Self {
        Self::start(origin, anchor, View::Whole)
    }

    pub(crate) fn start(origin: Origin, anchor: StatementDigest, view: View) -> Self {
        Self {
            origin,
            view,
            next: 0,
            frontier: Frontier::new(),
            marks: Marks::default(),
            times: Vec::new(),
            checkpoints: BTreeMap::new(),
            succession: Succession::new(anchor),
            chain_indices: Vec::new(),
            named_sizes: Vec::new(),
            standing: BTreeMap::new(),
            by_build: BTreeMap::new(),
            lines: BTreeMap::new(),
            publications: BTreeMap::new(),
            withdrawals: BTreeMap::new(),
            adverse: Vec::new(),
            halts: Vec::new(),
            prunings: Vec::new(),
            governed: Vec::new(),
            epochs: Vec::new(),
            admissions: Vec::new(),
            grants: Vec::new(),
            stocks: BTreeMap::new(),
            closures: BTreeMap::new(),
            revoked: BTreeMap::new(),
            discarded: Vec::new(),
        }
    }

    /// Index of the entry that is fed next.
    pub const fn next_index(&self) -> u64 {
        self.next
    }

    /// The log that is replayed.
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The constitution in force after everything fed so far.
    pub fn constitution(&self) -> Option<&Constitution> {
        self.succession
            .current()
            .map(|enacted| &enacted.constitution)
    }

    /// Digest of the constitution in force.
    pub fn constitution_digest(&self) -> Option<StatementDigest> {
        self.succession.current().map(|enacted| enacted.digest)
    }

    /// Every constitution that was in force, oldest first; the last one still is.
    pub fn constitutions(&self) -> impl Iterator<Item = &Constitution> {
        self.succession
            .chain()
            .iter()
            .map(|enacted| &enacted.constitution)
    }

    /// The witness policy in force: checkpoints of this log are opened with it.
    pub fn policy(&self) -> Option<&Policy> {
        self.succession.current().map(|enacted| &enacted.policy)
    }

    /// Takes the next entry. It is never lost silently: an entry without effect says why.
    ///
    /// # Errors
    /// [`OutOfOrder`] when `index` is not the next one (an excerpt may skip forward, never back).
    pub fn feed(&mut self, index: u64, entry: &[u8]) -> Result<Fed, OutOfOrder> {
        match Opened::read(entry) {
            Ok(opened) => self.feed_opened(index, opened),
            Err(refusal) => {
                self.take_index(index, || leaf_hash(entry))?;
                Ok(Fed::Ignored(refusal))
            }
        }
    }

    /// The same for an entry that was read before.
    ///
    /// # Errors
    /// [`OutOfOrder`] as for [`InForce::feed`].
    pub fn feed_opened(&mut self, index: u64, opened: Opened) -> Result<Fed, OutOfOrder> {
        self.take_index(index, || opened.leaf)?;
        Ok(self.judge(index, opened))
    }

    fn take_index(&mut self, index: u64, leaf: impl FnOnce() -> Hash) -> Result<(), OutOfOrder> {
        let in_order = match self.view {
            View::Whole => index == self.next,
            View::Excerpt => index >= self.next,
        };
        if !in_order {
            return Err(OutOfOrder {
                expected: self.next,
                got: index,
            });
        }
        self.next = index + 1;
        if self.view == View::Whole {
            self.frontier.append(leaf());
        }
        Ok(())
    }

    /// Notes an entry that the chain of constitutions rests on, and the sizes that it names.
    pub(crate) fn note_chain(&mut self, index: u64, named: Option<Vec<u64>>) {
        let Some(sizes) = named else {
            return;
        };
        self.chain_indices.push(index);
        for size in sizes {
            // Without a delay both may be one checkpoint.
            if let Err(at) = self.named_sizes.binary_search(&size) {
                self.named_sizes.insert(at, size);
            }
        }
    }

    /// Declares everything fed so far to be what witnesses saw, when the roots agree.
    ///
    /// # Errors
    /// [`Code::CheckpointOrigin`] or [`Code::CheckpointRoot`]; the replay must then be thrown away.
    pub fn settle(&mut self, checkpoint: &Witnessed<Checkpoint>) -> Result<Settled<'_>, Refusal> {
        if self.view != View::Whole {
            return Err(Refusal::new(
                Code::NotReplayed,
                "an excerpt is settled by its proofs",
            ));
        }
        if *checkpoint.origin() != self.origin {
            let detail = format!(
                "checkpoint of {}, replay of {}",
                checkpoint.origin(),
                self.origin
            );
            return Err(Refusal::new(Code::CheckpointOrigin, detail));
        }
        let root = self.frontier.root();
        if checkpoint.size() != self.next || *checkpoint.root() != root {
            let detail = format!(
                "witnessed: size {} root {}; replayed: size {} root {root}",
                checkpoint.size(),
                checkpoint.root(),
                self.next
            );
            return Err(Refusal::new(Code::CheckpointRoot, detail));
        }
        self.note_time(checkpoint);
        Ok(Settled::new(self))
    }

    /// The settled view, when everything fed so far is witnessed.
    ///
    /// # Errors
    /// [`Code::NotReplayed`] when nothing was fed, or entries were fed after the last witnessed checkpoint.
    pub fn settled(&self) -> Result<Settled<'_>, Refusal> {
        if self.view == View::Whole && self.next > 0 && self.settled_size() == self.next {
            return Ok(Settled::new(self));
        }
        let detail = format!(
            "{} entries fed, {} witnessed",
            self.next,
            self.settled_size()
        );
        Err(Refusal::new(Code::NotReplayed, detail))
    }

    /// Remembers a checkpoint for activations, without taking entries below it for included.
    pub(crate) fn note_archived(&mut self, checkpoint: &Witnessed<Checkpoint>) {
        let seen = (*checkpoint.root(), checkpoint.median_time());
        self.checkpoints.entry(checkpoint.size()).or_insert(seen);
    }

    /// Indices of the entries that the chain of constitutions rests on: signatures and activations.
    pub fn constitution_entries(&self) -> &[u64] {
        &self.chain_indices
    }

    /// Sizes of the checkpoints that activations named, ascending.
    pub fn archived_sizes_named(&self) -> &[u64] {
        &self.named_sizes
    }

    pub(crate) fn note_time(&mut self, checkpoint: &Witnessed<Checkpoint>) {
        self.note_archived(checkpoint);
        let (size, time) = (checkpoint.size(), checkpoint.median_time());
        // An excerpt comes with checkpoints in no order: those of its own entries, and those of proofs beside it.
        if let Err(at) = self.times.binary_search_by_key(&size, |(size, _)| *size) {
            self.times.insert(at, (size, time));
        }
    }

    /// Whether this entry counts, and would be too late by the newest checkpoint alone: its statement or its key ended since.
    /// What shows it must show an older checkpoint, too.
    pub fn ended_since(&self, index: u64, digest: StatementDigest) -> bool {
        let newest = self.newest_time().unwrap_or(0);
        let mut standing = self.standing.get(&digest).into_iter().flatten();
        standing.any(|entry| entry.index == index && entry.check_in_time(newest).is_err())
    }

    /// Number of entries known to be witnessed.
    pub fn settled_size(&self) -> u64 {
        self.times.last().map_or(0, |(size, _)| *size)
    }

    /// Median time of the newest witnessed checkpoint, POSIX seconds.
    pub fn newest_time(&self) -> Option<u64> {
        self.times.last().map(|(_, time)| *time)
    }

    /// Upper end of an entry's inclusion interval: median time of the first witnessed checkpoint with it.
    pub(crate) fn included_by(&self, index: u64) -> Option<u64> {
        let at = self.times.partition_point(|(size, _)| *size <= index);
        self.times.get(at).map(|(_, time)| *time)
    }

    /// Lower end of that interval: median time of the last witnessed checkpoint without it.
    pub(crate) fn included_after(&self, index: u64) -> u64 {
        let at = self.times.partition_point(|(size, _)| *size <= index);
        at.checked_sub(1)
            .and_then(|last| self.times.get(last))
            .map_or(0, |(_, time)| *time)
    }
}
