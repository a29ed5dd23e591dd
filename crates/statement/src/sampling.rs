//! Which part of what comes a cell takes when more comes than it can do: a rule that is declared beforehand, and a draw that
//! anybody can make again once its key is public. `spec/census.md`.

use serde::{Deserialize, Serialize};
use tlog::Sha256Stream;

use crate::custody_error::{CustodyError, in_range};
use crate::ids::{FileDigest, SampleId};
use crate::limits::{INTEGER_MAX, ONE_IN_MAX, SAMPLING_STEPS_MAX};

/// From so many that wait on, one in `one_in` is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamplingStep {
    /// Samples that wait.
    pub waiting: u64,
    /// One of so many that come is taken.
    pub one_in: u64,
}

/// Steps, each with more that wait and fewer that are taken than the one before; none means that everything is taken.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<SamplingStep>", into = "Vec<SamplingStep>")]
pub struct SamplingRule(Vec<SamplingStep>);

impl SamplingRule {
    /// A rule of these steps.
    ///
    /// # Errors
    /// More steps than [`SAMPLING_STEPS_MAX`], a number out of its range, or steps that do not grow.
    pub fn new(steps: Vec<SamplingStep>) -> Result<Self, CustodyError> {
        in_range("sampling", steps.len() as u64, 0, SAMPLING_STEPS_MAX)?;
        // Of no step: nothing waits, and everything is taken.
        let (mut waiting_min, mut one_in_min) = (0, 2);
        for step in &steps {
            in_range("waiting", step.waiting, waiting_min, INTEGER_MAX)?;
            in_range("one_in", step.one_in, one_in_min, ONE_IN_MAX)?;
            (waiting_min, one_in_min) = (step.waiting + 1, step.one_in + 1);
        }
        Ok(Self(steps))
    }

    /// One in how many is taken while so many wait; 1 is everything.
    #[must_use]
    pub fn one_in(&self, waiting: u64) -> u64 {
        let reached = self.0.iter().rev().find(|step| step.waiting <= waiting);
        reached.map_or(1, |step| step.one_in)
    }

    /// Whether one in so many is taken at some step, or at none if it is 1.
    #[must_use]
    pub fn announces(&self, one_in: u64) -> bool {
        one_in == 1 || self.0.iter().any(|step| step.one_in == one_in)
    }

    /// From how many that wait on not everything is taken.
    #[must_use]
    pub fn begins_at(&self) -> Option<u64> {
        self.0.first().map(|step| step.waiting)
    }
}

impl TryFrom<Vec<SamplingStep>> for SamplingRule {
    type Error = CustodyError;

    fn try_from(steps: Vec<SamplingStep>) -> Result<Self, CustodyError> {
        Self::new(steps)
    }
}

impl From<SamplingRule> for Vec<SamplingStep> {
    fn from(rule: SamplingRule) -> Self {
        rule.0
    }
}

/// Whether a sample is among the one in `one_in` that this key takes.
///
/// Who does not know the key cannot tell beforehand, and who asks again is told the same. What is taken at one in 8 is taken
/// at one in 2, too.
#[must_use]
pub fn is_drawn(key: &FileDigest, sample: &SampleId, one_in: u64) -> bool {
    let mut hash = Sha256Stream::new();
    hash.update(b"limpid draw v1\n");
    hash.update(key.hash().as_bytes());
    hash.update(sample.as_str().as_bytes());
    let digest = hash.finish();
    let (first, _) = digest.as_bytes().split_at(8);
    let drawn = first
        .iter()
        .fold(0, |sum: u128, byte| sum << 8 | u128::from(*byte));
    drawn * u128::from(one_in) < 1 << 64
}
