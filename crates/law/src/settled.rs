//! A view whose every entry is witnessed: what the questions of the law are asked of.

use std::collections::BTreeSet;

use statement::{Constitution, FileDigest, PartyId, Predicate, StatementDigest};

use crate::{
    entry::{Included, Standing},
    in_force::{InForce, View},
    line::Line,
    refusal::{Code, Refusal},
};

/// A view whose every entry is witnessed. Decisions are made on this and nothing weaker.
#[derive(Debug, Clone, Copy)]
pub struct Settled<'a> {
    state: &'a InForce,
}

impl<'a> Settled<'a> {
    pub(crate) const fn new(state: &'a InForce) -> Self {
        Self { state }
    }

    /// The state behind it.
    pub const fn state(&self) -> &'a InForce {
        self.state
    }

    /// The constitution in force.
    ///
    /// # Errors
    /// [`Code::EntryNoConstitution`] when none is.
    pub fn constitution(&self) -> Result<&'a Constitution, Refusal> {
        self.state.constitution().ok_or_else(|| {
            Refusal::new(
                Code::EntryNoConstitution,
                format!("log {}", self.state.origin),
            )
        })
    }

    /// The constitution that was in force for entry `index`.
    pub(crate) fn constitution_at(&self, index: u64) -> Result<&'a Constitution, Refusal> {
        let chain = self.state.succession.chain().iter().rev();
        let mut below = chain.filter(|enacted| enacted.at < index);
        let found = below.next().map(|enacted| &enacted.constitution);
        found.ok_or_else(|| {
            Refusal::new(
                Code::EntryNoConstitution,
                format!("entry {index} comes first"),
            )
        })
    }

    /// The roster's party with this id.
    pub fn party(&self, id: &PartyId) -> Option<&'a statement::Party> {
        self.state
            .constitution()
            .and_then(|constitution| constitution.find_party(id))
    }

    pub(crate) fn check_whole(&self) -> Result<(), Refusal> {
        match self.state.view {
            View::Whole => Ok(()),
            View::Excerpt => Err(Refusal::new(
                Code::NotReplayed,
                "only some entries are known",
            )),
        }
    }

    /// Entries with this payload that count: witnessed, in time, by a key that was valid then.
    pub(crate) fn entries(&self, digest: StatementDigest) -> Result<Vec<&'a Standing>, Refusal> {
        let mut late = None;
        let mut counting = Vec::new();
        for entry in self.state.standing.get(&digest).into_iter().flatten() {
            match self.check_time(entry) {
                Ok(()) => counting.push(entry),
                Err(refusal) => late = Some(refusal),
            }
        }
        match (counting.is_empty(), late) {
            (true, Some(refusal)) => Err(refusal),
            _ => Ok(counting),
        }
    }

    pub(crate) fn check_time(&self, entry: &Standing) -> Result<(), Refusal> {
        let Some(by) = self.state.included_by(entry.index) else {
            return Err(Refusal::new(
                Code::NotIncluded,
                format!("entry {} is not witnessed yet", entry.index),
            ));
        };
        entry.check_in_time(by)
    }

    /// When an entry stood at the latest, POSIX seconds: the time of the first witnessed checkpoint with it.
    pub fn included_by(&self, entry: &Standing) -> Option<u64> {
        self.state.included_by(entry.index)
    }

    /// Why something is missing: the reason for which the one that is there does not count, if there is one.
    pub(crate) fn why_missing(
        &self,
        kind: &'static str,
        matches: impl Fn(Option<StatementDigest>, StatementDigest) -> bool,
        otherwise: Refusal,
    ) -> Refusal {
        self.state
            .discarded
            .iter()
            .rev()
            .find(|discarded| discarded.kind == kind && matches(discarded.build, discarded.digest))
            .map_or(otherwise, |discarded| discarded.refusal.clone())
    }

    /// Everything that counts about one build, with the first reason why something does not.
    pub(crate) fn of_build(&self, build: StatementDigest) -> (Vec<&'a Standing>, Option<Refusal>) {
        let mut late = None;
        let mut found = Vec::new();
        for digest in self.state.by_build.get(&build).into_iter().flatten() {
            match self.entries(*digest) {
                Ok(entries) => found.extend(entries),
                Err(refusal) => late = Some(refusal),
            }
        }
        found.sort_by_key(|entry| entry.index);
        (found, late)
    }

    /// Everything that was said about one build, in time or not: what a late entry shows is shown.
    pub(crate) fn shown_of_build(&self, build: StatementDigest) -> Vec<&'a Standing> {
        let digests = self.state.by_build.get(&build).into_iter().flatten();
        let standing = digests.filter_map(|digest| self.state.standing.get(digest));
        standing.flatten().collect()
    }

    /// The releases of a line in the order in which they entered the log, whether or not quorum was reached.
    pub(crate) fn line(&self, line: &Line) -> &'a [StatementDigest] {
        self.state.lines.get(line).map_or(&[], Vec::as_slice)
    }

    /// Lines of the log.
    pub fn lines(&self) -> impl Iterator<Item = &'a Line> {
        self.state.lines.keys()
    }

    /// Digests of the builds whose `source` statement counts, in log order.
    pub fn builds(&self) -> Vec<StatementDigest> {
        let mut builds: Vec<_> = self
            .state
            .by_build
            .keys()
            .filter_map(|build| {
                let entries = self.entries(*build).ok()?;
                let source = entries
                    .iter()
                    .find(|e| matches!(e.predicate(), Predicate::Source(_)))?;
                Some((source.index, *build))
            })
            .collect();
        builds.sort_unstable();
        builds.into_iter().map(|(_, build)| build).collect()
    }

    /// Everything that counts about one build, in log order.
    pub fn entries_of_build(&self, build: StatementDigest) -> Vec<&'a Standing> {
        self.of_build(build).0
    }

    /// The release with this digest as included by each of its signers.
    ///
    /// # Errors
    /// [`Code::ReleaseMissing`], or why the one that is there does not count.
    pub fn releases(
        &self,
        digest: StatementDigest,
    ) -> Result<Vec<Included<statement::Release>>, Refusal> {
        let entries = self.entries(digest)?;
        let found: Vec<_> = entries
            .into_iter()
            .filter_map(|entry| match entry.predicate() {
                Predicate::Release(release) => Some(Included::new(release.clone(), entry.clone())),
                _ => None,
            })
            .collect();
        if found.is_empty() {
            let none = Refusal::new(Code::ReleaseMissing, format!("release {digest}"));
            return Err(self.why_missing("release", |_, seen| seen == digest, none));
        }
        Ok(found)
    }

    /// Release payloads that one side signed and the quorum is still open on, in log order.
    pub fn open_releases(&self) -> Vec<Included<statement::Release>> {
        let digests: BTreeSet<_> = self.state.lines.values().flatten().copied().collect();
        let mut open: Vec<_> = digests
            .into_iter()
            .filter_map(|digest| {
                let entries = self.releases(digest).ok()?;
                crate::quorum::ReleaseQuorum::check(&entries)
                    .is_err()
                    .then(|| entries[0].clone())
            })
            .collect();
        open.sort_by_key(|release| release.standing().index);
        open
    }

    /// Releases that reached their quorum, withdrawn or not: line by line, each in log order.
    pub fn released(&self) -> Vec<crate::quorum::ReleaseQuorum> {
        self.state
            .lines
            .values()
            .flatten()
            .filter_map(|digest| {
                crate::quorum::ReleaseQuorum::check(&self.releases(*digest).ok()?).ok()
            })
            .collect()
    }

    /// The withdrawal of a release, if one stands.
    pub fn withdrawal(&self, release: StatementDigest) -> Option<Included<statement::Withdrawal>> {
        let withdrawals = self.state.withdrawals.get(&release)?;
        withdrawals.iter().find_map(|digest| {
            let entry = self.entries(*digest).ok()?.into_iter().next()?;
            match entry.predicate() {
                Predicate::Withdrawal(withdrawal) => {
                    Some(Included::new(withdrawal.clone(), entry.clone()))
                }
                _ => None,
            }
        })
    }

    /// The newest publication of a TUF role.
    ///
    /// # Errors
    /// [`Code::PublicationFork`] when two stand for one version.
    pub fn newest_publication(
        &self,
        role: &str,
    ) -> Result<Option<Included<statement::Publication>>, Refusal> {
        let mut newest = None;
        for ((_, version), digests) in self
            .state
            .publications
            .range((role.to_owned(), 0)..=(role.to_owned(), u64::MAX))
        {
            let mut counting = digests.iter().filter_map(|digest| {
                let entry = self.entries(*digest).ok()?.into_iter().next()?;
                match entry.predicate() {
                    Predicate::Publication(publication) => {
                        Some(Included::new(publication.clone(), entry.clone()))
                    }
                    _ => None,
                }
            });
            let Some(publication) = counting.next() else {
                continue;
            };
            if counting.next().is_some() {
                return Err(Refusal::new(
                    Code::PublicationFork,
                    format!("role {role} version {version}"),
                ));
            }
            newest = Some(publication);
        }
        Ok(newest)
    }

    /// Refuses while an adverse statement on one of `subjects`, or a halt of `product`, is open.
    pub(crate) fn check_adverse(
        &self,
        subjects: &[StatementDigest],
        product: &str,
    ) -> Result<(), Refusal> {
        self.check_whole()?;
        for (adverse, about) in &self.state.adverse {
            if about.is_some_and(|about| subjects.contains(&about)) && self.is_open(*adverse) {
                return Err(Refusal::new(Code::AdverseOpen, self.describe(*adverse)));
            }
        }
        for halt in &self.state.halts {
            let hits = self.state.standing.get(halt).into_iter().flatten().any(|entry| {
                matches!(entry.predicate(), Predicate::Halt(h) if h.product.as_deref().is_none_or(|p| p == product))
            });
            if hits && self.is_open(*halt) {
                return Err(Refusal::new(Code::Halted, self.describe(*halt)));
            }
        }
        Ok(())
    }

    /// Refuses while a finding about one of `kin` is open. Only findings are inherited: how a build
    /// went says nothing about the next one, what is wrong with its source does.
    pub(crate) fn check_findings(&self, kin: &[StatementDigest]) -> Result<(), Refusal> {
        self.check_whole()?;
        for (adverse, about) in &self.state.adverse {
            let inherited = about.is_some_and(|about| kin.contains(&about))
                && self.state.standing.get(adverse).is_some_and(|entries| {
                    let mut entries = entries.iter();
                    entries.any(|entry| matches!(entry.predicate(), Predicate::Finding(_)))
                });
            if inherited && self.is_open(*adverse) {
                return Err(Refusal::new(Code::AdverseOpen, self.describe(*adverse)));
            }
        }
        Ok(())
    }

    /// Builds of the very same source archive, whichever statements name it.
    pub(crate) fn builds_of(&self, archive: FileDigest) -> Vec<StatementDigest> {
        let is_of = |entry: &Standing| matches!(entry.predicate(), Predicate::Source(source) if source.archive == archive);
        let builds = self.state.by_build.keys().copied();
        builds
            .filter(|build| {
                let entries = self.state.standing.get(build);
                entries.is_some_and(|entries| entries.iter().any(is_of))
            })
            .collect()
    }

    /// Releases of this artifact in any line, under any number, whoever signed them.
    pub(crate) fn releases_of(&self, artifact: FileDigest) -> Vec<StatementDigest> {
        let is_of = |entry: &Standing| matches!(entry.predicate(), Predicate::Release(release) if release.artifact == artifact);
        let releases = self.state.lines.values().flatten().copied();
        releases
            .filter(|release| {
                let entries = self.state.standing.get(release);
                entries.is_some_and(|entries| entries.iter().any(is_of))
            })
            .collect()
    }

    /// Whether the signer is the vendor or has the legal owner of a vendor of any constitution so far.
    pub(crate) fn is_of_vendor(&self, entry: &Standing) -> bool {
        let mut parties = self
            .state
            .constitutions()
            .flat_map(|constitution| &constitution.parties);
        entry.vendor || parties.any(|party| party.vendor && party.legal_owner == entry.legal_owner)
    }

    fn describe(&self, digest: StatementDigest) -> String {
        self.state
            .standing
            .get(&digest)
            .and_then(|entries| entries.first())
            .map_or_else(
                || digest.to_string(),
                |entry| {
                    format!(
                        "`{}` by {} at entry {}",
                        entry.predicate().short_name(),
                        entry.party,
                        entry.index
                    )
                },
            )
    }

    /// Included in time, and not closed by its issuer or by a quorum of parties that are not the vendor.
    ///
    /// Several parties may have signed one payload; then each of them is an issuer, or one could sign
    /// another's words before him and close them.
    fn is_open(&self, adverse: StatementDigest) -> bool {
        let Ok(issuers) = self.entries(adverse) else {
            return false;
        };
        let closers: Vec<_> = self
            .state
            .closures
            .get(&adverse)
            .into_iter()
            .flatten()
            .filter_map(|closure| self.entries(*closure).ok())
            .flatten()
            .collect();
        let withdrawn =
            |issuer: &Standing| closers.iter().any(|closer| closer.party == issuer.party);
        if issuers.iter().all(|issuer| withdrawn(issuer)) {
            return false;
        }
        let owners: BTreeSet<_> = closers
            .iter()
            .filter(|closer| !self.is_of_vendor(closer))
            .map(|closer| closer.legal_owner.as_str())
            .collect();
        let needed = self
            .state
            .constitution()
            .map_or(u64::MAX, |c| c.floors.governance_min);
        (owners.len() as u64) < needed.saturating_sub(1).max(2)
    }
}
