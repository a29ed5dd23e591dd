//! Who may sign what, and how many make a quorum. Parties count by distinct legal owner, never by key.

use std::collections::BTreeSet;

use statement::{Constitution, Party, PartyId, Predicate, Release, Role};

use crate::{
    entry::{Included, Standing},
    refusal::{Code, Refusal},
};

/// Whether a key of this role may sign this kind of statement at all. Default is no.
pub const fn may_sign(role: Role, predicate: &Predicate) -> bool {
    match predicate {
        Predicate::Constitution(_)
        | Predicate::Closure(_)
        | Predicate::Activation(_)
        | Predicate::Pruning(_) => matches!(role, Role::Governance),
        Predicate::Source(_) => matches!(role, Role::Author),
        Predicate::Provenance(_) | Predicate::TestResult(_) => matches!(role, Role::Conveyer),
        Predicate::Environment(_) | Predicate::Commitment(_) => {
            matches!(role, Role::Conveyer | Role::Rebuilder)
        }
        Predicate::Rebuild(_) => matches!(role, Role::Rebuilder),
        Predicate::Approval(_) => matches!(role, Role::Supervisor),
        Predicate::Release(_) | Predicate::Withdrawal(_) => {
            matches!(role, Role::Center | Role::Supervisor)
        }
        Predicate::Emergency(_) => matches!(role, Role::Center | Role::Supervisor),
        Predicate::Publication(_) => matches!(role, Role::Center),
        Predicate::Finding(_) | Predicate::Halt(_) => {
            matches!(
                role,
                Role::Governance | Role::Supervisor | Role::Rebuilder | Role::Center
            )
        }
        Predicate::Epoch(_) => matches!(role, Role::Center | Role::Supervisor),
        // Others may say it, so that a refusal can name who did.
        Predicate::Admission(_) => matches!(role, Role::Center | Role::Supervisor),
        Predicate::Receipts(_)
        | Predicate::Verdicts(_)
        | Predicate::Anomaly(_)
        | Predicate::Erasure(_)
        | Predicate::Reanalyses(_)
        | Predicate::Census(_) => matches!(role, Role::Center),
        Predicate::ReanalysisGrant(_) => matches!(role, Role::Supervisor),
        Predicate::Declaration(_) | Predicate::Policy(_) => matches!(role, Role::Governance),
        Predicate::Revocation(_) => matches!(role, Role::Governance),
        Predicate::Heartbeat(_) | Predicate::Anchor(_) => {
            !matches!(role, Role::Tuf | Role::Log | Role::Witness)
        }
    }
}

/// A release signed over the identical payload by one center and one supervisor of distinct legal owners,
/// the supervisor not the vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseQuorum {
    release: Included<Release>,
    center: Standing,
    supervisor: Standing,
}

impl ReleaseQuorum {
    /// Judges the entries that carry one release payload.
    ///
    /// # Errors
    /// [`Code::QuorumCenter`], [`Code::QuorumSupervisor`], or [`Code::QuorumOneParty`] when there are
    /// several signatures, all of one legal owner.
    pub(crate) fn check(entries: &[Included<Release>]) -> Result<Self, Refusal> {
        let by = |role: Role| {
            entries
                .iter()
                .filter(move |entry| entry.standing().role == role)
        };
        let pair = by(Role::Center)
            .flat_map(|center| by(Role::Supervisor).map(move |supervisor| (center, supervisor)))
            .find(|(center, supervisor)| {
                center.standing().legal_owner != supervisor.standing().legal_owner
                    && !supervisor.standing().vendor
            });
        if let Some((center, supervisor)) = pair {
            return Ok(Self {
                release: center.clone(),
                center: center.standing().clone(),
                supervisor: supervisor.standing().clone(),
            });
        }
        let owners: BTreeSet<_> = entries
            .iter()
            .map(|entry| entry.standing().legal_owner.as_str())
            .collect();
        let seen = entries
            .iter()
            .map(|e| e.standing().party.to_string())
            .collect::<Vec<_>>()
            .join(", ");
        let code = if entries.len() > 1 && owners.len() == 1 {
            Code::QuorumOneParty
        } else if by(Role::Center).next().is_none() {
            Code::QuorumCenter
        } else {
            Code::QuorumSupervisor
        };
        Err(Refusal::new(
            code,
            format!("{} signature(s) stand, by: {seen}", entries.len()),
        ))
    }

    /// What was released.
    pub const fn release(&self) -> &Included<Release> {
        &self.release
    }
    /// The center's entry.
    pub const fn center(&self) -> &Standing {
        &self.center
    }
    /// The supervisor's entry.
    pub const fn supervisor(&self) -> &Standing {
        &self.supervisor
    }
    /// Index at which the quorum was complete.
    pub fn complete_at(&self) -> u64 {
        self.center.index.max(self.supervisor.index)
    }
}

/// Whether a party is the vendor, or has the legal owner of a party that says it is.
pub(crate) fn is_vendor(roster: &Constitution, party: &Party) -> bool {
    let mut vendors = roster.parties.iter().filter(|other| other.vendor);
    vendors.any(|vendor| vendor.legal_owner == party.legal_owner)
}

/// Counts a governance quorum: distinct legal owners, at most one of them the vendor.
pub(crate) fn check_governance(
    roster: &Constitution,
    signers: &BTreeSet<PartyId>,
) -> Result<(), Refusal> {
    // All that is the vendor's is one.
    let owners: BTreeSet<_> = roster
        .parties
        .iter()
        .filter(|party| signers.contains(&party.id))
        .map(|party| (!is_vendor(roster, party)).then_some(party.legal_owner.as_str()))
        .collect();
    let needed = roster.floors.governance_min;
    if owners.len() as u64 >= needed {
        return Ok(());
    }
    Err(Refusal::new(
        Code::ConstitutionQuorum,
        format!(
            "{} of {needed} distinct legal owners of constitution {} signed",
            owners.len(),
            roster.version
        ),
    ))
}
