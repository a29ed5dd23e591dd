//! Names that are known bait, from a rule database (`--lures FILE`).
//!
//! The database is text: a header `lures-db 1 <count>`, then `count` lines in byte order,
//! each with four fields between tabs: pattern, family, author, reason.
//! In a pattern `*` stands for any text and `?` for one character; case does not matter.

use std::io::Read;
use std::path::Path;

use crate::name::Warning;

const DATABASE_BYTES_MAX: u64 = 16 * 1024 * 1024;
const FIELDS: usize = 4;

/// One rule, in the order of its fields. The author is for people who read the database.
#[derive(Debug, PartialEq, Eq)]
struct Lure {
    pattern: Vec<char>,
    family: String,
    reason: String,
}

/// The rules that names are compared with; none when no database was given.
#[derive(Debug, Default)]
pub struct Lures(Vec<Lure>);

impl Lures {
    /// Reads a database, or says which line is wrong.
    pub fn load(path: &Path) -> Result<Self, String> {
        let mut text = String::new();
        let file = std::fs::File::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
        file.take(DATABASE_BYTES_MAX)
            .read_to_string(&mut text)
            .map_err(|e| format!("{}: {e}", path.display()))?;
        Self::parse(&text).map_err(|problem| format!("{}: {problem}", path.display()))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let body = text.strip_suffix('\n').ok_or("the last line is cut")?;
        let mut lines = body.split('\n');
        let count = lines
            .next()
            .and_then(|header| header.strip_prefix("lures-db 1 "))
            .and_then(|count| count.parse::<usize>().ok())
            .ok_or("line 1: is not 'lures-db 1 <count>'")?;
        let mut lures = Vec::new();
        let mut last = "";
        for (number, line) in (2..).zip(lines) {
            if line <= last {
                return Err(format!("line {number}: is not in order"));
            }
            lures.push(rule(line).ok_or_else(|| format!("line {number}: needs {FIELDS} fields"))?);
            last = line;
        }
        if lures.len() != count {
            return Err(format!(
                "holds {} rules, the header says {count}",
                lures.len()
            ));
        }
        Ok(Lures(lures))
    }

    /// One warning for the first rule that fits the file name.
    pub fn inspect(&self, name: &str) -> Option<Warning> {
        let name: Vec<char> = name.to_lowercase().chars().collect();
        let lure = self.0.iter().find(|lure| fits(&lure.pattern, &name))?;
        Some(Warning {
            code: "known-lure",
            text: format!("the name is bait of {}: {}", lure.family, lure.reason),
        })
    }
}

fn rule(line: &str) -> Option<Lure> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [pattern, family, _author, reason] = fields[..] else {
        return None;
    };
    let complete = fields.iter().all(|field| !field.trim().is_empty());
    complete.then(|| Lure {
        pattern: pattern.to_lowercase().chars().collect(),
        family: family.to_owned(),
        reason: reason.to_owned(),
    })
}

/// Glob matching in linear memory: on a mismatch only the last `*` is widened.
fn fits(pattern: &[char], name: &[char]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, eaten)) => {
                    star = Some((at, eaten + 1));
                    p = at + 1;
                    n = eaten + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATABASE: &str =
        "lures-db 1 2\n*.pdf.exe\tdouble\tana\ta PDF that runs\ninvoice_??.zip\tpost\tbo\tfake invoice\n";

    #[test]
    fn a_known_lure_is_named_with_its_reason() {
        let lures = Lures::parse(DATABASE).unwrap();
        assert!(lures
            .inspect("Invoice_07.ZIP")
            .unwrap()
            .text
            .contains("fake invoice"));
        assert!(lures.inspect("a.pdf.pdf.exe").is_some());
        assert!(lures.inspect("invoice_7.zip").is_none());
    }

    #[test]
    fn a_damaged_database_is_refused() {
        for (from, to) in [
            ("db 1 2", "db 1 3"),
            ("db 1 2", "db 2 2"),
            ("\tbo\t", "\t\t"),
            ("\tbo", ""),
            ("*.pdf", "zzz"),
            ("invoice\n", "invoice"),
        ] {
            let damaged = DATABASE
                .replacen(from, to, 1)
                .replace("fake invoice", "fake");
            let damaged = if to == "invoice" {
                DATABASE.trim_end().to_owned()
            } else {
                damaged
            };
            assert!(Lures::parse(&damaged).is_err(), "{damaged:?}");
        }
    }

    #[test]
    fn stars_match_any_text_without_blowing_up() {
        let fit = |p: &str, n: &str| {
            fits(
                &p.chars().collect::<Vec<_>>(),
                &n.chars().collect::<Vec<_>>(),
            )
        };
        assert!(fit("*", "") && fit("a*b*c", "a--b--b-c") && fit("a**", "a"));
        assert!(!fit("a*b", "a-c") && !fit("", "a") && !fit("?", ""));
        assert!(!fit(&"*a".repeat(40), &"a".repeat(39)));
    }
}
