//! The three roles whose files need two signatures and a publication.

use std::fmt;

use tuf::{TargetRole, limits};

/// A TUF role that is published: the top-level `targets`, or one it delegates to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MetadataRole {
    /// Delegates, and lists nothing.
    Targets,
    /// Lists programs.
    Software,
    /// Lists rule databases.
    Rules,
}

impl MetadataRole {
    /// All of them, in the order in which they are published.
    pub const ALL: [Self; 3] = [Self::Targets, Self::Software, Self::Rules];

    /// Its name in metadata and in publications.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Targets => "targets",
            Self::Software => "software",
            Self::Rules => "rules",
        }
    }

    /// The delegated role, unless it is the top-level one.
    pub const fn delegated(self) -> Option<TargetRole> {
        match self {
            Self::Targets => None,
            Self::Software => Some(TargetRole::Software),
            Self::Rules => Some(TargetRole::Rules),
        }
    }

    /// How long its metadata may live.
    pub(crate) const fn lifetime_seconds(self) -> u64 {
        match self {
            Self::Targets => limits::TARGETS_LIFETIME_S_MAX,
            Self::Software => limits::SOFTWARE_LIFETIME_S_MAX,
            Self::Rules => limits::RULES_LIFETIME_S_MAX,
        }
    }
}

impl fmt::Display for MetadataRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
