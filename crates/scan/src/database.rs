//! Everything a sample is matched against: rules, digests and the scoring table. All three are
//! released and logged by others; here they are only read.

use crate::digests::Digests;
use crate::error::ScanError;
use crate::rules::Rules;
use crate::scoring::Scoring;

/// A loaded database. Load it once, before the first sample is there.
#[derive(Debug, Clone)]
pub struct Database {
    pub(crate) rules: Rules,
    pub(crate) known_bad: Digests,
    pub(crate) scoring: Scoring,
}

impl Database {
    /// Puts the parts together.
    pub fn new(rules: Rules, known_bad: Digests, scoring: Scoring) -> Self {
        Self {
            rules,
            known_bad,
            scoring,
        }
    }

    /// Reads all parts: rule files as (name, text), the list of known bad files, the scoring table.
    ///
    /// # Errors
    /// [`ScanError`] of the first part that is not as it must be.
    pub fn load(rules: &[(&str, &str)], known_bad: &str, scoring: &str) -> Result<Self, ScanError> {
        Ok(Self::new(
            Rules::compile(rules)?,
            Digests::parse(known_bad)?,
            Scoring::parse(scoring)?,
        ))
    }

    /// What each reason weighs.
    pub fn scoring(&self) -> &Scoring {
        &self.scoring
    }
}
