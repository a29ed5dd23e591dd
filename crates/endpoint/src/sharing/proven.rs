//! Proofs about one sample, as a center hands them out: verified before they are kept, and again whenever they are shown.

use law::{Included, Logged, OpenBundle, Opened, ReleasedTools, Settled, ToolNames};
use serde::{Deserialize, Serialize};
use statement::{
    Anomaly, Erasure, FileDigest, Proven, ReceiptRecord, Receipts, Record, StatementDigest,
    VerdictRecord, Verdicts,
};
use tlog::TlogProof;

use super::{
    error::SharingError,
    evidence::{Archive, Evidence},
    queue::SampleRecord,
};

/// A `logged` object of `spec/intake.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LoggedText {
    entry: String,
    proof: String,
    proven: Option<String>,
}

/// The same with the bundle whose constitution chain judges it: what is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    chain: FileDigest,
    logged: LoggedText,
    /// Of a verdict: the releases that machines judged by, signature by signature.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tools: Vec<LoggedText>,
}

/// What machines made of a sample, by rules and a table that center and supervisor released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) record: VerdictRecord,
    pub(super) tools: ReleasedTools,
}

impl Judged {
    /// `view` has the releases among what was shown.
    pub(super) fn by(view: Settled<'_>, record: VerdictRecord) -> Result<Self, SharingError> {
        let names = ToolNames {
            worker: record.worker,
            rules: record.rules,
            scoring: record.scoring,
        };
        let tools = ReleasedTools::shown(view, names)?;
        Ok(Self { record, tools })
    }
}

/// Where a proof leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stands<T> {
    pub(super) said: T,
    pub(super) log: String,
    pub(super) entry: u64,
    /// Median time of the witnesses by which it stood, POSIX seconds.
    pub(super) by: u64,
    pub(super) statement: StatementDigest,
}

/// Four kinds of proofs, by the name of their file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Receipt,
    Verdict,
    Anomaly,
    Erasure,
}

impl Kind {
    pub(super) const fn file(self) -> &'static str {
        match self {
            Self::Receipt => "receipt.json",
            Self::Verdict => "verdict.json",
            Self::Anomaly => "anomaly.json",
            Self::Erasure => "erasure.json",
        }
    }
}

fn wrong(what: &'static str, wrong: impl ToString) -> SharingError {
    SharingError::Answer {
        what,
        wrong: wrong.to_string(),
    }
}

impl LoggedText {
    pub(super) fn read(&self) -> Result<Logged, SharingError> {
        let proof = TlogProof::parse(self.proof.as_bytes());
        Ok(Logged {
            entry: self.entry.as_bytes().to_vec(),
            proof: proof.map_err(|error| wrong("a proof", error))?,
        })
    }

    pub(super) fn proven<R: Record>(&self) -> Result<Proven<R>, SharingError> {
        let text = self.proven.as_deref().unwrap_or_default();
        Ok(Proven::parse(text.as_bytes())?)
    }

    fn digest(&self) -> Result<StatementDigest, SharingError> {
        Ok(Opened::read(self.entry.as_bytes())?.digest())
    }
}

impl Kept {
    /// `tools` matter to a verdict only.
    pub(super) fn new(
        chain: &Evidence,
        kind: Kind,
        logged: LoggedText,
        tools: &[LoggedText],
    ) -> Self {
        Self {
            chain: chain.digest,
            logged,
            tools: match kind {
                Kind::Verdict => tools.to_vec(),
                _ => Vec::new(),
            },
        }
    }

    /// Opens the entries under the constitution chain.
    fn open(&self, archive: &Archive<'_>) -> Result<OpenBundle, SharingError> {
        let chain = archive.by_digest(self.chain)?;
        let shown = std::iter::once(&self.logged).chain(&self.tools);
        let shown: Vec<Logged> = shown.map(LoggedText::read).collect::<Result<_, _>>()?;
        Ok(chain.bundle.open_with(archive.config.anchor, &shown)?)
    }

    pub(super) fn receipt(
        &self,
        archive: &Archive<'_>,
        sample: &SampleRecord,
    ) -> Result<Stands<ReceiptRecord>, SharingError> {
        let open = self.open(archive)?;
        let proven = self.logged.proven::<ReceiptRecord>()?;
        let batch: Included<Receipts> = open.view().receipts(proven.batch())?;
        let record = proven.check(batch.digest(), &batch)?;
        same("sample", &record.sample, &sample.sample)?;
        same("seal", record.seal, sample.seal)?;
        same("wraps", record.wraps, sample.wraps)?;
        same("home", &record.home, &sample.home)?;
        Ok(stands(open.view(), &batch, record.clone()))
    }

    pub(super) fn verdict(
        &self,
        archive: &Archive<'_>,
        sample: &SampleRecord,
    ) -> Result<Stands<Judged>, SharingError> {
        let open = self.open(archive)?;
        let proven = self.logged.proven::<VerdictRecord>()?;
        let batch: Included<Verdicts> = open.view().verdicts(proven.batch())?;
        let record = proven.check(batch.digest(), &batch)?;
        same("sample", &record.sample, &sample.sample)?;
        same("seal", record.seal, sample.seal)?;
        same("home", &record.home, &sample.home)?;
        let judged = Judged::by(open.view(), record.clone())?;
        Ok(stands(open.view(), &batch, judged))
    }

    pub(super) fn anomaly(
        &self,
        archive: &Archive<'_>,
        sample: &SampleRecord,
    ) -> Result<Stands<Anomaly>, SharingError> {
        let open = self.open(archive)?;
        let anomaly: Included<Anomaly> = open.view().anomaly(self.logged.digest()?)?;
        same("sample", &anomaly.sample, &sample.sample)?;
        same("seal", anomaly.seal, sample.seal)?;
        same("home", &anomaly.home, &sample.home)?;
        let said = Anomaly::clone(&anomaly);
        Ok(stands(open.view(), &anomaly, said))
    }

    /// `demand` is the digest of the demand that this endpoint made, if it did.
    pub(super) fn erasure(
        &self,
        archive: &Archive<'_>,
        sample: &SampleRecord,
        demand: Option<FileDigest>,
    ) -> Result<Stands<Erasure>, SharingError> {
        let open = self.open(archive)?;
        let erasure: Included<Erasure> = open.view().erasure(self.logged.digest()?)?;
        same("sample", &erasure.sample, &sample.sample)?;
        same("seal", erasure.seal, sample.seal)?;
        same("home", &erasure.home, &sample.home)?;
        if let (Some(named), Some(made)) = (erasure.demand, demand) {
            same("demand", named, made)?;
        }
        let said = Erasure::clone(&erasure);
        Ok(stands(open.view(), &erasure, said))
    }

    /// Whether the proof holds for this sample, whatever kind it is of.
    pub(super) fn check(
        &self,
        kind: Kind,
        archive: &Archive<'_>,
        sample: &SampleRecord,
        demand: Option<FileDigest>,
    ) -> Result<(), SharingError> {
        match kind {
            Kind::Receipt => self.receipt(archive, sample).map(drop),
            Kind::Verdict => self.verdict(archive, sample).map(drop),
            Kind::Anomaly => self.anomaly(archive, sample).map(drop),
            Kind::Erasure => self.erasure(archive, sample, demand).map(drop),
        }
    }
}

pub(super) fn same<T: PartialEq + ToString>(
    field: &'static str,
    found: T,
    expected: T,
) -> Result<(), SharingError> {
    if found == expected {
        return Ok(());
    }
    Err(SharingError::OtherSample {
        field,
        found: found.to_string(),
        expected: expected.to_string(),
    })
}

pub(super) fn stands<S, T>(view: Settled<'_>, included: &Included<S>, said: T) -> Stands<T> {
    Stands {
        said,
        log: view.state().origin().to_string(),
        entry: included.standing().index(),
        by: view.included_by(included.standing()).unwrap_or(0),
        statement: included.digest(),
    }
}
