//! What stands against a build or a release, and what settles it
//! (`spec/finding.md`, `spec/halt.md`, `spec/closure.md`).

use std::collections::BTreeSet;

use statement::{PartyId, StatementDigest, Verdict};

use super::{asof::AsOf, codes, facts::Fact, types::Refused};

/// One adverse statement, with all who signed these very words.
pub(super) struct Adverse {
    pub(super) digest: StatementDigest,
    /// Its first entry.
    pub(super) at: u64,
    issuers: BTreeSet<PartyId>,
}

impl<'a> AsOf<'a> {
    /// Refuses while something is open on the build or one of `subjects`, or its product is halted.
    pub(super) fn check_adverse(
        self,
        build: StatementDigest,
        subjects: &BTreeSet<StatementDigest>,
        product: &str,
    ) -> Result<(), Refused> {
        let facts = &self.judge.facts;
        let mut against = Vec::new();
        let about = subjects
            .iter()
            .flat_map(|s| self.all(facts.findings.get(s)));
        about.for_each(|fact| self.gather(&mut against, fact));
        let rebuilds = self.all(facts.rebuilds.get(&build));
        let differing = rebuilds.filter(|f| f.said.verdict != Verdict::Identical);
        differing.for_each(|fact| self.gather(&mut against, fact));
        for fact in self.all(facts.failed_approvals.get(&build)) {
            self.gather(&mut against, fact);
        }
        for fact in self.all(facts.failed_tests.get(&build)) {
            self.gather(&mut against, fact);
        }
        if let Some(open) = against.iter().find(|adverse| self.is_open(adverse)) {
            let detail = format!("entry {} against build {build}", open.at);
            return Err(Refused::new(codes::ADVERSE_OPEN, detail));
        }
        let mut halts = Vec::new();
        let stops = |halted: &Option<String>| halted.as_deref().is_none_or(|p| p == product);
        for fact in self.all(Some(&facts.halts)).filter(|f| stops(&f.said)) {
            self.gather(&mut halts, fact);
        }
        match halts.iter().find(|halt| self.is_open(halt)) {
            None => Ok(()),
            Some(open) => {
                let detail = format!("entry {} halts {product}", open.at);
                Err(Refused::new(codes::HALTED, detail))
            }
        }
    }

    /// Refuses while a finding about one of these is open.
    pub(super) fn check_findings(self, kin: &BTreeSet<StatementDigest>) -> Result<(), Refused> {
        let mut against = Vec::new();
        let findings = &self.judge.facts.findings;
        let about = kin.iter().flat_map(|s| self.all(findings.get(s)));
        about.for_each(|fact| self.gather(&mut against, fact));
        match against.iter().find(|adverse| self.is_open(adverse)) {
            None => Ok(()),
            Some(open) => {
                let detail = format!("entry {} against the same source or artifact", open.at);
                Err(Refused::new(codes::ADVERSE_OPEN, detail))
            }
        }
    }

    /// Adds one entry to the statements it repeats, or as a new one.
    pub(super) fn gather<T>(self, against: &mut Vec<Adverse>, fact: &Fact<T>) {
        let issuer = self.signer(fact).map(|seat| seat.party.id.clone());
        match against.iter_mut().find(|found| found.digest == fact.digest) {
            Some(found) => found.issuers.extend(issuer),
            None => against.push(Adverse {
                digest: fact.digest,
                at: fact.at,
                issuers: issuer.into_iter().collect(),
            }),
        }
    }

    /// Closed by all who said it, or by a quorum of parties that are not the vendor.
    pub(super) fn is_open(self, adverse: &Adverse) -> bool {
        let closures = self.judge.facts.closures.get(&adverse.digest);
        let mut closers = BTreeSet::new();
        let mut owners = BTreeSet::new();
        for seat in self.all(closures).filter_map(|fact| self.signer(fact)) {
            closers.insert(&seat.party.id);
            if !self.is_vendor(seat) {
                owners.insert(seat.party.legal_owner.as_str());
            }
        }
        let mut issuers = adverse.issuers.iter();
        if issuers.all(|issuer| closers.contains(issuer)) {
            return false;
        }
        let floor = self
            .floors()
            .map_or(u64::MAX, |floors| floors.governance_min);
        (owners.len() as u64) < floor.saturating_sub(1).max(2)
    }

    /// Other builds of the same source archive: what is wrong with a source is wrong with each.
    pub(super) fn kin_builds(self, build: StatementDigest) -> BTreeSet<StatementDigest> {
        let facts = &self.judge.facts;
        let archive = self.shown(facts.sources.get(&build)).next();
        let kin = archive.and_then(|fact| facts.by_archive.get(&fact.said.archive));
        let kin = kin.into_iter().flatten().copied();
        kin.filter(|b| self.shown(facts.sources.get(b)).next().is_some())
            .collect()
    }

    /// Releases of the same artifact, in any line.
    pub(super) fn kin_releases(self, artifact: statement::FileDigest) -> BTreeSet<StatementDigest> {
        let facts = &self.judge.facts;
        let kin = facts.by_artifact.get(&artifact);
        let kin = kin.into_iter().flatten().copied();
        kin.filter(|r| self.shown(facts.releases.get(r)).next().is_some())
            .collect()
    }
}
