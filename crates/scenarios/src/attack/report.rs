//! What came of the attacks.

use std::fmt;

use anyhow::Result;
use serde_json::{Value, json};

use super::Attack;

/// A refusal as the attacker met it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caught {
    /// Code of the check.
    pub code: String,
    /// What it said.
    pub detail: String,
}

/// The two halves of one attack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What the honest twin achieved.
    pub honest: String,
    /// What stopped the attack; `None` when it succeeded.
    pub caught: Option<Caught>,
}

/// All outcomes.
#[derive(Debug, Default)]
pub struct Report {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    attack: &'static str,
    title: &'static str,
    holds: &'static str,
    catcher: &'static str,
    place: &'static str,
    expected: &'static str,
    outcome: Result<Outcome, String>,
}

impl Row {
    fn is_caught(&self) -> bool {
        matches!(&self.outcome, Ok(Outcome { caught: Some(caught), .. }) if caught.code == self.expected)
    }

    fn verdict(&self) -> String {
        match &self.outcome {
            Ok(Outcome {
                caught: Some(caught),
                ..
            }) if caught.code == self.expected => "caught".to_owned(),
            Ok(Outcome {
                caught: Some(caught),
                ..
            }) => {
                format!(
                    "CAUGHT BY ANOTHER CHECK: {} ({})",
                    caught.code, caught.detail
                )
            }
            Ok(Outcome { caught: None, .. }) => "NOT CAUGHT".to_owned(),
            Err(error) => format!("COULD NOT BE JUDGED: {error}"),
        }
    }
}

/// How one attack ended, on one line.
pub(super) fn one_line(attack: &Attack, outcome: &Result<Outcome>) -> String {
    match outcome {
        Ok(Outcome {
            caught: Some(caught),
            honest,
        }) if caught.code == attack.code => {
            format!(
                "caught by the {} ({}): {}; honest twin: {honest}",
                attack.catcher, attack.place, caught.code
            )
        }
        Ok(Outcome {
            caught: Some(caught),
            ..
        }) => format!("caught by another check: {} {}", caught.code, caught.detail),
        Ok(Outcome { caught: None, .. }) => "NOT CAUGHT".to_owned(),
        Err(error) => format!("could not be judged: {error:#}"),
    }
}

impl Report {
    pub(super) fn push(&mut self, attack: &Attack, outcome: Result<Outcome>) {
        self.rows.push(Row {
            attack: attack.name,
            title: attack.title,
            holds: attack.holds,
            catcher: attack.catcher,
            place: attack.place,
            expected: attack.code,
            outcome: outcome.map_err(|error| format!("{error:#}")),
        });
    }

    /// Whether each attack was caught by the very check that is named for it.
    pub fn all_caught(&self) -> bool {
        !self.rows.is_empty() && self.rows.iter().all(Row::is_caught)
    }

    /// For machines.
    pub fn to_json(&self) -> Value {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                let seen = row.outcome.as_ref().ok();
                json!({
                    "attack": row.attack,
                    "attacker_holds": row.holds,
                    "expected": row.expected,
                    "caught": row.is_caught(),
                    "code": seen.and_then(|outcome| outcome.caught.as_ref()).map(|caught| &caught.code),
                    "detail": seen.and_then(|outcome| outcome.caught.as_ref()).map(|caught| &caught.detail),
                    "honest_twin": seen.map(|outcome| &outcome.honest),
                    "by": row.catcher,
                    "where": row.place,
                    "error": row.outcome.as_ref().err(),
                })
            })
            .collect();
        json!({"attacks": rows, "all_caught": self.all_caught()})
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f)?;
        for row in &self.rows {
            writeln!(f, "{:<17} {}", row.attack, row.title)?;
            for (what, said) in [
                ("holds", row.holds),
                ("result", &row.verdict()),
                ("by", row.catcher),
                ("at", row.place),
                ("check", row.expected),
            ] {
                writeln!(f, "{:<17} {what:<6} {said}", "")?;
            }
        }
        let caught = self.rows.iter().filter(|row| row.is_caught()).count();
        writeln!(
            f,
            "\n{caught} of {} caught, each by the check that is named for it",
            self.rows.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(attack: &Attack, code: Option<&str>) -> Report {
        let mut report = Report::default();
        let caught = code.map(|code| Caught {
            code: code.to_owned(),
            detail: "as the attacker met it".to_owned(),
        });
        let honest = "installed".to_owned();
        report.push(attack, Ok(Outcome { honest, caught }));
        report
    }

    #[test]
    fn an_attack_counts_as_caught_only_by_the_check_that_is_named_for_it() {
        for attack in super::super::list() {
            assert!(report(attack, Some(attack.code)).all_caught());
            for code in [Some("another.check"), Some(""), None] {
                let report = report(attack, code);
                assert!(!report.all_caught(), "{attack:?} {code:?}");
                let value = report.to_json();
                assert_eq!(value["all_caught"], false);
                assert_eq!(value["attacks"][0]["caught"], false);
                assert!(report.to_string().contains("0 of 1 caught"));
            }
        }
    }

    #[test]
    fn an_attack_that_could_not_be_judged_is_not_caught() {
        let attack = &super::super::list()[0];
        let mut report = report(attack, Some(attack.code));
        report.push(attack, Err(anyhow::anyhow!("the world did not start")));
        assert!(!report.all_caught());
        assert!(report.to_string().contains("the world did not start"));
    }

    #[test]
    fn no_attack_at_all_is_no_success() {
        assert!(!Report::default().all_caught());
    }

    #[test]
    fn what_is_said_of_each_attack_fits_a_terminal() {
        for attack in super::super::list() {
            let said = report(attack, Some(attack.code)).to_string();
            for line in said.lines() {
                assert!(line.chars().count() <= 80, "{line}");
            }
        }
    }

    #[test]
    fn no_two_attacks_have_one_name() {
        let mut names: Vec<_> = super::super::list().iter().map(|a| a.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), super::super::list().len());
    }
}
