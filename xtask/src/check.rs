//! `cargo xtask check`: what must be true of the tree at every commit.
//!
//! Each check is one file below `check/`: a pure judgement over values, tested there with small
//! fixtures, and a thin `run` that takes the values from the [`House`]. The checks that read text
//! come first, those that start the compiler last.

mod crate_index;
mod docs;
mod floors;
mod licences;
mod lints;
mod manifests;
mod purity;
mod refusals;
mod requirements;
mod sizes;
mod wiring;
mod words;

use crate::house::House;
use crate::problem::Problem;
use anyhow::Result;
use std::time::Instant;

/// What a check found.
pub(crate) type Found = Result<Vec<Problem>>;

struct Check {
    name: &'static str,
    claim: &'static str,
    run: fn(&House) -> Found,
}

const CHECKS: [Check; 13] = [
    Check {
        name: "floors",
        claim: "dependencies between crates point down",
        run: floors::run,
    },
    Check {
        name: "purity",
        claim: "floor 0 touches no world",
        run: purity::run,
    },
    Check {
        name: "sizes",
        claim: "files and functions fit one view",
        run: sizes::run,
    },
    Check {
        name: "licences",
        claim: "everything linked is permissive",
        run: licences::run,
    },
    Check {
        name: "manifests",
        claim: "each dependency has one version and a reason",
        run: manifests::run,
    },
    Check {
        name: "crate-index",
        claim: "README lists exactly the crates there are",
        run: crate_index::run,
    },
    Check {
        name: "requirements",
        claim: "R01-R46 each name a test or say `not yet`",
        run: requirements::run,
    },
    Check {
        name: "refusals",
        claim: "each refusal code of the law has a test",
        run: refusals::run,
    },
    Check {
        name: "words",
        claim: "nothing unfinished, no path of one machine",
        run: words::run,
    },
    Check {
        name: "wiring",
        claim: "each source file is compiled by some target",
        run: wiring::run,
    },
    Check {
        name: "fmt",
        claim: "cargo fmt has nothing to change",
        run: lints::fmt,
    },
    Check {
        name: "clippy",
        claim: "no lint of the root manifest is broken",
        run: lints::clippy,
    },
    Check {
        name: "docs",
        claim: "the documentation builds without a warning",
        run: docs::run,
    },
];

/// Runs all checks, or the named ones. 0 if every one holds, else 1.
pub(crate) fn run(names: &[&str]) -> Result<u8> {
    if names == ["--list"] {
        for check in &CHECKS {
            println!("{:<14}{}", check.name, check.claim);
        }
        return Ok(0);
    }
    for name in names {
        let known = CHECKS.iter().any(|check| check.name == *name);
        anyhow::ensure!(
            known,
            "no check is called `{name}`; see `cargo xtask check --list`"
        );
    }
    let started = Instant::now();
    let house = House::load()?;
    let mut failed = Vec::new();
    let chosen = |check: &&Check| names.is_empty() || names.contains(&check.name);
    for check in CHECKS.iter().filter(chosen) {
        if !run_one(check, &house) {
            failed.push(check.name);
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    if failed.is_empty() {
        println!("check: all hold ({seconds:.1} s)");
        return Ok(0);
    }
    println!(
        "check: {} failed: {} ({seconds:.1} s)",
        failed.len(),
        failed.join(", ")
    );
    Ok(1)
}

fn run_one(check: &Check, house: &House) -> bool {
    let started = Instant::now();
    let found = (check.run)(house);
    let seconds = started.elapsed().as_secs_f64();
    match found {
        Ok(problems) if problems.is_empty() => {
            println!("✓ {}: {} ({seconds:.1} s)", check.name, check.claim);
            true
        }
        Ok(mut problems) => {
            problems.sort();
            println!(
                "✗ {}: not true that {} ({seconds:.1} s)",
                check.name, check.claim
            );
            for problem in problems {
                println!("    {problem}");
            }
            false
        }
        Err(error) => {
            println!(
                "✗ {}: could not be judged ({seconds:.1} s)\n    {error:#}",
                check.name
            );
            false
        }
    }
}
