//! Environments: locked to the byte, assembled from the store alone, checked before use.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use crate::parties::{Party, ground, script_source};
use conveyer::{Assurance, ConveyerError, Environment, HostKind, Lock, LockedKind, Variation};
use proptest::prelude::*;

#[test]
fn two_parties_import_the_same_environment_and_its_lock_reads_back() {
    let ground = ground();
    let (a, b) = (
        Party::new(ground.path(), 160),
        Party::new(ground.path(), 161),
    );
    assert_eq!(a.environment.digest(), b.environment.digest());
    let text = a.environment.lock().to_text();
    assert_eq!(&Lock::parse(&text).unwrap(), a.environment.lock());
    assert!(
        text.contains("\ninput busybox-static host Debian package busybox-static "),
        "{text}"
    );
    let stored = a.dirs.blobs().get(a.environment.digest(), 1 << 20).unwrap();
    assert_eq!(stored, text.as_bytes());
}

#[test]
fn a_lock_from_elsewhere_can_be_assembled_when_the_store_has_its_blobs_and_not_otherwise() {
    let ground = ground();
    let (a, b) = (
        Party::new(ground.path(), 162),
        Party::new(ground.path(), 163),
    );
    let lock = a.environment.lock().clone();
    assert!(Environment::assemble(lock.clone(), &b.dirs, Assurance::Digests).is_ok());
    let text = lock.to_text();
    let LockedKind::File { sha256, .. } = &lock
        .files()
        .iter()
        .find(|file| file.path.as_str() == "usr/bin/busybox")
        .unwrap()
        .kind
    else {
        panic!("busybox is a file")
    };
    let other =
        Lock::parse(&text.replace(&sha256.to_hex(), &tlog::sha256(b"other").to_hex())).unwrap();
    assert!(matches!(
        Environment::assemble(other, &b.dirs, Assurance::Listing),
        Err(ConveyerError::Store(_))
    ));
}

fn altered(number: u32, alter: impl Fn(&Path), assurance: Assurance) -> Option<String> {
    let ground = ground();
    let party = Party::new(ground.path(), number);
    alter(party.environment.root());
    let again = Environment::assemble(party.environment.lock().clone(), &party.dirs, assurance);
    match again {
        Ok(_) => None,
        Err(ConveyerError::EnvironmentAltered { path, what, .. }) => {
            Some(format!("{path}: {what}"))
        }
        Err(other) => panic!("{other:?}"),
    }
}

/// Changes one byte of busybox and hides it as well as one can without root's help.
fn change_a_byte(root: &Path) {
    let path = root.join("usr/bin/busybox");
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o555)).unwrap();
    fs::File::open(&path).unwrap().set_modified(time).unwrap();
}

#[test]
fn an_altered_tree_is_refused_before_it_is_used() {
    let remove = |root: &Path| fs::remove_file(root.join("usr/bin/sh")).unwrap();
    assert_eq!(
        altered(164, remove, Assurance::Listing).unwrap(),
        "usr/bin/sh: it is missing"
    );
    let add = |root: &Path| fs::write(root.join("usr/bin/extra"), "").unwrap();
    assert_eq!(
        altered(165, add, Assurance::Listing).unwrap(),
        "usr/bin/extra: the lock does not name it"
    );
    let folder = |root: &Path| fs::create_dir(root.join("opt")).unwrap();
    assert_eq!(
        altered(166, folder, Assurance::Listing).unwrap(),
        "opt: the lock does not name it"
    );
    let time = |root: &Path| {
        let file = fs::File::open(root.join("usr/bin/busybox")).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(5))
            .unwrap();
    };
    assert_eq!(
        altered(167, time, Assurance::Listing).unwrap(),
        "usr/bin/busybox: its time"
    );
}

#[test]
fn a_hidden_change_is_found_by_digests_and_as_documented_not_by_the_listing() {
    assert_eq!(altered(168, change_a_byte, Assurance::Listing), None);
    assert_eq!(
        altered(169, change_a_byte, Assurance::Digests).unwrap(),
        "usr/bin/busybox: its digest"
    );
}

#[test]
fn a_spoiled_blob_is_found_when_the_tree_is_made_and_replaced_by_the_next_import() {
    let ground = ground();
    let party = Party::new(ground.path(), 170);
    let lock = party.environment.lock().clone();
    let busybox = lock
        .files()
        .iter()
        .find(|file| file.path.as_str() == "usr/bin/busybox")
        .unwrap();
    let LockedKind::File { sha256, .. } = &busybox.kind else {
        panic!("busybox is a file")
    };
    let blob = party.dirs.inputs().path(sha256);
    fs::remove_file(&blob).unwrap();
    fs::write(&blob, "spoiled").unwrap();
    fs::remove_dir_all(party.environment.root()).unwrap();
    assert!(matches!(
        Environment::assemble(lock, &party.dirs, Assurance::Listing),
        Err(ConveyerError::Store(_))
    ));
    let again = Environment::import_host(HostKind::Busybox, &party.dirs).unwrap();
    assert_eq!(again.digest(), party.environment.digest());
    again.check(Assurance::Digests).unwrap();
}

#[test]
fn a_recipe_is_not_built_in_another_environment_than_it_names() {
    let ground = ground();
    let party = Party::new(ground.path(), 171);
    let source = script_source(ground.path(), "source", "echo x > out/canary");
    let recipe = crate::parties::RECIPE.replace("\"busybox\"", "\"rust-host\"");
    fs::write(source.join("recipe.toml"), recipe).unwrap();
    let refused = party.build(&source, &Variation::conveyer());
    assert!(
        matches!(refused, Err(ConveyerError::WrongEnvironment { .. })),
        "{refused:?}"
    );
}

const SPEC: &str = include_str!("../../../spec/environment.md");

/// The lock of the specification's example.
fn small() -> String {
    let start = SPEC.find("limpid-environment 1\n").unwrap();
    let end = start + SPEC[start..].find("```").unwrap();
    SPEC[start..end].to_owned()
}

#[test]
fn the_example_of_the_specification_is_true() {
    let lock = Lock::parse(&small()).unwrap();
    assert!(SPEC.contains(&format!("lock digest {}\n", lock.digest().to_hex())));
    assert!(SPEC.contains(&format!("tree digest {}\n", lock.tree_digest().to_hex())));
}

#[test]
fn a_lock_has_one_form_and_every_other_is_refused() {
    assert_eq!(Lock::parse(&small()).unwrap().to_text(), small());
    for (from, to) in [
        ("limpid-environment 1", "limpid-environment 2"),
        ("linux-x86_64", "linux-arm64"),
        ("name tiny", "name  tiny"),
        ("input a debian", "input a  debian"),
        ("input a debian", "input a host"),
        ("input a debian", "input a mirror"),
        ("input layout limpid", "input layout debian"),
        ("archive a deb", "archive a crate"),
        ("archive a deb", "archive a zip"),
        ("archive a deb", "archive layout deb"),
        (" 4096 1.0", " 04096 1.0"),
        ("bookworm/main/amd64\n", "bookworm/main/amd64 x\n"),
        (
            "link layout bin usr/bin",
            "file 444 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 1 layout bin",
        ),
        ("input layout limpid links that no package holds\n", ""),
        (
            "input layout limpid links that no package holds\n",
            "input layout limpid links that no package holds\ninput layout limpid links that no package holds\n",
        ),
        ("file 555", "file 755"),
        ("usr/bin/a", "../bin/a"),
        ("usr/bin/a", "usr/zzz"),
        ("usr/bin/a", "usr/lib/b"),
        ("usr/bin/a", "bin/a"),
        (" 1 a usr/bin/a", " 01 a usr/bin/a"),
        (" 1 a usr/bin/a", " 1 unknown usr/bin/a"),
        ("\nfile 444", "\n\nfile 444"),
        ("usr/lib/b\n", "usr/lib/b"),
        ("usr/lib/b\n", "usr/lib/b\r\n"),
    ] {
        let text = small().replacen(from, to, 1);
        assert_ne!(text, small(), "{from}");
        assert!(Lock::parse(&text).is_err(), "{from:?} -> {to:?}");
    }
}

#[test]
fn the_tree_digest_forgets_origins_and_the_lock_digest_does_not() {
    let ours = Lock::parse(&small()).unwrap();
    let (start, end) = (
        small().find("archive a").unwrap(),
        small().find("link ").unwrap(),
    );
    let mut theirs = small();
    theirs.replace_range(start..end, "");
    let theirs = theirs.replace("input a debian", "input a host");
    let theirs = Lock::parse(&theirs).unwrap();
    assert_eq!(ours.tree_digest(), theirs.tree_digest());
    assert_ne!(ours.digest(), theirs.digest());
}

proptest! {
    #[test]
    fn a_lock_that_reads_writes_the_same_text(at in 0_usize..400, with in "\\PC{0,3}", cut in 0_usize..4) {
        let text = small();
        let at = at % text.len();
        let end = (at + cut).min(text.len());
        let changed = format!("{}{with}{}", &text[..at], &text[end..]);
        if let Ok(lock) = Lock::parse(&changed) {
            prop_assert_eq!(lock.to_text(), changed);
        }
    }
}
