//! The two kinds of records that stand in batches: that a sample was taken in, and what machines made of it.

use serde::{Deserialize, Serialize};

use crate::{
    batch::{RECORD_BYTES_MAX, Record},
    custody::{Receipts, Verdicts},
    ids::{CountryCode, FileDigest, Reason, SampleId, SealDigest, StatementDigest},
    limits::REASONS_MAX,
    lines::{LineError, Lines},
};

const RECEIPT: &str = "limpid receipt v1";
const VERDICT: &str = "limpid verdict v1";

/// What machines made of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Nothing found.
    Clean,
    /// Something found, not enough.
    Suspicious,
    /// Harmful.
    Malicious,
    /// Machines cannot tell. Only this may be requested for people.
    Anomaly,
    /// The wraps at rest are not those that the seed gives.
    Missealed,
}

impl Outcome {
    /// All, from the best to the worst.
    pub const ALL: [Self; 5] = [
        Self::Clean,
        Self::Suspicious,
        Self::Malicious,
        Self::Anomaly,
        Self::Missealed,
    ];

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Suspicious => "suspicious",
            Self::Malicious => "malicious",
            Self::Anomaly => "anomaly",
            Self::Missealed => "missealed",
        }
    }
}

/// A sample was taken in and will not be lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptRecord {
    /// The sample.
    pub sample: SampleId,
    /// Its name: header and ciphertext.
    pub seal: SealDigest,
    /// SHA-256 of its three wraps as they came, so that nobody can say later that others came.
    pub wraps: FileDigest,
    /// Where it is.
    pub home: CountryCode,
    /// POSIX seconds by the clock of the intake: a claim.
    pub received: u64,
    /// 32 random bytes.
    pub salt: FileDigest,
}

impl Record for ReceiptRecord {
    type Batch = Receipts;

    fn parse(text: &str) -> Result<Self, LineError> {
        let mut lines = Lines::open(RECEIPT, text.as_bytes(), RECORD_BYTES_MAX)?;
        let record = Self {
            sample: lines.value("sample")?,
            seal: lines.value("seal")?,
            wraps: lines.value("wraps")?,
            home: lines.value("home")?,
            received: lines.number("received")?,
            salt: lines.value("salt")?,
        };
        lines.end()?;
        Ok(record)
    }

    fn to_text(&self) -> String {
        let Self {
            sample,
            seal,
            wraps,
            home,
            received,
            salt,
        } = self;
        format!(
            "{RECEIPT}\nsample {sample}\nseal {seal}\nwraps {wraps}\nhome {home}\nreceived {received}\nsalt {salt}\n"
        )
    }

    fn home(&self) -> &CountryCode {
        &self.home
    }

    fn batch(batch: &Receipts) -> (&CountryCode, u64, FileDigest) {
        (&batch.home, batch.count, batch.root)
    }
}

/// What machines made of a sample, by which releases, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerdictRecord {
    /// The sample.
    pub sample: SampleId,
    /// Its name.
    pub seal: SealDigest,
    /// Where it was analysed.
    pub home: CountryCode,
    /// The outcome.
    pub outcome: Outcome,
    /// Points by the scoring table.
    pub score: u64,
    /// The release of the worker.
    pub worker: StatementDigest,
    /// The release of the rule database.
    pub rules: StatementDigest,
    /// The release of the scoring table.
    pub scoring: StatementDigest,
    /// POSIX seconds by the clock of the worker: a claim.
    pub finished: u64,
    /// Every reason that counted, in the order of the scoring table.
    pub reasons: Vec<Reason>,
    /// 32 random bytes.
    pub salt: FileDigest,
}

impl VerdictRecord {
    /// The lines that a verdict and one after it have in common, to the end.
    pub(crate) fn read(lines: &mut Lines<'_>) -> Result<Self, LineError> {
        let (sample, seal, home) = (
            lines.value("sample")?,
            lines.value("seal")?,
            lines.value("home")?,
        );
        let word = lines.text("outcome")?;
        let outcome = Outcome::ALL
            .into_iter()
            .find(|outcome| outcome.as_str() == word)
            .ok_or_else(|| lines.wrong("outcome", word, "no outcome".to_owned()))?;
        let mut record = Self {
            sample,
            seal,
            home,
            outcome,
            score: lines.number("score")?,
            worker: lines.value("worker")?,
            rules: lines.value("rules")?,
            scoring: lines.value("scoring")?,
            finished: lines.number("finished")?,
            reasons: Vec::new(),
            salt: lines.value("salt")?,
        };
        // Last, because their number is open.
        while lines.next_is("reason") {
            if record.reasons.len() == REASONS_MAX {
                let wrong = format!("more than {REASONS_MAX} reasons");
                return Err(lines.wrong("reason", lines.text_ahead(), wrong));
            }
            record.reasons.push(lines.value("reason")?);
        }
        Ok(record)
    }

    pub(crate) fn lines(&self) -> String {
        let Self {
            sample,
            seal,
            home,
            score,
            worker,
            rules,
            scoring,
            finished,
            salt,
            ..
        } = self;
        let outcome = self.outcome.as_str();
        let mut text = format!(
            "sample {sample}\nseal {seal}\nhome {home}\noutcome {outcome}\nscore {score}\nworker {worker}\n\
             rules {rules}\nscoring {scoring}\nfinished {finished}\nsalt {salt}\n"
        );
        for reason in &self.reasons {
            text.push_str(&format!("reason {reason}\n"));
        }
        text
    }
}

impl Record for VerdictRecord {
    type Batch = Verdicts;

    fn parse(text: &str) -> Result<Self, LineError> {
        let mut lines = Lines::open(VERDICT, text.as_bytes(), RECORD_BYTES_MAX)?;
        let record = Self::read(&mut lines)?;
        lines.end()?;
        Ok(record)
    }

    fn to_text(&self) -> String {
        format!("{VERDICT}\n{}", self.lines())
    }

    fn home(&self) -> &CountryCode {
        &self.home
    }

    fn batch(batch: &Verdicts) -> (&CountryCode, u64, FileDigest) {
        (&batch.home, batch.count, batch.root)
    }
}
