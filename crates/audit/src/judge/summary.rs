//! Counts, each with what it is out of.

use statement::PartyId;

use super::{
    Judge,
    types::{Heard, Newest, Summary},
};

impl Judge {
    /// What stands in the log, counted.
    pub fn latest(&self) -> Summary {
        let view = self.as_of(self.next_index());
        let roster = self.chain.at(self.next_index());
        let mut summary = Summary {
            entries: self.next_index(),
            witnessed: self.clock.newest().map_or(0, |(size, _)| size),
            counted: self.kinds.values().sum(),
            ignored: self.ignored.clone(),
            kinds: self.kinds.clone(),
            checkpoints: self.clock.count(),
            constitution: roster.map_or(0, |roster| roster.constitution.version),
            constitution_digest: roster.map(|roster| roster.digest),
            constitutions: self.chain.reigns.len() as u64,
            newest_time: self.clock.newest().map(|(_, time)| time),
            publications_judged: self.judged.len() as u64,
            ..Summary::default()
        };
        let parties = roster.map(|roster| roster.constitution.parties.iter());
        summary.parties = parties
            .into_iter()
            .flatten()
            .map(|party| {
                let (name, owner) = (party.name.clone(), party.legal_owner.clone());
                (party.id.clone(), name, owner)
            })
            .collect();
        let facts = &self.facts;
        let sources = facts.sources.values();
        summary.builds = count(sources.map(|table| view.all(Some(table)).next().is_some()));
        for release in facts.releases.keys() {
            let released = view.complete_at(*release).is_ok();
            summary.releases_signed += 1;
            summary.releases += u64::from(released);
            summary.releases_withdrawn += u64::from(released && view.is_withdrawn(*release));
        }
        let approvals = facts.approvals.values();
        summary.approvals =
            count(approvals.map(|table| view.all(Some(table)).any(|fact| fact.said.passed)));
        let adverse = view.all_adverse();
        summary.adverse = adverse.len() as u64;
        summary.adverse_open = count(adverse.iter().map(|(found, _)| view.is_open(found)));
        for (role, table) in &facts.publications {
            summary.publications += view.all(Some(table)).count() as u64;
            if let Ok(Some(fact)) = view.newest_publication(role) {
                let newest = Newest {
                    version: fact.said.version,
                    metadata: fact.said.metadata,
                    entry: fact.at,
                };
                summary.newest.insert(role.clone(), newest);
            }
        }
        summary.cells = self.cells();
        summary.policy = self.policy_counts();
        summary.promises = self.promises();
        let heard = |(party, at): (&PartyId, &u64)| {
            let by = self.clock.by(*at);
            (party.clone(), Heard { entry: *at, by })
        };
        summary.heartbeats = facts.heartbeats.iter().map(heard).collect();
        summary
    }
}

fn count(held: impl Iterator<Item = bool>) -> u64 {
    held.map(u64::from).sum()
}
