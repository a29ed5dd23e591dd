//! The chain of constitutions: which one is in force, and what a successor needs.
//!
//! Version 1 is known by the anchor and needs a signature of *every* party it names. Version n+1 names
//! version n, needs the governance quorum of both over the identical payload, waits in public for the
//! delay of version n, and takes force at the index of the `activation` that proves the wait.

use std::collections::{BTreeMap, BTreeSet};

use statement::{
    Activation, CheckpointRef, Constitution, Envelope, KeyId, PartyId, Role, StatementDigest,
};
use tlog::{Hash, Policy};

use crate::{
    entry::Standing,
    opening::open,
    quorum::{check_governance, is_vendor},
    refusal::{Code, Refusal},
    waiting::Successor,
};

/// A constitution that was or is in force.
#[derive(Debug, Clone)]
pub(crate) struct Enacted {
    pub(crate) constitution: Constitution,
    pub(crate) digest: StatementDigest,
    pub(crate) policy: Policy,
    /// The entry that brought it into force: the last signature of the first, an activation of others.
    pub(crate) at: u64,
}

#[derive(Debug, Clone)]
struct Candidate {
    constitution: Constitution,
    /// Which keys signed, and at which index. Keys, not parties: a proposal may give an old party's name
    /// to a new key, and that key then signs for the proposed roster only.
    signers: BTreeMap<KeyId, u64>,
}

impl Candidate {
    /// The parties of a roster whose governance key signed, and had not ended at a time (POSIX seconds).
    fn signers_of(&self, roster: &Constitution, by: u64) -> BTreeSet<PartyId> {
        let found = self.signers.keys().filter_map(|key| roster.find_key(*key));
        found
            .filter(|(_, key)| key.role == Role::Governance && key.not_after >= by)
            .map(|(party, _)| party.id.clone())
            .collect()
    }
}

/// Witnessed checkpoints by size: root and median time.
type Checkpoints = BTreeMap<u64, (Hash, u64)>;

#[derive(Debug, Clone)]
pub(crate) struct Succession {
    anchor: StatementDigest,
    enacted: Vec<Enacted>,
    candidates: BTreeMap<StatementDigest, Candidate>,
    /// Parties that signed two successors of the constitution in force: both stop.
    two_faced: BTreeSet<PartyId>,
}

impl Succession {
    pub(crate) const fn new(anchor: StatementDigest) -> Self {
        Self {
            anchor,
            enacted: Vec::new(),
            candidates: BTreeMap::new(),
            two_faced: BTreeSet::new(),
        }
    }

    pub(crate) fn current(&self) -> Option<&Enacted> {
        self.enacted.last()
    }

    /// Every constitution that was in force, oldest first.
    pub(crate) fn chain(&self) -> &[Enacted] {
        &self.enacted
    }

    /// Every proposed successor of the one in force.
    pub(crate) fn successors(&self) -> Vec<Successor<'_>> {
        let Some(current) = self.current() else {
            return Vec::new();
        };
        let candidates = self.candidates.iter();
        candidates
            .map(|(digest, candidate)| Successor {
                digest: *digest,
                constitution: &candidate.constitution,
                signers: candidate.signers_of(&current.constitution, 0),
                last_signature: candidate.signers.values().copied().max().unwrap_or(0),
            })
            .collect()
    }

    /// Takes one signature under a constitution.
    pub(crate) fn feed(
        &mut self,
        index: u64,
        envelope: &Envelope,
        constitution: &Constitution,
    ) -> Result<(), Refusal> {
        let digest = envelope.digest();
        self.check_follows(digest, constitution)?;
        let signer = self.signer(envelope, constitution)?;
        self.check_faces(digest, signer.as_ref())?;
        if !self.candidates.contains_key(&digest) && signer.is_none() && self.current().is_some() {
            let detail = format!("key {} is only on the proposed roster", envelope.key());
            return Err(Refusal::new(Code::EntryKeyUnknown, detail));
        }
        let candidate = self.candidates.entry(digest).or_insert_with(|| Candidate {
            constitution: constitution.clone(),
            signers: BTreeMap::new(),
        });
        candidate.signers.entry(envelope.key()).or_insert(index);
        if self.enacted.is_empty() {
            self.enact_first(digest, index);
        }
        Ok(())
    }

    fn check_follows(
        &self,
        digest: StatementDigest,
        constitution: &Constitution,
    ) -> Result<(), Refusal> {
        match self.current() {
            None if digest != self.anchor => Err(Refusal::new(
                Code::ConstitutionAnchor,
                format!("{digest}; the anchor is {}", self.anchor),
            )),
            None if constitution.version != 1 || constitution.previous.is_some() => {
                let detail = format!(
                    "the first constitution has version {}",
                    constitution.version
                );
                Err(Refusal::new(Code::ConstitutionVersion, detail))
            }
            None => Ok(()),
            Some(current)
                if constitution.version == current.constitution.version + 1
                    && constitution.previous == Some(current.digest) =>
            {
                Ok(())
            }
            Some(current) => {
                let detail = format!(
                    "version {} after {}",
                    constitution.version, current.constitution.version
                );
                Err(Refusal::new(Code::ConstitutionVersion, detail))
            }
        }
    }

    /// Notes a party that signs a second successor. A third is refused, which bounds the candidates by
    /// twice the parties, so a log cannot exhaust its readers.
    fn check_faces(
        &mut self,
        digest: StatementDigest,
        signer: Option<&PartyId>,
    ) -> Result<(), Refusal> {
        let (Some(party), Some(current)) = (signer, self.current()) else {
            return Ok(());
        };
        let others = self.candidates.iter().filter(|(seen, candidate)| {
            **seen != digest
                && candidate
                    .signers_of(&current.constitution, 0)
                    .contains(party)
        });
        match others.count() {
            0 => Ok(()),
            1 => {
                self.two_faced.insert(party.clone());
                Ok(())
            }
            count => Err(Refusal::new(
                Code::ConstitutionTwoSuccessors,
                format!("party {party} signed {count} others"),
            )),
        }
    }

    /// The party of the roster in force whose governance key signed; none when only the proposed roster
    /// lists the key.
    fn signer(
        &self,
        envelope: &Envelope,
        constitution: &Constitution,
    ) -> Result<Option<PartyId>, Refusal> {
        let id = envelope.key();
        let in_force = self
            .current()
            .and_then(|current| current.constitution.find_key(id));
        let Some((party, key)) = in_force.or_else(|| constitution.find_key(id)) else {
            return Err(Refusal::new(
                Code::EntryKeyUnknown,
                format!("key {id} under a constitution"),
            ));
        };
        if key.role != Role::Governance {
            let detail = format!(
                "constitution signed with a key of role {:?} of {}",
                key.role, party.id
            );
            return Err(Refusal::new(Code::EntryRole, detail));
        }
        open(envelope, key).map_err(|detail| Refusal::new(Code::EntrySignature, detail))?;
        Ok(in_force.map(|(party, _)| party.id.clone()))
    }

    fn enact_first(&mut self, digest: StatementDigest, at: u64) {
        let all_signed = self.candidates.get(&digest).is_some_and(|candidate| {
            let signers = candidate.signers_of(&candidate.constitution, 0);
            candidate.constitution.parties.len() == signers.len()
        });
        if all_signed {
            self.enact(digest, at);
        }
    }

    fn enact(&mut self, digest: StatementDigest, at: u64) {
        let Some(candidate) = self.candidates.remove(&digest) else {
            return;
        };
        // A constitution is parsed with its policy; one that does not parse never becomes a candidate.
        let Ok(policy) = candidate.constitution.check_roster() else {
            return;
        };
        self.enacted.push(Enacted {
            constitution: candidate.constitution,
            digest,
            policy,
            at,
        });
        self.candidates.clear();
        self.two_faced.clear();
    }

    /// Enacts a successor whose quorum is complete and whose wait is proven.
    pub(crate) fn activate(
        &mut self,
        standing: &Standing,
        activation: &Activation,
        checkpoints: &Checkpoints,
    ) -> Result<(), Refusal> {
        let index = standing.index;
        let digest = activation.constitution;
        let (current, candidate) = match (self.current(), self.candidates.get(&digest)) {
            (Some(current), Some(candidate)) => (current, candidate),
            _ => {
                let detail = format!("{digest} is no successor of the constitution in force");
                return Err(Refusal::new(Code::ConstitutionVersion, detail));
            }
        };
        let last = candidate.signers.values().copied().max().unwrap_or(index);
        let delay = current.constitution.floors.change_delay_seconds;
        let (signed, waited) = check_delay(index, last, activation, delay, checkpoints)?;
        standing.check_in_time(waited)?;
        check_signed_in_time(&candidate.constitution, signed)?;
        let now = candidate.signers_of(&current.constitution, signed);
        let next = candidate.signers_of(&candidate.constitution, signed);
        if let Some(party) = now.iter().find(|party| self.two_faced.contains(*party)) {
            return Err(Refusal::new(
                Code::ConstitutionTwoSuccessors,
                format!("party {party}"),
            ));
        }
        check_governance(&current.constitution, &now)?;
        check_governance(&candidate.constitution, &next)?;
        check_supervisor_change(&current.constitution, &candidate.constitution, &now)?;
        self.enact(digest, index);
        Ok(())
    }
}

/// The supervisor is named or removed only by a majority of the parties that are not the vendor.
fn check_supervisor_change(
    current: &Constitution,
    next: &Constitution,
    signers: &BTreeSet<PartyId>,
) -> Result<(), Refusal> {
    let supervisors = |constitution: &Constitution| -> BTreeSet<String> {
        constitution
            .keys()
            .filter(|(_, key)| key.role == Role::Supervisor)
            .map(|(party, _)| party.legal_owner.clone())
            .collect()
    };
    if supervisors(current) == supervisors(next) {
        return Ok(());
    }
    let independent = current
        .parties
        .iter()
        .filter(|party| !is_vendor(current, party));
    let (all, signed) = independent.fold((0usize, 0usize), |(all, signed), party| {
        (all + 1, signed + usize::from(signers.contains(&party.id)))
    });
    if signed * 2 > all {
        return Ok(());
    }
    Err(Refusal::new(
        Code::ConstitutionSupervisor,
        format!("{signed} of {all} parties that are not the vendor"),
    ))
}

/// A proposal that lay about half-signed until its `not_after` is not revived.
fn check_signed_in_time(candidate: &Constitution, signed: u64) -> Result<(), Refusal> {
    if signed <= candidate.not_after {
        return Ok(());
    }
    let detail = format!(
        "constitution {}: last signature by {signed}, not_after {}",
        candidate.version, candidate.not_after
    );
    Err(Refusal::new(Code::EntryTooLate, detail))
}

/// The times by which all had signed, and until which was waited.
///
/// Order never uses a clock: the wait lies between two witnessed checkpoints of this very log.
fn check_delay(
    index: u64,
    last_signature: u64,
    activation: &Activation,
    delay_seconds: u64,
    checkpoints: &Checkpoints,
) -> Result<(u64, u64), Refusal> {
    let no = |detail: String| Refusal::new(Code::ConstitutionDelay, detail);
    let time = |name: &str, reference: &CheckpointRef| match checkpoints.get(&reference.size) {
        Some((root, time)) if *root == *reference.root.hash() => Ok(*time),
        _ => Err(no(format!(
            "`{name}` names a checkpoint of size {} that is not archived",
            reference.size
        ))),
    };
    let signed = time("signed_by", &activation.signed_by)?;
    let waited = time("waited_until", &activation.waited_until)?;
    if activation.signed_by.size <= last_signature {
        return Err(no(format!(
            "`signed_by` does not contain the last signature (entry {last_signature})"
        )));
    }
    if activation.waited_until.size < activation.signed_by.size {
        return Err(no(
            "`waited_until` is of fewer entries than `signed_by`".to_owned()
        ));
    }
    if activation.waited_until.size > index {
        return Err(no(
            "`waited_until` is above the activation itself".to_owned()
        ));
    }
    if waited.saturating_sub(signed) < delay_seconds {
        return Err(no(format!(
            "{} of {delay_seconds} seconds passed",
            waited.saturating_sub(signed)
        )));
    }
    Ok((signed, waited))
}
