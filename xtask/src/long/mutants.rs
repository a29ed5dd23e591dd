//! Breaks the sources in small ways, one at a time, and sees whether a test notices.
//!
//! A survivor is a break that no test noticed. Each is to be killed by a test, or proved
//! equivalent on `docs/evidence/mutants-equivalent.md`, where its line is quoted without line
//! number; at most ten may be left that way.
//!
//! The run takes hours, so it goes part by part, and each part keeps its last result in
//! `docs/evidence/mutants.json`, from which the page is written anew. `again` tries only what
//! survived the last time, and the mutants in lines that were changed since; a part that
//! was never run is run whole. What was caught before in a line that is as it was is taken to be
//! caught still: a run of the whole part says so anew.

mod compare;
mod ledger;

use ledger::{Ledger, Outcome, judge, short, table};

use crate::cargo::{cargo, output, program, shown, succeeds, succeeds_quietly};
use crate::evidence::Evidence;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

const SURVIVORS_MAX: usize = 10;
const PROOFS: &str = "docs/evidence/mutants-equivalent.md";
const LEDGER: &str = "docs/evidence/mutants.json";
const OUTPUT: &str = "target/mutants";

/// Exit statuses after all mutants were tried: none survived, some did, some timed out.
const COMPLETE: [i32; 3] = [0, 2, 3];

/// What is mutated, by package: floor 0 entirely but its tests, and where audit, supervisor and
/// endpoint judge.
const PARTS: [(&str, &[&str]); 7] = [
    ("statement", &["src/**/*.rs"]),
    ("tlog", &["src/**/*.rs"]),
    ("tuf", &["src/**/*.rs"]),
    ("law", &["src/**/*.rs"]),
    ("audit", &["src/judge.rs", "src/judge/*.rs"]),
    (
        "supervisor",
        &[
            "src/decide.rs",
            "src/evidence.rs",
            "src/cosign.rs",
            "src/metadata.rs",
        ],
    ),
    (
        "endpoint",
        &[
            "src/evidence.rs",
            "src/memory.rs",
            "src/update.rs",
            "src/verify.rs",
        ],
    ),
];

/// The parts that a second implementation is compared with on generated histories (`crates/audit/tests/histories`): this
/// test runs first, alone, and how many it notices is said apart; only the rest meets the part's own tests.
const COMPARED: [&str; 2] = ["law", "audit"];
/// How many histories a mutant has to go unnoticed in.
const HISTORIES: &str = "80";

const MEANING: &str = "Each mutant is one small break of the source; `caught` means a test failed on it, `timed out` that the tests ran much longer than without it. \
`by comparison` counts those that the comparison of law and audit notices by itself. \
A survivor is listed with its proof that it behaves the same, or as open.";

/// `rest` names parts (none: all), after an optional `again` or `alone` (a compared part meets its own tests only, which is quicker).
/// After `compare`, law and audit are only compared, which builds once.
pub(super) fn run(root: &Path, rest: &[&str]) -> Result<bool> {
    if let ["compare", rest @ ..] = rest {
        return compare::run(root, rest);
    }
    let (mode, rest) = match rest {
        ["again", rest @ ..] => (Mode::Again, rest),
        ["alone", rest @ ..] => (Mode::Alone, rest),
        rest => (Mode::Whole, rest),
    };
    let known = |name: &&str| PARTS.iter().any(|(part, _)| part == name);
    if let Some(stranger) = rest.iter().find(|name| !known(name)) {
        let parts: Vec<_> = PARTS.iter().map(|(part, _)| *part).collect();
        anyhow::bail!("`{stranger}` is no part: {}", parts.join(", "));
    }
    install(root)?;
    for (part, files) in PARTS {
        if rest.is_empty() || rest.contains(&part) {
            try_part(root, part, files, mode)?;
        }
    }
    write_page(root)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Whole,
    Again,
    Alone,
}

fn install(root: &Path) -> Result<()> {
    if succeeds_quietly(cargo(root).args(["mutants", "--version"])) {
        return Ok(());
    }
    let mut install = cargo(root);
    install.args(["install", "--locked", "cargo-mutants"]);
    anyhow::ensure!(succeeds(&mut install)?, "`{}` failed", shown(&install));
    Ok(())
}

fn try_part(root: &Path, part: &str, files: &[&str], mode: Mode) -> Result<()> {
    for file in files.iter().filter(|file| !file.contains('*')) {
        let path = format!("crates/{part}/{file}");
        anyhow::ensure!(
            root.join(&path).exists(),
            "{path} is gone: say in PARTS of xtask/src/long/mutants.rs where that judgement is now"
        );
    }
    let folder: PathBuf = root.join(OUTPUT).join(part);
    std::fs::create_dir_all(&folder).context("cannot make the folder of the mutants")?;
    let mut ledger = ledger(root)?;
    let before: Vec<String> = ledger
        .keys()
        .filter(|title| *title == part || title.starts_with(&format!("{part}:")))
        .cloned()
        .collect();
    let mut rows: Ledger = before
        .iter()
        .filter_map(|title| ledger.remove_entry(title))
        .collect();
    match rows.get(part).map(|whole| whole.commit.clone()) {
        Some(commit) if mode == Mode::Again => {
            try_again(root, (part, files), &folder, &commit, &mut rows)?;
            ledger.append(&mut rows);
        }
        // What changed since an older run is part of this one.
        _ => {
            let outcome = if COMPARED.contains(&part) && mode != Mode::Alone {
                let compared = run_part(root, part, files, &folder, &Round::Comparison)?;
                let own = run_part(root, part, files, &folder, &Round::Rest)?;
                compared.and_by_its_own(own)
            } else {
                run_part(root, part, files, &folder, &Round::All)?
            };
            ledger.insert(part.to_owned(), outcome);
        }
    }
    let text = serde_json::to_string_pretty(&ledger)? + "\n";
    std::fs::write(root.join(LEDGER), text).with_context(|| format!("cannot write {LEDGER}"))
}

/// Tries what changed in a part since `commit`, as a row of its own, and the survivors of each row again.
fn try_again(
    root: &Path,
    (part, files): (&str, &[&str]),
    folder: &Path,
    commit: &str,
    rows: &mut Ledger,
) -> Result<()> {
    let beside = match changed(root, part, files, commit)? {
        None => None,
        Some(diff) => Some(run_part(root, part, files, folder, &Round::Changed(&diff))?),
    };
    for row in rows.values_mut() {
        if let Some(pattern) = row.pattern() {
            let round = Round::Named(&pattern);
            *row = row.retried(run_part(root, part, files, folder, &round)?);
        }
        if let Some(beside) = &beside {
            row.drop_survivors(&beside.survivors);
            row.commit.clone_from(&beside.commit);
        }
    }
    if let Some(beside) = beside {
        let title = format!("{part}: what changed since {}", short(commit));
        rows.insert(title, beside);
    }
    Ok(())
}

/// A file with what is otherwise in the sources of a part than at `commit`; none if nothing is.
fn changed(root: &Path, part: &str, files: &[&str], commit: &str) -> Result<Option<PathBuf>> {
    let mut git = program(root, "git");
    git.args(["diff", "--diff-filter=d", commit, "--"]);
    for file in files {
        git.arg(format!(":(glob)crates/{part}/{file}"));
    }
    let text = output(&mut git)?;
    if text.is_empty() {
        return Ok(None);
    }
    let diff = root.join(OUTPUT).join(format!("{part}.diff"));
    std::fs::write(&diff, text + "\n").context("cannot write what changed")?;
    Ok(Some(diff))
}

/// Which mutants are tried, and by which tests.
enum Round<'a> {
    /// All, by the tests of the package.
    All,
    /// All, by the comparison of law and audit.
    Comparison,
    /// Those that the round before did not catch, by the tests of the package.
    Rest,
    /// Those in lines that this diff changed, by the tests of the package.
    Changed(&'a Path),
    /// Those whose name has this form, by the tests of the package.
    Named(&'a str),
}

fn run_part(
    root: &Path,
    part: &str,
    files: &[&str],
    folder: &Path,
    round: &Round<'_>,
) -> Result<Outcome> {
    let mut command = cargo(root);
    command.args(["mutants", "--no-shuffle", "--colors=never", "--jobs=2"]);
    command.args(["--package", &format!("limpid-{part}")]);
    command.arg("--output").arg(folder);
    for file in files {
        command.args(["--file", &format!("crates/{part}/{file}")]);
    }
    if crate::test::has_nextest(root) {
        // Stops at the first test that notices, where libtest runs all the others too.
        command.arg("--test-tool=nextest");
    }
    match round {
        Round::All => {}
        Round::Changed(diff) => {
            command.arg("--in-diff").arg(diff);
        }
        Round::Named(pattern) => {
            command.args(["--re", pattern]);
        }
        Round::Rest => {
            command.arg("--iterate");
        }
        Round::Comparison => {
            // The unbroken tree is not tried first: that would look for this test in the broken package.
            command.args(["--baseline=skip", "--timeout=120"]);
            command.args(["--test-package=limpid-audit", "--", "--test=histories"]);
            command.env("LIMPID_HISTORIES", HISTORIES);
        }
    }
    println!("> {}", shown(&command));
    let status = command
        .status()
        .context("cannot start cargo mutants")?
        .code();
    // A run that did not end would leave the counts of its first part, or of an older run.
    anyhow::ensure!(
        status.is_some_and(|code| COMPLETE.contains(&code)),
        "cargo mutants did not end its run of {part} (exit status {status:?}); nothing was recorded"
    );
    let folder = folder.join("mutants.out");
    Outcome::read(
        &read(&folder.join("outcomes.json"))?,
        &read(&folder.join("missed.txt"))?,
        &output(program(root, "git").args(["rev-parse", "HEAD"]))?,
    )
}

fn ledger(root: &Path) -> Result<Ledger> {
    match std::fs::read_to_string(root.join(LEDGER)) {
        Ok(text) => serde_json::from_str(&text)
            .with_context(|| format!("{LEDGER} cannot be read; remove it to start anew")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Ledger::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read {LEDGER}")),
    }
}

fn write_page(root: &Path) -> Result<bool> {
    let ledger = ledger(root)?;
    let survivors: Vec<&str> = ledger
        .values()
        .flat_map(|outcome| outcome.survivors.iter().map(String::as_str))
        .collect();
    let proofs = std::fs::read_to_string(root.join(PROOFS)).unwrap_or_default();
    let judged = judge(&survivors, &proofs);
    Evidence {
        name: "mutants",
        title: "Mutants",
        meaning: MEANING,
        command: "cargo xtask long mutants".to_owned(),
        result: format!("{}\n\n{}", table(&ledger), judged.list),
    }
    .write(root)?;
    println!(
        "{} survivors, {} of them open",
        judged.survivors, judged.open
    );
    let complete = PARTS.iter().all(|(part, _)| ledger.contains_key(*part));
    Ok(complete && judged.open == 0 && judged.survivors <= SURVIVORS_MAX)
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| {
        format!(
            "cargo mutants left no {}; its report is above",
            path.display()
        )
    })
}
