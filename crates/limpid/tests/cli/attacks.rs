//! All attacks, over sockets, each beside its honest twin.

use crate::{
    place::Place,
    program::{limpid, root},
};

#[test]
fn every_attack_is_caught_by_the_check_that_is_named_for_it() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.contains("cargo demo --attack all"));
    let place = Place::new();
    let dir = place.path().join("attacks").display().to_string();
    let report = limpid(&["--json", "demo", "--attack", "all", "--dir", &dir]).json(0);
    assert_eq!(report["all_caught"], true, "{report:#}");
    let listed = limpid(&["--json", "demo", "--list"]).json(0);
    let rows = report["attacks"].as_array().unwrap();
    assert_eq!(rows.len(), listed.as_array().unwrap().len());
    for row in rows {
        assert_eq!(row["caught"], true, "{row:#}");
        assert_eq!(row["code"], row["expected"], "{row:#}");
        assert!(row["honest_twin"].is_string(), "{row:#}");
        assert!(row["error"].is_null(), "{row:#}");
    }
}

#[test]
fn an_unknown_attack_is_answered_with_the_names_of_all() {
    let place = Place::new();
    let dir = place.path().display().to_string();
    let ran = limpid(&["demo", "--attack", "no-such", "--dir", &dir]);
    ran.refused(
        2,
        &["there is no attack `no-such`", "two-histories", ", all"],
    );
}
