//! The steps of an update, in order; a caller may watch them, and stop between any two.

use std::fmt;

/// What an update has just done. Up to [`Step::Switched`] the version before runs, from then on the new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The proof of publication was fetched and opened under the anchor.
    OpenedPublication,
    /// The TUF metadata is fresh.
    RefreshedMetadata,
    /// Release bundle and withdrawals were fetched and opened.
    OpenedRelease,
    /// The artifact was fetched and hashed.
    FetchedArtifact,
    /// All of it was judged; it may be installed.
    Judged,
    /// What was seen is written, so that nothing older is taken from now on.
    Remembered,
    /// The new version lies beside the running one.
    WroteVersion,
    /// The running version is kept as `previous`.
    KeptPrevious,
    /// The new version runs.
    Switched,
}

impl Step {
    /// All of them, in order.
    pub const ALL: [Self; 9] = [
        Self::OpenedPublication,
        Self::RefreshedMetadata,
        Self::OpenedRelease,
        Self::FetchedArtifact,
        Self::Judged,
        Self::Remembered,
        Self::WroteVersion,
        Self::KeptPrevious,
        Self::Switched,
    ];
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OpenedPublication => "opened publication",
            Self::RefreshedMetadata => "refreshed metadata",
            Self::OpenedRelease => "opened release",
            Self::FetchedArtifact => "fetched artifact",
            Self::Judged => "judged",
            Self::Remembered => "remembered",
            Self::WroteVersion => "wrote version",
            Self::KeptPrevious => "kept previous",
            Self::Switched => "switched",
        })
    }
}
