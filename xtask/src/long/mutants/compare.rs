//! Which small breaks of `law` or of the audit's judgement are noticed by comparing the two, and by nothing else.
//!
//! To build the tests anew for each of 1,600 breaks would take days. So all of them stand in one program, each behind
//! a number (`schema`), and the program is built once (`built`) and run for each number (`tried`).
//!
//! `again` tries only what survived the last time, among more histories or others.

mod built;
mod listed;
mod schema;
mod tried;

use super::ledger::{is_proved, short};
use super::{COMPARED, OUTPUT, PARTS, PROOFS, install};
use crate::cargo::{output, program};
use crate::evidence::Evidence;
use anyhow::{Context, Result};
use listed::{Mutant, list};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tried::{Fate, reach, try_each};

const LEDGER: &str = "docs/evidence/mutants-compared.json";
/// Histories of which the first that reach a mutant are told with it.
const HISTORIES: u64 = 150;
/// In how many of them a mutant has to go unnoticed.
const TOLD_MAX: usize = 80;

const MEANING: &str = "Each mutant is one small break of the law or of the audit's judgement. It is noticed if law and audit, \
fed the same generated histories (`crates/audit/tests/histories`), then differ or one of them panics; no other test is asked. \
Only histories that reach a mutant are told with it. What was not noticed is tried again (`compare again`) when the histories \
say or ask more; the counts are of all runs together. It says how much the comparison by itself would find, not how much the tests find: that is `mutants.md`.";

/// Why no history comes to some mutants of a file: whoever asks that has no counterpart on the other side, or is compared elsewhere.
const UNASKED: [(&str, &str); 18] = [
    ("crates/audit/src/judge/admission.rs", FINDINGS),
    ("crates/audit/src/judge/adverse.rs", FINDINGS),
    ("crates/audit/src/judge/again.rs", FINDINGS),
    ("crates/audit/src/judge/beside.rs", FINDINGS),
    ("crates/audit/src/judge/cedar.rs", REPLAYED),
    ("crates/audit/src/judge/clock.rs", FINDINGS),
    ("crates/audit/src/judge/custody.rs", CUSTODY),
    ("crates/audit/src/judge/facts.rs", CUSTODY),
    ("crates/audit/src/judge/findings.rs", FINDINGS),
    ("crates/audit/src/judge/homes.rs", REPLAYED),
    ("crates/audit/src/judge/promises.rs", FINDINGS),
    ("crates/audit/src/judge/residence.rs", FINDINGS),
    ("crates/audit/src/judge/signed.rs", FINDINGS),
    ("crates/audit/src/judge/types.rs", FINDINGS),
    ("crates/law/src/custody.rs", CUSTODY),
    (
        "crates/law/src/marked.rs",
        "a log settles in two steps, which no other asks",
    ),
    (
        "crates/law/src/prunable.rs",
        "only a log asks what it may stop serving; the audit takes whole logs",
    ),
    (
        "crates/law/src/waiting.rs",
        "it plans an activation and grants nothing; the activation is judged like every entry",
    ),
];
const FINDINGS: &str = "the findings of the report: the law refuses, and reports nothing";
const REPLAYED: &str =
    "documents of a policy are evaluated by the audit; the law knows their digests only";
const CUSTODY: &str =
    "statements about samples, which the audit counts and the law looks up by digest";

/// What is said for people, and not compared.
const WORDS: [&str; 5] = [
    "Display for ",
    "replace Refusal::detail",
    "::describe ",
    "replace chain -> String",
    "replace shown_line -> String",
];

/// The last result of each part.
type Ledger = BTreeMap<String, Compared>;

#[derive(Serialize, Deserialize, Default)]
struct Compared {
    commit: String,
    histories: u64,
    told_max: usize,
    total: usize,
    noticed: usize,
    timed_out: usize,
    uncompiled: usize,
    /// They cannot stand beside the others in one program, and were not tried.
    untried: Vec<String>,
    /// Reached, and nobody noticed.
    survived: Vec<String>,
    /// No history came to them.
    unreached: Vec<String>,
}

/// `rest` names parts (none: both), after an optional `again`; or is `page`, for the page alone.
pub(super) fn run(root: &Path, rest: &[&str]) -> Result<bool> {
    if rest == ["page"] {
        return write_page(root, &read_ledger(root)?);
    }
    let (again, rest) = match rest {
        ["again", rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    if let Some(stranger) = rest.iter().find(|part| !COMPARED.contains(part)) {
        anyhow::bail!("`{stranger}` is not compared: {}", COMPARED.join(", "));
    }
    install(root)?;
    let mut ledger = read_ledger(root)?;
    let mut mutants: Vec<Mutant> = Vec::new();
    let mut of_part: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (part, files) in PARTS {
        if !COMPARED.contains(&part) || !(rest.is_empty() || rest.contains(&part)) {
            continue;
        }
        let listed = list(root, part, files, mutants.len())?;
        let before = ledger.get(part).filter(|_| again);
        let wanted = |mutant: &&Mutant| before.is_none_or(|last| last.wants(&mutant.name));
        of_part.insert(
            part,
            listed
                .iter()
                .filter(wanted)
                .map(|mutant| mutant.number)
                .collect(),
        );
        mutants.extend(listed);
    }
    let parts: Vec<&str> = of_part.keys().copied().collect();
    let folder = root.join(OUTPUT).join("compared");
    let tried: BTreeSet<usize> = of_part.values().flatten().copied().collect();
    let fates = compare(root, &folder, &parts, (&mutants, &tried))?;
    for (part, numbers) in of_part {
        let mut row = Compared::new(root, &mutants, &numbers, &fates)?;
        if again && let Some(last) = ledger.remove(part) {
            row.add(&last);
        }
        ledger.insert(part.to_owned(), row);
    }
    let text = serde_json::to_string_pretty(&ledger)? + "\n";
    std::fs::write(root.join(LEDGER), text).with_context(|| format!("cannot write {LEDGER}"))?;
    write_page(root, &ledger)
}

/// What became of each mutant, by number.
struct Fates {
    tried: BTreeMap<usize, Fate>,
    uncompiled: BTreeSet<usize>,
}

/// All mutants are in the program, so that it is the same one the next time; those in `tried` are awake once each.
fn compare(
    root: &Path,
    folder: &Path,
    parts: &[&str],
    (mutants, tried): (&[Mutant], &BTreeSet<usize>),
) -> Result<Fates> {
    std::fs::create_dir_all(folder).context("cannot make the folder of the mutants")?;
    let built = built::build(root, folder, parts, mutants)?;
    let inside = |mutant: &&Mutant| {
        tried.contains(&mutant.number)
            && !built.uncompiled.contains(&mutant.number)
            && !built.unwritable.contains(&mutant.number)
    };
    let inside: Vec<&Mutant> = mutants.iter().filter(inside).collect();
    println!(
        "{} of {} mutants are tried in {}",
        inside.len(),
        tried.len(),
        built.program.display()
    );
    let reached = reach(&built.program, folder, HISTORIES)?;
    let fates = try_each(&built.program, folder, &inside, (&reached, TOLD_MAX))?;
    let numbers = inside.iter().map(|mutant| mutant.number);
    Ok(Fates {
        tried: numbers.zip(fates).collect(),
        uncompiled: built.uncompiled,
    })
}

impl Compared {
    fn new(root: &Path, mutants: &[Mutant], numbers: &[usize], fates: &Fates) -> Result<Self> {
        let mut row = Self {
            commit: output(program(root, "git").args(["rev-parse", "HEAD"]))?,
            histories: HISTORIES,
            told_max: TOLD_MAX,
            total: numbers.len(),
            ..Self::default()
        };
        for number in numbers {
            let name = mutants[*number].name.clone();
            match fates.tried.get(number) {
                Some(Fate::Noticed) => row.noticed += 1,
                Some(Fate::TimedOut) => row.timed_out += 1,
                Some(Fate::Survived) => row.survived.push(name),
                Some(Fate::Unreached) => row.unreached.push(name),
                None if fates.uncompiled.contains(number) => row.uncompiled += 1,
                None => row.untried.push(name),
            }
        }
        Ok(row)
    }

    /// Whether this mutant was not noticed the last time.
    fn wants(&self, name: &String) -> bool {
        self.survived.contains(name) || self.unreached.contains(name)
    }

    /// Takes over what was not tried again.
    fn add(&mut self, last: &Self) {
        self.total = last.total;
        self.timed_out += last.timed_out;
        self.uncompiled += last.uncompiled;
        self.untried.extend(last.untried.iter().cloned());
        self.noticed = self.total
            - self.timed_out
            - self.uncompiled
            - self.untried.len()
            - self.survived.len()
            - self.unreached.len();
    }

    fn row(&self, part: &str) -> String {
        format!(
            "| {part} | {} | {} | {} | {} | {} | {} | {} | `{}` |\n",
            self.total,
            self.noticed,
            self.timed_out,
            self.survived.len(),
            self.unreached.len(),
            self.uncompiled,
            self.untried.len(),
            short(&self.commit),
        )
    }
}

fn read_ledger(root: &Path) -> Result<Ledger> {
    match std::fs::read_to_string(root.join(LEDGER)) {
        Ok(text) => serde_json::from_str(&text)
            .with_context(|| format!("{LEDGER} cannot be read; remove it to start anew")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Ledger::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read {LEDGER}")),
    }
}

/// True if whatever the histories ask about is noticed, or proved to behave the same.
fn write_page(root: &Path, ledger: &Ledger) -> Result<bool> {
    let proofs = std::fs::read_to_string(root.join(PROOFS)).unwrap_or_default();
    let (text, open) = page(ledger, &proofs);
    Evidence {
        name: "mutants-compared",
        title: "Mutants that the comparison notices",
        meaning: MEANING,
        command: "cargo xtask long mutants compare".to_owned(),
        result: text,
    }
    .write(root)?;
    println!("{open} mutants are open");
    Ok(open == 0 && COMPARED.iter().all(|part| ledger.contains_key(*part)))
}

/// The page, and how many survivors are neither explained nor proved to behave the same.
fn page(ledger: &Ledger, proofs: &str) -> (String, usize) {
    let mut text = "| part | mutants | noticed | timed out | survived | never reached | did not compile | not tried | commit |\n\
                    |---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for (part, row) in ledger {
        text.push_str(&row.row(part));
    }
    if let Some(row) = ledger.values().next() {
        let (all, most) = (row.histories, row.told_max);
        text.push_str(&format!(
            "\n{all} histories; each mutant was looked for in at most {most} of those that reach it.\n"
        ));
    }
    let groups = group(ledger, proofs);
    text.push_str("\n## No history comes to it, and why\n\n");
    for (path, why) in UNASKED {
        let count = groups.unasked.get(path).copied().unwrap_or(0);
        text.push_str(&format!("- `{path}`, {count} mutants: {why}\n"));
    }
    let untried = ledger.values().flat_map(|row| &row.untried);
    let untried: Vec<_> = untried.map(|name| format!("- `{name}`\n")).collect();
    for (title, list) in [
        ("Words for people, not compared", &groups.words),
        (
            "Behave the same, see `mutants-equivalent.md`",
            &groups.proved,
        ),
        ("Open", &groups.open),
        (
            "Not tried: they cannot stand beside the others in one program",
            &untried,
        ),
    ] {
        text.push_str(&format!(
            "\n## {title}\n\n{} mutants.\n\n{}",
            list.len(),
            list.concat()
        ));
    }
    (text, groups.open.len())
}

/// Who was not noticed, and why.
#[derive(Default)]
struct Groups {
    unasked: BTreeMap<String, usize>,
    words: Vec<String>,
    proved: Vec<String>,
    open: Vec<String>,
}

fn group(ledger: &Ledger, proofs: &str) -> Groups {
    let mut groups = Groups::default();
    let survivors = ledger.values().flat_map(|row| {
        let survived = row.survived.iter().map(|name| (name, true));
        survived.chain(row.unreached.iter().map(|name| (name, false)))
    });
    for (name, is_reached) in survivors {
        let file = name.split(':').next().unwrap_or(name);
        let how = if is_reached { "" } else { ", never reached" };
        let line = format!("- `{name}`{how}\n");
        if is_proved(name, proofs) {
            groups.proved.push(line);
        } else if WORDS.iter().any(|word| name.contains(word)) {
            groups.words.push(line);
        } else if !is_reached && UNASKED.iter().any(|(path, _)| *path == file) {
            *groups.unasked.entry(file.to_owned()).or_default() += 1;
        } else {
            groups.open.push(line);
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survivors_are_told_apart_by_why() {
        let row = Compared {
            survived: [
                "a.rs:1:2: replace < with <= in b",
                "a.rs:2:2: replace Refusal::detail -> &str with \"\"",
            ]
            .map(str::to_owned)
            .to_vec(),
            unreached: vec![
                "crates/law/src/prunable.rs:1:2: x".to_owned(),
                "a.rs:3:3: y".to_owned(),
            ],
            total: 5,
            noticed: 1,
            ..Compared::default()
        };
        let ledger = Ledger::from([("law".to_owned(), row)]);
        let groups = group(&ledger, "`a.rs: replace < with <= in b`");
        assert_eq!(groups.unasked["crates/law/src/prunable.rs"], 1);
        assert_eq!((groups.words.len(), groups.proved.len()), (1, 1));
        assert_eq!(groups.open, ["- `a.rs:3:3: y`, never reached\n"]);
        let (text, open) = page(&ledger, "");
        assert_eq!(open, 2);
        assert!(text.contains("| law | 5 | 1 |"));
    }
}
