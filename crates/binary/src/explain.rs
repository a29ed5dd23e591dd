//! The closed rules by which a difference may be explained, and the search for them in bytes.
//!
//! A rule speaks about text or fields, never about code. It covers a byte only if the same place
//! holds the same kind of thing on both sides.

mod folders;
mod path;
mod text;
mod time;

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Serialize, Serializer};
use thiserror::Error;

pub(crate) use folders::FolderPairs;
pub(crate) use path::{PathPair, same_but_folder};
pub(crate) use text::{
    Covered, Ground, differing, explain_runs, explain_text, next_difference, shown,
};

/// Why a difference may be there although nobody cheated. The set is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// The time of the build, as text of equal width or in a time field of the format.
    EmbeddedTime,
    /// The folder of the build, in the path of a source file or in debug information.
    EmbeddedPath,
    /// `.note.gnu.build-id`, a digest of all the rest.
    BuildId,
    /// A platform's signature: Authenticode, or a detached file beside what it signs.
    Signature,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::EmbeddedTime,
        Self::EmbeddedPath,
        Self::BuildId,
        Self::Signature,
    ];

    /// The name, as on the command line and in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EmbeddedTime => "embedded-time",
            Self::EmbeddedPath => "embedded-path",
            Self::BuildId => "build-id",
            Self::Signature => "signature",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// No rule has this name.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("no rule is called {0:?}; there are embedded-time, embedded-path, build-id and signature")]
pub struct UnknownRule(pub String);

impl FromStr for Rule {
    type Err = UnknownRule;

    fn from_str(name: &str) -> Result<Self, UnknownRule> {
        Self::ALL
            .into_iter()
            .find(|rule| rule.name() == name)
            .ok_or_else(|| UnknownRule(name.to_owned()))
    }
}

/// The rules that are switched on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanations(BTreeSet<Rule>);

impl Explanations {
    /// Every rule.
    #[must_use]
    pub fn all() -> Self {
        Self(Rule::ALL.into())
    }

    /// No rule: whatever is not identical is unexplained.
    #[must_use]
    pub const fn none() -> Self {
        Self(BTreeSet::new())
    }

    /// The same without one rule.
    #[must_use]
    pub fn without(mut self, rule: Rule) -> Self {
        self.0.remove(&rule);
        self
    }

    /// Whether a rule is on.
    #[must_use]
    pub fn allow(&self, rule: Rule) -> bool {
        self.0.contains(&rule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_known_by_its_name_and_no_other_name_is_one() {
        for rule in Rule::ALL {
            assert_eq!(rule.to_string().parse(), Ok(rule));
        }
        assert_eq!(
            "Build-id".parse::<Rule>(),
            Err(UnknownRule("Build-id".to_owned()))
        );
    }

    #[test]
    fn a_rule_taken_away_is_off_and_the_others_stay_on() {
        let rules = Explanations::all().without(Rule::BuildId);
        assert!(!rules.allow(Rule::BuildId));
        assert!(rules.allow(Rule::EmbeddedTime));
        assert!(!Explanations::none().allow(Rule::EmbeddedTime));
    }
}
