//! Asking the tables as of an index: what stood below it, in time, by a key that was alive.

use std::collections::BTreeSet;

use statement::{Floors, KeyId, Role, StatementDigest};

use super::{
    Judge, codes,
    facts::Fact,
    roll::{Roster, Seat},
    types::Refused,
};

/// The log up to an index. All questions are asked here.
#[derive(Clone, Copy)]
pub(super) struct AsOf<'a> {
    pub(super) judge: &'a Judge,
    /// Entries below this one.
    pub(super) end: u64,
}

impl<'a> AsOf<'a> {
    /// The constitution in force.
    pub(super) fn roster(self) -> Result<&'a Roster, Refused> {
        let detail = "no constitution is in force";
        let found = self.judge.chain.at(self.end);
        found.ok_or_else(|| Refused::new(codes::NO_CONSTITUTION, detail))
    }

    /// What no policy may go under.
    pub(super) fn floors(self) -> Result<&'a Floors, Refused> {
        Ok(&self.roster()?.constitution.floors)
    }

    /// Who signed a fact, by the roster of its own index.
    pub(super) fn signer<T>(self, fact: &Fact<T>) -> Option<Seat<'a>> {
        self.seat_at(fact.at, fact.key)
    }

    /// The seat of a key for an entry.
    pub(super) fn seat_at(self, index: u64, key: KeyId) -> Option<Seat<'a>> {
        self.judge.chain.at(index)?.seat(key)
    }

    /// Whether a fact stands here, included within the lives of statement and key.
    pub(super) fn counts<T>(self, fact: &Fact<T>) -> bool {
        self.late(fact).is_none() && self.stands(fact)
    }

    fn stands<T>(self, fact: &Fact<T>) -> bool {
        fact.at < self.end && self.judge.clock.by(fact.at).is_some()
    }

    /// Why a witnessed fact was included too late to count.
    pub(super) fn late<T>(self, fact: &Fact<T>) -> Option<&'static str> {
        let by = self.judge.clock.by(fact.at)?;
        let until = self.signer(fact).map_or(0, |seat| seat.not_after);
        if by > fact.not_after {
            Some(codes::TOO_LATE)
        } else {
            (by > until).then_some(codes::KEY_EXPIRED)
        }
    }

    /// The facts of a list that count.
    pub(super) fn all<T>(
        self,
        facts: Option<&'a Vec<Fact<T>>>,
    ) -> impl Iterator<Item = &'a Fact<T>> {
        let facts = facts.into_iter().flatten();
        facts.filter(move |fact| self.counts(*fact))
    }

    /// The facts of a list that stand here, in time or not: what they show cannot be unseen.
    pub(super) fn shown<T>(
        self,
        facts: Option<&'a Vec<Fact<T>>>,
    ) -> impl Iterator<Item = &'a Fact<T>> {
        let facts = facts.into_iter().flatten();
        facts.filter(move |fact| self.stands(*fact))
    }

    /// The first reason for which what stands does not count, or `missing`.
    pub(super) fn missing<T>(
        self,
        facts: Option<&'a Vec<Fact<T>>>,
        missing: &'static str,
        detail: String,
    ) -> Refused {
        let late = self.shown(facts).find_map(|fact| self.late(fact));
        Refused::new(late.unwrap_or(missing), detail)
    }

    /// Whether a signer is the vendor, or of a legal owner that any constitution so far calls the vendor.
    pub(super) fn is_vendor(self, seat: Seat<'_>) -> bool {
        let owner = seat.party.legal_owner.as_str();
        let mut rosters = self.judge.chain.below(self.end);
        seat.party.vendor || rosters.any(|roster| roster.vendor_owners().contains(owner))
    }

    /// Whether the release was withdrawn by somebody who may.
    pub(super) fn is_withdrawn(self, release: StatementDigest) -> bool {
        let withdrawals = self.judge.facts.withdrawals.get(&release);
        self.all(withdrawals).next().is_some()
    }

    /// The same by the roster of one index only.
    pub(super) fn was_vendor(self, seat: Seat<'_>, index: u64) -> bool {
        let owner = seat.party.legal_owner.as_str();
        let roster = self.judge.chain.at(index);
        seat.party.vendor || roster.is_some_and(|roster| roster.vendor_owners().contains(owner))
    }

    /// Signers of these facts with `role`: legal owner, whether that was the vendor, and where.
    pub(super) fn owners<T>(
        self,
        facts: Option<&'a Vec<Fact<T>>>,
        role: Role,
    ) -> BTreeSet<(&'a str, bool, u64)> {
        let signed = self.all(facts).filter_map(|fact| {
            let seat = self.signer(fact).filter(|seat| seat.role == role)?;
            let owner = seat.party.legal_owner.as_str();
            Some((owner, self.was_vendor(seat, fact.at), fact.at))
        });
        signed.collect()
    }
}
