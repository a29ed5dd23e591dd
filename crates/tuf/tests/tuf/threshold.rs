//! Signatures count per raw key, and thresholds are met or the file is refused.

use serde_json::{Value, json};
use tuf::fixture::{FixtureSigner, seats, signed_by};
use tuf::{
    Root, RootPlan, Signed, TargetRole, Targets, TopRole, TufError, TufSigner, verify_first_root,
    verify_named_root, verify_next_root, verify_role,
};

use crate::world::{at, edited, repository};

#[test]
fn one_raw_key_under_two_ids_is_refused_in_root_and_delegation() {
    let fixture = repository();
    let fake = "ab".repeat(32);
    let twice = |keys: &mut Value| {
        let first = keys.as_object().unwrap().values().next().unwrap().clone();
        keys[&fake] = first;
    };
    let root = edited(fixture.newest("root"), |file| {
        twice(&mut file["signed"]["keys"])
    });
    let refused = Signed::<Root>::parse(&root).unwrap_err();
    assert!(
        matches!(refused, TufError::OneKeyTwoIds { .. }),
        "{refused}"
    );
    let targets = edited(fixture.newest("targets"), |f| {
        twice(&mut f["signed"]["delegations"]["keys"])
    });
    let refused = Signed::<Targets>::parse(&targets).unwrap_err();
    assert!(
        matches!(refused, TufError::OneKeyTwoIds { .. }),
        "{refused}"
    );
}

#[test]
fn a_role_that_lists_a_key_twice_or_an_unknown_one_is_refused() {
    let fixture = repository();
    let edit = |id: Option<&str>| {
        let bytes = edited(fixture.newest("root"), |file| {
            let ids = &mut file["signed"]["roles"]["root"]["keyids"];
            ids[1] = id.map_or(ids[0].clone(), |id| json!(id));
        });
        Signed::<Root>::parse(&bytes).unwrap_err()
    };
    assert!(matches!(edit(None), TufError::DuplicateKeyId { .. }));
    assert!(matches!(
        edit(Some(&"cd".repeat(32))),
        TufError::UnknownKeyId { .. }
    ));
}

#[test]
fn two_signatures_of_one_key_or_out_of_order_are_refused() {
    let fixture = repository();
    let double = edited(fixture.newest("root"), |file| {
        file["signatures"][1] = file["signatures"][0].clone();
    });
    let refused = Signed::<Root>::parse(&double).unwrap_err();
    let id = Signed::<Root>::parse(fixture.newest("root"))
        .unwrap()
        .signatures()[0]
        .key_id()
        .clone();
    assert!(refused.to_string().contains(id.as_str()));
    assert!(matches!(refused, TufError::DuplicateSignature { .. }));
    let swapped = edited(fixture.newest("root"), |file| {
        file["signatures"].as_array_mut().unwrap().reverse();
    });
    let refused = Signed::<Root>::parse(&swapped).unwrap_err();
    assert!(matches!(
        refused,
        TufError::Field {
            field: "signatures",
            ..
        }
    ));
}

#[test]
fn the_threshold_counts_distinct_keys_of_the_role() {
    let [a, b, c, stranger] = [20, 21, 22, 23].map(FixtureSigner::new);
    let seats = seats(&[a.clone(), b.clone(), c], 2);
    let top = Targets::delegating(1, at(9), &[(TargetRole::Software, seats)]).unwrap();
    let authority = top
        .signed()
        .delegations()
        .unwrap()
        .authority("software")
        .unwrap();
    let file = Targets::listing(1, at(9), Default::default()).unwrap();
    for (signers, met) in [
        (vec![], false),
        (vec![a.clone()], false),
        (vec![a.clone(), stranger.clone()], false),
        (vec![a.clone(), b.clone()], true),
        (vec![a.clone(), stranger, b.clone()], true),
    ] {
        let bytes = signed_by(&signers, file.clone());
        let verified = verify_role::<Targets>(&authority, &bytes);
        assert_eq!(verified.is_ok(), met);
        if let Ok((_, signers)) = verified {
            let ids: Vec<_> = signers.key_ids().cloned().collect();
            assert_eq!(ids, signers.keys().map(tuf::Key::id).collect::<Vec<_>>());
            assert_eq!(ids.len(), 2);
            assert!(ids.contains(&a.key().id()) && ids.contains(&b.key().id()));
        }
    }
    let mut file = file;
    file.sign(&a).unwrap();
    assert_eq!(authority.verify_some(&file).unwrap().keys().count(), 1);
    let refused = authority.verify(&file).unwrap_err();
    assert!(matches!(
        refused,
        TufError::ThresholdNotMet {
            found: 1,
            threshold: 2,
            ..
        }
    ));
    assert!(
        top.signed()
            .delegations()
            .unwrap()
            .authority("rules")
            .is_err()
    );
}

#[test]
fn signing_order_does_not_change_the_bytes() {
    let [a, b] = [20, 21].map(FixtureSigner::new);
    let file = Targets::listing(1, at(9), Default::default()).unwrap();
    let once = signed_by(&[a.clone(), b.clone()], file.clone());
    assert_eq!(
        once,
        signed_by(&[b.clone(), a.clone(), b.clone()], file.clone())
    );
    let mut file = file;
    let message = tuf::signing_bytes(file.signed()).unwrap();
    let refused = file.add_signature(a.key(), &b.sign(&message)).unwrap_err();
    assert!(matches!(refused, TufError::BadSignature { .. }));
    assert!(file.add_signature(a.key(), b"short").is_err());
    assert!(file.signatures().is_empty());
}

#[test]
fn an_altered_file_is_refused_even_with_enough_other_signatures() {
    let fixture = repository();
    let top = Signed::<Targets>::parse(fixture.newest("targets")).unwrap();
    let authority = top
        .signed()
        .delegations()
        .unwrap()
        .authority("software")
        .unwrap();
    assert!(verify_role::<Targets>(&authority, fixture.newest("software")).is_ok());
    let bytes = edited(fixture.newest("software"), |file| {
        let sig = file["signatures"][0]["sig"].as_str().unwrap();
        let last = if sig.ends_with('0') { "1" } else { "0" };
        file["signatures"][0]["sig"] = json!(format!("{}{last}", &sig[..127]));
    });
    let refused = verify_role::<Targets>(&authority, &bytes).unwrap_err();
    assert!(
        matches!(refused, TufError::BadSignature { .. }),
        "{refused}"
    );
    let bytes = edited(fixture.newest("software"), |file| {
        file["signed"]["version"] = json!(3)
    });
    assert!(verify_role::<Targets>(&authority, &bytes).is_err());
}

#[test]
fn the_next_root_needs_both_thresholds_and_the_next_version() {
    let mut fixture = repository();
    let first = fixture.pinned_root();
    let (root, signers) = verify_first_root(&first).unwrap();
    assert_eq!(signers.keys().count(), 2);
    let old = fixture.signers.clone();
    let mut new = old.clone();
    new.root = vec![FixtureSigner::new(30), FixtureSigner::new(31)];
    fixture.rotate_root(new.clone());
    let second = verify_next_root(root.signed(), fixture.newest("root")).unwrap();
    assert_eq!(second.signed().version(), 2);

    let plan = |version| RootPlan {
        version,
        expires: at(300),
        root: seats(&new.root, 2),
        targets: seats(&new.targets, 2),
        snapshot: seats(&new.snapshot, 1),
        timestamp: seats(&new.timestamp, 1),
    };
    let both: Vec<_> = new.root.iter().chain(&old.root).cloned().collect();
    let next = |version, signers: &[FixtureSigner]| {
        let bytes = signed_by(signers, Root::build(&plan(version)).unwrap());
        verify_next_root(root.signed(), &bytes)
    };
    assert!(next(2, &both).is_ok());
    assert!(matches!(
        next(3, &both),
        Err(TufError::RootVersion {
            trusted: 1,
            found: 3
        })
    ));
    assert!(matches!(next(1, &both), Err(TufError::RootVersion { .. })));
    for signers in [&new.root, &old.root] {
        assert!(matches!(
            next(2, signers),
            Err(TufError::ThresholdNotMet { .. })
        ));
    }
    // A root that the constitution names need not be signed by the keys before it.
    let named = |version| {
        let bytes = signed_by(&new.root, Root::build(&plan(version)).unwrap());
        verify_named_root(root.signed(), &bytes)
    };
    assert_eq!(named(2).unwrap().signed().version(), 2);
    assert!(matches!(
        named(3),
        Err(TufError::RootVersion {
            trusted: 1,
            found: 3
        })
    ));
    let one_of_each = [new.root[0].clone(), old.root[0].clone()];
    assert!(matches!(
        next(2, &one_of_each),
        Err(TufError::ThresholdNotMet { .. })
    ));
}

#[test]
fn a_root_has_its_four_roles() {
    let root = Signed::<Root>::parse(repository().newest("root")).unwrap();
    for (role, name, threshold) in [
        (TopRole::Root, "root", 2),
        (TopRole::Targets, "targets", 2),
        (TopRole::Snapshot, "snapshot", 1),
        (TopRole::Timestamp, "timestamp", 1),
    ] {
        let authority = root.signed().authority(role).unwrap();
        assert_eq!((authority.role(), authority.threshold()), (name, threshold));
        assert_eq!(authority.keys().count(), threshold as usize);
        assert_eq!(role.as_str(), name);
    }
}

#[test]
fn a_file_takes_only_so_many_signatures() {
    let mut file = Targets::listing(1, at(9), Default::default()).unwrap();
    for seed in 0..64 {
        file.sign(&FixtureSigner::new(seed)).unwrap();
    }
    assert!(Signed::<Targets>::parse(&file.to_bytes().unwrap()).is_ok());
    assert_eq!(file.signatures().len(), 64);
    let refused = file.sign(&FixtureSigner::new(64)).unwrap_err();
    assert!(matches!(
        refused,
        TufError::TooMany {
            field: "signatures",
            count: 65,
            max: 64
        }
    ));
}
