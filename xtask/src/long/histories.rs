//! Law and audit judge generated histories and are compared, far more of them than in `cargo xtask test`.
//!
//! The test reads `LIMPID_HISTORIES`: how many. From 20,000 on it also demands that every code was reached
//! at least 100 times by both sides.

use crate::cargo::{cargo, shown};
use crate::evidence::Evidence;
use crate::test::run_counted;
use anyhow::{Context, Result};
use std::path::Path;
use std::time::Instant;

/// Histories unless told otherwise.
pub(super) const COUNT: u64 = 20_000;
const VARIABLE: &str = "LIMPID_HISTORIES";
const REPORT: &str = "target/histories.md";

const MEANING: &str = "Two implementations of the law that share no judgement are fed the same logs, honest but for what \
chance left out, repeated, moved, forged, delayed or said twice. They must agree on every entry and at every gate. \
It shows nothing about a mistake that both make.";

pub(super) fn run(root: &Path, histories: u64) -> Result<bool> {
    let mut command = cargo(root);
    command.args(["test", "--locked", "--release", "--package", "limpid-audit"]);
    command.args(["--test", "histories"]);
    let report = root.join(REPORT);
    command.env(VARIABLE, histories.to_string());
    command.env("LIMPID_HISTORIES_REPORT", &report);
    let started = Instant::now();
    let count = run_counted(&mut command, &mut std::io::stdout())?;
    let seconds = started.elapsed().as_secs();
    let kept = count.failed == 0 && count.passed > 0;
    let word = if kept {
        "They agree."
    } else {
        "**They differ, or a code was reached too seldom: see the output.**"
    };
    let table = std::fs::read_to_string(&report)
        .with_context(|| format!("the test wrote no `{REPORT}`"))?;
    Evidence {
        name: "histories",
        title: "Generated histories",
        meaning: MEANING,
        command: format!("{VARIABLE}={histories} {}", shown(&command)),
        result: format!("{word} {seconds} s.\n\n{table}"),
    }
    .write(root)?;
    Ok(kept)
}
