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

/// What a decision is about: whatever stands against this stands against the decision.
#[derive(Debug, Clone)]
pub(super) struct Concern {
    pub(super) build: StatementDigest,
    pub(super) product: String,
    /// The statements that the decision rests on, and the release itself.
    pub(super) subjects: BTreeSet<StatementDigest>,
    /// Builds of the same source and releases of the same artifact: their findings are inherited.
    pub(super) kin: BTreeSet<StatementDigest>,
}

impl<'a> AsOf<'a> {
    /// Refuses while something is open against the concern, or its product is halted.
    pub(super) fn check_unopposed(self, concern: &Concern) -> Result<(), Refused> {
        let open = |found: Vec<Adverse>| found.into_iter().find(|adverse| self.is_open(adverse));
        if let Some(adverse) = open(self.against(concern)) {
            let detail = format!("entry {} against build {}", adverse.at, concern.build);
            return Err(Refused::new(codes::ADVERSE_OPEN, detail));
        }
        if let Some(halt) = open(self.halts_of(&concern.product)) {
            let detail = format!("entry {} halts {}", halt.at, concern.product);
            return Err(Refused::new(codes::HALTED, detail));
        }
        match open(self.inherited(&concern.kin)) {
            None => Ok(()),
            Some(adverse) => {
                let at = adverse.at;
                let detail = format!("entry {at} against the same source or artifact");
                Err(Refused::new(codes::ADVERSE_OPEN, detail))
            }
        }
    }

    /// Refuses while a finding about any of these is open, or the product is halted.
    pub(super) fn check_nothing_open(
        self,
        about: &BTreeSet<StatementDigest>,
        product: &str,
    ) -> Result<(), Refused> {
        let found = self.inherited(about).into_iter();
        let mut found = found.map(|adverse| (adverse, codes::ADVERSE_OPEN));
        let halts = self.halts_of(product).into_iter();
        let mut halts = halts.map(|halt| (halt, codes::HALTED));
        let open = found.find(|(adverse, _)| self.is_open(adverse));
        match open.or_else(|| halts.find(|(halt, _)| self.is_open(halt))) {
            None => Ok(()),
            Some((adverse, code)) => {
                let detail = format!("entry {} about {product} or what is named", adverse.at);
                Err(Refused::new(code, detail))
            }
        }
    }

    /// Whether anything was ever said against the concern, settled or not.
    pub(super) fn is_contested(self, concern: &Concern) -> bool {
        let halts = self.halts_of(&concern.product);
        let inherited = self.inherited(&concern.kin);
        !(self.against(concern).is_empty() && halts.is_empty() && inherited.is_empty())
    }

    /// Said against the build and what belongs to it, closed or not.
    fn against(self, concern: &Concern) -> Vec<Adverse> {
        let facts = &self.judge.facts;
        let build = &concern.build;
        let mut against = self.inherited(&concern.subjects);
        let rebuilds = self.all(facts.rebuilds.get(build));
        let differing = rebuilds.filter(|f| f.said.verdict != Verdict::Identical);
        differing.for_each(|fact| self.gather(&mut against, fact));
        for fact in self.all(facts.failed_approvals.get(build)) {
            self.gather(&mut against, fact);
        }
        for fact in self.all(facts.failed_tests.get(build)) {
            self.gather(&mut against, fact);
        }
        against
    }

    /// Halts of this product or of everything.
    fn halts_of(self, product: &str) -> Vec<Adverse> {
        let mut halts = Vec::new();
        let stops = |halted: &Option<String>| halted.as_deref().is_none_or(|p| p == product);
        let standing = self.all(Some(&self.judge.facts.halts));
        for fact in standing.filter(|fact| stops(&fact.said)) {
            self.gather(&mut halts, fact);
        }
        halts
    }

    /// Findings about any of these.
    fn inherited(self, about: &BTreeSet<StatementDigest>) -> Vec<Adverse> {
        let mut found = Vec::new();
        let findings = &self.judge.facts.findings;
        let all = about.iter().flat_map(|s| self.all(findings.get(s)));
        all.for_each(|fact| self.gather(&mut found, fact));
        found
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
