//! Drafts of successors: what is said changes, the rest stays, and the result is consistent.

use statement::{
    Algorithm, Amendment, AmendmentError, Constitution, FileDigest, Party, Predicate, Role,
    StatementDigest,
};
use tlog::{KeyType, VerifierKey};

use crate::samples;

fn current() -> Constitution {
    let page = samples::all();
    let (_, statement) = page
        .iter()
        .find(|(name, _)| *name == "constitution")
        .unwrap();
    match &statement.predicate {
        Predicate::Constitution(constitution) => {
            let mut constitution = constitution.clone();
            let policy = &mut constitution.tlog_policy;
            *policy = policy.replace(
                "quorum lab-a",
                "group witnesses all lab-a\nquorum witnesses",
            );
            constitution
        }
        _ => panic!("not a constitution"),
    }
}

fn draft(amendment: &Amendment) -> Result<Constitution, AmendmentError> {
    amendment.draft(&current(), StatementDigest::of(b"version 1"), 1_900_000_000)
}

/// A party with a witness key of its own, and the verifier key of it.
fn lab_c() -> (Party, String) {
    let current = current();
    let (before, _) = current
        .keys()
        .find(|(_, key)| key.role == Role::Witness && key.algorithm == Algorithm::Ed25519)
        .unwrap();
    let mut party = before.clone();
    party.id = "lab-c".parse().unwrap();
    party.legal_owner = "Institute C".to_owned();
    party.keys.retain(|key| key.algorithm == Algorithm::Ed25519);
    let mut vkey = String::new();
    for (number, key) in (200_u8..).zip(&mut party.keys) {
        let raw = ed25519(number);
        key.public = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, raw);
        if key.role == Role::Witness {
            let name = "lab-c.example/witness".parse().unwrap();
            vkey = VerifierKey::new(name, KeyType::CosignatureEd25519, &raw)
                .unwrap()
                .to_string();
        }
    }
    (party, vkey)
}

fn ed25519(number: u8) -> [u8; 32] {
    ed25519_dalek::SigningKey::from_bytes(&[number; 32])
        .verifying_key()
        .to_bytes()
}

#[test]
fn an_empty_draft_follows_and_changes_nothing_else() {
    let next = draft(&Amendment::default()).unwrap();
    let before = current();
    assert_eq!(
        (next.version, next.previous),
        (before.version + 1, Some(StatementDigest::of(b"version 1")))
    );
    assert_eq!(
        (&next.parties, &next.logs, next.tuf_root),
        (&before.parties, &before.logs, before.tuf_root)
    );
    let parse = |c: &Constitution| tlog::Policy::parse(&c.tlog_policy).unwrap();
    assert_eq!(parse(&next).witnesses(), parse(&before).witnesses());
    assert_eq!(parse(&next).groups(), parse(&before).groups());
    assert_eq!(parse(&next).quorum(), parse(&before).quorum());
}

#[test]
fn a_witness_leaves_the_policy_with_its_party_and_another_takes_its_place() {
    let before = current();
    let (gone, _) = before
        .keys()
        .find(|(_, key)| key.role == Role::Witness)
        .unwrap();
    let (party, vkey) = lab_c();
    let id = party.id.clone();
    let next = draft(&Amendment {
        remove: vec![gone.id.clone()],
        add: vec![party],
        witnesses: vec![(id.clone(), vec![vkey.clone()])],
        tuf_root: Some(FileDigest::of(b"root 2")),
        ..Amendment::default()
    })
    .unwrap();
    assert!(next.find_party(&gone.id).is_none() && next.find_party(&id).is_some());
    assert_eq!(next.tuf_root, FileDigest::of(b"root 2"));
    let policy = tlog::Policy::parse(&next.tlog_policy).unwrap();
    assert!(
        policy
            .witnesses()
            .iter()
            .any(|witness| witness.vkey().to_string() == vkey)
    );
    for key in gone.keys.iter().filter(|key| key.role == Role::Witness) {
        let raw = key.raw().unwrap();
        assert!(
            policy
                .witnesses()
                .iter()
                .all(|witness| witness.vkey().public_key() != raw)
        );
    }
    // In the old logs, too, so that they take it.
    assert!(
        before
            .logs
            .iter()
            .all(|log| next.audience.contains(&log.origin))
    );
}

#[test]
fn who_is_not_there_cannot_leave_and_a_key_without_its_owner_is_refused() {
    let nobody = draft(&Amendment {
        remove: vec!["nobody".parse().unwrap()],
        ..Amendment::default()
    });
    assert!(
        nobody
            .unwrap_err()
            .to_string()
            .contains("`nobody` is no party")
    );
    let (party, vkey) = lab_c();
    let unlisted = draft(&Amendment {
        witnesses: vec![(party.id, vec![vkey])],
        ..Amendment::default()
    });
    assert!(matches!(unlisted, Err(AmendmentError::Roster(_))));
}
