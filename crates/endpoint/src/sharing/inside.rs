//! Inside the sandbox: a child looks into one file, once to say what matched in it, and once for each member that is
//! shared. What it is told, and what it answers:
//!
//! ```text
//! look        {"sha256":"8d1f...","alone":false,"itself":false,"members":[{"path":"0.1","bytes":68, ...}], ...}
//! take 0.1    the 68 bytes of this member, and nothing else
//! ```
//!
//! An answer holds no name and no path that stands in the file: members have numbers.

use std::{
    fs::File,
    io::{self, ErrorKind, Read as _, Write as _},
};

use sandbox::SandboxError;
use scan::{Database, IndexPath, Kind, Limits, Member, Reason, Report, member, scan};
use serde::{Deserialize, Serialize};
use statement::FileDigest;

use crate::limits::MEMBERS_MAX;

/// The order to say what matched.
pub(super) const LOOK: &str = "look";
/// The order for the bytes of a member; its path follows.
pub(super) const TAKE: &str = "take ";

/// What a child says of a file. Nobody outside believes more of it than its form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    /// SHA-256 of the file as it was looked at.
    pub(super) sha256: FileDigest,
    /// Nothing else was found in it, and nothing of it was left unread.
    pub(super) alone: bool,
    /// It matched as a whole, and nothing in it did.
    pub(super) itself: bool,
    /// The members that matched, at most one more than are shared.
    pub(super) members: Vec<MatchedMember>,
    /// Why something in it was not read.
    pub(super) unread: Vec<Reason>,
}

/// A member that matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MatchedMember {
    pub(super) path: IndexPath,
    pub(super) kind: Kind,
    pub(super) bytes: u64,
    pub(super) sha256: FileDigest,
    /// What was found.
    pub(super) reasons: Vec<Reason>,
}

/// Looks into files until there are no more: the program in the sandbox of an endpoint that shares.
///
/// # Errors
/// As [`sandbox::attend`].
pub fn attend(database: &Database) -> Result<(), SandboxError> {
    sandbox::attend(
        |order, file, answer| match work(order, file, answer, database) {
            Ok(()) => 0,
            Err(_) => 1,
        },
    )
}

fn work(order: &[u8], file: File, mut answer: File, database: &Database) -> io::Result<()> {
    let malformed = || io::Error::from(ErrorKind::InvalidInput);
    let limits = Limits::default();
    let mut bytes = Vec::new();
    let most = limits.member_bytes_max.saturating_add(1);
    file.take(most).read_to_end(&mut bytes)?;
    let order = std::str::from_utf8(order).map_err(|_| malformed())?;
    if order == LOOK {
        let report = scan(&bytes, database, &limits);
        let said = answer_of(&report, database).ok_or_else(malformed)?;
        return answer.write_all(&serde_json::to_vec(&said)?);
    }
    let path = order.strip_prefix(TAKE).and_then(|path| path.parse().ok());
    let taken = path.and_then(|path: IndexPath| member(&bytes, &path, &limits));
    answer.write_all(&taken.ok_or_else(malformed)?)
}

/// What a report says of matching: a member matched when what was found in it is at least suspicious by the scoring table,
/// as it would be in a verdict.
fn answer_of(report: &Report, database: &Database) -> Option<Answer> {
    let (whole, inner) = report.members.split_first()?;
    let innermost = report.innermost(database.scoring().suspicious());
    let (itself, members): (Vec<&Member>, Vec<&Member>) = innermost
        .into_iter()
        .partition(|member| member.path == whole.path);
    let members = members.into_iter().filter(|member| member.bytes > 0);
    let members = members
        .take(MEMBERS_MAX + 1)
        .map(|member| matched(report, member));
    let mut unread: Vec<Reason> = reasons_of(report, |_| true)
        .filter(|reason| reason.is_unread())
        .collect();
    unread.sort_unstable();
    unread.dedup();
    Some(Answer {
        sha256: whole.sha256.parse().ok()?,
        alone: inner.is_empty() && whole.unread.is_empty(),
        itself: !itself.is_empty(),
        members: members.collect::<Option<_>>()?,
        unread,
    })
}

fn matched(report: &Report, member: &Member) -> Option<MatchedMember> {
    let mut reasons: Vec<Reason> = reasons_of(report, |path| path == member.path).collect();
    reasons.retain(|reason| !reason.is_unread());
    reasons.dedup();
    Some(MatchedMember {
        path: member.path.parse().ok()?,
        kind: Kind::named(member.kind)?,
        bytes: member.bytes,
        sha256: member.sha256.parse().ok()?,
        reasons,
    })
}

fn reasons_of(report: &Report, at: impl Fn(&str) -> bool) -> impl Iterator<Item = Reason> {
    let named = report.reasons.iter().filter(move |named| at(&named.member));
    named.filter_map(|named| Reason::named(named.reason))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_what_a_child_answers() {
        let known = format!("limpid-digests v1\n{} abc\n", FileDigest::of(b"abc"));
        let database = Database::load(&[], &known, scan::FIRST_SCORING).unwrap();
        let sample = "begin 644 a\n#86)C\n`\nend\n";
        let report = scan(sample.as_bytes(), &database, &Limits::default());
        let answer = serde_json::to_string(&answer_of(&report, &database).unwrap()).unwrap();
        let page = include_str!("../../../../spec/endpoint.md");
        assert!(page.contains(&format!("\n{answer}\n")), "{answer}");
        assert!(page.contains(&format!("```text\n{sample}```")));
        let read: Answer = serde_json::from_str(&answer).unwrap();
        let taken = member(sample.as_bytes(), &read.members[0].path, &Limits::default());
        assert_eq!(taken.unwrap(), b"abc");
    }
}
