//! The report for people, in 80 columns.

use crate::findings::Found;
use crate::judge::Severity;
use crate::report::{
    Age, LogReport, NOT_PROVED, Outcome, Report, facts_of, facts_of_repository, when, word,
};
use crate::run_cross::hours;

const COLUMNS: usize = 80;
/// Column where the text of a fact begins.
const FACT: usize = 16;

impl Report {
    /// The report as text; no line is longer than 80 columns, but for words that fit nowhere.
    pub fn to_text(&self) -> String {
        let mut text = format!("Audit: {}\n", self.outcome.headline());
        text += &format!(
            "{} red, {} amber, {} notes; {} of {} logs that the constitution names were read\n\n",
            self.count(Severity::Red),
            self.count(Severity::Amber),
            self.count(Severity::Note),
            self.named_and_read(),
            self.logs_named.len(),
        );
        text += &format!("anchor  {}\n", self.anchor);
        text += &format!("judged  {}\n", when(self.now));
        for log in &self.logs {
            log_text(&mut text, log);
        }
        if let Some((place, counts)) = &self.repository {
            text.push('\n');
            fold(&mut text, 0, 2, &format!("repository  at {place}"));
            facts(&mut text, &facts_of_repository(counts));
        }
        self.findings_text(&mut text);
        if self.outcome == Outcome::Held && self.findings.is_empty() {
            text += "\nNothing was found.\n";
        }
        text += "\nWhat this does not prove\n";
        for line in NOT_PROVED {
            fold(&mut text, 2, 4, &format!("- {line}"));
        }
        text
    }

    fn named_and_read(&self) -> usize {
        let read = |name: &&String| self.logs.iter().any(|log| log.origin == **name);
        self.logs_named.iter().filter(read).count()
    }

    fn findings_text(&self, text: &mut String) {
        for severity in [Severity::Red, Severity::Amber, Severity::Note] {
            let count = self.count(severity);
            if count == 0 {
                continue;
            }
            *text += &format!("\n{} ({count})\n", word(severity).to_uppercase());
            let found = self.findings.iter();
            for found in found.filter(|found| found.finding.severity == severity) {
                finding_text(text, found);
            }
            for (log, code, _, count) in self.more.iter().filter(|more| more.2 == severity) {
                fold(
                    text,
                    2,
                    4,
                    &format!("{code}  {log}: {count} more like these"),
                );
            }
        }
        for evidence in &self.evidence {
            text.push('\n');
            let line = format!("EVIDENCE  {}: {}", evidence.origin, evidence.why);
            fold(text, 0, 2, &line);
            for note in [&evidence.earlier, &evidence.later] {
                for line in String::from_utf8_lossy(note).lines().take(3) {
                    *text += &format!("  | {}\n", printable(line));
                }
                *text += "  |\n";
            }
            if let Some(fork) = &evidence.fork {
                let line = format!(
                    "for anybody to judge, where evidence is written: {} (limpid proof verify)",
                    fork.name
                );
                fold(text, 2, 2, &line);
            }
        }
    }
}

fn log_text(text: &mut String, log: &LogReport) {
    text.push('\n');
    let age = match (log.age, log.age_seconds) {
        (Age::Fresh, Some(seconds)) => format!("fresh, {} old", hours(seconds)),
        (Age::Amber, Some(seconds)) => format!("AMBER, {} old", hours(seconds)),
        (_, Some(seconds)) => format!("RED, {} old", hours(seconds)),
        (_, None) => "RED, no checkpoint holds".to_owned(),
    };
    fold(
        text,
        0,
        2,
        &format!("{}  {age}; at {}", log.origin, log.place),
    );
    facts(text, &facts_of(log));
}

fn facts(text: &mut String, facts: &[(&'static str, String)]) {
    for (name, fact) in facts {
        fold(text, 2, FACT, &format!("{name:<14}{fact}"));
    }
}

fn finding_text(text: &mut String, found: &Found) {
    fold(text, 2, 4, &head_of(found));
    fold(text, 4, 4, &found.finding.what);
    fold(text, 4, 7, &format!("-> {}", found.finding.remedy));
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (head, what) = (head_of(self), printable(&self.finding.what));
        write!(f, "{}  {head}: {what}", word(self.finding.severity))
    }
}

/// Code, log and entry: what anybody needs to look it up.
fn head_of(found: &Found) -> String {
    let mut head = found.finding.code.to_owned();
    if let Some(log) = &found.log {
        head += &format!("  {log}");
    }
    if let Some(entry) = found.finding.entry {
        head += &format!(" entry {entry}");
    }
    if let Some(subject) = found.finding.subject {
        head += &format!("  ({})", subject.short());
    }
    head
}

/// Text that came from outside may not move the cursor.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// Adds a line, folded at spaces; continuations begin at `hang`.
fn fold(text: &mut String, indent: usize, hang: usize, line: &str) {
    let line = printable(line);
    let mut margin = indent;
    let mut rest = line.as_str();
    loop {
        let room = COLUMNS - margin;
        let cut = match rest.char_indices().nth(room) {
            None => None,
            Some((end, next)) => rest[..end + next.len_utf8()]
                .rfind(' ')
                .filter(|at| *at > 0)
                .or_else(|| rest.find(' ')),
        };
        let part = cut.map_or(rest, |at| &rest[..at]);
        *text += &format!("{:margin$}{}\n", "", part.trim_end());
        match cut {
            Some(at) => rest = rest[at..].trim_start(),
            None => return,
        }
        margin = hang;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_folded_at_spaces() {
        let mut text = String::new();
        fold(&mut text, 2, 4, &"word ".repeat(40));
        assert!(text.lines().count() > 2);
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        assert!(
            text.lines()
                .nth(1)
                .is_some_and(|l| l.starts_with("    word"))
        );
    }

    #[test]
    fn a_word_that_fits_nowhere_is_left_whole_and_nothing_is_cut_inside_a_character() {
        let mut text = String::new();
        fold(&mut text, 2, 4, &format!("ä {} ö", "é".repeat(90)));
        assert!(text.contains(&"é".repeat(90)));
        assert_eq!(text.lines().count(), 3, "{text}");
    }

    #[test]
    fn what_came_from_outside_cannot_move_the_cursor() {
        assert_eq!(printable("a\u{1b}[2Jb\r"), "a\u{fffd}[2Jb\u{fffd}");
    }
}
