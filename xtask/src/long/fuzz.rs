//! Feeds the parsers bytes until the time is over.
//!
//! With a nightly compiler and cargo-fuzz: each target of `fuzz/` for some seconds, guided by
//! coverage. Without: the property tests of the parsers with many more cases, and the page says so.

use crate::cargo::{cargo, output, program, shown, succeeds, succeeds_quietly};
use crate::evidence::Evidence;
use crate::test::run_counted;
use anyhow::Result;
use std::path::Path;
use std::time::Instant;

/// How long each target runs unless told otherwise.
pub(super) const SECONDS_EACH: u64 = 60;
const CASES: &str = "20000";
const PACKAGES: [&str; 6] = [
    "limpid-tlog",
    "limpid-statement",
    "limpid-law",
    "limpid-tuf",
    "limpid-seal",
    "limpid-scan",
];

const MEANING: &str = "A target is clean if no input made its parser panic, hang, or print something else than it read. \
It shows nothing about inputs that were not tried.";

pub(super) fn run(root: &Path, seconds: u64) -> Result<bool> {
    match obstacle(root) {
        None => guided(root, seconds),
        Some(why) => {
            println!(
                "no guided fuzzing: {why}\nrunning the property tests with {CASES} cases instead"
            );
            cases(root, &why)
        }
    }
}

/// Why cargo-fuzz cannot run here, if it cannot.
fn obstacle(root: &Path) -> Option<String> {
    if !root.join("fuzz/Cargo.toml").is_file() {
        return Some("`fuzz/` has no targets".to_owned());
    }
    if !succeeds_quietly(program(root, "rustc").args(["+nightly", "--version"])) {
        return Some("no nightly compiler (`rustup toolchain install nightly`)".to_owned());
    }
    if !succeeds_quietly(program(root, "c++").arg("--version")) {
        return Some("no C++ compiler for libFuzzer (`apt-get install g++`)".to_owned());
    }
    if succeeds_quietly(cargo(root).args(["fuzz", "--version"])) {
        return None;
    }
    let mut install = cargo(root);
    install.args(["install", "--locked", "cargo-fuzz"]);
    match succeeds(&mut install) {
        Ok(true) => None,
        _ => Some(format!("`{}` failed", shown(&install))),
    }
}

fn guided(root: &Path, seconds: u64) -> Result<bool> {
    let targets = output(nightly(root).args(["fuzz", "list"]))?;
    // First, so that one that does not compile is not taken for one that found something.
    let mut build = nightly(root);
    build.args(["fuzz", "build"]);
    anyhow::ensure!(succeeds(&mut build)?, "`{}` failed", shown(&build));
    let compiler = output(program(root, "rustc").args(["+nightly", "--version"]))?;
    let mut result =
        format!("Compiler: {compiler}\n\n| target | seconds | result |\n|---|---|---|\n");
    let mut clean = !targets.is_empty();
    for target in targets.lines() {
        let mut command = nightly(root);
        let limit = format!("-max_total_time={seconds}");
        command.args([
            "fuzz",
            "run",
            target,
            "--",
            &limit,
            "-timeout=10",
            "-rss_limit_mb=2048",
        ]);
        println!("\n> {}", shown(&command));
        let started = Instant::now();
        let passed = succeeds(&mut command)?;
        clean &= passed;
        let word = if passed {
            "clean"
        } else {
            "**found an input, see `fuzz/artifacts/`**"
        };
        result.push_str(&format!(
            "| `{target}` | {} | {word} |\n",
            started.elapsed().as_secs()
        ));
    }
    write(root, format!("cargo xtask long fuzz {seconds}"), result)?;
    Ok(clean)
}

fn nightly(root: &Path) -> std::process::Command {
    let mut command = cargo(root);
    // Set by the cargo that runs us, it would win over `+nightly`.
    command
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("RUSTC")
        .env_remove("RUSTDOC")
        .arg("+nightly");
    command
}

fn cases(root: &Path, why: &str) -> Result<bool> {
    let mut command = cargo(root);
    command.args(["test", "--locked", "--no-fail-fast", "--lib", "--tests"]);
    for package in PACKAGES {
        command.args(["--package", package]);
    }
    command.env("PROPTEST_CASES", CASES);
    let started = Instant::now();
    let count = run_counted(&mut command, &mut std::io::stdout())?;
    let seconds = started.elapsed().as_secs();
    let result = format!(
        "Not guided by coverage, because: {why}.\n\nInstead every property test ran {CASES} cases \
         (tests that are no property tests ran beside them): {count} in {seconds} s."
    );
    write(
        root,
        format!("PROPTEST_CASES={CASES} {}", shown(&command)),
        result,
    )?;
    Ok(count.failed == 0 && count.passed > 0)
}

fn write(root: &Path, command: String, result: String) -> Result<()> {
    Evidence {
        name: "fuzz",
        title: "Fuzzing",
        meaning: MEANING,
        command,
        result,
    }
    .write(root)
}
