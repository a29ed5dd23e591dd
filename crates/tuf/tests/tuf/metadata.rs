//! Files are read in one form only, within limits.

use proptest::prelude::*;
use serde_json::{Value, json};
use tuf::fixture::{FixtureSigner, seats};
use tuf::limits::{KEYS_MAX, TARGETS_MAX, TIMESTAMP_BYTES_MAX, VERSION_MAX};
use tuf::{
    Root, RootPlan, Signed, Snapshot, TargetFile, TargetPath, TargetRole, Targets, Timestamp,
    TufError, verify_role,
};

use crate::world::{NOW, at, edited, path, repository};

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
    let pin = snapshot.signed().role("software").unwrap();
    assert_eq!(pin.version(), 2);
    assert_eq!(pin.length(), fixture.newest("software").len() as u64);
    assert_eq!(
        *pin.sha256(),
        tuf::metadata_digest(fixture.newest("software"))
    );
    assert!(
        pin.check_bytes("software.json", fixture.newest("software"))
            .is_ok()
    );
    assert!(
        pin.check_bytes("software.json", fixture.newest("rules"))
            .is_err()
    );
    assert!(pin.check_version("software.json", 3).is_err());
    assert_eq!(snapshot.signed().expires().posix(), NOW + 7 * 86_400);
    let timestamp = Signed::<Timestamp>::parse(fixture.newest("timestamp")).unwrap();
    assert_eq!(timestamp.to_bytes().unwrap(), fixture.newest("timestamp"));
    assert_eq!(timestamp.signed().expires().posix(), NOW + 86_400);
    assert_eq!(timestamp.signed().version(), 2);
    assert_eq!(snapshot.signed().version(), 2);
    let software = Signed::<Targets>::parse(fixture.newest("software")).unwrap();
    assert_eq!(software.signed().version(), 2);
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
    assert_eq!(target.release().product, "truename");
    assert_eq!(target.release().channel, "stable");
    assert_eq!(target.release().platform, "linux-x86_64");
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
    let first_difference = good.find("\"version\":2").unwrap() + "\"version\":".len();
    assert!(
        matches!(refused, TufError::NotCanonical { offset, .. } if offset == first_difference),
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
        "1.1.0",
        "2.0.0",
        "1.0",
        "1.0.",
        "1.0.01",
        "1.0.x",
        "1.0.34 ",
        "1.0.12345",
    ] {
        let refused = targets(bad("software", "spec_version", json!(spec)));
        assert!(
            matches!(refused, TufError::SpecVersion { .. }),
            "{spec}: {refused}"
        );
    }
    for spec in ["1.0.0", "1.0.35"] {
        let other = bad("software", "spec_version", json!(spec));
        assert!(Signed::<Targets>::parse(&other).is_ok(), "{spec}");
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
    let refused = |bytes| Signed::<Timestamp>::parse(&vec![b' '; bytes]).unwrap_err();
    assert!(matches!(
        refused(TIMESTAMP_BYTES_MAX + 1),
        TufError::TooLarge { .. }
    ));
    assert!(matches!(
        refused(TIMESTAMP_BYTES_MAX),
        TufError::Json { .. }
    ));
}

#[test]
fn limits_are_met_exactly() {
    let target = |seq| {
        let path = format!("rules/lures/stable/any/{seq}/lures.db")
            .parse()
            .unwrap();
        let entry = TargetFile::new(&path, 1, tlog::sha256(b"x"), tlog::sha256(b"r"));
        (path, entry)
    };
    let list = |count: u64| Targets::listing(1, at(1), (1..=count).map(target).collect());
    let max = TARGETS_MAX as u64;
    let refused = list(max + 1).unwrap_err();
    assert!(matches!(
        refused,
        TufError::TooMany {
            field: "targets",
            ..
        }
    ));
    let full = Signed::<Targets>::parse(&list(max).unwrap().to_bytes().unwrap());
    assert_eq!(full.unwrap().signed().targets().len(), TARGETS_MAX);

    let versioned = |version| Targets::listing(version, at(1), Default::default());
    assert!(versioned(VERSION_MAX).is_ok() && versioned(1).is_ok());
    assert!(versioned(VERSION_MAX + 1).is_err() && versioned(0).is_err());

    let root = |count: u8| {
        let many: Vec<_> = (0..count).map(FixtureSigner::new).collect();
        let seats = || seats(&many, 1);
        Root::build(&RootPlan {
            version: 1,
            expires: at(1),
            root: seats(),
            targets: seats(),
            snapshot: seats(),
            timestamp: seats(),
        })
    };
    let max = u8::try_from(KEYS_MAX).unwrap();
    assert!(root(max).is_ok());
    assert!(matches!(
        root(max + 1),
        Err(TufError::TooMany { field: "keys", .. })
    ));
}

#[test]
fn limits_inside_a_file_are_met_exactly() {
    let fixture = repository();
    let roles = |count: usize| {
        edited(fixture.newest("targets"), |file| {
            let roles = &mut file["signed"]["delegations"]["roles"];
            let mut role = roles[0].clone();
            *roles = (0..count)
                .map(|at| {
                    role["name"] = json!(format!("role{at}"));
                    role.clone()
                })
                .collect();
        })
    };
    let patterns = |count: usize| {
        edited(fixture.newest("targets"), |file| {
            let role = &mut file["signed"]["delegations"]["roles"][0];
            role["paths"] = (0..count).map(|at| format!("a/{at}")).collect();
        })
    };
    for make in [&roles as &dyn Fn(usize) -> Vec<u8>, &patterns] {
        assert!(Signed::<Targets>::parse(&make(16)).is_ok());
        let refused = Signed::<Targets>::parse(&make(17)).unwrap_err();
        assert!(
            matches!(
                refused,
                TufError::TooMany {
                    count: 17,
                    max: 16,
                    ..
                }
            ),
            "{refused}"
        );
    }
    let files = |count: usize| {
        let bytes = edited(fixture.newest("snapshot"), |file| {
            let meta = &mut file["signed"]["meta"];
            for at in 3..count {
                meta[format!("role{at}.json")] = meta["rules.json"].clone();
            }
        });
        Signed::<Snapshot>::parse(&bytes)
    };
    assert!(files(64).is_ok());
    assert!(matches!(
        files(65).unwrap_err(),
        TufError::TooMany { field: "meta", .. }
    ));
    let length = |length: u64| {
        let bytes = edited(fixture.newest("software"), |file| {
            file["signed"]["targets"][path().to_string()]["length"] = json!(length);
        });
        Signed::<Targets>::parse(&bytes)
    };
    assert!(length(VERSION_MAX).is_ok());
    assert!(matches!(
        length(VERSION_MAX + 1).unwrap_err(),
        TufError::Field {
            field: "length",
            ..
        }
    ));
}

#[test]
fn a_snapshot_names_targets_files_only() {
    let fixture = repository();
    for name in [
        "root.json",
        "snapshot.json",
        "timestamp.json",
        "software",
        "../x.json",
        ".json",
    ] {
        let bytes = edited(fixture.newest("snapshot"), |file| {
            let meta = &mut file["signed"]["meta"];
            meta[name] = meta["software.json"].clone();
        });
        let refused = Signed::<Snapshot>::parse(&bytes).unwrap_err();
        assert!(
            matches!(refused, TufError::Field { field: "meta", .. }),
            "{name}: {refused}"
        );
    }
    let without = edited(fixture.newest("snapshot"), |file| {
        file["signed"]["meta"]
            .as_object_mut()
            .unwrap()
            .remove("targets.json");
    });
    let refused = Signed::<Snapshot>::parse(&without).unwrap_err();
    assert!(matches!(refused, TufError::NotPinned { .. }));
    let zero = edited(fixture.newest("timestamp"), |file| {
        file["signed"]["meta"]["snapshot.json"]["version"] = json!(0);
    });
    assert!(Signed::<Timestamp>::parse(&zero).is_err());
    let zero = edited(fixture.newest("snapshot"), |file| {
        file["signed"]["meta"]["rules.json"]["version"] = json!(0);
    });
    assert!(Signed::<Snapshot>::parse(&zero).is_err());
    let two = edited(fixture.newest("timestamp"), |file| {
        let meta = &mut file["signed"]["meta"];
        meta["targets.json"] = meta["snapshot.json"].clone();
    });
    assert!(Signed::<Timestamp>::parse(&two).is_err());
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
    for (field, value) in [
        ("paths", json!(["rules/*/*/*/*/*"])),
        ("paths", json!(["software/*/*/*/*/*", "rules/*/*/*/*/*"])),
        ("terminating", json!(false)),
        ("name", json!("drivers")),
    ] {
        let bytes = edited(fixture.newest("targets"), |file| {
            file["signed"]["delegations"]["roles"][0][field] = value;
        });
        let top = Signed::<Targets>::parse(&bytes).unwrap();
        assert!(top.signed().check_top_level().is_err(), "{field}");
    }
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
fn text_that_cannot_be_read_back_is_never_written() {
    let fixture = repository();
    let file = Signed::<Targets>::parse(fixture.newest("software")).unwrap();
    let mut value = serde_json::to_value(file.signed()).unwrap();
    value["note"] = json!("two\nlines");
    let targets: Targets = serde_json::from_value(value).unwrap();
    assert!(Signed::new(targets).is_err());
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
