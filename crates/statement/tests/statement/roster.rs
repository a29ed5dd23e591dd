//! A constitution that contradicts itself is no constitution.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use statement::{
    Algorithm, Constitution, LogEntry, Party, Role, RosterError, Statement, StatementError,
};

use crate::samples::{constitution, key};

fn refused(change: impl Fn(&mut Constitution)) -> RosterError {
    let mut draft = constitution();
    change(&mut draft);
    let checked = draft.check_roster().unwrap_err();
    // It cannot be said, either.
    let said = Statement::new(Vec::new(), draft).to_payload();
    assert!(matches!(said, Err(StatementError::Roster(ref refusal)) if *refusal == checked));
    checked
}

#[test]
fn an_honest_roster_gives_its_policy() {
    let policy = constitution().check_roster().unwrap();
    assert_eq!(policy.logs().len(), 1);
    assert_eq!(policy.witnesses().len(), 1);
    assert!(policy.quorum().is_some());
}

#[test]
fn a_raw_key_stands_once() {
    // Under two parties.
    let twice = refused(|draft| draft.parties[1].keys.push(key(1, Role::Rebuilder)));
    assert!(matches!(twice, RosterError::KeyTwice { ref party, .. } if party.as_str() == "lab-a"));
    // Under two roles of one party.
    let twice = refused(|draft| draft.parties[0].keys.push(key(1, Role::Center)));
    assert!(matches!(twice, RosterError::KeyTwice { ref party, .. } if party.as_str() == "vendor"));
    // In one role, with another last day.
    let twice = refused(|draft| {
        let mut again = key(3, Role::Governance);
        again.not_after += 1;
        draft.parties[1].keys.push(again);
    });
    assert!(matches!(twice, RosterError::KeyTwice { .. }));
    constitution_with(|draft| draft.parties[1].keys.push(key(5, Role::Rebuilder)));
}

fn constitution_with(change: impl Fn(&mut Constitution)) {
    let mut draft = constitution();
    change(&mut draft);
    draft.check_roster().unwrap();
}

#[test]
fn a_party_stands_once() {
    let twice = refused(|draft| {
        let again = Party {
            keys: vec![key(5, Role::Rebuilder)],
            ..draft.parties[1].clone()
        };
        draft.parties.push(again);
    });
    assert!(matches!(twice, RosterError::PartyTwice { ref party } if party.as_str() == "lab-a"));
}

#[test]
fn a_key_is_canonical_base64_of_its_length() {
    let public = |text: &str| {
        let text = text.to_owned();
        refused(move |draft| draft.parties[1].keys[0].public.clone_from(&text))
    };
    let honest = constitution().parties[1].keys[0].public.clone();
    let mut bad = vec![
        String::new(),
        "?".to_owned(),
        honest.trim_end_matches('=').to_owned(),
    ];
    bad.extend([31, 33, 1312].map(|bytes| STANDARD.encode(vec![7; bytes])));
    for text in bad {
        assert!(matches!(public(&text), RosterError::Key { .. }), "{text}");
    }
}

#[test]
fn only_logs_and_witnesses_sign_with_ml_dsa() {
    let ml_dsa = |role| {
        let mut key = key(5, role);
        key.algorithm = Algorithm::MlDsa44;
        key.public = STANDARD.encode(vec![7; 1312]);
        key
    };
    constitution_with(|draft| draft.parties[1].keys.push(ml_dsa(Role::Witness)));
    constitution_with(|draft| draft.parties[1].keys.push(ml_dsa(Role::Log)));
    for role in [
        Role::Governance,
        Role::Author,
        Role::Center,
        Role::Supervisor,
        Role::Tuf,
    ] {
        let refusal = refused(|draft| draft.parties[1].keys.push(ml_dsa(role)));
        assert!(matches!(refusal, RosterError::Algorithm { role: found, .. } if found == role));
    }
}

#[test]
fn counts_are_within_their_limits() {
    let count = |change: fn(&mut Constitution)| match refused(change) {
        RosterError::Count { field, count, .. } => (field, count),
        other => panic!("{other:?}"),
    };
    assert_eq!(count(|draft| draft.parties.clear()), ("parties", 0));
    assert_eq!(count(|draft| draft.logs.clear()), ("logs", 0));
    assert_eq!(count(|draft| draft.parties[0].keys.clear()), ("keys", 0));
    let many = |draft: &mut Constitution| draft.parties = vec![draft.parties[0].clone(); 65];
    assert_eq!(count(many), ("parties", 65));
    let many = |draft: &mut Constitution| draft.logs = vec![draft.logs[0].clone(); 33];
    assert_eq!(count(many), ("logs", 33));
    let many = |draft: &mut Constitution| {
        let party = &mut draft.parties[0];
        party.keys = vec![party.keys[0].clone(); 65];
    };
    assert_eq!(count(many), ("keys", 65));
}

#[test]
fn a_log_stands_once_and_has_a_party() {
    let log = |origin: &str, party: &str| LogEntry {
        origin: origin.parse().unwrap(),
        party: party.parse().unwrap(),
    };
    let twice = refused(|draft| draft.logs.push(log("center.example/log", "lab-a")));
    assert!(matches!(twice, RosterError::Log { .. }));
    let nobody = refused(|draft| draft.logs.push(log("other.example/log", "nobody")));
    assert!(matches!(nobody, RosterError::Log { .. }));
    constitution_with(|draft| draft.logs.push(log("other.example/log", "lab-a")));
}

#[test]
fn floors_mean_something() {
    let floor = |change: fn(&mut Constitution)| match refused(change) {
        RosterError::Floor { field, value, min } => (field, value, min),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        floor(|draft| draft.floors.rebuilds_min = 0),
        ("rebuilds_min", 0, 1)
    );
    assert_eq!(
        floor(|draft| draft.floors.governance_min = 1),
        ("governance_min", 1, 2)
    );
    constitution_with(|draft| draft.floors.change_delay_seconds = 0);
}

#[test]
fn a_legal_owner_is_written_one_way() {
    for owner in ["", " Owner", "Owner ", "Two  Spaces", "New\nLine"] {
        let error = refused(|draft| draft.parties[0].legal_owner = owner.to_owned());
        assert!(
            matches!(error, RosterError::LegalOwner { ref value, .. } if value == owner),
            "{error:?}"
        );
    }
    constitution_with(|draft| {
        draft.parties[0].legal_owner = "Example Antivirus Holding".to_owned()
    });
}

#[test]
fn the_policy_names_rostered_keys_and_a_quorum() {
    let garbage = refused(|draft| draft.tlog_policy.push('?'));
    assert!(matches!(garbage, RosterError::Policy(_)));
    let none = refused(|draft| {
        draft.tlog_policy = draft.tlog_policy.replace("quorum lab-a", "quorum none");
    });
    assert!(matches!(none, RosterError::NoWitnesses));
    // A witness whose key the roster has as something else, or not at all.
    let other_role = refused(|draft| draft.parties[1].keys[1].role = Role::Rebuilder);
    assert!(matches!(other_role, RosterError::PolicyKey { .. }));
    let stranger = refused(|draft| {
        draft.parties[1].keys.pop();
    });
    assert!(matches!(stranger, RosterError::PolicyKey { .. }));
    let log = refused(|draft| draft.parties[0].keys[1].role = Role::Witness);
    assert!(matches!(log, RosterError::PolicyKey { ref vkey } if vkey.starts_with("center.")));
}

#[test]
fn a_key_is_found_by_its_id_with_its_party() {
    let constitution = constitution();
    for (party, held) in constitution.keys() {
        let id = statement::KeyId::of(&held.raw().unwrap());
        let (found, same) = constitution.find_key(id).unwrap();
        assert_eq!((&found.id, same), (&party.id, held));
    }
    assert!(
        constitution
            .find_key(statement::KeyId::of(b"nobody"))
            .is_none()
    );
    assert!(
        constitution
            .find_party(&"nobody".parse().unwrap())
            .is_none()
    );
}
