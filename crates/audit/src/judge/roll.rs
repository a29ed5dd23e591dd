//! Who was on the roster at an index, and what each role may say.

use std::collections::{BTreeMap, BTreeSet};

use statement::{Constitution, KeyId, Party, Predicate, Role, RosterError, StatementDigest};
use tlog::Policy;

/// A constitution with its roster turned round: from key to seat.
#[derive(Debug)]
pub(super) struct Roster {
    pub(super) digest: StatementDigest,
    pub(super) constitution: Constitution,
    pub(super) policy: Policy,
    seats: BTreeMap<KeyId, (usize, usize)>,
}

/// A key on a roster and whose it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seat<'a> {
    pub(super) party: &'a Party,
    pub(super) role: Role,
    /// Last second in which an entry by it may be included.
    pub(super) not_after: u64,
}

impl Roster {
    pub(super) fn of(
        constitution: Constitution,
        digest: StatementDigest,
    ) -> Result<Self, RosterError> {
        let policy = constitution.check_roster()?;
        let mut seats = BTreeMap::new();
        for (p, party) in constitution.parties.iter().enumerate() {
            for (k, key) in party.keys.iter().enumerate() {
                seats.insert(KeyId::of(&key.raw()?), (p, k));
            }
        }
        Ok(Self {
            digest,
            constitution,
            policy,
            seats,
        })
    }

    /// The seat of a key.
    pub(super) fn seat(&self, key: KeyId) -> Option<Seat<'_>> {
        let (p, k) = *self.seats.get(&key)?;
        let party = self.constitution.parties.get(p)?;
        let key = party.keys.get(k)?;
        Some(Seat {
            party,
            role: key.role,
            not_after: key.not_after,
        })
    }

    /// The raw Ed25519 key behind an id.
    pub(super) fn raw(&self, key: KeyId) -> Option<[u8; 32]> {
        let (p, k) = *self.seats.get(&key)?;
        let raw = self.constitution.parties.get(p)?.keys.get(k)?.raw().ok()?;
        <[u8; 32]>::try_from(raw).ok()
    }

    /// Legal owners of parties that say they are the vendor.
    pub(super) fn vendor_owners(&self) -> BTreeSet<&str> {
        let vendors = self.constitution.parties.iter().filter(|p| p.vendor);
        vendors.map(|p| p.legal_owner.as_str()).collect()
    }

    /// Legal owners of the parties that hold a key of this role.
    pub(super) fn owners_with(&self, role: Role) -> BTreeSet<&str> {
        let parties = self.constitution.parties.iter();
        let with = parties.filter(|p| p.keys.iter().any(|k| k.role == role));
        with.map(|p| p.legal_owner.as_str()).collect()
    }
}

/// The table "Roles" of `spec/constitution.md`, row by row.
pub(super) fn may_say(role: Role, said: &Predicate) -> bool {
    let own: &[&str] = match role {
        Role::Governance => &[
            "constitution",
            "activation",
            "closure",
            "pruning",
            "revocation",
            "declaration",
            "policy",
            "finding",
            "halt",
        ],
        Role::Author => &["source"],
        Role::Conveyer => &["environment", "commitment", "provenance", "test-result"],
        Role::Rebuilder => &["environment", "commitment", "rebuild", "finding", "halt"],
        Role::Supervisor => &[
            "approval",
            "admission",
            "epoch",
            "reanalysis-grant",
            "release",
            "emergency",
            "withdrawal",
            "finding",
            "halt",
        ],
        Role::Center => &[
            "admission",
            "epoch",
            "receipts",
            "verdicts",
            "anomaly",
            "erasure",
            "census",
            "reanalyses",
            "release",
            "emergency",
            "publication",
            "withdrawal",
            "finding",
            "halt",
        ],
        Role::Tuf | Role::Log | Role::Witness => return false,
    };
    let said = said.short_name();
    own.contains(&said) || matches!(said, "heartbeat" | "anchor")
}
