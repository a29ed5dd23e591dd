//! What a run left: counts, survivors, and which of them are proved equivalent.

use super::PARTS;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The last result of each part.
pub(super) type Ledger = BTreeMap<String, Outcome>;

#[derive(Serialize, Deserialize)]
pub(super) struct Outcome {
    pub(super) commit: String,
    pub(super) total: u64,
    pub(super) caught: u64,
    pub(super) timeout: u64,
    pub(super) unviable: u64,
    pub(super) survivors: Vec<String>,
    /// What the comparison of law and audit did not notice, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uncompared: Option<Vec<String>>,
}

/// A row for each part, also for one that was never run.
pub(super) fn table(ledger: &Ledger) -> String {
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

pub(super) fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

impl Outcome {
    pub(super) fn read(outcomes: &str, missed: &str, commit: &str) -> Result<Self> {
        let outcomes: Value = serde_json::from_str(outcomes).context("outcomes.json is no JSON")?;
        let count = |key: &str| {
            outcomes[key]
                .as_u64()
                .with_context(|| format!("outcomes.json has no count `{key}`"))
        };
        let counted: u64 = ["caught", "missed", "timeout", "unviable"]
            .into_iter()
            .map(count)
            .sum::<Result<u64>>()?;
        anyhow::ensure!(
            counted == count("total_mutants")?,
            "for some mutants the tests neither passed nor failed; nothing was recorded, run it again"
        );
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
    pub(super) fn and_by_its_own(mut self, own: Self) -> Self {
        self.uncompared = Some(self.survivors.clone());
        self.retried(own)
    }

    /// This result, with its survivors tried again.
    pub(super) fn retried(&self, again: Self) -> Self {
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

    /// Leaves survivors to the row that counts them beside this one.
    pub(super) fn drop_survivors(&mut self, beside: &[String]) {
        let before = self.survivors.len();
        self.survivors.retain(|name| !beside.contains(name));
        self.total -= (before - self.survivors.len()) as u64;
    }

    /// A regular expression for the names of the survivors; none if there are none.
    pub(super) fn pattern(&self) -> Option<String> {
        let forms: Vec<String> = self.survivors.iter().map(|name| form(name)).collect();
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

pub(super) struct Judged {
    pub(super) list: String,
    pub(super) survivors: usize,
    pub(super) open: usize,
}

pub(super) fn judge(survivors: &[&str], proofs: &str) -> Judged {
    let mut judged = Judged {
        list: String::new(),
        survivors: 0,
        open: 0,
    };
    for survivor in survivors {
        judged.survivors += 1;
        let proved = is_proved(survivor, proofs);
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

/// Whether a page proves that this mutant behaves as the original.
pub(super) fn is_proved(survivor: &str, proofs: &str) -> bool {
    proofs.contains(&format!("`{}`", without_position(survivor)))
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
        // A mutant whose test was killed from outside is neither caught nor missed.
        let lost = COUNTS.replace("\"caught\":5", "\"caught\":4");
        assert!(Outcome::read(&lost, "", "a").is_err());
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
        let pattern = first().pattern().expect("two survivors");
        assert_eq!(
            pattern,
            r"^(crates/law/src/a\.rs:[0-9]+:[0-9]+: replace < with <= in b|crates/law/src/a\.rs:[0-9]+:[0-9]+: replace c -> bool with true)$"
        );
        let mut rest = first();
        rest.drop_survivors(&[SURVIVORS[0].to_owned(), "other".to_owned()]);
        assert_eq!(
            (rest.total, rest.caught, rest.survivors.as_slice()),
            (8, 5, &[SURVIVORS[1].to_owned()][..]),
            "what is counted beside is not counted here"
        );
        rest.drop_survivors(&[SURVIVORS[1].to_owned()]);
        assert!(rest.pattern().is_none());
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
