//! Breaks the sources in small ways, one at a time, and sees whether a test notices.
//!
//! A survivor is a break that no test noticed. Each is to be killed by a test, or proved
//! equivalent on `docs/evidence/mutants-equivalent.md`, where its line is quoted without line
//! number; at most ten may be left that way.

use crate::cargo::{cargo, shown, succeeds, succeeds_quietly};
use crate::evidence::Evidence;
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::Path;

const SURVIVORS_MAX: usize = 10;
const PROOFS: &str = "docs/evidence/mutants-equivalent.md";
const OUTPUT: &str = "target/mutants";

/// Exit statuses after all mutants were tried: none survived, some did, some timed out.
const COMPLETE: [i32; 3] = [0, 2, 3];

/// What is mutated: floor 0 entirely but its tests, and where supervisor and endpoint judge.
const MUTATED: [&str; 12] = [
    "crates/law/src/**/*.rs",
    "crates/tlog/src/**/*.rs",
    "crates/statement/src/**/*.rs",
    "crates/tuf/src/**/*.rs",
    "crates/supervisor/src/decide.rs",
    "crates/supervisor/src/evidence.rs",
    "crates/supervisor/src/cosign.rs",
    "crates/supervisor/src/metadata.rs",
    "crates/endpoint/src/evidence.rs",
    "crates/endpoint/src/memory.rs",
    "crates/endpoint/src/update.rs",
    "crates/endpoint/src/verify.rs",
];

const MEANING: &str = "Each mutant is one small break of the source; `caught` means a test failed on it, `timed out` that the tests ran much longer than without it. \
A survivor is listed with its proof that it behaves the same, or as open.";

pub(super) fn run(root: &Path) -> Result<bool> {
    for pattern in MUTATED.iter().filter(|pattern| !pattern.contains('*')) {
        anyhow::ensure!(
            root.join(pattern).exists(),
            "{pattern} is gone: say in MUTATED of xtask/src/long/mutants.rs where that judgement is now"
        );
    }
    if !succeeds_quietly(cargo(root).args(["mutants", "--version"])) {
        let mut install = cargo(root);
        install.args(["install", "--locked", "cargo-mutants"]);
        anyhow::ensure!(succeeds(&mut install)?, "`{}` failed", shown(&install));
    }
    let mut command = cargo(root);
    command.args([
        "mutants",
        "--no-shuffle",
        "--colors=never",
        "--output",
        OUTPUT,
    ]);
    if crate::test::has_nextest(root) {
        command.arg("--test-tool=nextest");
    }
    for pattern in MUTATED {
        command.args(["--file", pattern]);
    }
    let status = command
        .status()
        .context("cannot start cargo mutants")?
        .code();
    // A run that did not end would leave the counts of its first part, or of an older run.
    anyhow::ensure!(
        status.is_some_and(|code| COMPLETE.contains(&code)),
        "cargo mutants did not end its run (exit status {status:?}); no evidence was written"
    );
    let folder = root.join(OUTPUT).join("mutants.out");
    let outcomes = read(&folder.join("outcomes.json"))?;
    let tally = Tally::read(&outcomes)?;
    let survivors = read(&folder.join("missed.txt"))?;
    let proofs = std::fs::read_to_string(root.join(PROOFS)).unwrap_or_default();
    let judged = judge(&survivors, &proofs);
    let evidence = Evidence {
        name: "mutants",
        title: "Mutants",
        meaning: MEANING,
        command: shown(&command),
        result: format!("{}\n\n{}", tally.table(), judged.list),
    };
    evidence.write(root)?;
    println!(
        "{} survivors, {} of them open",
        judged.survivors, judged.open
    );
    Ok(tally.total > 0 && judged.open == 0 && judged.survivors <= SURVIVORS_MAX)
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| {
        format!(
            "cargo mutants left no {}; its report is above",
            path.display()
        )
    })
}

struct Tally {
    total: u64,
    caught: u64,
    missed: u64,
    timeout: u64,
    unviable: u64,
}

impl Tally {
    fn read(outcomes: &str) -> Result<Self> {
        let outcomes: Value = serde_json::from_str(outcomes).context("outcomes.json is no JSON")?;
        let count = |key: &str| {
            outcomes[key]
                .as_u64()
                .with_context(|| format!("outcomes.json has no count `{key}`"))
        };
        Ok(Self {
            total: count("total_mutants")?,
            caught: count("caught")?,
            missed: count("missed")?,
            timeout: count("timeout")?,
            unviable: count("unviable")?,
        })
    }

    fn table(&self) -> String {
        let Self {
            total,
            caught,
            missed,
            timeout,
            unviable,
        } = self;
        format!(
            "| mutants | caught | survived | timed out | did not compile |\n|---|---|---|---|---|\n\
             | {total} | {caught} | {missed} | {timeout} | {unviable} |"
        )
    }
}

struct Judged {
    list: String,
    survivors: usize,
    open: usize,
}

fn judge(survivors: &str, proofs: &str) -> Judged {
    let mut judged = Judged {
        list: String::new(),
        survivors: 0,
        open: 0,
    };
    for survivor in survivors.lines().filter(|line| !line.trim().is_empty()) {
        judged.survivors += 1;
        let proved = proofs.contains(&without_position(survivor));
        judged.open += usize::from(!proved);
        let state = if proved {
            "equivalent, see `mutants-equivalent.md`"
        } else {
            "**open**"
        };
        judged.list.push_str(&format!("- `{survivor}`: {state}\n"));
    }
    if judged.survivors == 0 {
        judged.list.push_str("No survivor.\n");
    }
    judged
}

/// `a.rs:1:2: replace x` becomes `a.rs: replace x`, which stays true when lines move.
fn without_position(survivor: &str) -> String {
    let (place, what) = survivor.split_once(": ").unwrap_or((survivor, ""));
    let file = place.split(':').next().unwrap_or(place);
    format!("{file}: {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SURVIVORS: &str = "crates/law/src/a.rs:10:5: replace < with <= in b\n\
                             crates/law/src/a.rs:12:5: replace c -> bool with true\n";

    #[test]
    fn a_survivor_is_open_until_its_proof_is_written() {
        let proofs =
            "## `crates/law/src/a.rs: replace < with <= in b`\n\nBoth sides are never equal.\n";
        let judged = judge(SURVIVORS, proofs);
        assert_eq!((judged.survivors, judged.open), (2, 1));
        assert!(
            judged
                .list
                .contains("a.rs:12:5: replace c -> bool with true`: **open**")
        );
    }

    #[test]
    fn no_survivor_is_said_in_words() {
        let judged = judge("\n", "");
        assert_eq!(
            (judged.survivors, judged.list.as_str()),
            (0, "No survivor.\n")
        );
    }

    #[test]
    fn counts_are_read_and_a_missing_one_is_an_error() {
        let text =
            r#"{"total_mutants":9,"caught":5,"missed":2,"timeout":1,"unviable":1,"outcomes":[]}"#;
        let table = Tally::read(text).expect("complete").table();
        assert!(table.ends_with("| 9 | 5 | 2 | 1 | 1 |"));
        assert!(Tally::read(&text.replace("\"missed\":2,", "")).is_err());
    }
}
