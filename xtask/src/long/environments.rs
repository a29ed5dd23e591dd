//! Locks, fetches and verifies every example environment from its public origins, as two parties that share nothing.

use crate::cargo::{cargo, output, program, succeeds};
use crate::evidence::Evidence;
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::Path;
use std::time::Instant;

/// Where the wish lists are.
const EXAMPLES: &str = "examples/environments";
/// Works on a scratch folder that is removed first.
const SCRATCH: &str = "target/long/environments";
/// What verification of a lock is promised to take at most on 2 cores.
const VERIFY_MS_MAX: u64 = 10_000;

const MEANING: &str = "Each wish list of `examples/environments/` is locked by two parties with empty stores, whose \
locks must be equal; a third fetches the first lock and verifies it. All downloads come from the public origins, through \
apt. Verification hashes every archive and every file again and is promised to take less than 10 seconds on 2 cores.";

pub(super) fn run(root: &Path) -> Result<bool> {
    anyhow::ensure!(
        succeeds(cargo(root).args(["build", "--locked", "--package", "limpid"]))?,
        "the binary does not build"
    );
    let scratch = root.join(SCRATCH);
    if scratch.exists() {
        std::fs::remove_dir_all(&scratch).context("cannot empty the scratch folder")?;
    }
    std::fs::create_dir_all(&scratch).context("cannot make the scratch folder")?;
    let mut names: Vec<String> = std::fs::read_dir(root.join(EXAMPLES))?
        .flatten()
        .filter_map(|entry| {
            entry
                .file_name()
                .to_str()?
                .strip_suffix(".toml")
                .map(str::to_owned)
        })
        .collect();
    names.sort();
    anyhow::ensure!(!names.is_empty(), "no wish list in {EXAMPLES}");
    let mut kept = true;
    let mut result = "| environment | lock | inputs | files | archives and files, MB | lock, s | fetch, s | verify, ms | \
                      as promised |\n|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for name in names {
        let measured = measure(root, &scratch, &name)?;
        kept &= measured.is_kept();
        result.push_str(&measured.row(&name));
    }
    Evidence {
        name: "environments",
        title: "Environments from public origins",
        meaning: MEANING,
        command: "cargo xtask long environments".to_owned(),
        result,
    }
    .write(root)?;
    Ok(kept)
}

#[derive(Debug)]
struct Measured {
    lock: String,
    locks_agree: bool,
    inputs: u64,
    files: u64,
    bytes: u64,
    lock_seconds: f64,
    fetch_seconds: f64,
    verify_ms: u64,
}

impl Measured {
    fn is_kept(&self) -> bool {
        self.locks_agree && self.verify_ms < VERIFY_MS_MAX
    }

    fn row(&self, name: &str) -> String {
        let word = match (self.locks_agree, self.verify_ms < VERIFY_MS_MAX) {
            (false, _) => "**no: two parties got different locks**",
            (true, false) => "**no: too slow**",
            (true, true) => "yes",
        };
        format!(
            "| {name} | `{}` | {} | {} | {} | {:.1} | {:.1} | {} | {word} |\n",
            self.lock.get(..16).unwrap_or(&self.lock),
            self.inputs,
            self.files,
            self.bytes / 1_000_000,
            self.lock_seconds,
            self.fetch_seconds,
            self.verify_ms
        )
    }
}

fn measure(root: &Path, scratch: &Path, name: &str) -> Result<Measured> {
    let path = |file: String| scratch.join(file).to_string_lossy().into_owned();
    let wishes = format!("{EXAMPLES}/{name}.toml");
    let (lock, other) = (path(format!("{name}.lock")), path(format!("{name}.other")));
    let store = |party: &str| path(format!("{name}-{party}"));
    let (a, b, c) = (store("a"), store("b"), store("c"));
    let started = Instant::now();
    let said = limpid(
        root,
        &["lock", "--packages", &wishes, "--out", &lock, "--store", &a],
    )?;
    let lock_seconds = started.elapsed().as_secs_f64();
    let again = limpid(
        root,
        &[
            "lock",
            "--packages",
            &wishes,
            "--out",
            &other,
            "--store",
            &b,
        ],
    )?;
    let started = Instant::now();
    limpid(root, &["fetch", &lock, "--store", &c])?;
    let fetch_seconds = started.elapsed().as_secs_f64();
    let verified = limpid(root, &["verify", &lock, "--store", &c])?;
    let number = |value: &Value, key: &str| value[key].as_u64().context("a number is missing");
    Ok(Measured {
        lock: said["lock"].as_str().unwrap_or_default().to_owned(),
        locks_agree: said["lock"].is_string() && said["lock"] == again["lock"],
        inputs: number(&said, "inputs")?,
        files: number(&said, "files")?,
        bytes: number(&verified, "bytes")?,
        lock_seconds,
        fetch_seconds,
        verify_ms: number(&verified, "wall_ms")?,
    })
}

/// The result of an environment verb, as JSON.
fn limpid(root: &Path, words: &[&str]) -> Result<Value> {
    let binary = root.join("target/debug/limpid");
    let mut command = program(root, &binary.to_string_lossy());
    command
        .args(["--json", "conveyer", "environment"])
        .args(words);
    let said = output(&mut command)?;
    serde_json::from_str(&said).with_context(|| format!("this is no result: {said}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_that_differ_and_slow_checks_are_said_so() {
        let mut measured = Measured {
            lock: "0123456789abcdef0123".to_owned(),
            locks_agree: true,
            inputs: 2,
            files: 3,
            bytes: 5_000_000,
            lock_seconds: 1.0,
            fetch_seconds: 2.0,
            verify_ms: 9_999,
        };
        let row = "| c | `0123456789abcdef` | 2 | 3 | 5 | 1.0 | 2.0 | 9999 | yes |\n";
        assert_eq!(measured.row("c"), row);
        measured.verify_ms = VERIFY_MS_MAX;
        assert!(!measured.is_kept() && measured.row("c").contains("too slow"));
        measured.locks_agree = false;
        assert!(!measured.is_kept() && measured.row("c").contains("different locks"));
    }
}
