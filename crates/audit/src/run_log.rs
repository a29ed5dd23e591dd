//! One log: replayed into a judge, with every root recomputed and every promise of its operator checked.
//!
//! Invariant: `judge fed == frontier.size() == entries read`; what was remembered of earlier visits is met
//! again at its size, or the log shows another history now.

use std::collections::{BTreeMap, BTreeSet};

use statement::StatementDigest;
use tlog::{Frontier, Hash};

use crate::blobs::BlobCheck;
use crate::error::AuditError;
use crate::facts::Facts;
use crate::findings::Findings;
use crate::judge::{CheckpointSeen, Gate, Judge, Refused, Ruling};
use crate::levels::Levels;
use crate::read_log::{Batch, Claimed, Fault, LogReader};

/// What to do about a log that does not serve what it promised.
pub(crate) const ASK: &str =
    "ask the log's operator; keep what you have, and compare with a mirror";
/// What to do about a second history.
pub(crate) const FORK: &str = "trust nothing newer of this log; publish both checkpoints";

/// A log under audit.
pub(crate) struct LogAudit {
    pub(crate) reader: LogReader,
    anchor: StatementDigest,
    pub(crate) judge: Judge,
    pub(crate) facts: Facts,
    pub(crate) blobs: BlobCheck,
    /// Checkpoints that were seen by others or earlier, by size; met or to be met.
    pub(crate) remembered: BTreeMap<u64, Vec<Vec<u8>>>,
    /// The newest checkpoint that was verified, and its note.
    pub(crate) head: Option<(CheckpointSeen, Vec<u8>)>,
    pub(crate) archived: u64,
    pub(crate) archived_verified: u64,
    pub(crate) tiles: u64,
    pub(crate) frontier: Frontier,
    /// Leaf hashes of the bundle that is not full yet.
    unfinished: Vec<Hash>,
    levels: Levels,
    archived_to: Option<u64>,
    /// Size of the newest checkpoint that fits.
    pub(crate) good_to: Option<u64>,
    /// The newest checkpoint that was looked at, good or not.
    looked_at: Option<Vec<u8>>,
    /// Something was wrong with what is served; what comes after it is not read.
    pub(crate) broken: bool,
    /// Releases whose platform signature was attached again.
    pub(crate) attached: BTreeSet<StatementDigest>,
    /// Residency policies that were replayed.
    pub(crate) replayed: BTreeSet<StatementDigest>,
}

impl LogAudit {
    pub(crate) fn new(reader: LogReader, anchor: StatementDigest) -> Self {
        Self {
            judge: Judge::new(reader.origin.clone(), anchor),
            blobs: BlobCheck::new(std::sync::Arc::clone(&reader.place)),
            reader,
            anchor,
            facts: Facts::default(),
            remembered: BTreeMap::new(),
            head: None,
            archived: 0,
            archived_verified: 0,
            tiles: 0,
            frontier: Frontier::new(),
            unfinished: Vec::new(),
            levels: Levels::default(),
            archived_to: None,
            good_to: None,
            looked_at: None,
            broken: false,
            attached: BTreeSet::new(),
            replayed: BTreeSet::new(),
        }
    }

    /// Entries read.
    pub(crate) fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Asks the judge about everything read.
    ///
    /// # Errors
    /// The condition that does not hold.
    pub(crate) fn gate(&self, gate: &Gate<'_>) -> Result<(), Refused> {
        self.judge.gate(gate, self.size())
    }

    /// Reads, judges and checks what was published since; returns whether there was anything.
    ///
    /// # Errors
    /// The place cannot be read.
    pub(crate) async fn advance(&mut self, findings: &mut Findings) -> Result<bool, AuditError> {
        let (claimed, listed) = match self.look().await? {
            Ok(seen) => seen,
            Err(fault) => {
                findings.fault(&self.reader.origin, fault, ASK);
                self.broken = true;
                return Ok(true);
            }
        };
        if self.looked_at.as_ref() == Some(&claimed.note) {
            return Ok(false);
        }
        self.looked_at = Some(claimed.note.clone());
        if self.broken {
            self.start_over();
        }
        if !self.check_claim(&claimed, &listed, findings) {
            return Ok(true);
        }
        let resumed = self.size() > 0;
        self.replay(claimed.clone(), listed.clone(), findings)
            .await?;
        if self.broken && resumed {
            // What is new does not continue what was read. Read all of it: then what was remembered says
            // whether this is damage or a second history.
            self.start_over();
            self.replay(claimed, listed, findings).await?;
        }
        self.blobs.finish(&self.reader.origin, findings).await?;
        self.attach_again(findings).await?;
        self.replay_policies(findings).await?;
        Ok(true)
    }

    /// Forgets everything but what was remembered: nothing half-judged is ever built on.
    fn start_over(&mut self) {
        let anchor = self.anchor;
        let mut fresh = Self::new(self.reader.clone(), anchor);
        fresh.remembered = std::mem::take(&mut self.remembered);
        fresh.looked_at = self.looked_at.take();
        *self = fresh;
    }

    /// The newest checkpoint and the list of the archive, fitting each other if the log lets them.
    async fn look(&self) -> Result<Result<(Claimed, Vec<u64>), Fault>, AuditError> {
        let mut tries = 0;
        loop {
            let claimed = match self.reader.newest().await? {
                Ok(claimed) => claimed,
                Err(fault) => return Ok(Err(fault)),
            };
            let listed = match self.reader.archived_sizes().await? {
                Ok(listed) => listed,
                Err(fault) => return Ok(Err(fault)),
            };
            tries += 1;
            // A log archives a checkpoint just before it shows it: look again before saying it lies.
            let ahead = listed
                .last()
                .is_some_and(|last| *last > claimed.checkpoint.size());
            if !ahead || tries == 3 {
                return Ok(Ok((claimed, listed)));
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }

    /// What can be said of a checkpoint before its entries are read; false if there is no use in reading them.
    fn check_claim(&mut self, claimed: &Claimed, listed: &[u64], findings: &mut Findings) -> bool {
        let origin = self.reader.origin.clone();
        let shown = &claimed.checkpoint;
        if *shown.origin() != origin {
            let what = format!("the checkpoint shown is of {}", shown.origin());
            let fault = Fault {
                code: "checkpoint.origin",
                entry: None,
                what,
            };
            findings.fault(&origin, fault, "check which place belongs to which log");
            self.broken = true;
            return false;
        }
        let archived = listed.last().copied().unwrap_or(0);
        let remembered = self.remembered.keys().next_back().copied().unwrap_or(0);
        let most = archived.max(remembered).max(self.size());
        if most > shown.size() {
            let what = format!(
                "the newest checkpoint shown has {} entries, and one of {most} was signed before",
                shown.size()
            );
            findings.fault(
                &origin,
                Fault {
                    code: "log.went_back",
                    entry: Some(shown.size()),
                    what: what.clone(),
                },
                "an acknowledged entry may be dropped: ask for the newest checkpoint elsewhere",
            );
            self.contradict(remembered, claimed, what, findings);
            // Backwards of what this audit read itself there is nothing to read.
            return self.size() < shown.size();
        }
        true
    }

    async fn replay(
        &mut self,
        claimed: Claimed,
        listed: Vec<u64>,
        findings: &mut Findings,
    ) -> Result<(), AuditError> {
        let end = claimed.checkpoint.size();
        let above = self.archived_to.map_or(1, |size| size + 1);
        let sizes: Vec<u64> = listed
            .into_iter()
            .filter(|size| (above..=end).contains(size))
            .collect();
        self.archived += sizes.len() as u64;
        self.archived_to = Some(end);
        let mut stops: BTreeSet<u64> = sizes.iter().copied().collect();
        stops.extend(self.remembered.keys().filter(|size| **size <= end));
        stops.insert(end);
        let stops: Vec<u64> = stops
            .into_iter()
            .filter(|size| *size >= self.size())
            .collect();
        let mut notes = self.reader.archived(sizes.clone());
        let mut archived: BTreeSet<u64> = sizes.into_iter().collect();
        let mut entries = self.reader.entries(self.size(), end);
        let mut batch = None;
        for stop in stops {
            while self.size() < stop && !self.broken {
                if batch.is_none() {
                    batch = self.next_batch(&mut entries, findings).await?;
                }
                batch = match batch {
                    Some(batch) => self.feed(batch, stop, findings).await?,
                    None => None,
                };
            }
            if self.broken {
                return Ok(());
            }
            if archived.remove(&stop) {
                let (_, note) = notes.next().await?.ok_or(AuditError::Ended {
                    part: "reading checkpoints",
                })?;
                self.check_archived(stop, note, stop == end, findings);
            }
            self.meet(stop, &claimed, findings);
        }
        self.check_edge(findings).await?;
        self.check_newest(claimed, findings);
        Ok(())
    }

    async fn next_batch(
        &mut self,
        entries: &mut crate::read_log::Entries,
        findings: &mut Findings,
    ) -> Result<Option<Batch>, AuditError> {
        let origin = self.reader.origin.clone();
        let mut batch = match entries.next().await? {
            Some(Ok(batch)) => batch,
            Some(Err(fault)) => {
                self.broken = true;
                findings.fault(&origin, fault, ASK);
                return Ok(None);
            }
            None => {
                return Err(AuditError::Ended {
                    part: "reading entries",
                });
            }
        };
        self.tiles += 1;
        if let Some(fault) = batch.tile_fault.take() {
            findings.fault(
                &origin,
                fault,
                "proofs made from this tile do not verify; ask the operator to repair it",
            );
        }
        if !self.unfinished.starts_with(&batch.before) {
            let fault = Fault {
                code: "log.rewritten",
                entry: Some(batch.first - batch.before.len() as u64),
                what: "entries that were read before are served with other bytes now".to_owned(),
            };
            findings.fault(&origin, fault, FORK);
        }
        Ok(Some(batch))
    }

    /// Feeds entries up to `stop`; returns what is left of the batch.
    async fn feed(
        &mut self,
        mut batch: Batch,
        stop: u64,
        findings: &mut Findings,
    ) -> Result<Option<Batch>, AuditError> {
        let wanted = usize::try_from(stop - batch.first).unwrap_or(usize::MAX);
        let rest = (wanted < batch.entries.len()).then(|| batch.entries.split_off(wanted));
        for opened in &batch.entries {
            let index = self.frontier.size();
            let ruling = self
                .judge
                .opened(index, opened)
                .map_err(|_| AuditError::Ended { part: "the judge" })?;
            if matches!(ruling, Ruling::Counts { .. }) {
                if let Some(statement) = opened.statement()
                    && let statement::Predicate::Constitution(constitution) = &statement.predicate
                {
                    self.reader.keys.add(constitution);
                }
                for owed in self.facts.add(index, opened) {
                    self.blobs
                        .start(owed, &self.reader.origin, findings)
                        .await?;
                }
            }
            self.frontier.append(opened.leaf());
            self.unfinished.push(opened.leaf());
        }
        if let Some(rest) = rest {
            return Ok(Some(Batch {
                first: stop,
                before: self.unfinished.clone(),
                entries: rest,
                ..batch
            }));
        }
        if let Some(root) = batch.tile_root {
            self.unfinished.clear();
            let faults = self
                .levels
                .push(root, &self.reader, &mut self.tiles)
                .await?;
            for fault in faults {
                findings.fault(&self.reader.origin, fault, ASK);
            }
        }
        Ok(None)
    }

    /// The partial tiles on the right edge.
    async fn check_edge(&mut self, findings: &mut Findings) -> Result<(), AuditError> {
        let faults = self
            .levels
            .check_edge(&self.reader, &mut self.tiles)
            .await?;
        for fault in faults {
            findings.fault(&self.reader.origin, fault, ASK);
        }
        Ok(())
    }
}
