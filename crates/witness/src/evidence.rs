//! What is kept when a log signed a checkpoint that does not follow from what it signed before.
//!
//! ```text
//! fault split center.example/log 3 1790000000
//!
//! cosigned before:
//! center.example/log
//! 3
//! ...
//!
//! signed too:
//! center.example/log
//! 3
//! ...
//! ```

use std::fmt;

/// How strong the evidence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// Two roots for one size, both signed by the log: a proof by itself.
    Split,
    /// Signed by the log, but nobody has shown yet that it follows. Proof is still owed.
    Unproven,
}

impl FaultKind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Split => "split",
            Self::Unproven => "unproven",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "split" => Some(Self::Split),
            "unproven" => Some(Self::Unproven),
            _ => None,
        }
    }
}

/// One piece of evidence. `Display` is how `GET /faults` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// How strong it is.
    pub kind: FaultKind,
    /// The log.
    pub origin: String,
    /// Size of the offered checkpoint.
    pub size: u64,
    /// When it was offered, POSIX seconds by this witness's clock.
    pub seen_at: u64,
    /// The checkpoint that was cosigned last by then, with the log's signatures.
    pub known: String,
    /// The checkpoint offered, with the log's signatures.
    pub offered: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.as_str();
        writeln!(
            f,
            "fault {kind} {} {} {}\n\ncosigned before:\n{}\nsigned too:\n{}",
            self.origin, self.size, self.seen_at, self.known, self.offered
        )
    }
}
