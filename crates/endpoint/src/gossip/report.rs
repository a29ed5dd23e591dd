//! What came of a comparison, for people and for programs.

use std::fmt;

use serde::Serialize;

use crate::{
    report::Freshness,
    report_text::{line, list},
    timeline::{Agreed, agreement, freshness},
};

/// What a place showed of one log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// It was proven that its tree and the one seen here are one history.
    Agrees {
        /// Entries of its tree.
        size: u64,
    },
    /// The log signed it; nobody who was asked could show whether both are one history.
    Unproven {
        /// Entries of its tree.
        size: u64,
    },
    /// The log signed it, and it contradicts what was seen here.
    Contradicts {
        /// Entries of its tree.
        size: u64,
    },
    /// It knows nothing of this log.
    Nothing,
    /// It answered with something that counts for nothing.
    Useless {
        /// Why.
        why: String,
    },
    /// It did not answer.
    Silent {
        /// Why.
        why: String,
    },
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agrees { size } => write!(f, "agrees, tree of {size} entries"),
            Self::Unproven { size } => write!(
                f,
                "shows a tree of {size} entries; nobody proved that it is the same history"
            ),
            Self::Contradicts { size } => write!(f, "CONTRADICTS, tree of {size} entries"),
            Self::Nothing => f.write_str("knows nothing of this log"),
            Self::Useless { why } => write!(f, "shows nothing that counts: {why}"),
            Self::Silent { why } => write!(f, "silent: {why}"),
        }
    }
}

/// What one place said about one log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlaceReport {
    /// The place.
    pub place: String,
    /// The log, if it is known which.
    pub origin: Option<String>,
    /// What it showed.
    #[serde(flatten)]
    pub answer: Answer,
}

/// When somebody else last showed the same history of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogAgreement {
    /// The log.
    pub origin: String,
    /// Entries of the newest tree that came with an update.
    pub size: Option<u64>,
    /// The last agreement.
    pub agreed: Option<Agreed>,
    /// How fresh it is; red when there never was one.
    pub freshness: Freshness,
}

impl LogAgreement {
    pub(super) fn new(origin: String, size: Option<u64>, agreed: Option<Agreed>, now: u64) -> Self {
        Self {
            origin,
            size,
            freshness: freshness(agreed.as_ref(), now),
            agreed,
        }
    }
}

/// What came of a comparison without a fault. `Display` is for people, within 80 columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gossip {
    /// Logs that were seen here.
    pub logs: Vec<LogAgreement>,
    /// What each place said.
    pub places: Vec<PlaceReport>,
    /// The clock that ages were counted by, POSIX seconds.
    pub now: u64,
}

impl fmt::Display for Gossip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.logs.is_empty() {
            line(f, "compared", "nothing: no update has shown a log yet")?;
        }
        for log in &self.logs {
            line(f, "log", &log.origin)?;
            line(f, "compared", &agreement(log.agreed.as_ref(), self.now))?;
            let said = self.places.iter();
            let said = said.filter(|said| said.origin.as_ref() == Some(&log.origin));
            list(f, "", &said.map(words).collect::<Vec<_>>())?;
        }
        let other = self.places.iter().filter(|said| said.origin.is_none());
        list(f, "other", &other.map(words).collect::<Vec<_>>())?;
        if self.places.is_empty() {
            line(
                f,
                "places",
                "none; `[[gossip]]` in the configuration names some",
            )?;
        }
        Ok(())
    }
}

fn words(said: &PlaceReport) -> String {
    format!("{}: {}", said.place, said.answer)
}
