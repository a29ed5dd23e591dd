//! Files are read in one form only, and signatures count per raw key.
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};
use tuf::fixture::{Fixture, FixtureSigner, seats, signed_by};
use tuf::limits::TIMESTAMP_BYTES_MAX;
use tuf::{
    Expires, Root, RootPlan, Signed, Snapshot, TargetFile, TargetPath, TargetRole, Targets,
    Timestamp, TopRole, TufError, TufSigner, verify_first_root, verify_next_root, verify_role,
};

const NOW: u64 = 1_795_000_000;

/// Built once: signing all of it for every case would take most of the test's time.
static REPOSITORY: LazyLock<Fixture> = LazyLock::new(build_repository);

fn repository() -> Fixture {
    REPOSITORY.clone()
}

fn build_repository() -> Fixture {
    let mut fixture = Fixture::new(NOW);
    let path = path();
    fixture.add_target(&path, b"a program", tlog::sha256(b"release"));
    fixture.publish();
    fixture
}

fn path() -> TargetPath {
    "software/truename/stable/linux-x86_64/1/truename"
        .parse()
        .unwrap()
}

/// The file with `signed` changed, canonical again; signatures are kept and so no longer fit.
fn edited(bytes: &[u8], edit: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut value: Value = serde_json::from_slice(bytes).unwrap();
    edit(&mut value);
    // Names here are plain ASCII, and serde_json sorts them: this is the canonical form.
    serde_json::to_vec(&value).unwrap()
}

#[test]
fn every_published_file_survives_the_round_trip() {
    let fixture = repository();
    let root = Signed::<Root>::parse(fixture.newest("root")).unwrap();
    assert_eq!(root.to_bytes().unwrap(), fixture.newest("root"));
    for role in ["targets", "software", "rules"] {
        let file = Signed::<Targets>::parse(fixture.newest(role)).unwrap();
        assert_eq!(file.to_bytes().unwrap(), fixture.newest(role));
    }
    let snapshot = Signed::<Snapshot>::parse(fixture.newest("snapshot")).unwrap();
    assert_eq!(snapshot.to_bytes().unwrap(), fixture.newest("snapshot"));
    assert_eq!(snapshot.signed().role("software").unwrap().version(), 2);
    let timestamp = Signed::<Timestamp>::parse(fixture.newest("timestamp")).unwrap();
    assert_eq!(timestamp.to_bytes().unwrap(), fixture.newest("timestamp"));
    assert_eq!(timestamp.signed().expires().posix(), NOW + 86_400);
}

#[test]
fn a_target_names_its_release() {
    let fixture = repository();
    let file = Signed::<Targets>::parse(fixture.newest("software")).unwrap();
    let target = &file.signed().targets()[&path()];
    assert_eq!(target.sha256(), &tlog::sha256(b"a program"));
    assert_eq!(target.length(), 9);
    assert_eq!(target.release().release, tlog::sha256(b"release"));
    assert_eq!(target.release().seq, 1);
}

#[test]
fn a_file_that_is_not_canonical_is_refused() {
    let fixture = repository();
    let good = String::from_utf8(fixture.newest("software").to_vec()).unwrap();
    for (from, to) in [
        ("{\"signatures\"", "{ \"signatures\""),
        ("\"version\":2", "\"version\": 2"),
        ("\"_type\"", "\"\\u005ftype\""),
        ("\"length\":9", "\"length\":9,\"length\":9"),
        (
            "\"spec_version\":",
            "\"x\":\"cafe\\u0301\",\"spec_version\":",
        ),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from}");
        assert!(Signed::<Targets>::parse(bad.as_bytes()).is_err(), "{to}");
    }
    let spaced = good.replacen("\"version\":2", "\"version\": 2", 1);
    let refused = Signed::<Targets>::parse(spaced.as_bytes()).unwrap_err();
    assert!(
        matches!(refused, TufError::NotCanonical { .. }),
        "{refused}"
    );
    assert!(Signed::<Targets>::parse(format!("{good}\n").as_bytes()).is_err());
}

#[test]
fn fields_out_of_their_range_are_refused() {
    let fixture = repository();
    let bad = |role: &str, field: &str, value: Value| {
        edited(fixture.newest(role), |file| file["signed"][field] = value)
    };
    let targets = |bytes: Vec<u8>| Signed::<Targets>::parse(&bytes).unwrap_err();
    assert!(matches!(
        targets(bad("software", "version", json!(0))),
        TufError::Field { .. }
    ));
    let huge = json!(9_007_199_254_740_992_u64);
    assert!(matches!(
        targets(bad("software", "version", huge)),
        TufError::Field { .. }
    ));
    for spec in [
        "1.1.0", "2.0.0", "1.0", "1.0.", "1.0.01", "1.0.x", "1.0.34 ",
    ] {
        let refused = targets(bad("software", "spec_version", json!(spec)));
        assert!(
            matches!(refused, TufError::SpecVersion { .. }),
            "{spec}: {refused}"
        );
    }
    let when = json!("2026-11-22T00:00:00+00:00");
    assert!(matches!(
        targets(bad("software", "expires", when)),
        TufError::Json { .. }
    ));
    assert!(matches!(
        targets(bad("software", "x", json!(1.5))),
        TufError::Canonical { .. }
    ));
    assert!(matches!(
        targets(bad("software", "x y", json!(1))),
        TufError::FieldName { .. }
    ));
    let other = bad("timestamp", "_type", json!("snapshot"));
    let refused = Signed::<Timestamp>::parse(&other).unwrap_err();
    assert!(matches!(refused, TufError::WrongType { .. }));
    let loose = bad("root", "consistent_snapshot", json!(false));
    assert!(matches!(
        Signed::<Root>::parse(&loose).unwrap_err(),
        TufError::Field { .. }
    ));
}

#[test]
fn an_oversized_file_is_refused_unread() {
    let refused = Signed::<Timestamp>::parse(&vec![b' '; TIMESTAMP_BYTES_MAX + 1]).unwrap_err();
    assert!(matches!(refused, TufError::TooLarge { .. }));
}

#[test]
fn a_target_under_the_name_of_another_release_is_refused() {
    let fixture = repository();
    for (field, value) in [
        ("product", json!("other")),
        ("channel", json!("beta")),
        ("platform", json!("windows")),
        ("seq", json!(2)),
    ] {
        let bytes = edited(fixture.newest("software"), |file| {
            file["signed"]["targets"][path().to_string()]["custom"]["limpid"][field] = value;
        });
        let refused = Signed::<Targets>::parse(&bytes).unwrap_err();
        assert!(
            matches!(
                refused,
                TufError::Field {
                    field: "custom.limpid",
                    ..
                }
            ),
            "{field}"
        );
    }
}

#[test]
fn a_delegated_file_keeps_to_its_role() {
    let fixture = repository();
    let software = Signed::<Targets>::parse(fixture.newest("software")).unwrap();
    let top = Signed::<Targets>::parse(fixture.newest("targets")).unwrap();
    assert!(
        software
            .signed()
            .check_delegated(TargetRole::Software)
            .is_ok()
    );
    assert!(
        software
            .signed()
            .check_delegated(TargetRole::Rules)
            .is_err()
    );
    assert!(software.signed().check_top_level().is_err());
    assert!(top.signed().check_top_level().is_ok());
    assert!(top.signed().check_delegated(TargetRole::Software).is_err());
}

#[test]
fn a_delegation_to_a_top_level_name_or_by_hash_is_refused() {
    let fixture = repository();
    let bad = |edit: fn(&mut Value)| {
        let bytes = edited(fixture.newest("targets"), |file| {
            edit(&mut file["signed"]["delegations"]["roles"][0]);
        });
        Signed::<Targets>::parse(&bytes).unwrap_err()
    };
    assert!(matches!(
        bad(|r| r["name"] = json!("snapshot")),
        TufError::Field { .. }
    ));
    assert!(matches!(
        bad(|r| r["name"] = json!("rules")),
        TufError::Field { .. }
    ));
    assert!(matches!(
        bad(|r| r["name"] = json!("../x")),
        TufError::Field { .. }
    ));
    assert!(matches!(
        bad(|r| r["path_hash_prefixes"] = json!(["00"])),
        TufError::Field { .. }
    ));
    assert!(matches!(
        bad(|r| r["threshold"] = json!(0)),
        TufError::Threshold { .. }
    ));
    assert!(matches!(
        bad(|r| r["threshold"] = json!(4)),
        TufError::Threshold { .. }
    ));
}

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
        (vec![a.clone(), stranger, b], true),
    ] {
        let bytes = signed_by(&signers, file.clone());
        let verified = verify_role::<Targets>(&authority, &bytes);
        assert_eq!(verified.is_ok(), met);
        if let Ok((_, signers)) = verified {
            assert_eq!(signers.keys().count(), 2);
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
    let one_of_each = [new.root[0].clone(), old.root[0].clone()];
    assert!(matches!(
        next(2, &one_of_each),
        Err(TufError::ThresholdNotMet { .. })
    ));
}

#[test]
fn text_that_cannot_be_read_back_is_never_written() {
    let fixture = repository();
    let file = Signed::<Targets>::parse(fixture.newest("software")).unwrap();
    let mut value = serde_json::to_value(file.signed()).unwrap();
    value["note"] = json!("two\nlines");
    let targets: Targets = serde_json::from_value(value).unwrap();
    assert!(Signed::new(targets).is_err());
}

fn at(days: u64) -> Expires {
    Expires::from_posix(NOW + days * 86_400).unwrap()
}

#[test]
fn a_root_has_its_four_roles() {
    let root = Signed::<Root>::parse(repository().newest("root")).unwrap();
    for (role, threshold) in [
        (TopRole::Root, 2),
        (TopRole::Targets, 2),
        (TopRole::Snapshot, 1),
        (TopRole::Timestamp, 1),
    ] {
        let authority = root.signed().authority(role).unwrap();
        assert_eq!(
            (authority.role(), authority.threshold()),
            (role.as_str(), threshold)
        );
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Signed::<Root>::parse(&bytes);
        let _ = Signed::<Targets>::parse(&bytes);
        let _ = Signed::<Snapshot>::parse(&bytes);
        let _ = Signed::<Timestamp>::parse(&bytes);
    }

    #[test]
    fn a_flipped_byte_is_refused_or_changes_what_is_verified(at in any::<prop::sample::Index>(), bit in 0..8) {
        let fixture = repository();
        let good = fixture.newest("software");
        let mut bad = good.to_vec();
        let at = at.index(bad.len());
        bad[at] ^= 1_u8 << bit;
        let top = Signed::<Targets>::parse(fixture.newest("targets")).unwrap();
        let authority = top.signed().delegations().unwrap().authority("software").unwrap();
        // All three keys sign in the fixture. A flip inside a key id makes one signature a
        // stranger's, which leaves two of three; anything else must be refused.
        if let Ok((file, signers)) = verify_role::<Targets>(&authority, &bad) {
            prop_assert_eq!(signers.keys().count(), 2);
            let honest = Signed::<Targets>::parse(good).unwrap();
            prop_assert_eq!(file.signed(), honest.signed());
        }
    }

    #[test]
    fn targets_of_any_number_survive_the_round_trip(count in 0_u64..20, length in 0_u64..1 << 40) {
        let target = |seq| {
            let path = TargetPath::new(TargetRole::Rules, ["lures", "stable", "any"], seq, "lures.db").unwrap();
            let entry = TargetFile::new(&path, length, tlog::sha256(&seq.to_be_bytes()), tlog::sha256(b"r"));
            (path, entry)
        };
        let listed = (1..=count).map(target).collect();
        let file = Targets::listing(1, at(1), listed).unwrap();
        let bytes = file.to_bytes().unwrap();
        prop_assert_eq!(Signed::<Targets>::parse(&bytes).unwrap(), file);
    }
}
