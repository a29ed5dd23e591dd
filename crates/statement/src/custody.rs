//! Predicates of the custody stream: what becomes of customers' files. One page each under `spec/`.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use tlog::Origin;

use crate::{
    custody_error::{CustodyError, in_range},
    day::Day,
    ids::{CountryCode, FileDigest, Reason, RegionName, SampleId, SealDigest, StatementDigest},
    limits::{
        BATCH_RECORDS_MAX, CENSUS_COUNTRY_MIN, EPOCH_KEY_BYTES, INTEGER_MAX, ONE_IN_MAX,
        REASONS_MAX,
    },
    sampling::SamplingRule,
    statement::{audience, predicate},
};

/// The one HPKE suite of sealing: X-Wing, HKDF-SHA256, AES-256-GCM, by their registered numbers.
pub const SEAL_SUITE: &str = "hpke-647a-0001-0002";

/// What the key of an epoch opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EpochPurpose {
    /// Seeds of samples that wait for analysis by machines.
    Analysis,
    /// The center's share of samples at rest.
    Center,
    /// The supervisor's share of samples at rest.
    Supervisor,
}

impl EpochPurpose {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Analysis => "analysis",
            Self::Center => "center",
            Self::Supervisor => "supervisor",
        }
    }
}

impl std::fmt::Display for EpochPurpose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

predicate! {
    /// `epoch`: seal to this key; it will be destroyed.
    pub struct Epoch {
        /// What it opens.
        purpose: EpochPurpose,
        /// The jurisdiction whose samples it is for.
        home: CountryCode,
        /// [`SEAL_SUITE`].
        suite: String,
        /// The raw HPKE public key in standard base64.
        key: String,
        /// POSIX seconds from which endpoints seal to it.
        valid_from: u64,
        /// POSIX seconds after which they no longer do.
        valid_until: u64,
        /// POSIX seconds by which the private key is gone.
        destroy_by: u64,
    }
}

fn in_order(fields: [(&'static str, u64); 2]) -> Result<(), CustodyError> {
    let [(earlier, earlier_value), (later, later_value)] = fields;
    if earlier_value < later_value {
        return Ok(());
    }
    Err(CustodyError::Order {
        earlier,
        earlier_value,
        later,
        later_value,
    })
}

impl Epoch {
    /// What can be checked without any other statement: suite, length of the key, order of the times.
    ///
    /// # Errors
    /// [`CustodyError`].
    pub fn check(&self) -> Result<(), CustodyError> {
        if self.suite != SEAL_SUITE {
            let value = self.suite.chars().take(80).collect();
            return Err(CustodyError::Suite { value });
        }
        self.raw_key()?;
        let until = ("valid_until", self.valid_until);
        in_order([("valid_from", self.valid_from), until])?;
        in_order([until, ("destroy_by", self.destroy_by)])
    }

    /// The raw public key. Whether it is a point and a matrix is for `seal` to say.
    ///
    /// # Errors
    /// [`CustodyError::Key`].
    pub fn raw_key(&self) -> Result<Vec<u8>, CustodyError> {
        let raw = STANDARD.decode(&self.key).unwrap_or_default();
        if raw.len() == EPOCH_KEY_BYTES {
            return Ok(raw);
        }
        let value = self.key.chars().take(20).collect();
        Err(CustodyError::Key { value })
    }
}

predicate! {
    /// `receipts`: these samples were taken in.
    pub struct Receipts {
        /// The cell that took them.
        home: CountryCode,
        /// Consecutive for each home, from 1.
        seq: u64,
        /// How many.
        count: u64,
        /// Merkle root over their records.
        root: FileDigest,
    }
}

impl Receipts {
    pub(crate) fn check(&self) -> Result<(), CustodyError> {
        check_batch(self.seq, self.count)
    }
}

pub(crate) fn check_batch(seq: u64, count: u64) -> Result<(), CustodyError> {
    in_range("seq", seq, 1, INTEGER_MAX)?;
    in_range("count", count, 1, BATCH_RECORDS_MAX as u64)
}

/// How many of each outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutcomeCounts {
    /// Nothing found.
    pub clean: u64,
    /// Something found, not enough.
    pub suspicious: u64,
    /// Harmful.
    pub malicious: u64,
    /// Machines cannot tell.
    pub anomaly: u64,
    /// Wrongly sealed.
    pub missealed: u64,
}

impl OutcomeCounts {
    /// All of them together.
    #[must_use]
    pub fn sum(&self) -> u64 {
        [
            self.clean,
            self.suspicious,
            self.malicious,
            self.anomaly,
            self.missealed,
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }
}

predicate! {
    /// `verdicts`: this is what machines made of these samples.
    pub struct Verdicts {
        /// The cell that analysed them.
        home: CountryCode,
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

impl Verdicts {
    pub(crate) fn check(&self) -> Result<(), CustodyError> {
        check_batch(self.seq, self.count)?;
        adds_up("outcomes", self.outcomes.sum(), "count", self.count)
    }
}

pub(crate) fn adds_up(
    field: &'static str,
    sum: u64,
    whole: &'static str,
    value: u64,
) -> Result<(), CustodyError> {
    if sum == value {
        return Ok(());
    }
    Err(CustodyError::Sum {
        field,
        sum,
        whole,
        value,
    })
}

predicate! {
    /// `anomaly`: machines cannot tell what this one sample is. Without it nobody may ask for the file.
    pub struct Anomaly {
        /// The sample.
        sample: SampleId,
        /// Its name: header and ciphertext.
        seal: SealDigest,
        /// Where it is.
        home: CountryCode,
        /// Where it comes from; never the country.
        region: RegionName,
        /// The least power of two that its bytes do not exceed.
        size_bytes_max: u64,
        /// When it was taken in.
        day: Day,
        /// The batch that its receipt stands in.
        receipts: StatementDigest,
        /// The batch that its verdict stands in.
        verdicts: StatementDigest,
        /// What was seen that no rule explains.
        reasons: Vec<Reason>,
    }
}

impl Anomaly {
    pub(crate) fn check(&self) -> Result<(), CustodyError> {
        in_range("reasons", self.reasons.len() as u64, 1, REASONS_MAX as u64)?;
        let rounded = self.size_bytes_max.checked_next_power_of_two();
        in_range(
            "size_bytes_max",
            self.size_bytes_max,
            rounded.unwrap_or(u64::MAX),
            INTEGER_MAX,
        )
    }
}

/// Why a sample is no longer kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ErasureCause {
    /// Its owner asked, with its upload key.
    Owner,
    /// Its owner withdrew the consent, with its upload key.
    Withdrawal,
    /// Its time was over.
    Retention,
}

impl ErasureCause {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Withdrawal => "withdrawal",
            Self::Retention => "retention",
        }
    }
}

predicate! {
    /// `erasure`: this sample is no longer kept. A promise, signed: no program can show that no copy is left.
    pub struct Erasure {
        /// The sample.
        sample: SampleId,
        /// Its name.
        seal: SealDigest,
        /// Where it was.
        home: CountryCode,
        /// Why.
        cause: ErasureCause,
        /// SHA-256 of message and signature of the owner's demand; none for retention.
        demand: Option<FileDigest>,
        /// POSIX seconds by the clock of the cell: a claim.
        erased_at: u64,
    }
}

impl Erasure {
    pub(crate) fn check(&self) -> Result<(), CustodyError> {
        let needed = self.cause != ErasureCause::Retention;
        if self.demand.is_some() == needed {
            return Ok(());
        }
        let cause = self.cause.as_str();
        Err(CustodyError::Demand { cause, needed })
    }
}

/// Consecutive batches of one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchRange {
    /// `seq` of the first.
    pub first: u64,
    /// `seq` of the last.
    pub last: u64,
}

predicate! {
    /// `census`: everything that a cell did on one day, counted.
    pub struct Census {
        /// The cell.
        home: CountryCode,
        /// The day.
        day: Day,
        /// Batches of receipts that belong to it; none when nothing came.
        receipts: Option<BatchRange>,
        /// Batches of verdicts that belong to it; none when nothing was analysed.
        verdicts: Option<BatchRange>,
        /// Samples taken in.
        received: u64,
        /// Calls turned away because there were too many.
        declined: u64,
        /// Calls turned away because their samples were not drawn.
        sampled_out: u64,
        /// One in how many was taken at the steepest of those draws; 1 when every sample was taken.
        one_in_max: u64,
        /// By which rule, at the end of the day.
        sampling: SamplingRule,
        /// The key of the day's draw, which is not used any more; none when there was no draw.
        draw: Option<FileDigest>,
        /// Samples analysed.
        analysed: u64,
        /// How many of each outcome.
        outcomes: OutcomeCounts,
        /// Samples that wait at the end of the day.
        waiting: u64,
        /// Samples set aside because each try to analyse them failed.
        set_aside: u64,
        /// Samples erased.
        erased: u64,
        /// Samples taken in, by region.
        regions: BTreeMap<RegionName, u64>,
        /// Samples taken in, by country, where there were enough.
        countries: BTreeMap<CountryCode, u64>,
    }
}

impl Census {
    pub(crate) fn check(&self) -> Result<(), CustodyError> {
        let ranges = [
            ("receipts", self.receipts, "received", self.received),
            ("verdicts", self.verdicts, "analysed", self.analysed),
        ];
        for (field, range, whole, value) in ranges {
            match range {
                Some(range) => {
                    in_range(field, range.first, 1, range.last)?;
                    in_range(field, range.last, 1, INTEGER_MAX)?;
                    // Each batch has at least one record, so there are at least as many samples.
                    in_range(whole, value, range.last - range.first + 1, INTEGER_MAX)?;
                }
                None => in_range(whole, value, 0, 0)?,
            }
        }
        adds_up("outcomes", self.outcomes.sum(), "analysed", self.analysed)?;
        let total = |counts: &mut dyn Iterator<Item = &u64>| {
            counts.fold(0, |sum: u64, count| sum.saturating_add(*count))
        };
        let by_region = total(&mut self.regions.values());
        adds_up("regions", by_region, "received", self.received)?;
        self.check_sampling()?;
        let by_country = total(&mut self.countries.values());
        in_range("countries", by_country, 0, self.received)?;
        match self
            .countries
            .iter()
            .find(|(_, count)| **count < CENSUS_COUNTRY_MIN)
        {
            None => Ok(()),
            Some((country, count)) => Err(CustodyError::Rare {
                country: country.clone(),
                count: *count,
            }),
        }
    }
    fn check_sampling(&self) -> Result<(), CustodyError> {
        let (sampled_out, one_in_max) = (self.sampled_out, self.one_in_max);
        in_range("one_in_max", one_in_max, 1, ONE_IN_MAX)?;
        let is_said = match sampled_out {
            0 => one_in_max == 1,
            _ => one_in_max > 1 && self.draw.is_some(),
        };
        is_said.then_some(()).ok_or(CustodyError::Sampled {
            sampled_out,
            one_in_max,
        })
    }
}
