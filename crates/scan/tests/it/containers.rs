//! Debian's `clamav-testfiles`: 44 harmless containers around one program of 544 bytes, whose digest is
//! the only thing the database knows. Which of them give it up, and why the others do not, is
//! compared with the list below and printed by `docs/evidence/containers.md`.

use std::collections::BTreeMap;
use std::fs;

use crate::make::knows;
use scan::{Limits, member, scan};

const FOLDER: &str = "/usr/share/clamav-testfiles";

/// Containers that do not give up the program, with the reason.
const CLOSED: [(&str, &str); 10] = [
    ("clam-aspack.exe", "packed program"),
    ("clam-mew.exe", "packed program"),
    ("clam-pespin.exe", "packed program"),
    ("clam-petite.exe", "packed program"),
    ("clam-upack.exe", "packed program"),
    ("clam-wwpack.exe", "packed program"),
    ("clam-yc.exe", "packed program"),
    ("clam.ea05.exe", "AutoIt script"),
    ("clam.ea06.exe", "AutoIt script"),
    ("clam_IScab_int.exe", "InstallShield cabinet"),
];

#[test]
fn debians_containers_give_up_the_program_inside() {
    let program = fs::read(format!("{FOLDER}/clam.exe"))
        .expect("install the Debian package clamav-testfiles");
    let database = knows(&[&program]);
    let mut found = BTreeMap::new();
    for file in fs::read_dir(FOLDER).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let sample = fs::read(&path).unwrap();
        let report = scan(&sample, &database, &Limits::default());
        let given_up = report
            .reasons
            .iter()
            .any(|named| named.reason == "digest.known-bad");
        let unread: Vec<_> = report
            .members
            .iter()
            .flat_map(|member| &member.unread)
            .map(|unread| unread.why.clone())
            .collect();
        if given_up {
            // The program and nothing of what stands around it.
            let [inner] = report.innermost(100)[..] else {
                panic!("{name} holds the program once");
            };
            let at = inner.path.parse().unwrap();
            assert!(
                member(&sample, &at, &Limits::default()) == Some(program.clone()),
                "{name}"
            );
        }
        found.insert(name, (given_up, report.members[0].kind, unread));
    }
    let closed: Vec<_> = found
        .iter()
        .filter(|(_, (given_up, ..))| !given_up)
        .collect();
    println!(
        "{}/{} containers give up the program",
        found.len() - closed.len(),
        found.len()
    );
    for (name, (_, kind, unread)) in &closed {
        println!("{name}: {kind} {unread:?}");
    }
    let names: Vec<&str> = closed.iter().map(|(name, _)| name.as_str()).collect();
    let expected: Vec<&str> = CLOSED.iter().map(|(name, _)| *name).collect();
    assert_eq!(found.len(), 44, "another version of the package");
    assert_eq!(
        names, expected,
        "better or worse: change the list and the page of evidence"
    );
}
