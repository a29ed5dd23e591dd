//! The first constitution and its successors: what each condition of a change refuses.

use law::{Fed, InForce, Refusal};
use statement::{Constitution, Role, StatementDigest};

use crate::{
    honest::{
        amendment::Amendment,
        chain::center_log,
        keys::Key,
        roster::{self, DELAY, NOW, PARTIES, SUPERVISOR_LOG, ed25519, governance, party_mut},
        sayings::revocation,
        story::{sign, signed_by_all},
    },
    refused_with,
};

/// A change that nobody minds.
fn rename(draft: &mut Constitution) {
    party_mut(draft, "lab-a").name = "Another name".to_owned();
}

/// Feeds entries under an anchor; what becomes of the last.
fn fed(anchor: StatementDigest, entries: &[Vec<u8>]) -> Result<StatementDigest, Refusal> {
    let mut state = InForce::replay(center_log(), anchor);
    let mut last = None;
    for (index, entry) in (0..).zip(entries) {
        last = Some(state.feed(index, entry).unwrap());
    }
    match last.unwrap() {
        Fed::Counts(digest) => Ok(digest),
        Fed::Ignored(refusal) => Err(refusal),
    }
}

#[test]
fn the_anchor_names_the_first_constitution() {
    let honest = roster::constitution();
    let entries = signed_by_all(&honest);
    fed(roster::digest(&honest), &entries).unwrap();
    refused_with!(
        "constitution.anchor",
        fed(StatementDigest::of(b"another"), &entries)
    );
    let mut state = InForce::replay(center_log(), roster::digest(&honest));
    for (index, entry) in (0..).zip(&entries) {
        assert!(
            state.constitution().is_none(),
            "in force after {index} signatures"
        );
        state.feed(index, entry).unwrap();
    }
    assert_eq!(state.constitution_digest(), Some(roster::digest(&honest)));
}

#[test]
fn the_first_constitution_has_version_1_and_no_predecessor() {
    for (version, previous) in [(2, None), (1, Some(StatementDigest::of(b"x"))), (0, None)] {
        let odd = Constitution {
            version,
            previous,
            ..roster::constitution()
        };
        let anchor = roster::digest(&odd);
        refused_with!("constitution.version", fed(anchor, &signed_by_all(&odd)));
    }
}

#[test]
fn a_successor_follows_the_constitution_in_force() {
    let enacted = Amendment::of(rename).enact();
    enacted.outcome.as_ref().unwrap();
    assert_eq!(enacted.version(), 2);
    let twists: [fn(&mut Constitution); 3] = [
        |draft| draft.version = 3,
        |draft| draft.version = 1,
        |draft| draft.previous = Some(StatementDigest::of(b"another")),
    ];
    for twist in twists {
        let enacted = Amendment::of(twist).enact();
        refused_with!("constitution.version", enacted.judged[4].clone());
        refused_with!("constitution.version", enacted.outcome);
    }
}

#[test]
fn a_constitution_for_other_logs_does_not_count_here() {
    let other = |draft: &mut Constitution| {
        draft.audience = vec![SUPERVISOR_LOG.parse().unwrap()];
    };
    let enacted = Amendment::of(other).enact();
    refused_with!("entry.audience", enacted.judged[4].clone());
    assert_eq!(enacted.version(), 1);
}

#[test]
fn a_successor_is_signed_by_governance_keys_only() {
    let key = [Key::of("vendor", "center")];
    let enacted = Amendment::of(rename).signed_by(&key).enact();
    refused_with!("entry.role", enacted.judged[4].clone());
    let stranger = [Key::of("stranger", "governance")];
    let enacted = Amendment::of(rename).signed_by(&stranger).enact();
    refused_with!("entry.key_unknown", enacted.judged[4].clone());
    let revoked = Amendment::of(rename)
        .after(revocation(governance("lab-b").id(), "lab-b"))
        .signed_by_parties(&["lab-b"])
        .enact();
    refused_with!("entry.key_revoked", revoked.judged[5].clone());
}

#[test]
fn a_successor_needs_the_quorum_of_distinct_legal_owners() {
    let three = Amendment::of(rename).signed_by_parties(&["vendor", "lab-a", "lab-b"]);
    assert_eq!(three.enact().version(), 2);
    let two = Amendment::of(rename)
        .signed_by_parties(&["vendor", "supervisor"])
        .enact();
    refused_with!("constitution.quorum", two.outcome);
    let owner = |draft: &mut Constitution| {
        let owner = party_mut(draft, "lab-a").legal_owner.clone();
        party_mut(draft, "lab-b").legal_owner = owner;
    };
    let one_owner = Amendment::under(owner, rename);
    let one_owner = one_owner.signed_by_parties(&["vendor", "lab-a", "lab-b"]);
    refused_with!("constitution.quorum", one_owner.enact().outcome);
}

#[test]
fn a_successor_needs_the_quorum_of_its_own_roster_too() {
    let stricter = |draft: &mut Constitution| draft.floors.governance_min = 4;
    assert_eq!(Amendment::of(stricter).enact().version(), 2);
    let three = Amendment::of(stricter).signed_by_parties(&["vendor", "lab-a", "lab-b"]);
    refused_with!("constitution.quorum", three.enact().outcome);
}

#[test]
fn the_vendor_counts_once_however_many_parties_it_is() {
    let second_vendor = |draft: &mut Constitution| {
        let party = party_mut(draft, "lab-b");
        party.vendor = true;
    };
    let both = Amendment::under(second_vendor, rename);
    let both = both.signed_by_parties(&["vendor", "lab-b", "supervisor"]);
    refused_with!("constitution.quorum", both.enact().outcome);
}

#[test]
fn a_proposal_cannot_give_old_names_to_new_keys() {
    // The vendor drafts a constitution in which every other party has a key that the vendor made.
    let taken_over = |draft: &mut Constitution| {
        for party in ["supervisor", "lab-a", "lab-b"] {
            party_mut(draft, party).keys[0] = ed25519(party, "planted", Role::Governance);
        }
    };
    let planted = ["supervisor", "lab-a", "lab-b"].map(|party| Key::of(party, "planted"));
    let mut keys = vec![governance("vendor")];
    keys.extend(planted.clone());
    let enacted = Amendment::of(taken_over).signed_by(&keys).enact();
    refused_with!("constitution.quorum", enacted.outcome);
    assert_eq!(enacted.state.constitution().unwrap().version, 1);
    // Nor may such a key propose anything by itself.
    let alone = Amendment::of(taken_over).signed_by(&planted[..1]).enact();
    refused_with!("entry.key_unknown", alone.judged[4].clone());
}

#[test]
fn a_party_changes_its_key_with_the_old_one_and_the_new_one() {
    let rotated = |draft: &mut Constitution| {
        party_mut(draft, "lab-a").keys[0] = ed25519("lab-a", "governance-2", Role::Governance);
        draft.floors.governance_min = 4;
    };
    let base = |draft: &mut Constitution| draft.floors.governance_min = 4;
    let mut keys: Vec<_> = PARTIES.map(governance).into();
    let old_only = Amendment::under(base, rotated).signed_by(&keys).enact();
    refused_with!("constitution.quorum", old_only.outcome);
    keys.push(Key::of("lab-a", "governance-2"));
    assert_eq!(
        Amendment::under(base, rotated)
            .signed_by(&keys)
            .enact()
            .version(),
        2
    );
    keys.remove(2);
    let new_only = Amendment::under(base, rotated).signed_by(&keys).enact();
    refused_with!("constitution.quorum", new_only.outcome);
}

#[test]
fn the_supervisor_is_replaced_by_a_majority_that_is_not_the_vendor() {
    // A quorum of two, so that the vendor and one other party meet it.
    let base = |draft: &mut Constitution| draft.floors.governance_min = 2;
    let replaced = |draft: &mut Constitution| {
        let lab = party_mut(draft, "lab-a");
        lab.keys
            .push(ed25519("lab-a", "supervisor", Role::Supervisor));
        party_mut(draft, "supervisor")
            .keys
            .retain(|key| key.role != Role::Supervisor);
    };
    let vendor_and = |party| {
        Amendment::under(base, replaced)
            .signed_by_parties(&["vendor", party])
            .enact()
            .outcome
    };
    for party in ["supervisor", "lab-a", "lab-b"] {
        refused_with!("constitution.supervisor", vendor_and(party));
    }
    let labs = Amendment::under(base, replaced).signed_by_parties(&["lab-a", "lab-b"]);
    assert_eq!(labs.enact().version(), 2);
    // The same two may change anything else.
    let other = Amendment::under(base, rename).signed_by_parties(&["vendor", "lab-a"]);
    assert_eq!(other.enact().version(), 2);
}

#[test]
fn a_party_that_signs_two_successors_stops_both() {
    let mut other = Amendment::of(rename).next;
    party_mut(&mut other, "lab-b").name = "Yet another name".to_owned();
    let second = sign(&roster::payload(&other), &governance("vendor"));
    let enacted = Amendment::of(rename).after(second.clone()).enact();
    refused_with!("constitution.two_successors", enacted.outcome);
    // Signing one of them twice is no fault.
    let again = sign(
        &roster::payload(&Amendment::of(rename).next),
        &governance("vendor"),
    );
    assert_eq!(Amendment::of(rename).after(again).enact().version(), 2);
    // Nor is it one for those who signed only this successor, when enough of them did.
    let without =
        Amendment::of(rename)
            .after(second)
            .signed_by_parties(&["supervisor", "lab-a", "lab-b"]);
    assert_eq!(without.enact().version(), 2);
}

#[test]
fn a_third_successor_by_one_party_is_not_even_remembered() {
    let proposal = |name: &str| {
        let mut draft = Amendment::of(rename).next;
        name.clone_into(&mut party_mut(&mut draft, "lab-b").name);
        sign(&roster::payload(&draft), &governance("vendor"))
    };
    let honest = roster::constitution();
    let mut entries = signed_by_all(&honest);
    entries.extend([proposal("one"), proposal("two")]);
    fed(roster::digest(&honest), &entries).unwrap();
    entries.push(proposal("three"));
    refused_with!(
        "constitution.two_successors",
        fed(roster::digest(&honest), &entries)
    );
}

#[test]
fn a_change_waits_in_public_for_the_delay() {
    assert_eq!(Amendment::of(rename).waiting(DELAY).enact().version(), 2);
    let early = Amendment::of(rename).waiting(DELAY - 1).enact();
    refused_with!("constitution.delay", early.outcome);
    // The first checkpoint must contain every signature, and the wait has a direction.
    for (signed_by, waited_until) in [(0, 2), (0, 1), (2, 1), (1, 1)] {
        let enacted = Amendment::of(rename)
            .naming(signed_by, waited_until)
            .enact();
        refused_with!("constitution.delay", enacted.outcome);
    }
    // The delay is that of the constitution in force, not that of the proposal.
    let impatient = |draft: &mut Constitution| draft.floors.change_delay_seconds = 0;
    let early = Amendment::of(impatient).waiting(DELAY - 1).enact();
    refused_with!("constitution.delay", early.outcome);
}

#[test]
fn a_half_signed_proposal_does_not_outlive_its_not_after() {
    let bounded = |draft: &mut Constitution| draft.not_after = NOW + 7200;
    assert_eq!(
        Amendment::of(bounded)
            .signed_at(NOW + 7200)
            .enact()
            .version(),
        2
    );
    let revived = Amendment::of(bounded).signed_at(NOW + 7201).enact();
    refused_with!("entry.too_late", revived.outcome);
}

#[test]
fn a_governance_key_does_not_sign_a_successor_after_its_last_day() {
    let ended = |draft: &mut Constitution| {
        party_mut(draft, "lab-a").keys[0].not_after = NOW + 7200;
    };
    let signed_at = |time| {
        let amendment = Amendment::under(ended, rename).signed_at(time);
        amendment
            .signed_by_parties(&["vendor", "supervisor", "lab-a"])
            .enact()
    };
    assert_eq!(signed_at(NOW + 7200).version(), 2);
    refused_with!("constitution.quorum", signed_at(NOW + 7201).outcome);
}

#[test]
fn an_activation_counts_if_the_wait_ended_before_its_not_after() {
    let waited = NOW + 3600 + DELAY;
    let by = |not_after| Amendment::of(rename).activated_by(not_after).enact();
    assert_eq!(by(waited).version(), 2);
    refused_with!("entry.too_late", by(waited - 1).outcome);
}
