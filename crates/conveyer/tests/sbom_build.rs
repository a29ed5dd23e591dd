//! The SBOM of what was just built in the sandbox, with cargo asked there.

use std::fs;
use std::path::{Path, PathBuf};

use crate::parties::{Party, ground, script_source};
use conveyer::{
    BuildOutcome, HostKind, Recipe, Sbom, Variation, build_and_test, crates_of, take_crates,
};
use serde_json::Value;

const RECIPE: &str = r#"
product = "small"
version = "1.0.0"
kind = "software"
platform = "linux-x86_64"
[environment]
name = "rust-host"
[cargo]
lock = "Cargo.lock"
[build]
command = ["cargo", "build", "--locked"]
[artifact]
path = "target/debug/small"
name = "small-linux"
"#;

const MANIFEST: &str = r#"
[package]
name = "small"
version = "1.0.0"
edition = "2024"
[dependencies]
hex = { version = "0.4", default-features = false }
[target.'cfg(windows)'.dependencies]
cfg-if = "1"
[workspace]
"#;

/// What ordinary cargo downloaded for this very house.
fn downloads() -> PathBuf {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    home.unwrap().join("registry/cache")
}

/// The lock of this house, cut down to the packages named.
fn lock_of(names: &[&str]) -> String {
    let house = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    let house = fs::read_to_string(house).unwrap();
    let is_wanted = |part: &&str| {
        let mut lines = part.lines();
        names.iter().any(|name| {
            lines
                .clone()
                .any(|line| line == format!("name = \"{name}\""))
        }) && lines.any(|line| line.starts_with("checksum"))
    };
    let mut parts: Vec<&str> = house
        .split("\n\n")
        .filter(is_wanted)
        .map(str::trim_end)
        .collect();
    let own = "[[package]]\nname = \"small\"\nversion = \"1.0.0\"\ndependencies = [\n \"cfg-if\",\n \"hex\",\n]";
    parts.push(own);
    format!("version = 4\n\n{}\n", parts.join("\n\n"))
}

fn build(party: &Party, folder: &Path) -> BuildOutcome {
    let source = party.import(folder).unwrap();
    let recipe = Recipe::of_source(&source, party.dirs.blobs()).unwrap();
    let wanted = crates_of(&recipe, &source, party.dirs.blobs()).unwrap();
    take_crates(&wanted, &downloads(), party.dirs.inputs()).unwrap();
    let (variation, dirs) = (Variation::conveyer(), &party.dirs);
    build_and_test(&recipe, &source, &party.environment, &variation, dirs).unwrap()
}

fn sbom(party: &Party, outcome: &BuildOutcome) -> (Sbom, Value) {
    let [kept] = &outcome.sboms[..] else {
        panic!("{:?}", outcome.sboms)
    };
    let text = party.dirs.blobs().get(&kept.sha256, kept.bytes).unwrap();
    (
        Sbom::parse(&text).unwrap(),
        serde_json::from_slice(&text).unwrap(),
    )
}

#[test]
fn a_rust_build_has_an_sbom_of_the_crates_that_were_compiled_in_the_sandbox() {
    let ground = ground();
    let folder = ground.path().join("source");
    fs::create_dir_all(folder.join("src")).unwrap();
    let main = "fn main() { hex::decode_to_slice(\"\", &mut []).unwrap(); }\n";
    for (path, text) in [
        ("recipe.toml", RECIPE),
        ("Cargo.toml", MANIFEST),
        ("Cargo.lock", &lock_of(&["hex", "cfg-if"])),
        ("src/main.rs", main),
    ] {
        fs::write(folder.join(path), text).unwrap();
    }
    let party = Party::with(ground.path(), 160, HostKind::Rust);
    let outcome = build(&party, &folder);
    assert_eq!(outcome.sboms[0].name, "small-linux.cdx.json");
    let (sbom, shown) = sbom(&party, &outcome);
    assert!(
        sbom.evidence().contains("by its build messages"),
        "{}",
        sbom.evidence()
    );
    let parts = shown["components"].as_array().unwrap();
    let names: Vec<_> = parts
        .iter()
        .map(|part| part["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["hex", "small source", "small", "std"]);
    assert_eq!(parts[0]["licenses"][0]["expression"], "MIT OR Apache-2.0");
    let artifact = &shown["metadata"]["component"]["hashes"][0]["content"];
    assert_eq!(artifact, &outcome.artifacts[0].sha256.to_hex());
}

#[test]
fn a_build_without_cargo_has_an_sbom_of_source_and_environment() {
    let ground = ground();
    let party = Party::new(ground.path(), 161);
    let folder = script_source(ground.path(), "canary", "cat data/* > out/canary");
    let outcome = build(&party, &folder);
    let (sbom, _) = sbom(&party, &outcome);
    assert_eq!(sbom.counts(), (1, 2));
    assert!(sbom.evidence().contains("no list of dependencies"));
}
