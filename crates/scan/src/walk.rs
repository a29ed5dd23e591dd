//! From one sample to everything in it: each member is hashed, identified, matched and unpacked
//! before the next is read, so that memory holds one member of each layer and no more.
//!
//! The same walk finds one member again by its number: the two must never count differently.

use std::collections::HashMap;

use tlog::{Hash, sha256};

use crate::budget::{Allowance, Budget, Output};
use crate::database::Database;
use crate::facts;
use crate::index_path::IndexPath;
use crate::kind::Kind;
use crate::limits::{Limit, Limits};
use crate::measure::{entropy_millibits, tlsh};
use crate::obstacle::Why;
use crate::reason::Reason;
use crate::report::{Facts, Member, Report, Unread};
use crate::scoring::Scoring;
use crate::unpack;
use crate::verdict::{named, outcome_of, score_of};

/// Scans one sample. Whatever the bytes are, this ends with a report.
pub fn scan(sample: &[u8], database: &Database, limits: &Limits) -> Report {
    let mut walk = Walk::new(Task::Match(database), limits);
    let path = IndexPath::sample();
    // A sample that is too large is hashed and not read: that is a fact about it, not an error.
    let size = sample.len() as u64;
    if size > limits.member_bytes_max {
        let at = walk.enter(&path, Kind::of(sample), sample, sha256(sample));
        walk.unread(at, &path, Why::Limit(Limit::MemberBytes));
    } else {
        walk.visit(&path, sample);
    }
    walk.finish(&database.scoring)
}

/// The bytes of the member that a report of this sample, under the same limits, names by this path; none if there is no
/// such member.
pub fn member(sample: &[u8], path: &IndexPath, limits: &Limits) -> Option<Vec<u8>> {
    if sample.len() as u64 > limits.member_bytes_max {
        return (path.depth() == 0).then(|| sample.to_vec());
    }
    let mut walk = Walk::new(Task::Find(path, None), limits);
    walk.visit(&IndexPath::sample(), sample);
    match walk.task {
        Task::Find(_, found) => found,
        Task::Match(_) => None,
    }
}

/// What a walk is for. It goes the same way for both.
enum Task<'d> {
    /// Match every member, for a report.
    Match(&'d Database),
    /// Keep the bytes of the member at this path.
    Find(&'d IndexPath, Option<Vec<u8>>),
}

struct Walk<'d> {
    task: Task<'d>,
    budget: Budget,
    members: Vec<Member>,
    /// Beside `members`.
    facts: Vec<Facts>,
    /// The first member of each digest: its layer and path.
    seen: HashMap<Hash, (u32, String)>,
    /// The containers around the current member.
    around: Vec<Hash>,
}

impl<'d> Walk<'d> {
    fn new(task: Task<'d>, limits: &Limits) -> Self {
        Self {
            task,
            budget: Budget::new(*limits),
            members: Vec::new(),
            facts: Vec::new(),
            seen: HashMap::new(),
            around: Vec::new(),
        }
    }

    fn enter(&mut self, path: &IndexPath, kind: Kind, bytes: &[u8], digest: Hash) -> usize {
        let mut member = Member {
            path: path.to_string(),
            kind: kind.as_str(),
            bytes: bytes.len() as u64,
            sha256: digest.to_hex(),
            entropy_millibits: 0,
            tlsh: None,
            score: 0,
            same_as: None,
            unread: Vec::new(),
        };
        let mut facts = Facts::default();
        if let Task::Match(database) = self.task {
            member.entropy_millibits = entropy_millibits(bytes);
            member.tlsh = tlsh(bytes);
            if let Some(name) = database.known_bad.name_of(&digest) {
                facts.add(Reason::DigestKnownBad, name);
            }
            if bytes.len() >= facts::RANDOM_BYTES_MIN
                && member.entropy_millibits >= facts::RANDOM_MILLIBITS
                && !kind.is_compressed()
            {
                facts.add(Reason::EntropyHigh, "");
            }
        }
        self.members.push(member);
        self.facts.push(facts);
        self.members.len() - 1
    }

    /// Everything that rules and structure say of one member; it changes nothing about the way.
    fn match_member(&mut self, at: usize, kind: Kind, bytes: &[u8]) {
        let Task::Match(database) = self.task else {
            return;
        };
        let (hits, finished) = database.rules.matches(bytes);
        for hit in hits {
            self.facts[at].add(hit.reason, hit.rule);
        }
        if !finished {
            self.facts[at].add(Reason::RuleUnfinished, "");
        }
        self.facts[at].extend(facts::of(kind, bytes));
    }

    /// Whether this is the member that is looked for. Nothing more is read then.
    fn is_found(&mut self, path: &IndexPath, bytes: &[u8]) -> bool {
        let Task::Find(wanted, found) = &mut self.task else {
            return false;
        };
        if *wanted != path {
            return false;
        }
        *found = Some(bytes.to_vec());
        self.budget.close();
        true
    }

    fn unread(&mut self, at: usize, path: &IndexPath, why: Why) {
        let unread = Unread {
            path: path.to_string(),
            why: why.to_string(),
        };
        self.facts[at].add(why.reason(), why.detail());
        if !self.members[at].unread.contains(&unread) {
            self.members[at].unread.push(unread);
        }
    }

    fn visit(&mut self, path: &IndexPath, bytes: &[u8]) {
        if self.is_found(path, bytes) {
            return;
        }
        let digest = sha256(bytes);
        let kind = Kind::of(bytes);
        let at = self.enter(path, kind, bytes, digest);
        if self.around.contains(&digest) {
            self.unread(at, path, Why::Limit(Limit::Cycle));
            return;
        }
        if let Some((depth, first)) = self.seen.get(&digest)
            && *depth <= path.depth()
        {
            self.members[at].same_as = Some(first.clone());
            return;
        }
        self.seen.insert(digest, (path.depth(), path.to_string()));
        self.match_member(at, kind, bytes);
        if !unpack::may_hold_members(kind) {
            return;
        }
        self.around.push(digest);
        self.unpack(at, path, kind, bytes);
        self.around.pop();
    }

    fn unpack(&mut self, at: usize, path: &IndexPath, kind: Kind, bytes: &[u8]) {
        let allowance = Allowance::of(bytes.len(), self.budget.limits());
        let mut members = Members {
            walk: self,
            at,
            path,
            allowance,
            next: 0,
            reported: false,
        };
        let result = unpack::unpack(kind, bytes, &mut members);
        let reported = members.reported;
        if let Err(why) = result
            && !reported
        {
            self.unread(at, path, why);
        }
    }

    fn finish(mut self, scoring: &Scoring) -> Report {
        let facts: Vec<_> = self.facts.into_iter().map(Facts::into_sorted).collect();
        let (outcome, score) = outcome_of(facts.iter().map(Vec::as_slice), scoring);
        let mut reasons = Vec::new();
        for (member, facts) in self.members.iter_mut().zip(&facts) {
            member.score = score_of(facts, scoring);
            reasons.extend(named(&member.path, facts, scoring));
        }
        Report {
            outcome,
            score,
            reasons,
            unpacked_bytes: self.budget.unpacked_bytes(),
            members: self.members,
        }
    }
}

/// What an unpacker gives its members to. An error from any of these ends the unpacker: it is
/// already in the report, and nothing more of this container may be read.
pub(crate) struct Members<'w, 'd> {
    walk: &'w mut Walk<'d>,
    /// The container, in `walk.members`.
    at: usize,
    path: &'w IndexPath,
    allowance: Allowance,
    next: u32,
    reported: bool,
}

impl Members<'_, '_> {
    fn next_path(&mut self) -> Result<IndexPath, Why> {
        let path = self.path.member(self.next);
        self.next = self.next.saturating_add(1);
        if self.path.depth() >= self.walk.budget.limits().depth_max {
            return Err(self.report(&path, Why::Limit(Limit::Depth)));
        }
        match self.walk.budget.count_member() {
            Ok(()) => Ok(path),
            Err(why) => Err(self.report(&path, why)),
        }
    }

    fn report(&mut self, path: &IndexPath, why: Why) -> Why {
        self.walk.unread(self.at, path, why);
        self.reported = true;
        why
    }

    /// Ends the container once nothing more may be read of it or of the sample.
    fn go_on(&mut self) -> Result<(), Why> {
        match self.walk.budget.spent() {
            Some(limit) => {
                self.reported = true;
                Err(Why::Limit(limit))
            }
            None => Ok(()),
        }
    }

    /// A member whose bytes stand in the container as they are.
    pub(crate) fn stored(&mut self, bytes: &[u8]) -> Result<(), Why> {
        let path = self.next_path()?;
        let size = bytes.len() as u64;
        if size > self.allowance.left {
            return Err(self.report(&path, Why::Limit(Limit::Ratio)));
        }
        if let Err(why) = self.walk.budget.count_bytes(size) {
            self.walk.unread(self.at, &path, why);
            return self.go_on();
        }
        self.allowance.left -= size;
        self.walk.visit(&path, bytes);
        self.go_on()
    }

    /// A member that has to be decoded. What came before an error is scanned all the same.
    pub(crate) fn decoded(
        &mut self,
        decode: impl FnOnce(&mut Output<'_>) -> Result<(), Why>,
    ) -> Result<(), Why> {
        let path = self.next_path()?;
        let mut output = Output::new(&mut self.walk.budget, &mut self.allowance);
        let result = decode(&mut output);
        let bytes = output.into_bytes();
        if let Err(why) = result {
            self.walk.unread(self.at, &path, why);
        }
        if result.is_ok() || !bytes.is_empty() {
            self.walk.visit(&path, &bytes);
        }
        self.walk.budget.release(bytes.len() as u64);
        if result == Err(Why::Limit(Limit::Ratio)) {
            self.reported = true;
            return result;
        }
        self.go_on()
    }

    /// A member that is there and cannot be read.
    pub(crate) fn closed(&mut self, why: Why) -> Result<(), Why> {
        let path = self.next_path()?;
        self.walk.unread(self.at, &path, why);
        Ok(())
    }

    /// Something about the container that does not end the reading of it.
    pub(crate) fn unread(&mut self, why: Why) {
        self.walk.unread(self.at, self.path, why);
    }

    /// A fact about the container that only its unpacker sees.
    pub(crate) fn fact(&mut self, reason: Reason, detail: &str) {
        self.walk.facts[self.at].add(reason, detail);
    }

    /// Decodes something that is no member itself, such as a header or a solid block: the caller
    /// holds it and gives it back with [`Members::give_back`].
    pub(crate) fn aside(
        &mut self,
        decode: impl FnOnce(&mut Output<'_>) -> Result<(), Why>,
    ) -> (Vec<u8>, Result<(), Why>) {
        let mut output = Output::new(&mut self.walk.budget, &mut self.allowance);
        let result = decode(&mut output);
        (output.into_bytes(), result)
    }

    /// The bytes of [`Members::aside`] are let go.
    pub(crate) fn give_back(&mut self, bytes: Vec<u8>) {
        self.walk.budget.release(bytes.len() as u64);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::scoring::FIRST_SCORING;

    /// A file that holds itself cannot be made easily, so the walk is told that it stands in one.
    #[test]
    fn a_member_equal_to_what_stands_around_it_ends_as_a_cycle() {
        let database = Database::load(&[], "limpid-digests v1\n", FIRST_SCORING).unwrap();
        let sample = b"begin 644 a\n#86)C\n`\nend\n";
        let mut walk = Walk::new(Task::Match(&database), &Limits::default());
        walk.around.push(sha256(sample));
        walk.visit(&IndexPath::sample().member(3), sample);
        let report = walk.finish(&database.scoring);
        assert_eq!(report.members.len(), 1);
        assert_eq!(report.members[0].unread[0].why, "limit: cycle");
        assert_eq!(report.reasons[0].reason, "limit.cycle");
    }
}
