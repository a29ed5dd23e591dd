//! A report for people: a label, then text, never wider than 80 columns.
//!
//! Names in statements were chosen by others, so control and direction characters are not printed.

use std::fmt;

use crate::{
    limits::REPORT_COLUMNS,
    posix_time::{age, rfc3339},
    report::{Freshness, Report, Signer, WithdrawalsReport},
};

/// Columns before the text of a line.
const INDENT: usize = 16;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let release = &self.release;
        line(f, "file", &self.file.name)?;
        line(f, "", &format!("{} bytes, SHA-256", self.file.bytes))?;
        line(f, "", &self.file.sha256.to_string())?;
        if let Some(signed) = &self.file.signed {
            line(
                f,
                "",
                "with a platform's signature; without it, as it was rebuilt:",
            )?;
            line(f, "", &signed.artifact.to_string())?;
        }
        line(
            f,
            "release",
            &format!(
                "{} {}, {}/{}, number {}",
                release.product, release.version, release.channel, release.platform, release.seq
            ),
        )?;
        let [center, supervisor] = [&release.center, &release.supervisor].map(who);
        line(f, "signed by", &format!("{center}, as center"))?;
        line(f, "", &format!("{supervisor}, as supervisor"))?;
        line(f, "approved by", &who(&self.approval))?;
        self.fmt_build(f)?;
        self.fmt_log(f)?;
        writeln!(f)?;
        list(f, "identical", &self.kinds.identical)?;
        list(f, "attested", &self.kinds.attested)?;
        list(f, "promised", &self.kinds.promised)?;
        list(f, "does not prove", &self.does_not_prove)
    }
}

impl Report {
    fn fmt_build(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = &self.source;
        line(f, "source archive", &source.archive.to_string())?;
        let authors = source.authors.join(", ");
        line(f, "", &format!("by {authors}, in {}", source.authored_in))?;
        if let Some(commit) = &source.commit {
            line(f, "", &format!("git commit {commit}"))?;
        }
        line(f, "built by", &who(&self.provenance.signed))?;
        line(f, "", &self.provenance.builder)?;
        for (at, rebuild) in self.rebuilds.iter().enumerate() {
            let label = if at == 0 { "rebuilt by" } else { "" };
            let verdict = format!("{:?}", rebuild.verdict).to_lowercase();
            line(f, label, &format!("{}: {verdict}", who(&rebuild.signed)))?;
        }
        Ok(())
    }

    fn fmt_log(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let log = &self.log;
        line(f, "log", &format!("{}, {} entries", log.origin, log.size))?;
        for (at, witness) in log.witnesses.iter().enumerate() {
            let label = if at == 0 { "witnessed by" } else { "" };
            line(
                f,
                label,
                &format!("{} at {}", witness.name, rfc3339(witness.time)),
            )?;
        }
        let constitution = &self.constitution;
        let known = rfc3339(constitution.newest_known_at);
        let text = format!("version {}, newest known at {known}", constitution.version);
        line(f, "constitution", &text)?;
        line(f, "under anchor", &constitution.anchor.to_string())?;
        let withdrawals = match &self.withdrawals {
            WithdrawalsReport::None => "none given".to_owned(),
            WithdrawalsReport::Some { count, known_to } => match known_to {
                Some(time) => format!("{count} given, known to {}, not this one", rfc3339(*time)),
                None => "an empty list was given".to_owned(),
            },
        };
        line(f, "withdrawals", &withdrawals)?;
        let freshness = match self.evidence.freshness {
            Freshness::Fresh => "fresh",
            Freshness::Amber => "amber",
            Freshness::Red => "red",
        };
        let text = format!("{freshness}, {} old", age(self.evidence.age_seconds));
        line(f, "evidence", &text)
    }
}

fn who(signer: &Signer) -> String {
    let jurisdiction = signer.jurisdiction.as_deref().unwrap_or("left the roster");
    format!("{} ({}, {jurisdiction})", signer.party, signer.legal_owner)
}

pub(crate) fn list(f: &mut fmt::Formatter<'_>, label: &str, items: &[String]) -> fmt::Result {
    for (at, item) in items.iter().enumerate() {
        let label = if at == 0 { label } else { "" };
        rows(f, label, ["- ", "  "], item)?;
    }
    Ok(())
}

pub(crate) fn line(f: &mut fmt::Formatter<'_>, label: &str, text: &str) -> fmt::Result {
    rows(f, label, ["", ""], text)
}

/// A label and its text, broken at spaces, and inside a word that fits no row. The first row and the
/// others begin with their `marks`, which are equally wide.
fn rows(f: &mut fmt::Formatter<'_>, label: &str, marks: [&str; 2], text: &str) -> fmt::Result {
    let columns = REPORT_COLUMNS - INDENT - marks[0].len();
    for (at, row) in wrap(&printable(text), columns).iter().enumerate() {
        let (label, mark) = if at == 0 {
            (label, marks[0])
        } else {
            ("", marks[1])
        };
        writeln!(f, "{label:<INDENT$}{mark}{row}")?;
    }
    Ok(())
}

fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut rows = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > columns {
            rows.push(String::new());
            used = 0;
        }
        if used > 0 {
            rows.last_mut().expect("there is always a row").push(' ');
            used += 1;
        }
        for character in word.chars() {
            if used == columns {
                rows.push(String::new());
                used = 0;
            }
            rows.last_mut()
                .expect("there is always a row")
                .push(character);
            used += 1;
        }
    }
    rows
}

/// Replaces what would move the cursor or turn the direction of text.
fn printable(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    text.chars()
        .map(|c| {
            if c.is_control() || turns(c) {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_row_is_wider_than_asked_and_no_letter_is_lost(text in "[a-zé ]{0,60}", columns in 1usize..20) {
            let rows = wrap(&text, columns);
            prop_assert!(rows.iter().all(|row| row.chars().count() <= columns), "{rows:?}");
            prop_assert_eq!(rows.concat().replace(' ', ""), text.replace(' ', ""));
        }

        #[test]
        fn no_text_moves_the_cursor(text in any::<String>()) {
            prop_assert!(!printable(&text).contains(char::is_control));
        }
    }

    #[test]
    fn names_cannot_write_over_the_report_or_turn_it_around() {
        assert_eq!(
            printable("a\u{1b}[2Jb\u{202e}c\n"),
            "a\u{fffd}[2Jb\u{fffd}c\u{fffd}"
        );
    }
}
