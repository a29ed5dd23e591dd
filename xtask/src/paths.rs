//! The paths a source names: `use` trees spelled out, and paths in expressions and types.

use crate::tokens::Token;

/// `["std", "fs", "read"]` and the line it stands on. A glob ends in `"*"`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NamedPath<'a> {
    pub(crate) segments: Vec<&'a str>,
    pub(crate) line: usize,
}

/// Every path of two or more segments, and every single name a `use` brings in.
pub(crate) fn named_paths<'a>(tokens: &[Token<'a>]) -> Vec<NamedPath<'a>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at].text == "use" {
            at = use_tree(tokens, at + 1, &[], &mut found);
        } else if tokens[at].is_name() {
            let (segments, next) = plain_path(tokens, at);
            if segments.len() > 1 {
                found.push(NamedPath {
                    segments,
                    line: tokens[at].line,
                });
            }
            at = next;
        } else {
            at += 1;
        }
    }
    found
}

fn plain_path<'a>(tokens: &[Token<'a>], start: usize) -> (Vec<&'a str>, usize) {
    let mut segments = vec![tokens[start].text];
    let mut at = start + 1;
    while is_separator(tokens, at) && tokens.get(at + 2).is_some_and(Token::is_name) {
        segments.push(tokens[at + 2].text);
        at += 3;
    }
    (segments, at)
}

fn is_separator(tokens: &[Token<'_>], at: usize) -> bool {
    let colon = |index: usize| tokens.get(index).is_some_and(|token| token.text == ":");
    colon(at) && colon(at + 1)
}

/// Reads one tree of a `use` and returns the index behind it.
fn use_tree<'a>(
    tokens: &[Token<'a>],
    start: usize,
    prefix: &[&'a str],
    found: &mut Vec<NamedPath<'a>>,
) -> usize {
    let mut at = start;
    let mut segments = prefix.to_vec();
    let mut group = false;
    while let Some(token) = tokens.get(at) {
        match token.text {
            ":" => {}
            "{" => {
                group = true;
                at += 1;
                while tokens.get(at).is_some_and(|token| token.text != "}") {
                    at = use_tree(tokens, at, &segments, found);
                    if tokens.get(at).is_some_and(|token| token.text == ",") {
                        at += 1;
                    }
                }
            }
            "as" => at += 1,
            "," | "}" | ";" => break,
            "self" if !prefix.is_empty() => {}
            word => segments.push(word),
        }
        at += 1;
    }
    if !group && let Some(first) = tokens.get(start) {
        found.push(NamedPath {
            segments,
            line: first.line,
        });
    }
    // Progress even on text that is no `use` tree at all.
    at.max(start + 1).min(tokens.len().max(start + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::tokens;

    fn spelled(code: &str) -> Vec<String> {
        named_paths(&tokens(code))
            .iter()
            .map(|path| path.segments.join("::"))
            .collect()
    }

    #[test]
    fn a_use_tree_is_spelled_out() {
        assert_eq!(
            spelled("use std::{fs::{self, File}, io as i, time::*};"),
            ["std::fs", "std::fs::File", "std::io", "std::time::*"]
        );
    }

    #[test]
    fn paths_in_expressions_are_found() {
        assert_eq!(
            spelled("let x: a::B = std::env::var(y);"),
            ["a::B", "std::env::var"]
        );
    }

    #[test]
    fn a_single_name_counts_only_in_a_use() {
        assert_eq!(spelled("use rand; let tokio = rand;"), ["rand"]);
    }

    #[test]
    fn broken_text_ends() {
        for code in ["use", "use {", "use a::{b", "a::", "use }", "use ,"] {
            named_paths(&tokens(code));
        }
    }
}
