//! Kills daemons with SIGKILL at random moments, many times over.
//!
//! The tests with `kill` in their name read `LIMPID_KILLS`: how often each of them kills.

use crate::cargo::{cargo, shown};
use crate::evidence::Evidence;
use crate::test::run_counted;
use anyhow::Result;
use std::path::Path;
use std::time::Instant;

/// Kills in each test unless told otherwise.
pub(super) const COUNT: u64 = 500;
const VARIABLE: &str = "LIMPID_KILLS";

const MEANING: &str = "A test passes if, after each SIGKILL and restart, everything that was acknowledged before is there. \
A kill takes the process, not the machine: it shows nothing about a lost power supply or a lying disk.";

pub(super) fn run(root: &Path, kills: u64) -> Result<bool> {
    let mut command = cargo(root);
    // The word is matched against the names of the tests.
    command.args([
        "test",
        "--workspace",
        "--locked",
        "--no-fail-fast",
        "--lib",
        "--tests",
        "kill",
    ]);
    command.env(VARIABLE, kills.to_string());
    let started = Instant::now();
    let count = run_counted(&mut command, &mut std::io::stdout())?;
    let seconds = started.elapsed().as_secs();
    anyhow::ensure!(
        count.passed + count.failed > 0,
        "no test has `kill` in its name, so nothing was shown"
    );
    let result = format!("{kills} kills in each test: {count} in {seconds} s.");
    let command = format!("{VARIABLE}={kills} {}", shown(&command));
    Evidence {
        name: "kills",
        title: "Kills",
        meaning: MEANING,
        command,
        result,
    }
    .write(root)?;
    Ok(count.failed == 0)
}
