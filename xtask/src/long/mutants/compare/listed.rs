//! The mutants of a part, as `cargo mutants --list --json` says them.

use crate::cargo::{cargo, output};
use anyhow::{Context, Result};
use serde_json::Value;
use std::ops::Range;
use std::path::Path;

/// One small break of one file.
#[derive(Clone, Debug)]
pub(super) struct Mutant {
    pub(super) number: usize,
    /// `file:line:column: what`
    pub(super) name: String,
    /// From the root of the tree.
    pub(super) file: String,
    pub(super) genre: String,
    pub(super) replacement: String,
    /// Line and column, both from 1, in characters.
    pub(super) start: (usize, usize),
    pub(super) end: (usize, usize),
}

impl Mutant {
    /// The bytes of the text that the mutant replaces.
    pub(super) fn bytes(&self, text: &str) -> Result<Range<usize>> {
        let start = offset(text, self.start);
        let end = offset(text, self.end);
        match (start, end) {
            (Some(start), Some(end)) if start <= end => Ok(start..end),
            _ => anyhow::bail!("{} is not in the text", self.name),
        }
    }
}

fn offset(text: &str, (line, column): (usize, usize)) -> Option<usize> {
    let mut before = 0;
    for (number, content) in (1..).zip(text.split_inclusive('\n')) {
        if number == line {
            let inside: usize = content.chars().take(column - 1).map(char::len_utf8).sum();
            return Some(before + inside);
        }
        before += content.len();
    }
    None
}

/// All mutants of these files, numbered from `first`.
pub(super) fn list(root: &Path, part: &str, files: &[&str], first: usize) -> Result<Vec<Mutant>> {
    let mut command = cargo(root);
    command.args([
        "mutants",
        "--list",
        "--json",
        "--no-shuffle",
        "--colors=never",
    ]);
    command.args(["--package", &format!("limpid-{part}")]);
    for file in files {
        command.args(["--file", &format!("crates/{part}/{file}")]);
    }
    let listed: Value =
        serde_json::from_str(&output(&mut command)?).context("cargo mutants listed no JSON")?;
    let listed = listed.as_array().context("cargo mutants listed nothing")?;
    let read = listed.iter().zip(first..);
    read.map(|(value, number)| mutant(value, number)).collect()
}

fn mutant(value: &Value, number: usize) -> Result<Mutant> {
    let text = |key: &str| {
        let text = value[key].as_str().map(str::to_owned);
        text.with_context(|| format!("a listed mutant has no `{key}`"))
    };
    let place = |end: &str| {
        let [line, column] = ["line", "column"].map(|key| value["span"][end][key].as_u64());
        let both = line.zip(column).filter(|(_, column)| *column > 0);
        let (line, column) = both.with_context(|| format!("a listed mutant has no `{end}`"))?;
        Ok::<_, anyhow::Error>((usize::try_from(line)?, usize::try_from(column)?))
    };
    Ok(Mutant {
        number,
        name: text("name")?,
        file: text("file")?,
        genre: text("genre")?,
        replacement: text("replacement")?,
        start: place("start")?,
        end: place("end")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_counted_in_characters() {
        let text = "a\n\u{e9}b <c\n";
        assert_eq!(offset(text, (2, 4)), Some(6));
        assert_eq!(&text[offset(text, (2, 4)).expect("there")..], "<c\n");
        assert_eq!(offset(text, (9, 1)), None);
    }

    #[test]
    fn a_listed_mutant_is_read_or_refused() {
        let listed = r#"{"name":"a.rs:1:5: x","file":"a.rs","genre":"FnValue","replacement":"()",
            "span":{"start":{"line":1,"column":5},"end":{"line":2,"column":1}}}"#;
        let value: Value = serde_json::from_str(listed).expect("JSON");
        let read = mutant(&value, 3).expect("complete");
        assert_eq!((read.number, read.start, read.end), (3, (1, 5), (2, 1)));
        let broken: Value =
            serde_json::from_str(&listed.replace("\"column\":5", "\"column\":0")).expect("JSON");
        assert!(mutant(&broken, 3).is_err());
    }
}
