//! Words and punctuation of blanked code, and the shapes the checks look for in them:
//! functions with their extent, attributes, and what belongs to tests only.

use crate::lexer::is_word;
use std::ops::Range;

/// A word, or one punctuation character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) text: &'a str,
    /// Byte offset in the source.
    pub(crate) offset: usize,
    /// Counted from 1.
    pub(crate) line: usize,
}

impl Token<'_> {
    pub(crate) fn is_name(&self) -> bool {
        self.text
            .bytes()
            .next()
            .is_some_and(|first| is_word(first) && !first.is_ascii_digit())
    }
}

/// Splits code blanked by [`crate::lexer::blank`].
pub(crate) fn tokens(code: &str) -> Vec<Token<'_>> {
    let bytes = code.as_bytes();
    let mut found = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < bytes.len() {
        let start = at;
        if is_word(bytes[at]) {
            while at < bytes.len() && is_word(bytes[at]) {
                at += 1;
            }
        } else {
            at += 1;
        }
        match bytes[start] {
            b'\n' => line += 1,
            byte if byte.is_ascii_whitespace() => {}
            _ => found.push(Token {
                text: &code[start..at],
                offset: start,
                line,
            }),
        }
    }
    found
}

/// Index of the token that closes the bracket opened at `open`; the last token if none does.
pub(crate) fn closing(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return index;
                }
            }
            _ => {}
        }
    }
    tokens.len().saturating_sub(1)
}

/// Where an item that starts at `from` ends: its `;`, or the brace that closes its body.
fn item_end(tokens: &[Token<'_>], from: usize) -> usize {
    let mut at = from;
    let mut is_use = false;
    while at < tokens.len() {
        match tokens[at].text {
            ";" => return at,
            // `use<'a>` in a return type names what is captured; only an import has a path behind it.
            "use" => is_use |= tokens.get(at + 1).is_none_or(|next| next.text != "<"),
            "{" if !is_use => return closing(tokens, at),
            "(" | "[" | "{" => at = closing(tokens, at),
            _ => {}
        }
        at += 1;
    }
    tokens.len().saturating_sub(1)
}

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function<'a> {
    pub(crate) name: &'a str,
    pub(crate) line: usize,
    /// From the line of `fn` to that of the closing brace, both counted.
    pub(crate) lines: usize,
}

/// Every function with a body, nested ones too.
pub(crate) fn functions<'a>(tokens: &[Token<'a>]) -> Vec<Function<'a>> {
    let mut found = Vec::new();
    for (index, pair) in tokens.windows(2).enumerate() {
        if pair[0].text != "fn" || !pair[1].is_name() {
            continue;
        }
        let end = item_end(tokens, index);
        if tokens[end].text == "}" {
            found.push(Function {
                name: pair[1].text,
                line: pair[0].line,
                lines: tokens[end].line - pair[0].line + 1,
            });
        }
    }
    found
}

/// Byte ranges that exist only under test: items below `#[cfg(test)]` or `#[test]`, or the whole
/// file below `#![cfg(test)]`.
pub(crate) fn test_ranges(tokens: &[Token<'_>]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at + 2 < tokens.len() {
        let inner = tokens[at + 1].text == "!";
        let open = at + 1 + usize::from(inner);
        if tokens[at].text != "#" || tokens[open].text != "[" {
            at += 1;
            continue;
        }
        let close = closing(tokens, open);
        if !is_test_attribute(&tokens[open + 1..close]) {
            at = close + 1;
            continue;
        }
        if inner {
            return std::iter::once(0..usize::MAX).collect();
        }
        let mut item = close + 1;
        while item + 1 < tokens.len() && tokens[item].text == "#" {
            item = closing(tokens, item + 1) + 1;
        }
        let end = item_end(tokens, item);
        found.push(tokens[at].offset..tokens[end].offset + 1);
        at = end + 1;
    }
    found
}

fn is_test_attribute(inside: &[Token<'_>]) -> bool {
    let has = |word: &str| inside.iter().any(|token| token.text == word);
    match inside {
        [only] => only.text == "test",
        [first, ..] if first.text == "cfg" => has("test") && !has("not"),
        // `#[tokio::test(...)]`
        [_, _, _, test, ..] => test.text == "test",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_measured_from_fn_to_its_brace() {
        let code =
            "pub fn a(\n  x: [u8; 3],\n) -> u8 {\n  if x { 1 }\n}\nfn b();\ntype F = fn(u8);\n";
        let expected = vec![Function {
            name: "a",
            line: 1,
            lines: 5,
        }];
        assert_eq!(functions(&tokens(code)), expected);
    }

    #[test]
    fn a_return_type_that_captures_is_no_import() {
        let code = "fn a<'x>(\n) -> impl Iterator + use<'x> {\n  b();\n}\nuse c;\nfn d() {}\n";
        let measured: Vec<_> = functions(&tokens(code))
            .iter()
            .map(|f| (f.name, f.lines))
            .collect();
        assert_eq!(measured, [("a", 4), ("d", 1)]);
    }

    #[test]
    fn a_nested_function_is_measured_too() {
        let code = "fn a() {\n fn b() {\n }\n}";
        let names: Vec<_> = functions(&tokens(code))
            .iter()
            .map(|f| (f.name, f.lines))
            .collect();
        assert_eq!(names, [("a", 4), ("b", 2)]);
    }

    #[test]
    fn what_is_below_cfg_test_is_found() {
        let code = "fn a() {}\n#[cfg(test)]\n#[allow(x)]\nmod tests { fn b() {} }\nfn c() {}";
        let ranges = test_ranges(&tokens(code));
        assert_eq!(ranges.len(), 1);
        assert!(code[ranges[0].clone()].starts_with("#[cfg(test)]"));
        assert!(code[ranges[0].clone()].ends_with("{} }"));
    }

    #[test]
    fn a_use_under_test_ends_at_its_semicolon() {
        let code = "#[cfg(test)] use a::{b, c}; fn d() {}";
        let ranges = test_ranges(&tokens(code));
        assert!(code[ranges[0].clone()].ends_with("c};"));
    }

    #[test]
    fn code_for_all_but_tests_is_no_test() {
        assert!(test_ranges(&tokens("#[cfg(not(test))] fn a() {}")).is_empty());
        assert!(test_ranges(&tokens("#[derive(Debug, Clone, Copy)] struct A;")).is_empty());
        assert_eq!(test_ranges(&tokens("#[tokio::test] fn a() {}")).len(), 1);
    }
}
