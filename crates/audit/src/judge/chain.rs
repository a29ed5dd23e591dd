//! The chain of constitutions, as `spec/constitution.md` and `spec/activation.md` say.
//!
//! ```text
//! reigns:     v1 from entry 3, v2 from entry 40, ...      in force at i: the last one from below i
//! proposals:  digest -> (entry, key), (entry, key), ...   of the newest reign only
//! ```

use std::collections::{BTreeMap, BTreeSet};

use statement::{Activation, CheckpointRef, Constitution, KeyId, Role, StatementDigest};

use super::{
    clock::Clock,
    codes,
    roll::{Roster, Seat},
    types::Refused,
};

/// A constitution that was or is in force.
#[derive(Debug)]
pub(super) struct Reign {
    /// In force for every entry above this one.
    pub(super) from: u64,
    /// The `not_after` of its activation; none for the first.
    pub(super) until: Option<u64>,
    pub(super) roster: Roster,
}

/// A constitution that some have signed.
#[derive(Debug)]
struct Proposal {
    roster: Roster,
    /// First entry by each key.
    signed: BTreeMap<KeyId, u64>,
}

/// A party that signed two successors of one constitution.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) entry: u64,
    pub(super) party: String,
    pub(super) subject: StatementDigest,
}

/// All constitutions of a log.
#[derive(Debug)]
pub(super) struct Chain {
    anchor: StatementDigest,
    pub(super) reigns: Vec<Reign>,
    proposals: BTreeMap<StatementDigest, Proposal>,
    pub(super) faults: Vec<Fault>,
}

impl Chain {
    pub(super) const fn new(anchor: StatementDigest) -> Self {
        Self {
            anchor,
            reigns: Vec::new(),
            proposals: BTreeMap::new(),
            faults: Vec::new(),
        }
    }

    /// The constitution that judges entry `index`.
    pub(super) fn at(&self, index: u64) -> Option<&Roster> {
        let reigns = self.reigns.iter().rev();
        let mut reigns = reigns.skip_while(|reign| reign.from >= index);
        reigns.next().map(|reign| &reign.roster)
    }

    /// All that took force below `as_of`.
    pub(super) fn below(&self, as_of: u64) -> impl Iterator<Item = &Roster> {
        let below = self.reigns.iter().filter(move |r| r.from < as_of);
        below.map(|reign| &reign.roster)
    }

    /// The seat under which `key` signs a constitution: on the roster in force; else on the proposed one. The first constitution seats its own signers.
    pub(super) fn seat_for<'a>(
        &'a self,
        proposed: &'a Roster,
        key: KeyId,
    ) -> Option<(&'a Roster, Seat<'a>)> {
        let Some(reign) = self.reigns.last() else {
            return proposed.seat(key).map(|seat| (proposed, seat));
        };
        if let Some(seat) = reign.roster.seat(key) {
            return Some((&reign.roster, seat));
        }
        proposed.seat(key).map(|seat| (proposed, seat))
    }

    /// Whether this constitution may stand here at all.
    pub(super) fn check_place(&self, proposed: &Roster) -> Result<(), Refused> {
        let Constitution {
            version, previous, ..
        } = &proposed.constitution;
        let follows = match self.reigns.last() {
            None => *version == 1 && previous.is_none(),
            Some(reign) => {
                let before = &reign.roster;
                Some(*version) == before.constitution.version.checked_add(1)
                    && *previous == Some(before.digest)
            }
        };
        if follows {
            return Ok(());
        }
        let detail = format!("version {version} does not follow what is in force");
        Err(Refused::new(codes::VERSION, detail))
    }

    /// The first constitution is the one that the anchor names.
    pub(super) fn check_anchor(&self, digest: StatementDigest) -> Result<(), Refused> {
        if !self.reigns.is_empty() || digest == self.anchor {
            return Ok(());
        }
        let detail = format!("the anchor is {}, this is {digest}", self.anchor);
        Err(Refused::new(codes::ANCHOR, detail))
    }

    /// Takes one verified signature under a constitution that may stand here.
    pub(super) fn sign(&mut self, index: u64, key: KeyId, proposed: Roster) -> Result<(), Refused> {
        let digest = proposed.digest;
        if let Some(reign) = self.reigns.last() {
            let party = reign.roster.seat(key).map(|seat| seat.party.id.clone());
            if let Some(party) = party {
                let others = self.others_signed_by(party.as_str(), digest);
                match others {
                    0 => {}
                    1 => self.note_fault(index, party.as_str(), digest),
                    _ => {
                        let detail = format!("{party} signed two other successors already");
                        return Err(Refused::new(codes::TWO_SUCCESSORS, detail));
                    }
                }
            } else if !self.proposals.contains_key(&digest) {
                let detail = format!("key {key} is only on a roster that nobody in force proposed");
                return Err(Refused::new(codes::KEY_UNKNOWN, detail));
            }
        }
        let proposal = self.proposals.entry(digest).or_insert_with(|| Proposal {
            roster: proposed,
            signed: BTreeMap::new(),
        });
        proposal.signed.entry(key).or_insert(index);
        if self.reigns.is_empty() {
            self.found(index, digest);
        }
        Ok(())
    }

    /// How many other successors a party of the roster in force has signed.
    fn others_signed_by(&self, party: &str, but: StatementDigest) -> usize {
        let others = self.proposals.iter().filter(|(digest, _)| **digest != but);
        others
            .filter(|(_, proposal)| self.signers_in_force(proposal).contains(party))
            .count()
    }

    fn note_fault(&mut self, entry: u64, party: &str, subject: StatementDigest) {
        let known = self.faults.iter().any(|fault| {
            fault.party == party && self.reigns.last().is_some_and(|r| r.from < fault.entry)
        });
        if !known {
            let party = party.to_owned();
            self.faults.push(Fault {
                entry,
                party,
                subject,
            });
        }
    }

    /// Parties of the roster in force whose governance key signed a proposal.
    fn signers_in_force<'a>(&'a self, proposal: &'a Proposal) -> BTreeSet<&'a str> {
        let Some(reign) = self.reigns.last() else {
            return BTreeSet::new();
        };
        let keys = proposal.signed.keys();
        let seats = keys.filter_map(|key| reign.roster.seat(*key));
        seats.map(|seat| seat.party.id.as_str()).collect()
    }

    /// Version 1 takes force when a governance key of every party has signed.
    fn found(&mut self, index: u64, digest: StatementDigest) {
        let Some(proposal) = self.proposals.get(&digest) else {
            return;
        };
        let keys = proposal.signed.keys();
        let seats = keys.filter_map(|key| proposal.roster.seat(*key));
        let signed: BTreeSet<_> = seats.map(|seat| &seat.party.id).collect();
        if signed.len() == proposal.roster.constitution.parties.len() {
            self.enthrone(index, None, digest);
        }
    }

    fn enthrone(&mut self, from: u64, until: Option<u64>, digest: StatementDigest) {
        if let Some(Proposal { roster, .. }) = self.proposals.remove(&digest) {
            self.proposals.clear();
            self.reigns.push(Reign {
                from,
                until,
                roster,
            });
        }
    }

    /// Judges an activation at `index` whose signer is in order, and enacts what it names.
    pub(super) fn activate(
        &mut self,
        index: u64,
        activation: &Activation,
        signer_until: u64,
        clock: &Clock,
    ) -> Result<(), Refused> {
        let digest = activation.constitution;
        let (Some(reign), Some(proposal)) = (self.reigns.last(), self.proposals.get(&digest))
        else {
            let detail = format!("{digest} is no successor that somebody signed");
            return Err(Refused::new(codes::VERSION, detail));
        };
        let wait = Wait::of(index, activation, clock)?;
        wait.check_length(proposal, reign)?;
        if wait.waited > activation.not_after {
            let detail = "the wait was over after the activation's not_after";
            return Err(Refused::new(codes::TOO_LATE, detail));
        }
        if wait.waited > signer_until {
            let detail = "the activation's key had ended when the wait was over";
            return Err(Refused::new(codes::KEY_EXPIRED, detail));
        }
        if wait.signed > proposal.roster.constitution.not_after {
            let detail = "the last signature came after the proposal's not_after";
            return Err(Refused::new(codes::TOO_LATE, detail));
        }
        self.check_faults(proposal, wait.signed)?;
        check_quorums(proposal, &reign.roster, wait.signed)?;
        self.enthrone(index, Some(activation.not_after), digest);
        Ok(())
    }

    /// Who signed two successors stops both.
    fn check_faults(&self, proposal: &Proposal, signed_by: u64) -> Result<(), Refused> {
        let in_force = self.reigns.last().map(|reign| &reign.roster);
        let alive = in_force.map(|roster| signers(roster, proposal, signed_by));
        for party in alive.into_iter().flatten() {
            if self.others_signed_by(party, proposal.roster.digest) > 0 {
                let detail = format!("{party} signed another successor, too");
                return Err(Refused::new(codes::TWO_SUCCESSORS, detail));
            }
        }
        Ok(())
    }
}

/// The wait that an activation proves.
struct Wait {
    from_size: u64,
    /// By then all had signed.
    signed: u64,
    /// Until then it lay in public.
    waited: u64,
}

impl Wait {
    fn of(index: u64, activation: &Activation, clock: &Clock) -> Result<Self, Refused> {
        let known = |named: &CheckpointRef| {
            let (root, time) = clock.at_size(named.size)?;
            (root == *named.root.hash()).then_some(time)
        };
        let (from, to) = (&activation.signed_by, &activation.waited_until);
        let (Some(signed), Some(waited)) = (known(from), known(to)) else {
            let detail = "it names a checkpoint that is no witnessed one of this log";
            return Err(Refused::new(codes::DELAY, detail));
        };
        if to.size > index || from.size > to.size {
            let detail = format!("checkpoints {} and {} are out of order", from.size, to.size);
            return Err(Refused::new(codes::DELAY, detail));
        }
        Ok(Self {
            from_size: from.size,
            signed,
            waited,
        })
    }

    fn check_length(&self, proposal: &Proposal, reign: &Reign) -> Result<(), Refused> {
        if proposal.signed.values().any(|at| *at >= self.from_size) {
            let detail = format!("a signature stands above size {}", self.from_size);
            return Err(Refused::new(codes::DELAY, detail));
        }
        let needed = reign.roster.constitution.floors.change_delay_seconds;
        let waited = self.waited.checked_sub(self.signed);
        if waited.is_some_and(|seconds| seconds >= needed) {
            return Ok(());
        }
        let detail = format!("it waited {} s of {needed} s", waited.unwrap_or(0));
        Err(Refused::new(codes::DELAY, detail))
    }
}

/// Both rosters must agree, and the supervisor is not the vendor's to choose.
fn check_quorums(proposal: &Proposal, old: &Roster, signed_by: u64) -> Result<(), Refused> {
    for roster in [old, &proposal.roster] {
        let signers = signers(roster, proposal, signed_by);
        let counted = count_owners(roster, &signers);
        let needed = roster.constitution.floors.governance_min;
        if counted < needed {
            let version = roster.constitution.version;
            let detail = format!("{counted} of {needed} owners of version {version} signed");
            return Err(Refused::new(codes::QUORUM, detail));
        }
    }
    let held = |roster: &Roster| -> BTreeSet<String> {
        let owners = roster.owners_with(Role::Supervisor);
        owners.into_iter().map(ToOwned::to_owned).collect()
    };
    if held(old) == held(&proposal.roster) {
        return Ok(());
    }
    let vendors = old.vendor_owners();
    let independent = |id: &str| {
        let mut parties = old.constitution.parties.iter();
        parties.any(|p| p.id.as_str() == id && !vendors.contains(p.legal_owner.as_str()))
    };
    let parties = old.constitution.parties.iter();
    let all = parties.filter(|p| independent(p.id.as_str())).count();
    let signers = signers(old, proposal, signed_by);
    let signed = signers.iter().filter(|id| independent(id)).count();
    if signed * 2 > all {
        return Ok(());
    }
    let detail = format!("{signed} of {all} parties that are not the vendor signed");
    Err(Refused::new(codes::SUPERVISOR, detail))
}

/// Parties of a roster whose governance key signed while it lived.
fn signers<'a>(roster: &'a Roster, proposal: &Proposal, signed_by: u64) -> BTreeSet<&'a str> {
    let seats = proposal.signed.keys().filter_map(|key| roster.seat(*key));
    let alive = seats.filter(|s| s.role == Role::Governance && s.not_after >= signed_by);
    alive.map(|seat| seat.party.id.as_str()).collect()
}

/// Distinct legal owners; everything that is the vendor's counts once.
fn count_owners(roster: &Roster, signers: &BTreeSet<&str>) -> u64 {
    let vendors = roster.vendor_owners();
    let parties = roster.constitution.parties.iter();
    let signed = parties.filter(|party| signers.contains(party.id.as_str()));
    let owners: BTreeSet<_> = signed
        .map(|party| party.legal_owner.as_str())
        .map(|owner| (!vendors.contains(owner)).then_some(owner))
        .collect();
    owners.len() as u64
}
