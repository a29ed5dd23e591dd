//! What was found: members, obstacles, the verdict. Holds no stored name and no path.

use serde::Serialize;

use crate::limits::{DETAIL_CHARS_MAX, FACTS_MAX};
use crate::reason::Reason;

/// What the machines say about a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Nothing that weighs enough.
    Clean,
    /// Worth watching; machines go on with it.
    Suspicious,
    /// Machines cannot settle it. Only this outcome may ever be requested by a person.
    Anomaly,
    /// Harmful.
    Malicious,
}

/// One thing noted about one member.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fact {
    /// Which.
    pub reason: Reason,
    /// Which of several: the rule, the section, the method. Printable, short, never a stored name.
    pub detail: String,
}

impl Fact {
    pub(crate) fn new(reason: Reason, detail: impl AsRef<str>) -> Self {
        let detail = detail
            .as_ref()
            .chars()
            .map(|char| {
                if char.is_ascii_graphic() || char == ' ' {
                    char
                } else {
                    '.'
                }
            })
            .take(DETAIL_CHARS_MAX)
            .collect();
        Self { reason, detail }
    }
}

/// Facts of one member, sorted, each once, at most [`FACTS_MAX`].
#[derive(Debug, Default)]
pub(crate) struct Facts(Vec<Fact>);

impl Facts {
    pub(crate) fn add(&mut self, reason: Reason, detail: impl AsRef<str>) {
        let fact = Fact::new(reason, detail);
        // One place stays for each reason, so that noise of one kind cannot crowd out another.
        let known = self.0.iter().any(|other| other.reason == reason);
        if (self.0.len() < FACTS_MAX || !known) && !self.0.contains(&fact) {
            self.0.push(fact);
        }
    }

    pub(crate) fn extend(&mut self, other: Self) {
        for fact in other.0 {
            self.add(fact.reason, fact.detail);
        }
    }

    pub(crate) fn into_sorted(mut self) -> Vec<Fact> {
        self.0.sort();
        self.0
    }
}

/// One reason of the verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    /// Where, by number: `0.2.1`.
    pub member: String,
    /// Which, as the scoring table names it.
    pub reason: &'static str,
    /// Which of several; empty where there is only one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Points it adds, or `anomaly`.
    pub weight: String,
}

/// The sample or something unpacked from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Where it stands, by number: `0` is the sample, `0.2` its third member.
    pub path: String,
    /// What it is.
    pub kind: &'static str,
    /// Its size.
    pub bytes: u64,
    /// SHA-256, 64 hex digits.
    pub sha256: String,
    /// Shannon entropy of its bytes in thousandths of a bit: 0 to 8000.
    pub entropy_millibits: u32,
    /// TLSH digest (`T1...`), if it is long and varied enough for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tlsh: Option<String>,
    /// The points of its reasons, each reason counted once.
    pub score: u32,
    /// Not unpacked again: equal to the member at this path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same_as: Option<String>,
    /// Why something in it was not read, as text; each is a reason too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Unread>,
}

/// Something that was not read further, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Unread {
    /// The member or the place where a member would be.
    pub path: String,
    /// `encrypted`, `unsupported: ...`, `damaged: ...` or `limit: ...`.
    pub why: String,
}

/// Everything about one sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What to do with it.
    pub outcome: Outcome,
    /// The highest score of one member.
    pub score: u32,
    /// All that weighs something, and rules that weigh nothing; by member, then name.
    pub reasons: Vec<Named>,
    /// Bytes unpacked in all layers.
    pub unpacked_bytes: u64,
    /// The sample first, then every member, each container before what it holds.
    pub members: Vec<Member>,
}

impl Report {
    /// The members with this digest (64 lower-case hex digits).
    pub fn members_with(&self, sha256: &str) -> impl Iterator<Item = &Member> {
        self.members
            .iter()
            .filter(move |member| member.sha256 == sha256)
    }
}
