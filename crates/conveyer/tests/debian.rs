//! Environments from Debian and from a crate registry, through their ordinary clients. Downloads about 1 MB.

use std::fs;
use std::path::Path;

use crate::parties::{ground, script_source};
use crate::street::{Lab, Street, lures};
use conveyer::{
    Assurance, Environment, EnvironmentStore, EnvironmentsConfig, HostKind, Lock, LockedKind,
    PartyDirs, Sources, Supplier, SupplyError, Variation, WishList, build, build_release, fetch,
    lock_wishes, system_clock,
};
use sandbox::Identity;

/// The smallest package in which something can be built. Its library is static, so it depends on nothing.
const WISHES: &str = r#"
name = "busybox"
packages = ["busybox-static"]
leave_out = ["etc/", "usr/share/"]
[links]
"usr/bin/sh" = "busybox"
"usr/bin/cat" = "busybox"
"usr/bin/mkdir" = "busybox"
"usr/bin/ls" = "busybox"
"#;

fn quiet(_: &str) {}

fn locked(store: &EnvironmentStore) -> Lock {
    let wishes = WishList::parse(WISHES, Path::new(".")).unwrap();
    lock_wishes(&wishes, &Sources::default(), store, &quiet).unwrap()
}

#[test]
fn an_environment_of_debian_packages_is_locked_fetched_by_each_party_and_built_in() {
    let ground = ground();
    let vendor = EnvironmentStore::open(&ground.path().join("vendor")).unwrap();
    let lock = locked(&vendor);
    let text = lock.to_text();
    assert!(
        text.contains("\ninput busybox-static debian Debian package busybox-static "),
        "{text}"
    );
    assert!(text.contains("\narchive busybox-static deb "), "{text}");
    assert!(!text.contains("://"), "a lock holds no address: {text}");

    let folder = ground.path().join("locks");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("busybox.lock"), &text).unwrap();
    let config = EnvironmentsConfig {
        locks: vec![folder.join("busybox.lock")],
        ..EnvironmentsConfig::default()
    };
    let source = script_source(ground.path(), "source", "echo x > out/canary");
    let mut artifacts = Vec::new();
    for (number, variation) in [(146, Variation::conveyer()), (147, Variation::rebuilder(1))] {
        let identity = Identity::for_party(number).unwrap();
        let party = PartyDirs::open(&ground.path().join(format!("party-{number}")), identity);
        let party = party.unwrap();
        let own = config.lock_named("busybox").unwrap().unwrap();
        let environment = Environment::supply(own, &config.sources(), &party, &quiet).unwrap();
        environment.check(Assurance::Digests).unwrap();
        let store = party.environment_store().unwrap();
        let obtained = store.obtained(&lock).unwrap();
        assert_eq!(obtained[0].from, Supplier::Origin);
        assert!(store.verify(&lock).wrong.is_empty());
        let from = conveyer::SourceFrom::Directory {
            path: source.clone(),
            exclude: Vec::new(),
        };
        let source = conveyer::import_source(&from, party.blobs()).unwrap();
        let recipe = conveyer::Recipe::of_source(&source, party.blobs()).unwrap();
        let outcome = build(&recipe, &source, &environment, &variation, &party).unwrap();
        artifacts.push(outcome.artifacts);
    }
    assert_eq!(artifacts[0], artifacts[1]);
}

#[test]
fn a_lock_that_debian_contradicts_is_refused_and_one_that_it_no_longer_has_is_named() {
    let ground = ground();
    let lock = locked(&EnvironmentStore::open(&ground.path().join("vendor")).unwrap());
    let archive = lock.archive_of("busybox-static").unwrap();
    let other = tlog::sha256(b"a package with more in it").to_hex();
    let trojaned = lock.to_text().replace(&archive.sha256.to_hex(), &other);
    let outdated = lock.to_text().replace(
        &format!(" {} {}", archive.version, archive.place),
        &format!(" 0.{} {}", archive.version.replace(':', "."), archive.place),
    );
    let fetched = |text: &str, name: &str| {
        let store = EnvironmentStore::open(&ground.path().join(name)).unwrap();
        fetch(
            &Lock::parse(text).unwrap(),
            &Sources::default(),
            &store,
            &quiet,
        )
    };
    let refused = fetched(&trojaned, "a");
    assert!(
        matches!(&refused, Err(SupplyError::OriginDiffers { found, .. }) if *found == archive.sha256),
        "{refused:?}"
    );
    let refused = fetched(&outdated, "b");
    let Err(SupplyError::Unobtainable(missing)) = &refused else {
        panic!("{refused:?}")
    };
    assert_eq!(missing.0[0].0, "busybox-static");
}

#[test]
fn a_package_that_does_not_exist_and_one_that_nobody_wants_are_refused_by_name() {
    let ground = ground();
    let store = EnvironmentStore::open(&ground.path().join("vendor")).unwrap();
    let lock = |text: &str| {
        let wishes = WishList::parse(text, Path::new(".")).unwrap();
        lock_wishes(&wishes, &Sources::default(), &store, &quiet)
    };
    let refused = lock("name = \"x\"\npackages = [\"no-such-package-anywhere\"]");
    let Err(SupplyError::Unresolved { said }) = refused else {
        panic!("{refused:?}")
    };
    assert!(said.contains("no-such-package-anywhere"), "{said}");
    let refused = lock("name = \"x\"\npackages = [\"busybox-static\"]\nwithout = [\"gcc\"]");
    assert!(matches!(
        refused,
        Err(SupplyError::Wish {
            field: "without",
            ..
        })
    ));
}

/// A Cargo.lock of one crate that this very project depends on.
fn cargo_lock() -> String {
    let own = include_str!("../../../Cargo.lock");
    let stanza = own
        .split("[[package]]")
        .find(|stanza| stanza.contains("\nname = \"itoa\""))
        .unwrap();
    let end = stanza.find("\n\n").unwrap_or(stanza.len());
    format!("version = 4\n\n[[package]]{}\n", &stanza[..end])
}

#[test]
fn crates_come_by_the_checksums_of_a_cargo_lock() {
    let ground = ground();
    fs::write(ground.path().join("Cargo.lock"), cargo_lock()).unwrap();
    let text = "name = \"crates\"\n[[crates]]\nlockfile = \"Cargo.lock\"";
    let wishes = WishList::parse(text, ground.path()).unwrap();
    let store = EnvironmentStore::open(&ground.path().join("store")).unwrap();
    let lock = lock_wishes(&wishes, &Sources::default(), &store, &quiet).unwrap();
    let [archive] = lock.archives() else {
        panic!("one crate")
    };
    assert!(archive.bytes > 0 && archive.place == "itoa");
    let file = lock.files_of(&archive.input).next().unwrap();
    assert_eq!(
        file.path.as_str(),
        format!("opt/crates/itoa-{}.crate", archive.version)
    );
    assert!(matches!(file.kind, LockedKind::File { sha256, .. } if sha256 == archive.sha256));
    let other = EnvironmentStore::open(&ground.path().join("other")).unwrap();
    fetch(&lock, &Sources::default(), &other, &quiet).unwrap();
    assert!(other.verify(&lock).wrong.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuilder_lists_what_only_the_center_could_give_in_its_verdict() {
    let street = Street::open(180, 2).await;
    let center = EnvironmentStore::open(&street.path().join("center")).unwrap();
    // An environment of a host has no public origin: whoever did not import it has the center's word only.
    let lock = Lock::import_host(HostKind::Busybox, center.inputs()).unwrap();
    let file = street.path().join("busybox.lock");
    fs::write(&file, lock.to_text()).unwrap();
    let mut config = street.lab(1);
    config.environments = EnvironmentsConfig {
        locks: vec![file],
        center: Some(street.path().join("center").display().to_string()),
        ..EnvironmentsConfig::default()
    };
    let labs = [Lab::start(config), Lab::start(street.lab(2))];
    let built = build_release(&street.conveyer(), lures(), &|_| {}, system_clock).await;
    let build = built.unwrap().build;
    for (lab, from_center) in [("lab-a", &["busybox-static"][..]), ("lab-b", &[])] {
        let said = street.verdict(build, &street.key(lab, "rebuilder")).await;
        assert_eq!(said.verdict, statement::Verdict::Identical, "{lab}");
        assert_eq!(said.taken_from_center, from_center, "{lab}");
    }
    for lab in labs {
        lab.stop().await;
    }
}
