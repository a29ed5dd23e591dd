//! The README's commands run, and what it says about the program is what the program says.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    place::Place,
    program::{LIMPID, Ran, limpid, root, run},
    running::Up,
};

/// How long machines may take to judge one file.
const PATIENCE: Duration = Duration::from_secs(60);
/// Stands in for cargo: the demonstration by the program that is tested; `xtask` is looked at below.
const CARGO: &str = r#"
cargo() {
    case "$1" in
        demo) shift; target/debug/limpid demo --dir target/demo "$@" ;;
        xtask) ;;
        *) echo "the test does not know: cargo $*" >&2; return 1 ;;
    esac
}
"#;

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

/// The fenced blocks of one language.
fn blocks(language: &str) -> Vec<String> {
    let readme = readme();
    let fence = format!("\n```{language}\n");
    let begun = readme.split(&fence).skip(1);
    begun
        .map(|rest| rest.split("\n```").next().unwrap().to_owned())
        .collect()
}

fn script(dir: &Path, text: &str) -> Ran {
    let mut shell = Command::new("sh");
    shell.args(["-euc", &format!("{CARGO}{text}")]);
    run(shell.current_dir(dir).stdin(Stdio::null()))
}

#[track_caller]
fn succeeds(ran: &Ran) {
    assert_eq!(ran.status, 0, "{}\n{}", ran.stdout, ran.stderr);
}

/// A directory in which the README's paths mean what they mean in a clone.
fn clone() -> Place {
    let place = Place::new();
    fs::create_dir_all(place.path().join("target/debug")).unwrap();
    symlink(LIMPID, place.path().join("target/debug/limpid")).unwrap();
    symlink(root().join("examples"), place.path().join("examples")).unwrap();
    place
}

#[test]
fn the_commands_of_the_readme_run() {
    let place = clone();
    let dir = place.path();
    let mut world = None;
    let mut told = String::new();
    for block in blocks("sh") {
        if block.contains("--attack") {
            continue; // run by `attacks.rs`, which checks that the README says it
        }
        if block.contains("limpid up") {
            assert_eq!(
                block.trim(),
                "target/debug/limpid up --dir target/world --cells"
            );
            let mut up = Up::start_with_cells(&dir.join("target/world"));
            up.wait_until_running();
            world = Some(up);
            continue;
        }
        let ran = script(dir, &block);
        succeeds(&ran);
        told += &ran.stdout;
    }
    // The README says `a moment later`.
    shows_the_verdict(dir);
    assert!(world.unwrap().stop().0.success());
    // The cells open again under the same policy, and know their customer.
    let mut again = Up::start_with_cells(&dir.join("target/world"));
    again.wait_until_running();
    shows_the_verdict(dir);
    assert!(again.stop().0.success());
    the_demonstration_told_its_story(dir, &told);
    assert!(told.contains("installed: lures.db 1.0.0"), "{told}");
    assert!(told.contains("target/world/invoice.vbs: "), "{told}");
}

/// Asks until the verdict is there.
fn shows_the_verdict(dir: &Path) {
    let mut blocks = blocks("sh").into_iter();
    let block = blocks.rfind(|block| block.contains("endpoint shared"));
    let started = Instant::now();
    loop {
        let shown = script(dir, block.as_ref().unwrap());
        succeeds(&shown);
        if shown
            .stdout
            .contains("rules detection 1.0.0, table scoring 1.0.0")
        {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "{}", shown.stdout);
    }
}

fn the_demonstration_told_its_story(dir: &Path, told: &str) {
    let summary = fs::read_to_string(dir.join("target/demo/summary.json")).unwrap();
    let summary: Value = serde_json::from_str(&summary).unwrap();
    let software = &summary["software"];
    let releases = software["releases"].as_array().unwrap();
    assert_eq!(releases.len(), 2, "{summary:#}");
    let verified = &software["verified"];
    assert_eq!(verified["release"]["digest"], releases[1]);
    assert_eq!(verified["release"]["version"], "1.1.0");
    assert_eq!(verified["constitution"]["anchor"], summary["anchor"]);
    for rebuild in verified["rebuilds"].as_array().unwrap() {
        assert_eq!(rebuild["verdict"], "identical", "{summary:#}");
    }
    assert_eq!(verified["rebuilds"].as_array().unwrap().len(), 2);
    let shared = summary["custody"]["shared"].as_array().unwrap();
    let proven = |proof: &str| {
        let mut samples = shared.iter().map(|told| &told["sample"]);
        samples.all(|sample| sample[proof]["proof"] == "verified")
    };
    assert!(shared.len() == 4 && proven("home") && proven("receipt") && proven("verdict"));
    let erased = &summary["custody"]["erased"]["sample"];
    assert_eq!(erased["erasure"]["proof"], "verified", "{erased:#}");
    assert!(summary["not_proved"].as_str().unwrap().contains("collude"));
    assert!(summary["seconds"].as_f64().unwrap() > 0.0);
    for part in [
        "runs: truename 1.0.0",
        "runs: truename 1.1.0",
        "does not prove",
    ] {
        assert!(told.contains(part), "{part}");
    }
    // The excerpt in the README shows other digests and times, but these very steps.
    let excerpt = blocks("text")
        .into_iter()
        .find(|block| block.starts_with(" 1  "))
        .unwrap();
    let step = |line: &&str| {
        line.trim_start()
            .split_once("  ")
            .is_some_and(|(n, _)| n.parse::<u8>().is_ok())
    };
    let steps: Vec<&str> = excerpt.lines().filter(step).collect();
    assert!(steps.len() >= 5, "{excerpt}");
    for line in steps {
        assert!(
            told.contains(&format!("{line}\n")),
            "{line} is not in:\n{told}"
        );
    }
}

#[test]
fn the_attacks_of_the_readme_are_those_of_the_program() {
    let shown = blocks("console");
    let (command, list) = shown[0].split_once('\n').unwrap();
    assert_eq!(command, "$ cargo demo --list");
    assert_eq!(
        shown.len(),
        1,
        "every other block would have to be run as well"
    );
    let ran = limpid(&["demo", "--list"]);
    assert!(ran.stdout.lines().all(|line| line.len() <= 80));
    assert_eq!(ran.stdout.trim_end(), list, "put this into the README");
}

#[test]
fn the_readme_begins_with_two_commands_that_cargo_and_xtask_know() {
    let first = &blocks("sh")[0];
    let commands: Vec<&str> = first
        .lines()
        .map(|line| line.split('#').next().unwrap().trim())
        .collect();
    assert_eq!(commands, ["cargo demo", "cargo xtask test"]);
    let aliases = fs::read_to_string(root().join(".cargo/config.toml")).unwrap();
    assert!(
        aliases.contains("\ndemo = \"run --quiet --package limpid -- demo\""),
        "{aliases}"
    );
    assert!(
        aliases.contains("\nxtask = \"run --quiet --package xtask --\""),
        "{aliases}"
    );
    let xtask = fs::read_to_string(root().join("xtask/src/main.rs")).unwrap();
    assert!(
        xtask.contains("[\"test\"] => "),
        "xtask does not know `test`"
    );
}
