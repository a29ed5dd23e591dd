//! What the policies in force say, replayed, and what cells say they took in, held against it.
//!
//! A policy names its documents by digest, and they are public. So anybody can ask it about every country, tell what a later
//! version moved, and see whether a cell counts files of a region that was promised to another one.

use std::collections::{BTreeMap, BTreeSet};

use statement::{CountryCode, Day, Declaration, FileDigest, ResidencyPolicy, StatementDigest};

use super::{
    Judge,
    cedar::{self, Homes},
    facts::Fact,
    findings::about,
    residence::Complete,
    types::{Documents, Finding, PolicyCounts, Refused, Severity},
};

/// Countries that are named one by one in a line for people.
const NAMED_MAX: usize = 12;
const ASK: &str = "ask every party that signed it; nothing may be sealed by it until then";

/// A policy that was or is in force, for whoever fetches its documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySeen {
    /// Its digest.
    pub policy: StatementDigest,
    /// The entry that completed its quorum.
    pub entry: u64,
    /// Its rules.
    pub text: FileDigest,
    /// Their schema.
    pub schema: FileDigest,
    /// The entities.
    pub entities: FileDigest,
}

/// What policies and declarations say in full, each payload once, and where the policies send every country.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) policies: BTreeMap<StatementDigest, ResidencyPolicy>,
    pub(super) declarations: BTreeMap<StatementDigest, Declaration>,
    replayed: BTreeMap<StatementDigest, Result<Homes, String>>,
}

/// What a census says about where its samples came from.
#[derive(Debug, Clone)]
pub(super) struct Origins {
    pub(super) regions: BTreeSet<String>,
    pub(super) countries: BTreeSet<CountryCode>,
}

impl Judge {
    /// Every policy that was or is in force, oldest first: fetch its documents and give them to
    /// [`Judge::judge_policy`].
    pub fn policies(&self) -> Vec<PolicySeen> {
        let seen = |complete: &Complete| {
            let said = self
                .facts
                .residence
                .contents
                .policies
                .get(&complete.digest)?;
            Some(PolicySeen {
                policy: complete.digest,
                entry: complete.at,
                text: said.text,
                schema: said.schema,
                entities: said.entities,
            })
        };
        self.policy_chain().iter().filter_map(seen).collect()
    }

    /// Replays a policy: every country of the world is asked for. What comes of it is in the findings and the summary.
    ///
    /// # Errors
    /// Why nothing is known of it: the documents are not those that it names, or it wants another evaluator.
    pub fn judge_policy(
        &mut self,
        policy: StatementDigest,
        documents: Documents<'_>,
    ) -> Result<(), Refused> {
        let contents = &mut self.facts.residence.contents;
        let refused = |detail: String| Refused::new("policy.not_replayed", detail);
        let Some(said) = contents.policies.get(&policy) else {
            return Err(refused(format!("no policy {policy} stands")));
        };
        let named = [
            (said.text, documents.text),
            (said.schema, documents.schema),
            (said.entities, documents.entities),
        ];
        if named
            .iter()
            .any(|(name, bytes)| *name != FileDigest::of(bytes))
        {
            return Err(refused(
                "other documents than it names were given".to_owned(),
            ));
        }
        if said.language != cedar::LANGUAGE {
            let wanted = &said.language;
            return Err(refused(format!(
                "it is for {wanted}, and this is {}",
                cedar::LANGUAGE
            )));
        }
        let decided = match contents.declarations.get(&said.declaration) {
            Some(declared) => cedar::homes(declared, documents),
            None => Err("the declaration that it speaks of does not stand".to_owned()),
        };
        contents.replayed.insert(policy, decided);
        Ok(())
    }

    /// The policy in force and how many countries it sends where, if it was replayed.
    pub(super) fn policy_counts(&self) -> Option<PolicyCounts> {
        let chain = self.policy_chain();
        let newest = chain.last()?;
        let contents = &self.facts.residence.contents;
        let mut counts = PolicyCounts {
            version: chain.len() as u64,
            digest: newest.digest,
            homes: BTreeMap::new(),
        };
        if let Some(Ok(homes)) = contents.replayed.get(&newest.digest) {
            for (_, home) in homes.values() {
                *counts.homes.entry(home.clone()).or_default() += 1;
            }
        }
        Some(counts)
    }

    /// Policies that do not decide, countries that moved, and censuses that count what was promised elsewhere.
    pub(super) fn homes_findings(&self) -> Vec<Finding> {
        let chain = self.policy_chain();
        let mut found = Vec::new();
        let replayed = &self.facts.residence.contents.replayed;
        for (number, complete) in (1..).zip(&chain) {
            if let Some(Err(why)) = replayed.get(&complete.digest) {
                let what = format!("version {number} of the policy does not decide: {why}");
                let red = about(
                    complete.at,
                    complete.digest,
                    "policy.undecided",
                    Severity::Red,
                );
                found.push(red.says(what, ASK));
            }
        }
        for (number, pair) in (2..).zip(chain.windows(2)) {
            self.find_moved(number, (&pair[0], &pair[1]), &mut found);
        }
        self.find_foreign(&chain, &mut found);
        found
    }

    /// Countries that a version sends elsewhere than the one before it.
    fn find_moved(
        &self,
        number: u64,
        (before, after): (&Complete, &Complete),
        found: &mut Vec<Finding>,
    ) {
        let replayed = &self.facts.residence.contents.replayed;
        let (Some(Ok(old)), Some(Ok(new))) =
            (replayed.get(&before.digest), replayed.get(&after.digest))
        else {
            return;
        };
        let mut moved: BTreeMap<(&CountryCode, &CountryCode), Vec<&str>> = BTreeMap::new();
        for (country, (_, from)) in old {
            if let Some((_, to)) = new.get(country).filter(|(_, to)| to != from) {
                moved.entry((from, to)).or_default().push(country.as_str());
            }
        }
        for ((from, to), countries) in moved {
            let what = format!(
                "version {number} of the policy moves {} from {from} to {to}",
                listed(&countries)
            );
            let note = about(after.at, after.digest, "policy.moved", Severity::Note);
            found.push(note.says(
                what,
                "its files go elsewhere from here on; nothing old was moved by it",
            ));
        }
    }

    /// Censuses with samples of a region or country that no policy of that day sends there.
    fn find_foreign(&self, chain: &[Complete], found: &mut Vec<Finding>) {
        let view = self.as_of(self.next_index());
        for ((home, day), facts) in self.facts.custody.origins() {
            for census in view.all(Some(facts)) {
                let Some(policies) = self.homes_of_day(chain, *day, census) else {
                    continue;
                };
                let said = &census.said;
                let sends = |is: &dyn Fn(&CountryCode, &str) -> bool| {
                    let mut all = policies.iter().flat_map(|homes| homes.iter());
                    all.any(|(country, (region, to))| to == home && is(country, region))
                };
                let regions = said.regions.iter().map(String::as_str);
                let regions = regions.filter(|region| !sends(&|_, of| of == *region));
                let countries = said.countries.iter();
                let countries = countries.filter(|country| !sends(&|of, _| of == *country));
                let foreign: Vec<_> = regions.chain(countries.map(CountryCode::as_str)).collect();
                if foreign.is_empty() {
                    continue;
                }
                let what = format!(
                    "the census of {home} for {day} counts files of {}, which no policy of that day sends there",
                    listed(&foreign)
                );
                let red = about(census.at, census.digest, "census.home", Severity::Red);
                found.push(red.says(what, "ask the center why these files crossed a border; owners of that day compare their receipts"));
            }
        }
    }

    /// Where the policies that may have been in force on a day send every country; nothing if one of them was not replayed.
    fn homes_of_day<T>(
        &self,
        chain: &[Complete],
        day: Day,
        census: &Fact<T>,
    ) -> Option<Vec<&Homes>> {
        let replayed = &self.facts.residence.contents.replayed;
        let ends = chain.iter().skip(1).map(|next| self.clock.by(next.at));
        let ends = ends.chain([None]);
        let that_day = chain.iter().zip(ends).filter(|(policy, end)| {
            let from = self.clock.after(policy.at).unwrap_or(0);
            policy.at < census.at && from <= day.end() && end.is_none_or(|end| end >= day.start())
        });
        that_day
            .map(|(policy, _)| replayed.get(&policy.digest)?.as_ref().ok())
            .collect()
    }
}

/// `AT, DE and 41 more`.
fn listed(names: &[&str]) -> String {
    let (shown, more) = names.split_at(names.len().min(NAMED_MAX));
    let mut text = shown.join(", ");
    if !more.is_empty() {
        text += &format!(" and {} more", more.len());
    }
    text
}
