//! The few encodings that all C2SP texts share, each with exactly one accepted spelling.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::errors::ParseError;

/// At most this much of a refused value is repeated in an error.
const EXCERPT_CHARS_MAX: usize = 80;

/// The start of a refused value, safe to print: control characters are escaped.
pub(crate) fn excerpt(value: &str) -> String {
    let mut out: String = value
        .chars()
        .take(EXCERPT_CHARS_MAX)
        .flat_map(char::escape_debug)
        .collect();
    if value.chars().nth(EXCERPT_CHARS_MAX).is_some() {
        out.push_str("...");
    }
    out
}

/// Bytes of at most `max` length as UTF-8 text.
pub(crate) fn text_of<'a>(
    what: &'static str,
    bytes: &'a [u8],
    max: usize,
) -> Result<&'a str, ParseError> {
    if bytes.len() > max {
        return Err(ParseError::TooLong {
            what,
            found: bytes.len(),
            max,
        });
    }
    std::str::from_utf8(bytes).map_err(|_| ParseError::NotUtf8 { what })
}

/// A decimal number without sign or leading zeros.
pub(crate) fn parse_decimal(what: &'static str, value: &str) -> Result<u64, ParseError> {
    let canonical = !value.is_empty()
        && value.bytes().all(|b| b.is_ascii_digit())
        && (value == "0" || !value.starts_with('0'));
    let number = if canonical { value.parse().ok() } else { None };
    number.ok_or_else(|| ParseError::Malformed {
        what,
        value: excerpt(value),
        expected: "a decimal number without leading zeros",
    })
}

/// Standard base64 with padding and without slack bits (RFC 4648 sections 3.5 and 4).
pub(crate) fn parse_base64(what: &'static str, value: &str) -> Result<Vec<u8>, ParseError> {
    STANDARD.decode(value).map_err(|_| ParseError::Malformed {
        what,
        value: excerpt(value),
        expected: "canonical base64 with padding",
    })
}

/// Standard base64 with padding.
pub(crate) fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The text up to the next newline, and the rest. A last line without newline is refused.
pub(crate) fn take_line<'a>(
    what: &'static str,
    text: &'a str,
) -> Result<(&'a str, &'a str), ParseError> {
    text.split_once('\n').ok_or(ParseError::Missing {
        what,
        missing: "its final newline",
    })
}
