//! What goes in and what comes out.

use std::collections::BTreeMap;

use statement::{
    CountryCode, Day, FileDigest, OutcomeCounts, PartyId, ReanalysisGrant, SealDigest, ShortName,
    StatementDigest,
};
use tlog::Hash;

/// What became of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ruling {
    /// It counts, if it was included in time: that is known once a checkpoint is.
    Counts {
        /// Digest of what is said.
        digest: StatementDigest,
        /// Short name of its predicate, for example `release`.
        kind: &'static str,
    },
    /// It stands in the log and has no effect.
    Ignored {
        /// Which condition does not hold; the codes of the law.
        code: &'static str,
        /// What was seen.
        detail: String,
    },
}

/// Entries are fed one by one from index 0, none left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("entry {got} was offered where {expected} is next; feed every entry in order")]
pub struct OutOfOrder {
    /// The index that is next.
    pub expected: u64,
    /// The index offered.
    pub got: u64,
}

/// A condition that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Refused {
    /// Which condition; the codes of the law.
    pub code: &'static str,
    /// What was seen.
    pub detail: String,
}

impl Refused {
    pub(crate) fn new(code: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { code, detail }
    }
}

/// A checkpoint that was verified against its log, its witnesses and every entry fed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointSeen {
    /// Number of entries.
    pub size: u64,
    /// Their Merkle root.
    pub root: Hash,
    /// Median time of the witnesses, POSIX seconds.
    pub time: u64,
    /// Names of the witnesses through which the quorum was met.
    pub witnesses: Vec<String>,
}

/// A series of releases.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// Product.
    pub product: String,
    /// Channel.
    pub channel: String,
    /// Platform.
    pub platform: String,
}

/// A capability. Each needs a proof, and the proof is the log.
#[derive(Debug, Clone, Copy)]
pub enum Gate<'a> {
    /// The supervisor may say `PASSED` of this build.
    Approval {
        /// Digest of the `source` statement.
        build: StatementDigest,
    },
    /// Center or supervisor may sign this release payload.
    Release {
        /// The in-toto statement.
        payload: &'a [u8],
        /// What it ships is made of these, if a platform signs it.
        parts: Option<Parts<'a>>,
    },
    /// This release payload waited for the narrower ring of its product.
    Ring {
        /// The in-toto statement.
        payload: &'a [u8],
        /// How long the signer waits between two rings, in seconds.
        wait_seconds: u64,
    },
    /// This release stands, signed by both sides, with everything it rests on.
    Released {
        /// Digest of the release.
        release: StatementDigest,
        /// Rebuilds asked for beyond the floor of the constitution.
        rebuilds_min: u64,
        /// What it ships is made of these; without them that is not asked.
        parts: Option<Parts<'a>>,
    },
    /// A TUF key may sign this file.
    Metadata {
        /// TUF role.
        role: &'a str,
        /// The file published before, none for version 1.
        previous: Option<&'a [u8]>,
        /// The candidate.
        next: &'a [u8],
        /// The signer's clock, POSIX seconds.
        now: u64,
    },
    /// This file is the newest published version of its role, signed by both sides.
    Published {
        /// TUF role.
        role: &'a str,
        /// The file as served.
        file: &'a [u8],
    },
    /// The constitution in force names this TUF root.
    TufRoot {
        /// The file.
        file: &'a [u8],
    },
    /// An endpoint may install this file.
    Install(Delivery<'a>),
    /// A policy says where files go, and its declaration stands below it.
    Residence,
    /// Tokens of some key admit samples to a home.
    Admission {
        /// The home.
        home: &'a CountryCode,
        /// The endpoint's clock, POSIX seconds.
        now: u64,
    },
    /// Files of a home may be sealed.
    Epochs {
        /// The home.
        home: &'a CountryCode,
        /// The endpoint's clock, POSIX seconds.
        now: u64,
    },
    /// Machines may judge samples with these releases.
    Tools(Tools),
    /// The supervisor may sign this grant of second looks as the next entry.
    GrantDraft {
        /// The grant.
        grant: &'a ReanalysisGrant,
        /// The supervisor's clock, POSIX seconds.
        now: u64,
    },
    /// Whoever holds a share may give it away under this grant.
    Grant {
        /// Its digest.
        grant: StatementDigest,
        /// For this sample, if it is asked for one.
        sample: Option<Placed<'a>>,
        /// The clock of whoever holds the share, POSIX seconds.
        now: u64,
    },
}

/// Releases that a verdict names.
#[derive(Debug, Clone, Copy)]
pub struct Tools {
    /// The program.
    pub worker: StatementDigest,
    /// The rule database.
    pub rules: StatementDigest,
    /// The scoring table.
    pub scoring: StatementDigest,
}

/// A sample at its place in the tree of a grant.
#[derive(Debug, Clone, Copy)]
pub struct Placed<'a> {
    /// Where it rests.
    pub home: &'a CountryCode,
    /// Its name.
    pub seal: &'a SealDigest,
    /// Its place.
    pub index: u64,
    /// The proof of that.
    pub path: &'a [Hash],
}

/// A program as it was built, and a platform's detached signature of it.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// The program.
    pub artifact: &'a [u8],
    /// The signature.
    pub signature: &'a [u8],
}

/// What arrived at an endpoint, and what the endpoint asks for.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// The line it follows.
    pub line: &'a Line,
    /// The release that the TUF target names.
    pub release: StatementDigest,
    /// SHA-256 of the file received.
    pub artifact: FileDigest,
    /// Its size.
    pub artifact_bytes: u64,
    /// What came apart of it, if a platform's signature was inside.
    pub parts: Option<Parts<'a>>,
    /// TUF role of the metadata.
    pub role: &'a str,
    /// The metadata as served.
    pub metadata: &'a [u8],
    /// Number of the release that runs now.
    pub installed: Option<u64>,
    /// Rebuilds asked for beyond the floor of the constitution.
    pub rebuilds_min: u64,
    /// Oldest witnessed evidence that is taken, in seconds.
    pub evidence_age_max_seconds: u64,
    /// The endpoint's clock, POSIX seconds.
    pub now: u64,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; no promise is touched.
    Note,
    /// Doubtful, or not yet decided.
    Amber,
    /// A promise was broken.
    Red,
}

/// Something that is wrong, and the entry that proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which rule; the codes of the law where there is one.
    pub code: &'static str,
    /// How bad.
    pub severity: Severity,
    /// The entry that proves it.
    pub entry: Option<u64>,
    /// The statement it is about.
    pub subject: Option<StatementDigest>,
    /// What happened.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

/// Bulk evidence that a counted statement names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Blob {
    /// SHA-256 of the bytes.
    pub sha256: FileDigest,
    /// How many bytes.
    pub bytes: u64,
    /// Whether the log owes it to everybody.
    pub public: bool,
    /// The lowest entry that names it so.
    pub entry: u64,
}

/// The newest publication of a TUF role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newest {
    /// Version.
    pub version: u64,
    /// SHA-256 of the file as served.
    pub metadata: FileDigest,
    /// The entry.
    pub entry: u64,
}

/// When a party was last heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The newest heartbeat's entry.
    pub entry: u64,
    /// Latest time at which it was included, POSIX seconds; none while no checkpoint has it.
    pub by: Option<u64>,
}

/// What one cell did with customers' files, by the batches that stand, and whom it turned away, by its censuses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CellCounts {
    /// Samples with a receipt.
    pub received: u64,
    /// Samples with a verdict.
    pub analysed: u64,
    /// How many of each outcome.
    pub outcomes: OutcomeCounts,
    /// Batches that say so.
    pub batches: u64,
    /// Days with a census that stands; what follows is claimed by them, and no batch shows it.
    pub censuses: u64,
    /// Calls turned away because there were too many.
    pub declined: u64,
    /// Calls turned away because their samples were not drawn.
    pub sampled_out: u64,
    /// One in how many was taken at the steepest of these draws; 1 when every sample was taken, 0 without a census.
    pub one_in_max: u64,
}

impl CellCounts {
    /// The share that machines dealt with alone: all but the anomalies. None while nothing was analysed.
    pub fn automatic_share(&self) -> Option<f64> {
        let alone = self.analysed.saturating_sub(self.outcomes.anomaly);
        (self.analysed > 0).then(|| alone as f64 / self.analysed as f64)
    }
}

/// The three documents of a policy, as its blobs have them.
#[derive(Debug, Clone, Copy)]
pub struct Documents<'a> {
    /// The rules.
    pub text: &'a [u8],
    /// Their schema.
    pub schema: &'a [u8],
    /// The entities.
    pub entities: &'a [u8],
}

/// The policy in force, and where it sends files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyCounts {
    /// Its version.
    pub version: u64,
    /// Its digest.
    pub digest: StatementDigest,
    /// How many countries go to each home; empty while it was not replayed, or does not decide.
    pub homes: BTreeMap<CountryCode, u64>,
}

/// A promise, by the day that was named first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromiseSeen {
    /// Its name.
    pub id: ShortName,
    /// What is promised.
    pub text: String,
    /// By when.
    pub due: Day,
    /// Since when it is kept, by the first declaration that says so.
    pub met: Option<Day>,
}

/// Counts, each with what it is out of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Entries fed.
    pub entries: u64,
    /// Of these, below a witnessed checkpoint.
    pub witnessed: u64,
    /// Of these, counted.
    pub counted: u64,
    /// Entries without effect, by code.
    pub ignored: BTreeMap<&'static str, u64>,
    /// Counted entries by short name of the predicate.
    pub kinds: BTreeMap<&'static str, u64>,
    /// Checkpoints verified.
    pub checkpoints: u64,
    /// Version of the constitution in force; 0 while there is none.
    pub constitution: u64,
    /// Its digest.
    pub constitution_digest: Option<StatementDigest>,
    /// Constitutions that were in force.
    pub constitutions: u64,
    /// Parties of the constitution in force: id, name, legal owner.
    pub parties: Vec<(PartyId, String, String)>,
    /// Builds with a source that counts.
    pub builds: u64,
    /// Release payloads that somebody signed.
    pub releases_signed: u64,
    /// Of these, with the quorum.
    pub releases: u64,
    /// Of these, withdrawn.
    pub releases_withdrawn: u64,
    /// Approvals that say `PASSED`.
    pub approvals: u64,
    /// Adverse statements.
    pub adverse: u64,
    /// Of these, open.
    pub adverse_open: u64,
    /// Publications.
    pub publications: u64,
    /// Of these, with a signer's diff recomputed from the files.
    pub publications_judged: u64,
    /// Newest publication by TUF role.
    pub newest: BTreeMap<String, Newest>,
    /// What each cell did.
    pub cells: BTreeMap<CountryCode, CellCounts>,
    /// The policy in force.
    pub policy: Option<PolicyCounts>,
    /// What was promised, and what became of it.
    pub promises: Vec<PromiseSeen>,
    /// Newest heartbeat by party.
    pub heartbeats: BTreeMap<PartyId, Heard>,
    /// Median time of the newest checkpoint, POSIX seconds.
    pub newest_time: Option<u64>,
}
