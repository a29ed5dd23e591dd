//! Which source files the compiler reaches from the targets, by `mod`, `#[path]` and `include!`.

use crate::tokens::{Token, closing, test_ranges, tokens};
use std::collections::{BTreeMap, BTreeSet};

/// `mod name;` as written in one file.
#[derive(Debug, PartialEq, Eq)]
struct Declared {
    /// Inline modules around it, outermost first.
    nesting: Vec<String>,
    name: String,
    /// The file named by `#[path]` or `include!`, relative to the folder of the declaring file.
    file: Option<String>,
    test_only: bool,
}

/// How a file is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    Product,
    TestOnly,
}

/// Text of a source: original and blanked.
pub(crate) struct Texts<'a> {
    pub(crate) text: &'a str,
    pub(crate) code: &'a str,
}

/// Walks from `roots` (path, test-only) over `sources` and returns every file reached.
pub(crate) fn reached<'a>(
    sources: &BTreeMap<&'a str, Texts<'a>>,
    roots: &[(String, Reach)],
) -> BTreeMap<String, Reach> {
    let root_files: BTreeSet<&str> = roots.iter().map(|(path, _)| path.as_str()).collect();
    let mut found = BTreeMap::new();
    // Product roots first: a file that the product reaches is never test-only.
    let mut open: Vec<(String, Reach)> = roots.to_vec();
    open.sort_by_key(|(_, reach)| *reach == Reach::Product);
    while let Some((path, reach)) = open.pop() {
        let known = found.get(&path).copied();
        if known == Some(Reach::Product) || known == Some(reach) {
            continue;
        }
        let Some(texts) = sources.get(path.as_str()) else {
            continue;
        };
        found.insert(path.clone(), reach);
        for declared in declarations(texts) {
            let below = if declared.test_only {
                Reach::TestOnly
            } else {
                reach
            };
            for candidate in candidates(&path, root_files.contains(path.as_str()), &declared) {
                if sources.contains_key(candidate.as_str()) {
                    open.push((candidate, below));
                }
            }
        }
    }
    found
}

fn candidates(from: &str, is_root: bool, declared: &Declared) -> Vec<String> {
    let (folder, file) = from.rsplit_once('/').unwrap_or(("", from));
    let stem = file.trim_end_matches(".rs");
    if let Some(named) = &declared.file {
        return vec![normal(&format!("{folder}/{named}"))];
    }
    let mut base = folder.to_owned();
    if !is_root && stem != "mod" {
        base = format!("{base}/{stem}");
    }
    for module in &declared.nesting {
        base = format!("{base}/{module}");
    }
    let name = &declared.name;
    vec![
        normal(&format!("{base}/{name}.rs")),
        normal(&format!("{base}/{name}/mod.rs")),
    ]
}

fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn declarations(texts: &Texts<'_>) -> Vec<Declared> {
    let tokens = tokens(texts.code);
    let tests = test_ranges(&tokens);
    let mut found = Vec::new();
    let mut inline: Vec<(usize, String)> = Vec::new();
    let mut path_attribute = None;
    for at in 0..tokens.len() {
        inline.retain(|(end, _)| *end >= at);
        match word(&tokens, at) {
            "path" if word(&tokens, at + 1) == "=" && word(&tokens, at + 2) == "\"" => {
                path_attribute = literal(texts.text, &tokens[at + 2]);
            }
            "include" if word(&tokens, at + 1) == "!" && word(&tokens, at + 3) == "\"" => {
                let file = literal(texts.text, &tokens[at + 3]);
                found.push(declared(&inline, "", file, &tests, &tokens[at]));
            }
            "mod" if tokens.get(at + 1).is_some_and(Token::is_name) => {
                match word(&tokens, at + 2) {
                    ";" => {
                        let name = tokens[at + 1].text;
                        found.push(declared(
                            &inline,
                            name,
                            path_attribute.take(),
                            &tests,
                            &tokens[at],
                        ));
                    }
                    "{" => inline.push((closing(&tokens, at + 2), tokens[at + 1].text.to_owned())),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    found
}

fn declared(
    inline: &[(usize, String)],
    name: &str,
    file: Option<String>,
    tests: &[std::ops::Range<usize>],
    token: &Token<'_>,
) -> Declared {
    Declared {
        nesting: inline.iter().map(|(_, module)| module.clone()).collect(),
        name: name.to_owned(),
        file,
        test_only: tests.iter().any(|range| range.contains(&token.offset)),
    }
}

fn word<'a>(tokens: &[Token<'a>], at: usize) -> &'a str {
    tokens.get(at).map_or("", |token| token.text)
}

/// The text of the plain string literal that starts at `token`.
fn literal(text: &str, token: &Token<'_>) -> Option<String> {
    text.get(token.offset + 1..)?
        .split_once('"')
        .map(|(inside, _)| inside.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexer::blank;

    fn walk(files: &[(&str, &str)], roots: &[&str]) -> BTreeMap<String, Reach> {
        let blanked: Vec<_> = files.iter().map(|(_, text)| blank(text)).collect();
        let sources = files
            .iter()
            .zip(&blanked)
            .map(|((path, text), blanked)| {
                (
                    *path,
                    Texts {
                        text,
                        code: &blanked.code,
                    },
                )
            })
            .collect();
        let roots: Vec<_> = roots
            .iter()
            .map(|root| ((*root).to_owned(), Reach::Product))
            .collect();
        reached(&sources, &roots)
    }

    #[test]
    fn modules_are_found_beside_below_and_inline() {
        let found = walk(
            &[
                (
                    "c/src/lib.rs",
                    "mod a; pub mod b; mod x { mod y; } // mod orphan;",
                ),
                ("c/src/a.rs", "mod inner;"),
                ("c/src/a/inner.rs", ""),
                ("c/src/b/mod.rs", "mod leaf;"),
                ("c/src/b/leaf.rs", ""),
                ("c/src/x/y.rs", ""),
                ("c/src/orphan.rs", ""),
            ],
            &["c/src/lib.rs"],
        );
        assert_eq!(found.len(), 6);
        assert!(!found.contains_key("c/src/orphan.rs"));
    }

    #[test]
    fn path_attributes_and_includes_are_followed() {
        let found = walk(
            &[
                (
                    "c/tests/a.rs",
                    "#[path = \"../shared/b.rs\"] mod b; include!(\"gen.rs\");",
                ),
                ("c/shared/b.rs", ""),
                ("c/tests/gen.rs", ""),
            ],
            &["c/tests/a.rs"],
        );
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn a_module_of_tests_is_known_as_such() {
        let found = walk(
            &[
                ("c/src/lib.rs", "mod a;\n#[cfg(test)]\nmod tests;"),
                ("c/src/a.rs", ""),
                ("c/src/tests.rs", "mod deep;"),
                ("c/src/tests/deep.rs", ""),
            ],
            &["c/src/lib.rs"],
        );
        assert_eq!(found["c/src/a.rs"], Reach::Product);
        assert_eq!(found["c/src/tests.rs"], Reach::TestOnly);
        assert_eq!(found["c/src/tests/deep.rs"], Reach::TestOnly);
    }
}
