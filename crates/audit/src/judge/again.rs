//! Second looks at samples at rest, judged once more: what each grant may name, how much all of them name together, and that no more
//! was looked at than was granted.
//!
//! A grant is held against those before it by the latest time of theirs and the earliest of its own, so who reads the log
//! with fewer checkpoints refuses more, never less.

use std::collections::{BTreeMap, BTreeSet};

use statement::{CountryCode, Kind, Predicate, ReanalysisGrant, Role, StatementDigest};

use super::{
    Judge,
    asof::AsOf,
    codes,
    facts::{Fact, Said},
    findings::about,
    types::{Finding, Severity},
};

/// Seconds, and of how many samples one may be named within them: a day, and the longest quarter.
const BOUNDS: [(u64, u64, &str); 2] = [
    (24 * 3600, 100, codes::GRANT_DAY),
    (92 * 24 * 3600, 20, codes::GRANT_QUARTER),
];

const ASK_SUPERVISOR: &str = "ask the supervisor what it checked; openers refuse this grant";
const ASK_CENTER: &str =
    "ask the center how it opened them; the supervisor's opener shows what it gave away";

/// A batch of what machines made of samples when they looked again.
#[derive(Debug, Clone)]
struct Looked {
    home: CountryCode,
    grant: StatementDigest,
    count: u64,
}

/// The tables of this file.
#[derive(Debug, Default)]
pub(super) struct Again {
    pub(super) grants: Vec<Fact<ReanalysisGrant>>,
    looked: Vec<Fact<Looked>>,
    /// What changed the stock of a home: samples that came, or one that went.
    stocks: BTreeMap<CountryCode, Vec<Fact<Option<u64>>>>,
}

impl Again {
    pub(super) fn add(&mut self, said: Said<'_>) {
        match &said.statement.predicate {
            // Each signature: the first one may be too late to count.
            Predicate::ReanalysisGrant(grant) => self.grants.push(said.fact(grant.clone())),
            Predicate::Reanalyses(batch) => {
                let looked = Looked {
                    home: batch.home.clone(),
                    grant: batch.grant,
                    count: batch.count,
                };
                add_once(&mut self.looked, said.fact(looked));
            }
            Predicate::Receipts(batch) => {
                let stock = self.stocks.entry(batch.home.clone()).or_default();
                stock.push(said.fact(Some(batch.count)));
            }
            Predicate::Erasure(erasure) => {
                let stock = self.stocks.entry(erasure.home.clone()).or_default();
                stock.push(said.fact(None));
            }
            _ => {}
        }
    }
}

/// One payload counts once, whoever signed it again.
fn add_once<T>(facts: &mut Vec<Fact<T>>, fact: Fact<T>) {
    if facts.iter().all(|known| known.digest != fact.digest) {
        facts.push(fact);
    }
}

/// What is wrong with a grant: code, and in words.
pub(super) type Wrong = (&'static str, String);

impl<'a> AsOf<'a> {
    /// Samples of a home that rest below `size`, by receipts and erasures.
    fn rest(self, home: &CountryCode, size: u64) -> u64 {
        let mut seen = BTreeSet::new();
        let facts = self.judge.facts.again.stocks.get(home);
        let below = self.all(facts).filter(|fact| fact.at < size);
        below.fold(0, |rest: u64, fact| match fact.said {
            _ if !seen.insert(fact.digest) => rest,
            Some(came) => rest.saturating_add(came),
            None => rest.saturating_sub(1),
        })
    }

    /// Grants in the order of the log, each once.
    pub(super) fn grants(self) -> Vec<&'a Fact<ReanalysisGrant>> {
        let mut seen = BTreeSet::new();
        let all = self.all(Some(&self.judge.facts.again.grants));
        all.filter(|grant| seen.insert(grant.digest)).collect()
    }

    /// A supervisor that is the vendor, or the center, under another name.
    pub(super) fn wrong_signer(self, grant: &Fact<ReanalysisGrant>) -> Option<Wrong> {
        let seat = self.signer(grant)?;
        let owner = seat.party.legal_owner.as_str();
        let mut rosters = self.judge.chain.below(self.end);
        let is_center = rosters.any(|roster| {
            let mut parties = roster.constitution.parties.iter();
            parties.any(|party| {
                party.legal_owner == owner && party.keys.iter().any(|key| key.role == Role::Center)
            })
        });
        let what = format!("it is signed by {owner}");
        (is_center || self.is_vendor(seat)).then_some((codes::GRANT_ONE_PARTY, what))
    }

    /// A checkpoint that is none of this log below `at`, or a stock that did not rest there.
    pub(super) fn wrong_stock(self, said: &ReanalysisGrant, at: u64) -> Option<Wrong> {
        let named = &said.checkpoint;
        let known = self.judge.clock.at_size(named.size);
        if named.size > at || known.is_some_and(|(root, _)| root != *named.root.hash()) {
            let what = format!("it names a checkpoint of size {}", named.size);
            return Some((codes::GRANT_CHECKPOINT, what));
        }
        let rest = self.rest(&said.home, named.size);
        let what = format!("it names a stock of {}; {rest} rested", said.stock);
        (said.stock > rest).then_some((codes::GRANT_STOCK, what))
    }

    /// Whether it goes over a bound, with those of its home before it. `from`: the earliest time of its entry.
    pub(super) fn over(
        self,
        kept: &[&Fact<ReanalysisGrant>],
        said: &ReanalysisGrant,
        from: u64,
    ) -> Option<Wrong> {
        BOUNDS.iter().find_map(|(seconds, share, code)| {
            let recent = kept.iter().filter(|other| {
                let by = self.judge.clock.by(other.at).unwrap_or(u64::MAX);
                other.said.home == said.home && by.saturating_add(*seconds) > from
            });
            let named = recent.fold(said.count, |sum, other| {
                sum.saturating_add(other.said.count)
            });
            let max = said.stock / share;
            let what = format!("with it {named} of {} are named, {max} may be", said.stock);
            (named > max).then_some((*code, what))
        })
    }

    /// The grants that keep the bounds, up to the first for which `is_last` holds: they count against those after them.
    pub(super) fn kept(
        self,
        is_last: impl Fn(&Fact<ReanalysisGrant>) -> bool,
    ) -> Vec<&'a Fact<ReanalysisGrant>> {
        let mut kept = Vec::new();
        for grant in self.grants().into_iter().take_while(|it| !is_last(it)) {
            if self.wrong_alone(&kept, grant).is_none() {
                kept.push(grant);
            }
        }
        kept
    }

    /// What is wrong with a grant apart from its releases, after those that keep the bounds.
    fn wrong_alone(
        self,
        kept: &[&Fact<ReanalysisGrant>],
        grant: &Fact<ReanalysisGrant>,
    ) -> Option<Wrong> {
        let from = self.judge.clock.after(grant.at).unwrap_or(0);
        let wrong = self.wrong_signer(grant);
        let wrong = wrong.or_else(|| self.wrong_stock(&grant.said, grant.at));
        wrong.or_else(|| self.over(kept, &grant.said, from))
    }

    /// What is wrong with the releases that it names, as they stood when it was made.
    fn wrong_releases(self, grant: &Fact<ReanalysisGrant>) -> Option<Wrong> {
        let releases = &self.judge.facts.releases;
        let is_rules = |digest| {
            let named = releases.get(&digest).and_then(|facts| facts.first());
            named.is_some_and(|fact| fact.said.release.kind == Kind::Rules)
        };
        let view = AsOf {
            judge: self.judge,
            end: grant.at,
        };
        let unreleased = |digest| view.complete_at(digest).is_err() || view.is_withdrawn(digest);
        let said = &grant.said;
        for (tool, digest) in [("rules", said.rules), ("scoring table", said.scoring)] {
            if unreleased(digest) || !is_rules(digest) {
                let what = format!("its {tool} {} were no release", digest.short());
                return Some((codes::GRANT_UNRELEASED, what));
            }
        }
        // A program that no release carries is only named.
        let worker = said.worker;
        let is_half = releases.contains_key(&worker) && unreleased(worker);
        let what = format!("its worker {} was no release", worker.short());
        is_half.then_some((codes::GRANT_UNRELEASED, what))
    }
}

impl Judge {
    /// Grants that may not be, and looks that no grant covers.
    pub(super) fn again_findings(&self) -> Vec<Finding> {
        let view = self.as_of(self.next_index());
        let mut found = Vec::new();
        let mut kept = Vec::new();
        let mut in_force = BTreeMap::new();
        for grant in view.grants() {
            let wrong = view.wrong_alone(&kept, grant);
            if wrong.is_none() {
                kept.push(grant);
            }
            match wrong.or_else(|| view.wrong_releases(grant)) {
                None => {
                    in_force.insert(grant.digest, grant);
                }
                Some((code, what)) => {
                    let red = about(grant.at, grant.digest, code, Severity::Red);
                    let what = format!("the grant for {} should not be: {what}", grant.said.home);
                    found.push(red.says(what, ASK_SUPERVISOR));
                }
            }
        }
        self.find_looks(view, &in_force, &mut found);
        found
    }

    fn find_looks(
        &self,
        view: AsOf<'_>,
        in_force: &BTreeMap<StatementDigest, &Fact<ReanalysisGrant>>,
        found: &mut Vec<Finding>,
    ) {
        let mut counts: BTreeMap<StatementDigest, u64> = BTreeMap::new();
        for looked in view.all(Some(&self.facts.again.looked)) {
            let said = &looked.said;
            let count = counts.entry(said.grant).or_default();
            *count = count.saturating_add(said.count);
            let grant = in_force
                .get(&said.grant)
                .filter(|grant| grant.at < looked.at);
            let (code, what) = match grant {
                None => (
                    "reanalyses.grant",
                    format!("{} looked at samples again without a grant", said.home),
                ),
                Some(grant) if grant.said.home != said.home => (
                    "reanalyses.home",
                    format!("{} used a grant of {}", said.home, grant.said.home),
                ),
                Some(grant) if *count > grant.said.count => (
                    "reanalyses.count",
                    format!(
                        "{count} second looks under a grant for {}",
                        grant.said.count
                    ),
                ),
                Some(_) => continue,
            };
            let red = about(looked.at, looked.digest, code, Severity::Red);
            found.push(red.says(what, ASK_CENTER));
        }
    }
}
