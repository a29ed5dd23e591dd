//! Times written as text, at one place and of one width.
//!
//! A form is a template: runs of one letter are fields, the rest stands for itself. Both sides must
//! hold a real time of the same form; a digit more on either end and it is no time but a number.

const MONTHS: [&[u8]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];
const WEEKDAYS: [&[u8]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];

/// Longest first: a date of `date(1)` is one time, not a time and some letters.
const FORMS: [&str; 10] = [
    "aaa bbb ee HH:MM:SS ZZZZ YYYY", // date(1)
    "aaa bbb ee HH:MM:SS ZZZ YYYY",
    "aaa bbb ee HH:MM:SS YYYY", // asctime, __TIMESTAMP__
    "aaa, dd bbb YYYY",         // RFC 5322
    "YYYYmmddHHMMSS",
    "bbb ee YYYY", // __DATE__
    "YYYY-mm-dd",  // ISO 8601, RFC 3339
    "tttttttttt",  // seconds since 1970
    "YYYYmmdd",
    "HH:MM:SS", // __TIME__
];

/// Years in which somebody may have built.
const YEARS: std::ops::RangeInclusive<u64> = 1980..=2106;
/// The same in seconds since 1970, from 2001 (the first with ten digits) to 2106.
pub(crate) const SECONDS: std::ops::RangeInclusive<u64> = 1_000_000_000..=4_294_967_295;

/// The place of one time around byte `at` in both, as start and end; `None` if either has none.
pub(crate) fn time_at(ours: &[u8], theirs: &[u8], at: usize) -> Option<(usize, usize)> {
    FORMS.iter().find_map(|form| {
        let width = form.len();
        (at.saturating_sub(width - 1)..=at).find_map(|start| {
            let end = start.checked_add(width)?;
            let real = |bytes: &[u8]| {
                bytes
                    .get(start..end)
                    .is_some_and(|text| is_time(form, text))
                    && stands_alone(bytes, start, end)
            };
            (real(ours) && real(theirs)).then_some((start, with_fraction(ours, theirs, end)))
        })
    })
}

/// A digit before or behind would make it part of a number.
fn stands_alone(bytes: &[u8], start: usize, end: usize) -> bool {
    let digit = |at: Option<usize>| {
        at.and_then(|at| bytes.get(at))
            .is_some_and(u8::is_ascii_digit)
    };
    let joined = |at: usize| bytes[at].is_ascii_digit();
    !(digit(start.checked_sub(1)) && joined(start) || digit(Some(end)) && joined(end - 1))
}

/// A fraction of a second of equal width belongs to the time before it.
fn with_fraction(ours: &[u8], theirs: &[u8], end: usize) -> usize {
    let width = |bytes: &[u8]| {
        let rest = bytes.get(end..).unwrap_or_default();
        if rest.first() != Some(&b'.') {
            return 0;
        }
        let digits = rest[1..]
            .iter()
            .take(10)
            .take_while(|byte| byte.is_ascii_digit());
        match digits.count() {
            0 | 10 => 0,
            digits => digits + 1,
        }
    };
    match (width(ours), width(theirs)) {
        (a, b) if a == b => end + a,
        _ => end,
    }
}

fn is_time(form: &str, text: &[u8]) -> bool {
    let form = form.as_bytes();
    let mut at = 0;
    while at < form.len() {
        let kind = form[at];
        let width = form[at..].iter().take_while(|byte| **byte == kind).count();
        let Some(field) = text.get(at..at + width) else {
            return false;
        };
        if !is_field(kind, field) {
            return false;
        }
        at += width;
    }
    true
}

fn is_field(kind: u8, field: &[u8]) -> bool {
    let within =
        |from: u64, to: u64| number(field).is_some_and(|value| (from..=to).contains(&value));
    match kind {
        b'Y' => number(field).is_some_and(|year| YEARS.contains(&year)),
        b'm' => within(1, 12),
        b'd' => within(1, 31),
        b'e' if field[0] == b' ' => number(&field[1..]).is_some_and(|day| day > 0),
        b'e' => within(10, 31),
        b'H' => within(0, 23),
        b'M' => within(0, 59),
        b'S' => within(0, 60),
        b't' => number(field).is_some_and(|seconds| SECONDS.contains(&seconds)),
        b'b' => MONTHS.contains(&field),
        b'a' => WEEKDAYS.contains(&field),
        b'Z' => field.iter().all(u8::is_ascii_uppercase),
        literal => field.iter().all(|byte| *byte == literal),
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(ours: &str, theirs: &str) -> Option<(usize, usize)> {
        let first = ours.bytes().zip(theirs.bytes()).position(|(a, b)| a != b);
        time_at(ours.as_bytes(), theirs.as_bytes(), first.unwrap())
    }

    #[test]
    fn the_times_that_compilers_and_scripts_embed_are_found() {
        for (ours, theirs) in [
            ("x 03:18:29 y", "x 03:19:02 y"),
            ("Nov  2 2023", "Dec 14 2024"),
            ("built 2025-11-22T03", "built 2026-01-01T03"),
            (
                "Sat Nov 22 03:18:29 UTC 2025",
                "Sun Nov 23 03:18:29 UTC 2025",
            ),
            ("Sat Nov 22 03:18:29 2025", "Sun Nov 23 04:18:29 2025"),
            ("Sat, 22 Nov 2025 ", "Sun, 23 Nov 2025 "),
            ("id-1763780000-x", "id-1763780001-x"),
            ("20251122031829", "20251122031900"),
            ("v20251122.", "v20251123."),
        ] {
            assert!(at(ours, theirs).is_some(), "{ours} {theirs}");
        }
    }

    #[test]
    fn what_is_no_time_on_one_side_or_is_part_of_a_number_is_not_found() {
        for (ours, theirs) in [
            ("03:18:29", "03:18:99"),
            ("Nov  2 2023", "Nov 41 2023"),
            ("1763780000", "9763780000"),
            ("11763780000", "11763780001"),
            ("version 1.2.3", "version 1.2.4"),
            ("20251122", "20251142"),
            ("120251122", "120251123"),
        ] {
            assert_eq!(at(ours, theirs), None, "{ours} {theirs}");
        }
    }

    #[test]
    fn a_fraction_of_equal_width_belongs_to_it_and_one_of_another_width_does_not() {
        assert_eq!(at("1763780000.125 ", "1763780001.250 "), Some((0, 14)));
        assert_eq!(at("1763780000.12 ", "1763780001.250 "), Some((0, 10)));
    }
}
