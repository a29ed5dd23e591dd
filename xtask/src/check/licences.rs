//! Everything linked, or built to be linked, with any feature and for any target, is under a permissive licence.
//!
//! An expression passes if it can be satisfied with licences of the list alone: in `MIT OR
//! LGPL-2.1-or-later` we take MIT. `/` is the old spelling of `OR`.

use super::Found;
use crate::house::House;
use crate::problem::Problem;

const PERMISSIVE: [&str; 13] = [
    "0BSD",
    "Apache-2.0",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// `WITH` exceptions that only widen what the licence allows.
const WIDENING: [&str; 1] = ["LLVM-exception"];

/// Packages outside the list, each with the reason it cannot be avoided: (name, licence, reason).
const EXCEPTIONS: [(&str, &str, &str); 2] = [
    (
        "webpki-roots",
        "CDLA-Permissive-2.0",
        "data and no code: the root certificates that browsers believe, under a licence that asks only for its own \
         text to go along. sqlx has it wherever it speaks TLS by aws-lc-rs; only the feature `remote` links it",
    ),
    (
        "webpki-root-certs",
        "CDLA-Permissive-2.0",
        "the same data; rustls-platform-verifier names it for WebAssembly, and nothing that we build links it",
    ),
];

pub(super) fn run(house: &House) -> Found {
    let mut found = Vec::new();
    for package in &house.metadata.packages {
        let place = format!("Cargo.lock, {} {}", package.name, package.version);
        let Some(licence) = &package.license else {
            found.push(Problem::new(
                place,
                "states no licence",
                "replace it, or ask its authors",
            ));
            continue;
        };
        let excepted = EXCEPTIONS
            .iter()
            .any(|(name, text, _)| *name == package.name.as_str() && text == licence);
        if excepted {
            continue;
        }
        match is_permissive(licence) {
            Ok(true) => {}
            Ok(false) => found.push(Problem::new(
                place,
                format!("licence `{licence}` cannot be satisfied with permissive licences"),
                "replace it; if nobody can, add it to EXCEPTIONS with the reason",
            )),
            Err(why) => found.push(Problem::new(
                place,
                format!("licence `{licence}` cannot be read: {why}"),
                "look at the package and list it in EXCEPTIONS",
            )),
        }
    }
    for (name, licence, _) in EXCEPTIONS {
        let mut packages = house.metadata.packages.iter();
        if !packages.any(|package| {
            package.name.as_str() == name && package.license.as_deref() == Some(licence)
        }) {
            found.push(Problem::new(
                "xtask/src/check/licences.rs",
                format!("no package `{name}` under `{licence}` is there any more"),
                "take it out of EXCEPTIONS",
            ));
        }
    }
    Ok(found)
}

/// Judges an SPDX expression; `AND` binds tighter than `OR`, `WITH` tighter than both.
fn is_permissive(expression: &str) -> Result<bool, String> {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Reader {
        words: &words,
        at: 0,
    };
    let verdict = reader.any_of()?;
    match reader.peek() {
        None => Ok(verdict),
        Some(word) => Err(format!("`{word}` was not expected")),
    }
}

struct Reader<'a> {
    words: &'a [&'a str],
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).copied()
    }

    fn take(&mut self, word: &str) -> bool {
        let matches = self.peek() == Some(word);
        self.at += usize::from(matches);
        matches
    }

    fn any_of(&mut self) -> Result<bool, String> {
        let mut verdict = self.all_of()?;
        while self.take("OR") {
            verdict |= self.all_of()?;
        }
        Ok(verdict)
    }

    fn all_of(&mut self) -> Result<bool, String> {
        let mut verdict = self.one()?;
        while self.take("AND") {
            verdict &= self.one()?;
        }
        Ok(verdict)
    }

    fn one(&mut self) -> Result<bool, String> {
        if self.take("(") {
            let verdict = self.any_of()?;
            return if self.take(")") {
                Ok(verdict)
            } else {
                Err("`)` is missing".to_owned())
            };
        }
        let word = self.peek().ok_or("it ends too early")?;
        if matches!(word, "AND" | "OR" | "WITH" | ")") {
            return Err(format!("`{word}` was not expected"));
        }
        self.at += 1;
        let mut verdict = PERMISSIVE.contains(&word);
        if self.take("WITH") {
            let exception = self.peek().ok_or("it ends too early")?;
            self.at += 1;
            verdict &= WIDENING.contains(&exception);
        }
        Ok(verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissive_expressions_pass() {
        for expression in [
            "MIT",
            "MIT OR Apache-2.0",
            "MIT/Apache-2.0",
            "Unlicense/MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "MIT OR Apache-2.0 OR LGPL-2.1-or-later",
            "Apache-2.0 WITH LLVM-exception",
            "ISC AND (Apache-2.0 OR ISC)",
        ] {
            assert_eq!(is_permissive(expression), Ok(true), "{expression}");
        }
    }

    #[test]
    fn copyleft_without_another_choice_is_refused() {
        for expression in [
            "GPL-3.0",
            "LGPL-2.1-or-later",
            "MPL-2.0",
            "MIT AND GPL-2.0-only",
            "MIT AND (GPL-2.0 OR LGPL-3.0)",
            "AGPL-3.0-only OR GPL-3.0",
            "MIT WITH Odd-exception",
        ] {
            assert_eq!(is_permissive(expression), Ok(false), "{expression}");
        }
    }

    #[test]
    fn what_is_no_expression_is_an_error() {
        for expression in [
            "", "MIT OR", "(MIT", "MIT)", "MIT MIT", "AND MIT", "MIT WITH",
        ] {
            assert!(is_permissive(expression).is_err(), "{expression}");
        }
    }
}
