//! The signer's diff shows every difference, known field or not.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};
use tuf::fixture::Fixture;
use tuf::limits::SOFTWARE_LIFETIME_S_MAX;
use tuf::{Change, ExpiryPolicy, Signed, TargetPath, Targets, diff, review};

const NOW: u64 = 1_795_000_000;

/// One target in each role. Built once: signing it for every case would take most of the time.
static BOTH_ROLES: LazyLock<Fixture> = LazyLock::new(|| {
    let mut fixture = Fixture::new(NOW);
    fixture.add_target(&path(1), b"first", tlog::sha256(b"release 1"));
    let rules = "rules/lures/stable/any/1/lures.db".parse().unwrap();
    fixture.add_target(&rules, b"rules", tlog::sha256(b"release 2"));
    fixture.publish();
    fixture
});

fn path(seq: u64) -> TargetPath {
    format!("software/truename/stable/linux-x86_64/{seq}/truename")
        .parse()
        .unwrap()
}

fn targets(bytes: &[u8]) -> Targets {
    Signed::<Targets>::parse(bytes).unwrap().signed().clone()
}

/// Version 2 with one target, and version 3 with another one added.
fn two_versions() -> (Targets, Targets) {
    let mut fixture = Fixture::new(NOW);
    fixture.add_target(&path(1), b"first", tlog::sha256(b"release 1"));
    fixture.publish();
    let old = targets(fixture.newest("software"));
    fixture.add_target(&path(2), b"second", tlog::sha256(b"release 2"));
    fixture.publish();
    (old, targets(fixture.newest("software")))
}

/// `signed` with a field changed; canonical because the names are plain ASCII.
fn edited(targets: &Targets, edit: impl FnOnce(&mut Value)) -> Targets {
    let mut value = serde_json::to_value(targets).unwrap();
    edit(&mut value);
    serde_json::from_value(value).unwrap()
}

#[test]
fn an_added_target_is_the_only_change_beside_housekeeping() {
    let (old, new) = two_versions();
    let changes = diff(Some(&old), &new);
    let (kept, rest): (Vec<_>, Vec<_>) = changes.iter().partition(|c| c.is_housekeeping());
    assert_eq!(kept, [&Change::VersionAdvanced { new: 3 }]);
    assert!(matches!(rest[..], [Change::Added { path: p, .. }] if *p == path(2)));
}

#[test]
fn a_removed_and_a_replaced_target_show() {
    let (old, new) = two_versions();
    let back = diff(Some(&new), &old);
    assert!(
        back.iter()
            .any(|c| matches!(c, Change::Removed { path: p, .. } if *p == path(2)))
    );
    for (field, value) in [("length", json!(7)), ("x-note", json!({"deep": [1]}))] {
        let other = edited(&new, |v| v["targets"][path(1).to_string()][field] = value);
        let changes = diff(Some(&new), &other);
        assert!(
            changes.iter().any(|c| matches!(c, Change::Replaced { .. })),
            "{field}"
        );
    }
}

#[test]
fn a_target_taken_off_the_list_is_gone_from_the_next_version() {
    let mut fixture = Fixture::new(NOW);
    fixture.add_target(&path(1), b"first", tlog::sha256(b"release 1"));
    fixture.publish();
    let old = targets(fixture.newest("software"));
    fixture.remove_target(&path(1));
    fixture.publish();
    let new = targets(fixture.newest("software"));
    assert_eq!((old.targets().len(), new.targets().len()), (1, 0));
}

#[test]
fn a_renewal_changes_version_and_expiry_and_nothing_else() {
    let (_, before) = two_versions();
    let expires = tuf::Expires::from_posix(NOW + 86_400).unwrap();
    let renewed = before.renewed(4, expires).unwrap().signed().clone();
    assert_eq!((renewed.version(), renewed.expires()), (4, expires));
    let changes = diff(Some(&before), &renewed);
    assert!(changes.iter().all(Change::is_housekeeping), "{changes:?}");
}

#[test]
fn a_version_that_does_not_follow_shows() {
    let (old, new) = two_versions();
    for (version, follows) in [(1, false), (2, false), (3, true), (4, false)] {
        let new = edited(&new, |v| v["version"] = json!(version));
        let wrong = |c: &Change| matches!(c, Change::VersionNotConsecutive { .. });
        assert_eq!(
            diff(Some(&old), &new).iter().any(wrong),
            !follows,
            "{version}"
        );
    }
    assert!(matches!(
        diff(None, &new)[0],
        Change::VersionNotConsecutive { old: None, new: 3 }
    ));
    let first = edited(&new, |v| v["version"] = json!(1));
    assert!(matches!(
        diff(None, &first)[0],
        Change::VersionAdvanced { new: 1 }
    ));
}

#[test]
fn without_an_older_version_everything_is_added() {
    let (_, new) = two_versions();
    let added = |c: &&Change| matches!(c, Change::Added { .. });
    assert_eq!(diff(None, &new).iter().filter(added).count(), 2);
}

#[test]
fn changed_delegations_show() {
    let fixture = Fixture::new(NOW);
    let top = targets(fixture.newest("targets"));
    let pointer = "/delegations/roles/0";
    for (field, value) in [
        ("threshold", json!(1)),
        ("paths", json!(["*/*/*/*/*/*"])),
        ("terminating", json!(false)),
        ("x-note", json!(1)),
    ] {
        let other = edited(&top, |v| v.pointer_mut(pointer).unwrap()[field] = value);
        let changes = diff(Some(&top), &other);
        assert!(
            changes
                .iter()
                .any(|c| matches!(c, Change::DelegationsChanged { .. })),
            "{field}"
        );
    }
    let (old, _) = two_versions();
    let delegations = serde_json::to_value(top.delegations()).unwrap();
    let sneaky = edited(&old, |v| v["delegations"] = delegations);
    let shown = |c: &Change| {
        matches!(
            c,
            Change::DelegationsChanged {
                old: None,
                new: Some(_)
            }
        )
    };
    assert!(diff(Some(&old), &sneaky).iter().any(shown));
    assert!(diff(None, &sneaky).iter().any(shown));
}

#[test]
fn unknown_fields_show_when_they_come_go_or_change() {
    let (old, _) = two_versions();
    let with = edited(&old, |v| v["x-note"] = json!({"a": 1}));
    let other = edited(&old, |v| v["x-note"] = json!({"a": 2}));
    for (before, after) in [(&old, &with), (&with, &old), (&with, &other)] {
        let shown =
            |c: &Change| matches!(c, Change::FieldChanged { field, .. } if field == "x-note");
        assert!(diff(Some(before), after).iter().any(shown));
    }
    assert!(
        diff(None, &with)
            .iter()
            .any(|c| matches!(c, Change::FieldChanged { .. }))
    );
    let spec = edited(&old, |v| v["spec_version"] = json!("1.0.35"));
    let shown =
        |c: &Change| matches!(c, Change::FieldChanged { field, .. } if field == "spec_version");
    assert!(diff(Some(&old), &spec).iter().any(shown));
}

#[test]
fn an_expiry_is_housekeeping_only_within_the_policy() {
    let (old, new) = two_versions();
    let policy = ExpiryPolicy {
        now: NOW,
        lifetime_s_max: SOFTWARE_LIFETIME_S_MAX,
    };
    let expiring = |seconds: u64| {
        let text = tuf::Expires::from_posix(seconds).unwrap().to_string();
        edited(&new, |v| v["expires"] = json!(text))
    };
    for (seconds, fine) in [
        (NOW, false),
        (NOW + 1, true),
        (NOW + SOFTWARE_LIFETIME_S_MAX, true),
        (NOW + SOFTWARE_LIFETIME_S_MAX + 1, false),
    ] {
        let new = expiring(seconds);
        let changes = review(Some(&old), &new, policy);
        let refused = |c: &Change| matches!(c, Change::ExpiryOutOfPolicy { .. });
        assert_eq!(!changes.iter().any(refused), fine, "{seconds}");
        assert!(
            diff(Some(&old), &new)
                .iter()
                .any(|c| matches!(c, Change::Added { .. }))
        );
    }
    // Everything else is still said; only the moved expiry is said as what it is.
    let far = review(
        Some(&old),
        &expiring(NOW + SOFTWARE_LIFETIME_S_MAX + 1),
        policy,
    );
    let count = |wanted: fn(&Change) -> bool| far.iter().filter(|c| wanted(c)).count();
    assert_eq!(count(|c| matches!(c, Change::VersionAdvanced { .. })), 1);
    assert_eq!(count(|c| matches!(c, Change::Added { .. })), 1);
    assert_eq!(count(|c| matches!(c, Change::ExpiryMoved { .. })), 0);
    // The same expiry as before is judged too: time has passed since.
    let late = ExpiryPolicy {
        now: NOW + SOFTWARE_LIFETIME_S_MAX + 1,
        ..policy
    };
    let changes = review(Some(&old), &new, late);
    assert!(
        changes
            .iter()
            .any(|c| matches!(c, Change::ExpiryOutOfPolicy { .. }))
    );
}

#[test]
fn a_change_reads_well() {
    let (old, new) = two_versions();
    let text: Vec<String> = diff(Some(&old), &new)
        .iter()
        .map(ToString::to_string)
        .collect();
    let digest = tlog::sha256(b"second").to_hex();
    assert_eq!(
        text,
        [
            "version is now 3".to_owned(),
            format!("added {} (sha256 {digest})", path(2))
        ]
    );
}

/// The paths of all leaves: values that are neither object nor array.
fn leaves(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, inner)| {
            let name = name.replace('~', "~0").replace('/', "~1");
            leaves(inner, format!("{at}/{name}"), found);
        }),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, inner)| leaves(inner, format!("{at}/{index}"), found)),
        _ => found.push(at),
    }
}

fn mutated(leaf: &Value, salt: u64) -> Value {
    match leaf {
        Value::String(text) if text.len() == 64 => {
            // Still a digest: the parser alone must not be what refuses it.
            json!(tlog::sha256(format!("{text}{salt}").as_bytes()).to_hex())
        }
        Value::String(text) if text.ends_with('Z') => {
            json!(
                tuf::Expires::from_posix(NOW + 1 + salt % 1000)
                    .unwrap()
                    .to_string()
            )
        }
        Value::String(text) => json!(format!("{text}{}", salt % 10)),
        Value::Number(number) => json!(number.as_u64().unwrap() + 1 + salt % 1000),
        Value::Bool(yes) => json!(!yes),
        _ => json!(salt),
    }
}

proptest! {
    #[test]
    fn every_mutated_leaf_is_refused_or_shown(
        role in prop::sample::select(vec!["software", "rules", "targets"]),
        pick in any::<prop::sample::Index>(),
        salt in any::<u64>(),
    ) {
        let mut file: Value = serde_json::from_slice(BOTH_ROLES.newest(role)).unwrap();
        file["signed"]["x-note"] = json!({"deep": ["text", 1, true, null]});
        let before = targets(&serde_json::to_vec(&file).unwrap());
        let mut found = Vec::new();
        leaves(&file["signed"], "/signed".to_owned(), &mut found);
        let at = &found[pick.index(found.len())];
        let leaf = file.pointer_mut(at).unwrap();
        let new = mutated(leaf, salt);
        prop_assume!(new != *leaf);
        *leaf = new;
        if let Ok(after) = Signed::<Targets>::parse(&serde_json::to_vec(&file).unwrap()) {
            let usual = |c: &Change| matches!(c, Change::VersionNotConsecutive { old, new } if *old == Some(*new));
            let shown = diff(Some(&before), after.signed()).into_iter().filter(|c| !usual(c)).count();
            prop_assert!(shown > 0, "{at} changed and nothing shows");
        }
    }
}
