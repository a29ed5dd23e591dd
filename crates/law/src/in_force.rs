//! What is in force at an index: the state that comes of feeding a log's entries in order.
//!
//! Invariant: `settled <= next`. Only entries below `settled` may be built on, because only they are
//! known to be what witnesses saw. An entry is judged once, by what was in force at a *lower* index.

use std::collections::BTreeMap;

use statement::{Constitution, Envelope, KeyId, Predicate, Statement, StatementDigest};
use tlog::{Checkpoint, Frontier, Origin, Policy, Witnessed, leaf_hash};

use crate::{
    entry::Standing,
    line::Line,
    marked::Marks,
    opening::{build_of, chain, open},
    quorum::{is_vendor, may_sign},
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
    pub(crate) checkpoints: BTreeMap<u64, (tlog::Hash, u64)>,
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
    pub(crate) closures: BTreeMap<StatementDigest, Vec<StatementDigest>>,
    pub(crate) revoked: BTreeMap<KeyId, u64>,
    pub(crate) discarded: Vec<Discarded>,
}

/// Discarded entries that are remembered for their reason; the oldest are forgotten first.
const DISCARDED_MAX: usize = 4096;

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
        let fed = self.judge(index, entry);
        self.next = index + 1;
        if self.view == View::Whole {
            self.frontier.append(leaf_hash(entry));
        }
        Ok(fed)
    }

    /// Judges what would become of an entry if it came next, and changes nothing: a log asks this before it
    /// takes a submission. `now` is the clock by which `not_after` of statement and key are judged.
    ///
    /// # Errors
    /// The refusal that the entry would meet.
    pub fn judge_candidate(&self, entry: &[u8], now: u64) -> Result<StatementDigest, Refusal> {
        let malformed = |detail: String| Refusal::new(Code::EntryMalformed, detail);
        let envelope = Envelope::parse(entry).map_err(|error| malformed(chain(&error)))?;
        let statement =
            Statement::parse(envelope.payload()).map_err(|error| malformed(chain(&error)))?;
        if let Predicate::Constitution(constitution) = &statement.predicate {
            self.check_constitution(self.next, &envelope, &statement.predicate)?;
            let mut trial = self.succession.clone();
            trial.feed(self.next, &envelope, constitution)?;
            return Ok(envelope.digest());
        }
        let standing = self.judge_rostered(self.next, &envelope)?;
        standing.check_in_time(now)?;
        if let Predicate::Activation(activation) = &statement.predicate {
            self.succession
                .clone()
                .activate(&standing, activation, &self.checkpoints)?;
        }
        Ok(standing.digest)
    }

    fn judge(&mut self, index: u64, entry: &[u8]) -> Fed {
        let envelope = match Envelope::parse(entry) {
            Ok(envelope) => envelope,
            Err(error) => return Fed::Ignored(Refusal::new(Code::EntryMalformed, chain(&error))),
        };
        let statement = match Statement::parse(envelope.payload()) {
            Ok(statement) => statement,
            Err(error) => return Fed::Ignored(Refusal::new(Code::EntryMalformed, chain(&error))),
        };
        let judged = match &statement.predicate {
            Predicate::Constitution(constitution) => self
                .check_constitution(index, &envelope, &statement.predicate)
                .and_then(|()| self.succession.feed(index, &envelope, constitution))
                .map(|()| envelope.digest()),
            Predicate::Activation(activation) => self
                .judge_rostered(index, &envelope)
                .and_then(|standing| {
                    self.succession
                        .activate(&standing, activation, &self.checkpoints)
                })
                .map(|()| envelope.digest()),
            _ => self.judge_rostered(index, &envelope).map(|standing| {
                let digest = standing.digest;
                self.take_effect(standing);
                digest
            }),
        };
        match judged {
            Ok(digest) => {
                self.note_chain(index, &statement.predicate);
                Fed::Counts(digest)
            }
            Err(refusal) => {
                self.remember_discarded(&envelope, &statement, refusal.clone());
                Fed::Ignored(refusal)
            }
        }
    }

    fn note_chain(&mut self, index: u64, predicate: &Predicate) {
        match predicate {
            Predicate::Constitution(_) => self.chain_indices.push(index),
            Predicate::Activation(activation) => {
                self.chain_indices.push(index);
                for size in [activation.signed_by.size, activation.waited_until.size] {
                    // Without a delay both may be one checkpoint.
                    if let Err(at) = self.named_sizes.binary_search(&size) {
                        self.named_sizes.insert(at, size);
                    }
                }
            }
            _ => {}
        }
    }

    fn remember_discarded(&mut self, envelope: &Envelope, statement: &Statement, refusal: Refusal) {
        if self.discarded.len() == DISCARDED_MAX {
            self.discarded.remove(0);
        }
        self.discarded.push(Discarded {
            kind: statement.predicate.short_name(),
            digest: envelope.digest(),
            build: build_of(&statement.predicate),
            refusal,
        });
    }

    /// Judges signature, roster, role, revocation and audience. Time is judged when it is known.
    pub(crate) fn judge_rostered(
        &self,
        index: u64,
        envelope: &Envelope,
    ) -> Result<Standing, Refusal> {
        let key_id = envelope.key();
        let constitution = self.constitution().ok_or_else(|| {
            Refusal::new(
                Code::EntryNoConstitution,
                format!("entry {index} comes first"),
            )
        })?;
        let (party, key) = constitution.find_key(key_id).ok_or_else(|| {
            Refusal::new(
                Code::EntryKeyUnknown,
                format!("key {key_id} at entry {index}"),
            )
        })?;
        let signed =
            open(envelope, key).map_err(|detail| Refusal::new(Code::EntrySignature, detail))?;
        let predicate = &signed.statement().predicate;
        if !may_sign(key.role, predicate) {
            let detail = format!(
                "`{}` by a key with role {:?} of {}",
                predicate.short_name(),
                key.role,
                party.id
            );
            return Err(Refusal::new(Code::EntryRole, detail));
        }
        self.check_revoked(index, key_id)?;
        self.check_audience(predicate)?;
        Ok(Standing {
            index,
            key: key_id,
            key_not_after: key.not_after,
            party: party.id.clone(),
            legal_owner: party.legal_owner.clone(),
            vendor: is_vendor(constitution, party),
            role: key.role,
            digest: signed.digest(),
            statement: signed.into_statement(),
        })
    }

    /// Roster and signature of a constitution are the business of its succession; this is the rest.
    fn check_constitution(
        &self,
        index: u64,
        envelope: &Envelope,
        predicate: &Predicate,
    ) -> Result<(), Refusal> {
        self.check_revoked(index, envelope.key())?;
        self.check_audience(predicate)
    }

    fn check_revoked(&self, index: u64, key: KeyId) -> Result<(), Refusal> {
        match self.revoked.get(&key) {
            Some(at) if *at < index => Err(Refusal::new(
                Code::EntryKeyRevoked,
                format!("key {key}, revoked at entry {at}"),
            )),
            _ => Ok(()),
        }
    }

    fn check_audience(&self, predicate: &Predicate) -> Result<(), Refusal> {
        if self.is_for_this_log(predicate) {
            return Ok(());
        }
        let audience = predicate.audience().iter().map(ToString::to_string);
        let audience = audience.collect::<Vec<_>>().join(", ");
        let detail = format!("meant for [{audience}], found in {}", self.origin);
        Err(Refusal::new(Code::EntryAudience, detail))
    }

    /// Two standard predicates have no audience field: the `resourceUri` of a VSA begins with the log, and a
    /// test result names the build in its log.
    fn is_for_this_log(&self, predicate: &Predicate) -> bool {
        match predicate {
            Predicate::Approval(approval) => approval
                .resource_uri
                .strip_prefix(&self.origin.to_string())
                .is_some_and(|rest| rest.starts_with("/build/")),
            Predicate::TestResult(tests) => tests.is_for(&self.origin),
            other => other.audience().contains(&self.origin),
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
        let time = checkpoint.median_time();
        match self.times.last() {
            Some((size, _)) if *size >= checkpoint.size() => {}
            _ => self.times.push((checkpoint.size(), time)),
        }
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
}
