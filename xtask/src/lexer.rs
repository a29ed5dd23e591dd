//! Rust text with comments and literals blanked out.
//!
//! Every check that reads sources works on blanked text, so that a brace in a string or a word in
//! a comment never counts as code. Blanking keeps every byte offset and every line where it was.
//! This is a scanner for our own sources as `rustfmt` leaves them, not a Rust front end.

/// One source twice, both as long as the original.
#[derive(Debug)]
pub(crate) struct Blanked {
    /// Comments are spaces; literals stand.
    pub(crate) uncommented: String,
    /// Comments and the inside of literals are spaces. A string keeps one `"` at either end.
    pub(crate) code: String,
}

enum Piece {
    Comment(usize),
    Text(usize),
    Char(usize),
    Code(usize),
}

/// Blanks comments and literals of `text`.
pub(crate) fn blank(text: &str) -> Blanked {
    let bytes = text.as_bytes();
    let mut uncommented = bytes.to_vec();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        at = match piece_at(bytes, at) {
            Piece::Comment(end) => {
                spaces(&mut uncommented[at..end]);
                spaces(&mut code[at..end]);
                end
            }
            Piece::Text(end) => {
                spaces(&mut code[at..end]);
                code[at] = b'"';
                code[end - 1] = b'"';
                end
            }
            Piece::Char(end) => {
                spaces(&mut code[at..end]);
                end
            }
            Piece::Code(end) => end,
        };
    }
    Blanked {
        uncommented: String::from_utf8_lossy(&uncommented).into_owned(),
        code: String::from_utf8_lossy(&code).into_owned(),
    }
}

fn spaces(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().filter(|byte| **byte != b'\n') {
        *byte = b' ';
    }
}

fn piece_at(bytes: &[u8], at: usize) -> Piece {
    match bytes[at] {
        b'/' if bytes.get(at + 1) == Some(&b'/') => Piece::Comment(line_end(bytes, at)),
        b'/' if bytes.get(at + 1) == Some(&b'*') => Piece::Comment(block_end(bytes, at)),
        b'"' => Piece::Text(quoted_end(bytes, at + 1, b'"')),
        b'\'' => char_or_lifetime(bytes, at),
        byte if is_word(byte) => word_or_prefixed_literal(bytes, at),
        _ => Piece::Code(at + 1),
    }
}

/// Letters, digits, underscore, and every byte of a character outside ASCII.
pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..]
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(bytes.len(), |offset| at + offset)
}

/// Block comments nest in Rust.
fn block_end(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0usize;
    let mut at = start;
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => {
                depth += 1;
                at += 2;
            }
            b"*/" => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    bytes.len()
}

fn quoted_end(bytes: &[u8], mut at: usize, quote: u8) -> usize {
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn char_or_lifetime(bytes: &[u8], at: usize) -> Piece {
    match bytes.get(at + 1) {
        Some(b'\\') => Piece::Char(quoted_end(bytes, at + 1, b'\'')),
        Some(first) => {
            let after = at + 1 + utf8_width(*first);
            if bytes.get(after) == Some(&b'\'') {
                Piece::Char(after + 1)
            } else {
                Piece::Code(at + 1)
            }
        }
        None => Piece::Code(at + 1),
    }
}

fn utf8_width(first: u8) -> usize {
    match first {
        0xf0.. => 4,
        0xe0.. => 3,
        0xc0.. => 2,
        _ => 1,
    }
}

fn word_or_prefixed_literal(bytes: &[u8], at: usize) -> Piece {
    let length = bytes[at..]
        .iter()
        .position(|byte| !is_word(*byte))
        .unwrap_or(bytes.len() - at);
    let end = at + length;
    let next = bytes.get(end);
    match (&bytes[at..end], next) {
        (b"r" | b"br" | b"cr", Some(b'"' | b'#')) => {
            raw_end(bytes, end).map_or(Piece::Code(end), Piece::Text)
        }
        (b"b" | b"c", Some(b'"')) => Piece::Text(quoted_end(bytes, end + 1, b'"')),
        (b"b", Some(b'\'')) => Piece::Char(quoted_end(bytes, end + 1, b'\'')),
        _ => Piece::Code(end),
    }
}

/// `None` for a raw identifier such as `r#type`.
fn raw_end(bytes: &[u8], at: usize) -> Option<usize> {
    let hashes = bytes[at..].iter().take_while(|byte| **byte == b'#').count();
    if bytes.get(at + hashes) != Some(&b'"') {
        return None;
    }
    let mut closing = vec![b'"'];
    closing.resize(1 + hashes, b'#');
    let inside = at + hashes + 1;
    let offset = bytes[inside..]
        .windows(closing.len())
        .position(|window| window == closing);
    Some(offset.map_or(bytes.len(), |offset| inside + offset + closing.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_is_blank_in_both_forms_and_lines_stay() {
        let blanked = blank("a // b\n/* c /* d */ e */ f");
        assert_eq!(blanked.code, "a     \n                  f");
        assert_eq!(blanked.uncommented, blanked.code);
    }

    #[test]
    fn a_literal_is_blank_only_in_code() {
        let blanked = blank(r#"x("{ // }", b"\"{", c"{")"#);
        assert_eq!(blanked.uncommented, r#"x("{ // }", b"\"{", c"{")"#);
        assert!(!blanked.code.contains('{') && !blanked.code.contains('/'));
        assert_eq!(blanked.code.len(), blanked.uncommented.len());
    }

    #[test]
    fn raw_strings_end_at_as_many_hashes_as_they_began_with() {
        let blanked = blank("r##\"a\"# { \"##; r#type { }");
        assert_eq!(blanked.code.matches('{').count(), 1);
        assert!(blanked.code.ends_with("; r#type { }"));
    }

    #[test]
    fn a_lifetime_is_code_and_a_char_is_not() {
        let blanked = blank(r"fn f<'a>(x: &'a str) { ['{', '\'', '\\', 'é', b'}'] }");
        assert_eq!(blanked.code.matches('{').count(), 1);
        assert_eq!(blanked.code.matches('}').count(), 1);
        assert!(blanked.code.contains("<'a>"));
    }

    #[test]
    fn an_unclosed_literal_or_comment_ends_with_the_file() {
        for text in ["\"abc", "/* abc", "r#\"abc", "'\\", "'", "b'", "\"\\"] {
            assert_eq!(blank(text).code.len(), text.len());
        }
    }
}
