//! Kills daemons with SIGKILL at random moments, many times over: every daemon by the tests with
//! `kill` in their name, which read `LIMPID_KILLS`; the log far more often, by the crate `powercut`.

use crate::cargo::{cargo, shown};
use crate::evidence::Evidence;
use crate::long::powercuts::{build, powercut};
use crate::test::run_counted;
use anyhow::Result;
use std::path::Path;
use std::time::Instant;

/// Kills of the log unless told otherwise.
pub(super) const COUNT: u64 = 10_000;
/// Kills in each test.
const COUNT_EACH: u64 = 20;
const VARIABLE: &str = "LIMPID_KILLS";

const MEANING: &str = "After each SIGKILL and restart everything that was acknowledged before must be there, once, at \
its index; one follower lives through all kills of a log and refuses a second history; in the end a reader that never \
saw the log compares every acknowledged entry. A kill takes the process, not the machine: what a lost power supply \
does is on the page `powercuts`.";

pub(super) fn run(root: &Path, kills: u64) -> Result<bool> {
    build(root)?;
    let (table, kept) = powercut(root, &["kills".to_owned(), kills.to_string()])?;
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
    command.env(VARIABLE, COUNT_EACH.to_string());
    let started = Instant::now();
    let count = run_counted(&mut command, &mut std::io::stdout())?;
    let seconds = started.elapsed().as_secs();
    anyhow::ensure!(
        count.passed + count.failed > 0,
        "no test has `kill` in its name, so nothing was shown"
    );
    let word = if kept {
        "No acknowledged entry was lost, no history forked."
    } else {
        "**A promise was broken: see the output.**"
    };
    let result = format!(
        "## The log under load\n\n{word}\n\n{}\n\n## Every daemon\n\n\
         `{VARIABLE}={COUNT_EACH} {}`: {count} in {seconds} s.",
        table.trim(),
        shown(&command)
    );
    Evidence {
        name: "kills",
        title: "Kills",
        meaning: MEANING,
        command: format!("cargo xtask long kills {kills}"),
        result,
    }
    .write(root)?;
    Ok(kept && count.failed == 0)
}
