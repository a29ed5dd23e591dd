//! Breaks the sources in small ways, one at a time, and sees whether a test notices.
//!
//! A survivor is a break that no test noticed. Each is to be killed by a test, or proved
//! equivalent on `docs/evidence/mutants-equivalent.md`, where its line is quoted without line
//! number; at most ten may be left that way.
//!
//! The run takes hours, so it goes part by part, and each part keeps its last result in
//! `docs/evidence/mutants.json`, from which the page is written anew. `again` tries only what
//! survived the last time, and all mutants of the files that were changed since; a part that
//! was never run is run whole.

use crate::cargo::{cargo, output, program, shown, succeeds, succeeds_quietly};
use crate::evidence::Evidence;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
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

/// The last result of each part.
type Ledger = BTreeMap<String, Outcome>;

#[derive(Serialize, Deserialize)]
struct Outcome {
    commit: String,
    total: u64,
    caught: u64,
    timeout: u64,
    unviable: u64,
    survivors: Vec<String>,
    /// What the comparison of law and audit did not notice, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uncompared: Option<Vec<String>>,
}

/// `rest` names parts (none: all), after an optional `again` or `alone` (a compared part meets its own tests only, which is quicker).
pub(super) fn run(root: &Path, rest: &[&str]) -> Result<bool> {
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
    match ledger.remove(part) {
        Some(before) if mode == Mode::Again => {
            let changed = changed(root, part, files, &before.commit)?;
            if !changed.is_empty() {
                let title = format!("{part}: what changed since {}", short(&before.commit));
                let round = Round::Files(&changed);
                ledger.insert(title, run_part(root, part, files, &folder, &round)?);
            }
            let after = match before.pattern(&changed) {
                None => before.without(&changed),
                Some(pattern) => {
                    let round = Round::Named(&pattern);
                    let again = run_part(root, part, files, &folder, &round)?;
                    before.without(&changed).retried(again)
                }
            };
            ledger.insert(part.to_owned(), after);
        }
        _ => {
            // What changed since an older run is part of this one.
            ledger.retain(|title, _| !title.starts_with(&format!("{part}:")));
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

/// The files of a part that are not what they were at `commit`.
fn changed(root: &Path, part: &str, files: &[&str], commit: &str) -> Result<Vec<String>> {
    let mut git = program(root, "git");
    git.args(["diff", "--name-only", "--diff-filter=d", commit, "--"]);
    for file in files {
        git.arg(format!(":(glob)crates/{part}/{file}"));
    }
    Ok(output(&mut git)?.lines().map(str::to_owned).collect())
}

/// Which mutants are tried, and by which tests.
enum Round<'a> {
    /// All, by the tests of the package.
    All,
    /// All, by the comparison of law and audit.
    Comparison,
    /// Those that the round before did not catch, by the tests of the package.
    Rest,
    /// All of these files, by the tests of the package.
    Files(&'a [String]),
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
    if let Round::Files(changed) = round {
        for file in *changed {
            command.args(["--file", file]);
        }
    } else {
        for file in files {
            command.args(["--file", &format!("crates/{part}/{file}")]);
        }
    }
    if crate::test::has_nextest(root) {
        // Stops at the first test that notices, where libtest runs all the others too.
        command.arg("--test-tool=nextest");
    }
    match round {
        Round::All | Round::Files(_) => {}
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

/// A row for each part, also for one that was never run.
fn table(ledger: &Ledger) -> String {
    let mut table =
        "| part | mutants | caught | by comparison | survived | timed out | did not compile | commit |\n\
                     |---|---|---|---|---|---|---|---|\n"
            .to_owned();
    for (part, _) in PARTS {
        let row = match ledger.get(part) {
            None => format!("| {part} | not run | | | | | | |\n"),
            Some(outcome) => outcome.row(part),
        };
        table.push_str(&row);
        let since = format!("{part}:");
        for (title, outcome) in ledger.iter().filter(|(title, _)| title.starts_with(&since)) {
            table.push_str(&outcome.row(title));
        }
    }
    table
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| {
        format!(
            "cargo mutants left no {}; its report is above",
            path.display()
        )
    })
}

impl Outcome {
    fn read(outcomes: &str, missed: &str, commit: &str) -> Result<Self> {
        let outcomes: Value = serde_json::from_str(outcomes).context("outcomes.json is no JSON")?;
        let count = |key: &str| {
            outcomes[key]
                .as_u64()
                .with_context(|| format!("outcomes.json has no count `{key}`"))
        };
        let lines = missed.lines().filter(|line| !line.trim().is_empty());
        Ok(Self {
            commit: commit.to_owned(),
            total: count("total_mutants")?,
            caught: count("caught")?,
            timeout: count("timeout")?,
            unviable: count("unviable")?,
            survivors: lines.map(str::to_owned).collect(),
            uncompared: None,
        })
    }

    /// The result of the comparison, after what it did not notice met the part's own tests.
    fn and_by_its_own(mut self, own: Self) -> Self {
        self.uncompared = Some(self.survivors.clone());
        self.retried(own)
    }

    /// This result, with its survivors tried again.
    fn retried(&self, again: Self) -> Self {
        // Another break of the same name in the same file may have been tried beside.
        let noticed = self.survivors.len().saturating_sub(again.survivors.len());
        Self {
            commit: again.commit,
            total: self.total,
            caught: self.caught + noticed as u64,
            timeout: self.timeout,
            unviable: self.unviable,
            survivors: again.survivors,
            uncompared: self.uncompared.clone(),
        }
    }

    /// This result without survivors in `files`, whose mutants are tried and counted anew.
    fn without(&self, files: &[String]) -> Self {
        let mut rest = self.retried(Self {
            survivors: self.survivors.clone(),
            commit: self.commit.clone(),
            uncompared: None,
            ..*self
        });
        let before = rest.survivors.len();
        rest.survivors.retain(|name| !is_in(name, files));
        rest.total -= (before - rest.survivors.len()) as u64;
        rest
    }

    /// A regular expression for the names of the survivors that are not in `files`; none if there are none.
    fn pattern(&self, files: &[String]) -> Option<String> {
        let names = self.survivors.iter().filter(|name| !is_in(name, files));
        let forms: Vec<String> = names.map(|name| form(name)).collect();
        (!forms.is_empty()).then(|| format!("^({})$", forms.join("|")))
    }

    fn row(&self, part: &str) -> String {
        let by_comparison = self.uncompared.as_ref().map_or(String::new(), |rest| {
            let viable = self.total - self.unviable;
            (viable - rest.len() as u64).to_string()
        });
        format!(
            "| {part} | {} | {} | {by_comparison} | {} | {} | {} | `{}` |\n",
            self.total,
            self.caught,
            self.survivors.len(),
            self.timeout,
            self.unviable,
            short(&self.commit),
        )
    }
}

fn is_in(survivor: &str, files: &[String]) -> bool {
    let file = survivor.split(':').next().unwrap_or(survivor);
    files.iter().any(|changed| changed == file)
}

/// The regular expression of one mutant's name, wherever in the file it stands now.
fn form(survivor: &str) -> String {
    let mut form = String::new();
    for character in without_position(survivor).chars() {
        if r"\.+*?()|[]{}^$".contains(character) {
            form.push('\\');
        }
        form.push(character);
    }
    form.replacen(": ", ":[0-9]+:[0-9]+: ", 1)
}

struct Judged {
    list: String,
    survivors: usize,
    open: usize,
}

fn judge(survivors: &[&str], proofs: &str) -> Judged {
    let mut judged = Judged {
        list: String::new(),
        survivors: 0,
        open: 0,
    };
    for survivor in survivors {
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

    const SURVIVORS: [&str; 2] = [
        "crates/law/src/a.rs:10:5: replace < with <= in b",
        "crates/law/src/a.rs:12:5: replace c -> bool with true",
    ];
    const COUNTS: &str =
        r#"{"total_mutants":9,"caught":5,"missed":2,"timeout":1,"unviable":1,"outcomes":[]}"#;

    fn first() -> Outcome {
        Outcome::read(COUNTS, &SURVIVORS.join("\n"), "0123456789abcdef").expect("complete")
    }

    #[test]
    fn a_survivor_is_open_until_its_proof_is_written() {
        let proofs =
            "## `crates/law/src/a.rs: replace < with <= in b`\n\nBoth sides are never equal.\n";
        let judged = judge(&SURVIVORS, proofs);
        assert_eq!((judged.survivors, judged.open), (2, 1));
        assert!(
            judged
                .list
                .contains("a.rs:12:5: replace c -> bool with true`: **open**")
        );
    }

    #[test]
    fn no_survivor_is_said_in_words() {
        let judged = judge(&[], "");
        assert_eq!(
            (judged.survivors, judged.list.as_str()),
            (0, "No survivor.\n")
        );
    }

    #[test]
    fn counts_are_read_and_a_missing_one_is_an_error() {
        assert_eq!(
            first().row("law"),
            "| law | 9 | 5 |  | 2 | 1 | 1 | `0123456789ab` |\n"
        );
        assert!(Outcome::read(&COUNTS.replace("\"caught\":5,", ""), "", "a").is_err());
    }

    #[test]
    fn what_is_caught_again_moves_from_the_survivors_to_the_caught() {
        let counts = r#"{"total_mutants":2,"caught":1,"missed":1,"timeout":0,"unviable":0}"#;
        let again = Outcome::read(counts, SURVIVORS[0], "f").expect("complete");
        assert_eq!(
            first().retried(again).row("law"),
            "| law | 9 | 6 |  | 1 | 1 | 1 | `f` |\n"
        );
    }

    #[test]
    fn a_survivor_is_found_again_wherever_it_stands() {
        let pattern = first().pattern(&[]).expect("two survivors");
        assert_eq!(
            pattern,
            r"^(crates/law/src/a\.rs:[0-9]+:[0-9]+: replace < with <= in b|crates/law/src/a\.rs:[0-9]+:[0-9]+: replace c -> bool with true)$"
        );
        let files = ["crates/law/src/a.rs".to_owned()];
        assert!(first().pattern(&files).is_none());
        let rest = first().without(&files);
        assert_eq!(
            (rest.total, rest.caught, rest.survivors.len()),
            (7, 5, 0),
            "what is tried elsewhere is not counted here"
        );
    }

    #[test]
    fn what_the_comparison_notices_is_said_apart() {
        let counts = r#"{"total_mutants":2,"caught":2,"missed":0,"timeout":0,"unviable":0}"#;
        let own = Outcome::read(counts, "", "f").expect("complete");
        assert_eq!(
            first().and_by_its_own(own).row("law"),
            "| law | 9 | 7 | 6 | 0 | 1 | 1 | `f` |\n"
        );
    }

    #[test]
    fn a_part_that_was_not_run_says_so() {
        let ledger = Ledger::from([("law".to_owned(), first())]);
        let table = table(&ledger);
        assert!(table.contains("| tuf | not run |"));
        assert!(table.contains("| law | 9 |"));
    }
}
