//! A second look at samples at rest: the supervisor's grant, and what machines made of the samples under it.
//!
//! A grant covers samples by their seal digests, hashed into a tree (RFC 6962) in ascending order, so that it names each of
//! them and shows none: whoever is asked to open one is shown its place.

use tlog::{Hash, Origin, leaf_hash};

use crate::{
    batch::{self, BatchError, RECORD_BYTES_MAX, Record},
    custody::{OutcomeCounts, adds_up, check_batch},
    custody_error::{CustodyError, ascending, in_range},
    governance::CheckpointRef,
    ids::{CountryCode, FileDigest, SealDigest, StatementDigest},
    limits::{GRANT_SAMPLES_MAX, INTEGER_MAX},
    lines::{LineError, Lines},
    records::VerdictRecord,
    statement::{audience, predicate},
};

const REANALYSIS: &str = "limpid reanalysis v1";

predicate! {
    /// `reanalysis-grant`: machines may look at these samples once more, with these releases and at home.
    pub struct ReanalysisGrant {
        /// Where the samples are, and stay.
        home: CountryCode,
        /// How many.
        count: u64,
        /// Merkle root over their seal digests, ascending.
        root: FileDigest,
        /// The release of the worker.
        worker: StatementDigest,
        /// The release of the rule database.
        rules: StatementDigest,
        /// The release of the scoring table.
        scoring: StatementDigest,
        /// Samples of this home at rest, by the log below `checkpoint`; `count` was held against it.
        stock: u64,
        /// What the supervisor looked at before it signed.
        checkpoint: CheckpointRef,
        /// POSIX seconds after which no opener answers any more.
        valid_until: u64,
    }
}

impl ReanalysisGrant {
    pub(crate) fn check(&self) -> Result<(), CustodyError> {
        in_range("count", self.count, 1, GRANT_SAMPLES_MAX as u64)?;
        in_range("stock", self.stock, self.count, INTEGER_MAX)
    }
}

predicate! {
    /// `reanalyses`: this is what machines made of samples at rest under one grant.
    pub struct Reanalyses {
        /// The cell that analysed them.
        home: CountryCode,
        /// The grant.
        grant: StatementDigest,
        /// Consecutive for each home, from 1.
        seq: u64,
        /// How many.
        count: u64,
        /// How many of each outcome.
        outcomes: OutcomeCounts,
        /// Merkle root over their records.
        root: FileDigest,
    }
}

impl Reanalyses {
    pub(crate) fn check(&self) -> Result<(), CustodyError> {
        check_batch(self.seq, self.count)?;
        adds_up("outcomes", self.outcomes.sum(), "count", self.count)
    }
}

/// What machines made of a sample when they looked again. It replaces nothing: the first verdict stands beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReanalysisRecord {
    /// The grant under which it was opened.
    pub grant: StatementDigest,
    /// The lines of a verdict.
    pub verdict: VerdictRecord,
}

impl Record for ReanalysisRecord {
    type Batch = Reanalyses;

    fn parse(text: &str) -> Result<Self, LineError> {
        let mut lines = Lines::open(REANALYSIS, text.as_bytes(), RECORD_BYTES_MAX)?;
        let record = Self {
            grant: lines.value("grant")?,
            verdict: VerdictRecord::read(&mut lines)?,
        };
        lines.end()?;
        Ok(record)
    }

    fn to_text(&self) -> String {
        let (grant, verdict) = (self.grant, self.verdict.lines());
        format!("{REANALYSIS}\ngrant {grant}\n{verdict}")
    }

    fn home(&self) -> &CountryCode {
        &self.verdict.home
    }

    fn batch(batch: &Reanalyses) -> (&CountryCode, u64, FileDigest) {
        (&batch.home, batch.count, batch.root)
    }

    fn check_batch(&self, batch: &Reanalyses) -> Result<(), BatchError> {
        batch::check_home(self.home(), &batch.home)?;
        if self.grant == batch.grant {
            return Ok(());
        }
        Err(BatchError::OtherGrant {
            record: self.grant,
            batch: batch.grant,
        })
    }
}

/// The samples of a grant, in the order of its tree.
#[derive(Debug, Clone)]
pub struct SealTree {
    seals: Vec<SealDigest>,
    leaves: Vec<Hash>,
}

impl SealTree {
    /// Hashes seal digests that ascend.
    ///
    /// # Errors
    /// [`CustodyError::List`], [`CustodyError::Range`].
    pub fn new(seals: Vec<SealDigest>) -> Result<Self, CustodyError> {
        in_range("count", seals.len() as u64, 1, GRANT_SAMPLES_MAX as u64)?;
        ascending("samples", &seals)?;
        Ok(Self {
            leaves: seals.iter().map(leaf_of).collect(),
            seals,
        })
    }

    /// The samples.
    #[must_use]
    pub fn seals(&self) -> &[SealDigest] {
        &self.seals
    }

    /// The root for the grant.
    #[must_use]
    pub fn root(&self) -> FileDigest {
        FileDigest::new(batch::root(&self.leaves))
    }

    /// Index and path of a sample; nothing when it is not among them.
    #[must_use]
    pub fn place(&self, seal: &SealDigest) -> Option<(u64, Vec<Hash>)> {
        let index = self.seals.binary_search(seal).ok()?;
        Some((index as u64, batch::path(&self.leaves, index)))
    }
}

fn leaf_of(seal: &SealDigest) -> Hash {
    leaf_hash(seal.hash().as_bytes())
}

impl ReanalysisGrant {
    /// Whether this very sample stands at `index` of the tree. That the grant counts is for the law to say.
    ///
    /// # Errors
    /// What the hashes say.
    pub fn check_place(
        &self,
        seal: &SealDigest,
        index: u64,
        path: &[Hash],
    ) -> Result<(), tlog::ProofError> {
        let root = *self.root.hash();
        tlog::verify_inclusion(&leaf_of(seal), index, self.count, path, &root)
    }
}
