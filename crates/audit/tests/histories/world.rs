//! Worlds that are a little wrong, and their successors.

use statement::{Constitution, FileDigest, PartyKey, Role};

use crate::dice::Dice;
use crate::honest::roster::{self, NOW, ed25519, lab, party_mut};

/// A change of a constitution.
pub(crate) type Tweak = fn(&mut Constitution);

fn key_mut<'a>(draft: &'a mut Constitution, party: &str, role: Role) -> &'a mut PartyKey {
    let mut keys = party_mut(draft, party).keys.iter_mut();
    keys.find(|key| key.role == role).unwrap()
}

fn owner_of(draft: &mut Constitution, party: &str) -> String {
    party_mut(draft, party).legal_owner.clone()
}

fn third_lab(draft: &mut Constitution, owner: &str) {
    if draft.parties.len() == 4 {
        draft.parties.push(lab("lab-c", owner, "NZ"));
    }
}

/// What may be odd about the first constitution.
const ODD: [Tweak; 22] = [
    |d| {
        // A vendor of another owner, and a lab of that owner that does not say so.
        third_lab(d, "Example Holding");
        party_mut(d, "lab-c").vendor = true;
        party_mut(d, "lab-b").legal_owner = "Example Holding".to_owned();
    },
    |d| {
        third_lab(d, "Example Holding");
        party_mut(d, "lab-c").vendor = true;
        party_mut(d, "supervisor").legal_owner = "Example Holding".to_owned();
    },
    |d| {
        d.floors.governance_min = 2;
        party_mut(d, "lab-b").legal_owner = owner_of(d, "vendor");
    },
    |d| d.floors.rebuilds_min = 1,
    |d| d.floors.rebuilds_min = 3,
    |d| d.floors.governance_min = 2,
    |d| d.floors.governance_min = 4,
    |d| party_mut(d, "lab-b").legal_owner = owner_of(d, "lab-a"),
    |d| party_mut(d, "lab-b").legal_owner = owner_of(d, "vendor"),
    |d| party_mut(d, "lab-b").vendor = true,
    |d| party_mut(d, "supervisor").vendor = true,
    |d| {
        let key = ed25519("vendor", "posing", Role::Supervisor);
        party_mut(d, "vendor").keys.push(key);
    },
    |d| {
        let key = ed25519("vendor", "rebuilder", Role::Rebuilder);
        party_mut(d, "vendor").keys.push(key);
    },
    |d| {
        let key = ed25519("lab-b", "conveyer", Role::Conveyer);
        party_mut(d, "lab-b").keys.push(key);
    },
    |d| key_mut(d, "vendor", Role::Author).not_after = NOW + 400,
    |d| key_mut(d, "supervisor", Role::Tuf).not_after = NOW + 2000,
    |d| key_mut(d, "lab-a", Role::Governance).not_after = NOW + 5000,
    |d| key_mut(d, "supervisor", Role::Supervisor).not_after = NOW + 3000,
    |d| d.floors.change_delay_seconds = 0,
    |d| {
        let owner = owner_of(d, "lab-a");
        third_lab(d, &owner);
    },
    |d| third_lab(d, "C Verification Ltd"),
    |d| key_mut(d, "supervisor", Role::Governance).not_after = NOW + 90_000,
];

/// None, one or two of them.
pub(crate) fn odd(dice: &mut Dice) -> Vec<Tweak> {
    let count = [0, 0, 0, 1, 1, 1, 1, 2][dice.below(8)];
    if dice.one_in(3) {
        return vec![|d| d.floors.governance_min = 2];
    }
    let first = dice.below(ODD.len());
    (0..count)
        .map(|at| ODD[(first + at * 7) % ODD.len()])
        .collect()
}

fn new_supervisor(draft: &mut Constitution) {
    let key = ed25519("lab-a", "supervisor", Role::Supervisor);
    let lab = party_mut(draft, "lab-a");
    if !lab.keys.iter().any(|held| held.public == key.public) {
        lab.keys.push(key);
    }
    let keys = &mut party_mut(draft, "supervisor").keys;
    keys.retain(|key| key.role != Role::Supervisor);
}

/// What a successor may change.
const CHANGES: [Tweak; 19] = [
    |d| {
        party_mut(d, "supervisor")
            .keys
            .retain(|key| key.role != Role::Tuf)
    },
    |d| {
        let key = ed25519("supervisor", "tuf-2", Role::Tuf);
        party_mut(d, "supervisor").keys.push(key);
    },
    |d| party_mut(d, "lab-a").vendor = true,
    |d| party_mut(d, "lab-a").name.push('x'),
    |d| party_mut(d, "lab-a").name.push('y'),
    |d| party_mut(d, "lab-b").name.push('z'),
    |d| d.floors.rebuilds_min = 1,
    |d| d.floors.governance_min = 4,
    |d| d.floors.governance_min = 2,
    |d| d.floors.change_delay_seconds = 0,
    |d| d.tuf_root = FileDigest::of(b"another root"),
    |d| d.not_after = NOW + 4000,
    |d| d.version += 1,
    |d| d.audience.truncate(1),
    |d| d.audience.rotate_left(1),
    new_supervisor,
    |d| {
        for party in ["supervisor", "lab-a", "lab-b"] {
            let key = ed25519(party, "planted", Role::Governance);
            *key_mut(d, party, Role::Governance) = key;
        }
    },
    |d| {
        let key = ed25519("lab-a", "governance-2", Role::Governance);
        *key_mut(d, "lab-a", Role::Governance) = key;
    },
    |d| d.audience.truncate(0),
];

/// A successor of the constitution in force.
pub(crate) fn successor(dice: &mut Dice, now: &Constitution) -> Constitution {
    let mut next = Constitution {
        version: now.version + 1,
        previous: Some(roster::digest(now)),
        ..now.clone()
    };
    if dice.one_in(if now.floors.governance_min == 2 { 2 } else { 8 }) {
        new_supervisor(&mut next);
    } else {
        dice.pick(&CHANGES)(&mut next);
    }
    next
}
