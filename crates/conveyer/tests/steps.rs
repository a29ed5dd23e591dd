//! Builds with several steps, artifacts and tests, with arguments and with crates, in the real sandbox.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::parties::{Party, ground};
use conveyer::{
    ConveyerError, Recipe, Variation, build, build_and_test, crates_of, locked_crates, missing,
    take_crates,
};
use flate2::{Compression, write::GzEncoder};

const HEAD: &str = r#"
product = "steps"
version = "1.0.0"
kind = "software"
platform = "linux-x86_64"
[environment]
name = "busybox"
"#;

fn source(ground: &Path, recipe: &str) -> PathBuf {
    let folder = ground.join("source");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("recipe.toml"), format!("{HEAD}{recipe}")).unwrap();
    folder
}

/// Builds as it is, with arguments, and runs the tests.
fn built(
    party: &Party,
    folder: &Path,
    arguments: &[(&str, &str)],
) -> Result<conveyer::BuildOutcome, ConveyerError> {
    let source = party.import(folder)?;
    let mut recipe = Recipe::of_source(&source, party.dirs.blobs())?;
    let arguments = arguments.iter();
    recipe.choose(
        &arguments
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    )?;
    let variation = Variation::conveyer();
    build_and_test(
        &recipe,
        &source,
        &party.environment,
        &variation,
        &party.dirs,
    )
}

fn text(party: &Party, outcome: &conveyer::BuildOutcome, at: usize) -> String {
    let bytes = party.dirs.blobs().get(&outcome.artifacts[at].sha256, 4096);
    String::from_utf8(bytes.unwrap()).unwrap()
}

#[test]
fn steps_follow_each_other_and_every_artifact_is_kept() {
    let ground = ground();
    let folder = source(
        ground.path(),
        r#"
[arguments]
colour = { values = ["red", "blue"], default = "red" }
[build]
jobs = 1
env = { SHADE = "dark-{{colour}}" }
[[step]]
command = ["mkdir", "out"]
[[step]]
command = ["sh", "-c", "echo {{colour}} $SHADE {{jobs}} > out/first"]
[[step]]
command = ["cp", "out/first", "out/second"]
[[artifact]]
path = "out/first"
name = "first"
[[artifact]]
path = "out/second"
name = "second"
"#,
    );
    let party = Party::new(ground.path(), 150);
    let outcome = built(&party, &folder, &[]).unwrap();
    let names: Vec<_> = outcome
        .artifacts
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(names, ["first", "second"]);
    assert_eq!(text(&party, &outcome, 1), "red dark-red 1\n");
    let outcome = built(&party, &folder, &[("colour", "blue")]).unwrap();
    assert_eq!(text(&party, &outcome, 0), "blue dark-blue 1\n");
    let refused = built(&party, &folder, &[("colour", "green")]);
    assert!(matches!(refused, Err(ConveyerError::Argument(_))));
}

#[test]
fn the_step_that_fails_is_named_and_ends_the_build() {
    let ground = ground();
    let folder = source(
        ground.path(),
        r#"
[[step]]
command = ["touch", "out"]
[[step]]
command = ["sh", "-c", "echo no such thing; exit 7"]
[[step]]
command = ["touch", "never"]
[artifact]
path = "out"
name = "out"
"#,
    );
    let party = Party::new(ground.path(), 151);
    let error = built(&party, &folder, &[]).unwrap_err();
    let said = error.to_string();
    assert!(said.starts_with("step 2 of 3 ended with"), "{said}");
    assert!(said.contains("no such thing"), "{said}");
}

#[test]
fn a_test_sees_what_was_built_and_cannot_change_it() {
    let ground = ground();
    let folder = source(
        ground.path(),
        r#"
[[step]]
command = ["sh", "-c", "echo built > out"]
[[test]]
name = "reads-it"
command = ["grep", "-q", "built", "out"]
[[test]]
name = "fails"
command = ["sh", "-c", "echo evil > out; echo it is wrong; exit 1"]
[[test]]
name = "runs-all-the-same"
command = ["grep", "-q", "evil", "out"]
[artifact]
path = "out"
name = "out"
"#,
    );
    let party = Party::new(ground.path(), 152);
    let outcome = built(&party, &folder, &[]).unwrap();
    let passed: Vec<_> = outcome
        .tests
        .iter()
        .map(|test| (test.name.as_str(), test.exit.is_success()))
        .collect();
    let wanted = [
        ("reads-it", true),
        ("fails", false),
        ("runs-all-the-same", true),
    ];
    assert_eq!(passed, wanted);
    assert!(outcome.tests[1].log_tail.contains("it is wrong"));
    assert_eq!(text(&party, &outcome, 0), "built\n");
    let imported = party.import(&folder).unwrap();
    let recipe = Recipe::of_source(&imported, party.dirs.blobs()).unwrap();
    let (at, how) = (&party.environment, Variation::rebuilder(1));
    let rebuilt = build(&recipe, &imported, at, &how, &party.dirs).unwrap();
    assert!(rebuilt.tests.is_empty());
    assert_eq!(rebuilt.artifacts, outcome.artifacts);
}

/// One entry of a `.crate` file: path, type, content, mode.
type Item<'a> = (&'a str, tar::EntryType, &'a [u8], u32);

/// A `.crate` file. Paths are written into the header as they are, so that bad ones can be.
fn crate_file(items: &[Item<'_>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, kind, bytes, mode) in items {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(bytes.len() as u64);
        header.set_mode(*mode);
        header.set_cksum();
        builder.append(&header, *bytes).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

fn lock_text(packages: &[(&str, &str, &[u8])]) -> String {
    let mut text = "version = 4\n[[package]]\nname = \"own\"\nversion = \"1.0.0\"\n".to_owned();
    for (name, version, bytes) in packages {
        let checksum = tlog::sha256(bytes).to_hex();
        text.push_str(&format!(
            "[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = \"registry+the one\"\nchecksum = \"{checksum}\"\n"
        ));
    }
    text
}

const LISTING: &str = r#"
[cargo]
lock = "Cargo.lock"
[[step]]
command = ["sh", "-c", "cd /build && find vendor -type f | sort | xargs ls -l | sed 's/ .* / /' > src/out; cat vendor/*/.cargo-checksum.json home/cargo/config.toml >> src/out"]
[artifact]
path = "out"
name = "out"
"#;

const FILE: tar::EntryType = tar::EntryType::Regular;

#[test]
fn crates_of_the_lock_are_unpacked_beside_the_source_and_cargo_is_told() {
    let ground = ground();
    let folder = source(ground.path(), LISTING);
    let one = crate_file(&[
        ("one-0.1.0/src/lib.rs", FILE, b"pub fn one() {}", 0o644),
        ("one-0.1.0/configure", FILE, b"#!/bin/sh", 0o755),
    ]);
    fs::write(
        folder.join("Cargo.lock"),
        lock_text(&[("one", "0.1.0", &one)]),
    )
    .unwrap();
    let party = Party::new(ground.path(), 153);
    let imported = party.import(&folder).unwrap();
    let recipe = Recipe::of_source(&imported, party.dirs.blobs()).unwrap();
    let crates = crates_of(&recipe, &imported, party.dirs.blobs()).unwrap();
    assert_eq!(crates[0].to_string(), "one 0.1.0");
    assert_eq!(missing(&crates, party.dirs.inputs()).len(), 1);
    let error = built(&party, &folder, &[]).unwrap_err();
    assert!(matches!(&error, ConveyerError::CrateMissing { crates } if crates == "one 0.1.0"));

    let cache = ground.path().join("registry/cache/the-one");
    fs::create_dir_all(&cache).unwrap();
    let take = || {
        take_crates(
            &crates,
            &ground.path().join("registry"),
            party.dirs.inputs(),
        )
    };
    assert!(matches!(take(), Err(ConveyerError::CrateMissing { .. })));
    fs::write(cache.join("one-0.1.0.crate"), b"trojan").unwrap();
    assert!(matches!(take(), Err(ConveyerError::CrateDigest { .. })));
    fs::write(cache.join("one-0.1.0.crate"), &one).unwrap();
    assert_eq!(take().unwrap(), 1);
    assert_eq!(take().unwrap(), 0);

    let outcome = built(&party, &folder, &[]).unwrap();
    assert_eq!(outcome.crates, crates);
    let said = text(&party, &outcome, 0);
    let checksum = tlog::sha256(&one).to_hex();
    assert_eq!(
        said,
        format!(
            "-rw-r--r-- vendor/one-0.1.0/.cargo-checksum.json\n\
             -rwxr-xr-x vendor/one-0.1.0/configure\n\
             -rw-r--r-- vendor/one-0.1.0/src/lib.rs\n\
             {{\"files\":{{}},\"package\":\"{checksum}\"}}\
             [source.crates-io]\nreplace-with = \"limpid\"\n\n\
             [source.limpid]\ndirectory = \"/build/vendor\"\n"
        )
    );
}

#[test]
fn a_crate_cannot_leave_its_folder_or_bring_links_or_its_own_checksums() {
    let ground = ground();
    let folder = source(ground.path(), LISTING);
    let link = tar::EntryType::Symlink;
    let hostile: [&[Item<'_>]; 6] = [
        &[("one-0.1.0/../../evil", FILE, b"x", 0o644)],
        &[("/etc/evil", FILE, b"x", 0o644)],
        &[("two-0.1.0/evil", FILE, b"x", 0o644)],
        &[("one-0.1.0/evil", link, b"", 0o644)],
        &[("one-0.1.0/.cargo-checksum.json", FILE, b"{}", 0o644)],
        &[("one-0.1.0/evil", tar::EntryType::Fifo, b"", 0o644)],
    ];
    let party = Party::new(ground.path(), 154);
    for items in hostile {
        let bytes = crate_file(items);
        party.dirs.inputs().put(&bytes).unwrap();
        let lock = lock_text(&[("one", "0.1.0", &bytes)]);
        fs::write(folder.join("Cargo.lock"), lock).unwrap();
        let error = built(&party, &folder, &[]).unwrap_err();
        assert!(
            matches!(&error, ConveyerError::CrateRefused { name, .. } if name == "one 0.1.0"),
            "{:?}: {error}",
            items[0].0
        );
    }
    // What is no archive at all, and one that unpacks to more than it may, stop too.
    let mut zipped = GzEncoder::new(Vec::new(), Compression::fast());
    zipped.write_all(b"no archive").unwrap();
    let bytes = zipped.finish().unwrap();
    party.dirs.inputs().put(&bytes).unwrap();
    let lock = lock_text(&[("one", "0.1.0", &bytes)]);
    fs::write(folder.join("Cargo.lock"), lock).unwrap();
    let error = built(&party, &folder, &[]).unwrap_err();
    assert!(
        matches!(error, ConveyerError::CrateRefused { .. }),
        "{error}"
    );
}

#[test]
fn a_lock_with_git_or_two_registries_or_without_checksums_is_refused() {
    let sound = lock_text(&[("one", "0.1.0", b"1"), ("two", "0.2.0", b"2")]);
    let crates = locked_crates(sound.as_bytes()).unwrap();
    assert_eq!(crates.len(), 2);
    assert_eq!(crates[1].checksum, tlog::sha256(b"2"));
    let digest = tlog::sha256(b"2").to_hex();
    let wrong = [
        sound.replacen("registry+the one", "git+https://example.org/one", 1),
        sound.replacen("registry+the one", "registry+another", 1),
        sound.replace(&format!("checksum = \"{digest}\"\n"), ""),
        sound.replace(&digest, &digest.to_uppercase()),
        sound.replace("\"two\"", "\"../two\""),
        "no lock".to_owned(),
    ];
    for text in wrong {
        let refused = locked_crates(text.as_bytes());
        assert!(
            matches!(refused, Err(ConveyerError::CargoLock { .. })),
            "{text}"
        );
    }
}
