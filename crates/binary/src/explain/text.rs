//! Which differing bytes of two texts or data sections the rules cover.

use super::{
    Explanations, FolderPairs, Rule,
    path::{is_path_byte, path_around, same_but_folder},
    time,
};
use crate::limits::{EXPLAINED_PLACES_MAX, SHOWN_CHARS_MAX};

/// What kind of bytes these are, and so what may be explained in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ground {
    /// Constants of a program (`.rodata`, `.data`): also a time of eight bytes.
    Constants,
    /// Other data that a program loads: text only.
    Loaded,
    /// Debug information, which no program loads: folders as well.
    Debug,
    /// A text file.
    Text,
}

/// A differing place, and the rule that covers it if one does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Covered {
    /// First byte, in ours.
    pub(crate) start: usize,
    /// Behind the last byte, in ours.
    pub(crate) end: usize,
    /// Differing bytes.
    pub(crate) differing: u64,
    /// `None`: unexplained.
    pub(crate) rule: Option<Rule>,
    /// What stands there, ours.
    pub(crate) ours: String,
    /// What stands there, theirs.
    pub(crate) theirs: String,
}

/// Uncovered bytes closer than this are one place.
const NEAR: usize = 16;

/// Covers two equally long stretches place by place. Whatever no rule covers is returned without one.
pub(crate) fn explain_runs(
    ours: &[u8],
    theirs: &[u8],
    ground: Ground,
    rules: &Explanations,
    folders: &mut FolderPairs,
) -> Vec<Covered> {
    let mut places: Vec<Covered> = Vec::new();
    let (mut at, mut looks) = (0, 0);
    while let Some(next) = next_difference(ours, theirs, at) {
        looks += 1;
        let (start, end, rule) = if looks > EXPLAINED_PLACES_MAX {
            (next, ours.len(), None)
        } else {
            // Bytes before `at` are covered already; a place may begin below it and share them.
            match cover(ours, theirs, next, ground, rules, folders) {
                Some((start, end, rule)) => (start, end, Some(rule)),
                None => (next, next + 1, None),
            }
        };
        let differing = differing(&ours[next..end], &theirs[next..end]);
        match places.last_mut() {
            Some(last) if rule.is_none() && last.rule.is_none() && next - at < NEAR => {
                last.differing += differing;
                last.end = end;
            }
            _ => places.push(Covered {
                start,
                end,
                differing,
                rule,
                ours: shown(&ours[start..shown_end(ours, end, rule)]),
                theirs: shown(&theirs[start..shown_end(theirs, end, rule)]),
            }),
        }
        at = end;
    }
    places
}

/// A few bytes more of what is not explained, for people.
fn shown_end(bytes: &[u8], end: usize, rule: Option<Rule>) -> usize {
    match rule {
        Some(_) => end,
        None => (end + NEAR).min(bytes.len()),
    }
}

/// The first differing byte at or behind `from`.
pub(crate) fn next_difference(ours: &[u8], theirs: &[u8], from: usize) -> Option<usize> {
    /// Slices of one length compare by `memcmp`.
    const STRIDE: usize = 256;
    let size = ours.len().min(theirs.len());
    let mut at = from;
    while at < size {
        let end = (at + STRIDE).min(size);
        if ours[at..end] != theirs[at..end] {
            return (at..end).find(|index| ours[*index] != theirs[*index]);
        }
        at = end;
    }
    None
}

/// How many bytes differ at equal places, and all that one side has more.
pub(crate) fn differing(ours: &[u8], theirs: &[u8]) -> u64 {
    let common = ours.len().min(theirs.len());
    let (mut count, mut at) = (0, 0);
    while let Some(next) = next_difference(ours, theirs, at) {
        count += 1;
        at = next + 1;
    }
    count + (ours.len().max(theirs.len()) - common) as u64
}

type Place = (usize, usize, Rule);

fn cover(
    ours: &[u8],
    theirs: &[u8],
    at: usize,
    ground: Ground,
    rules: &Explanations,
    folders: &mut FolderPairs,
) -> Option<Place> {
    if rules.allow(Rule::EmbeddedTime) {
        if let Some((start, end)) = time::time_at(ours, theirs, at) {
            return Some((start, end, Rule::EmbeddedTime));
        }
        if ground == Ground::Constants
            && let Some((start, end)) = binary_time(ours, theirs, at)
        {
            return Some((start, end, Rule::EmbeddedTime));
        }
    }
    if rules.allow(Rule::EmbeddedPath) {
        let (start, end) = path_around(ours, at)?;
        if path_around(theirs, at)? != (start, end) {
            return None;
        }
        let debug = ground == Ground::Debug;
        let pair = same_but_folder(&ours[start..end], &theirs[start..end], debug)?;
        return folders
            .admit(pair)
            .then_some((start, end, Rule::EmbeddedPath));
    }
    None
}

/// Ten years: two builds that are compared are not further apart.
const APART_MAX_S: u64 = 10 * 366 * 86_400;

/// A time of eight bytes in either byte order, at a multiple of eight. Four bytes are not enough to
/// tell a time from any other number.
fn binary_time(ours: &[u8], theirs: &[u8], at: usize) -> Option<(usize, usize)> {
    let start = at - at % 8;
    let read = |bytes: &[u8]| -> Option<[u8; 8]> { bytes.get(start..start + 8)?.try_into().ok() };
    let (a, b) = (read(ours)?, read(theirs)?);
    [u64::from_le_bytes, u64::from_be_bytes]
        .into_iter()
        .map(|order| (order(a), order(b)))
        .any(|(a, b)| {
            time::SECONDS.contains(&a) && time::SECONDS.contains(&b) && a.abs_diff(b) < APART_MAX_S
        })
        .then_some((start, start + 8))
}

/// Covers two text files of different sizes line by line; `None` unless rules cover all of it.
pub(crate) fn explain_text(
    ours: &[u8],
    theirs: &[u8],
    anywhere: bool,
    separator: u8,
    rules: &Explanations,
    folders: &mut FolderPairs,
) -> Option<Vec<Covered>> {
    let mut places = Vec::new();
    let mut start = 0;
    let (mut a, mut b) = (
        ours.split(|byte| *byte == separator),
        theirs.split(|byte| *byte == separator),
    );
    loop {
        let (line, other) = match (a.next(), b.next()) {
            (None, None) => return Some(places),
            (Some(line), Some(other)) => (line, other),
            _ => return None,
        };
        if line != other {
            if places.len() >= EXPLAINED_PLACES_MAX {
                return None;
            }
            let mut covered = if line.len() == other.len() {
                let ground = if anywhere {
                    Ground::Debug
                } else {
                    Ground::Text
                };
                explain_runs(line, other, ground, rules, folders)
            } else if rules.allow(Rule::EmbeddedPath) {
                vec![path_in_line(line, other, anywhere, folders)?]
            } else {
                return None;
            };
            for place in &mut covered {
                place.rule?;
                place.start += start;
                place.end += start;
            }
            places.append(&mut covered);
        }
        start += line.len() + 1;
    }
}

/// The one path in which two lines of different sizes differ.
fn path_in_line(
    ours: &[u8],
    theirs: &[u8],
    anywhere: bool,
    folders: &mut FolderPairs,
) -> Option<Covered> {
    let at = next_difference(ours, theirs, 0).unwrap_or(ours.len().min(theirs.len()));
    let bounds =
        |bytes: &[u8]| path_around(bytes, at).or_else(|| path_around(bytes, at.checked_sub(1)?));
    let (start, end) = bounds(ours)?;
    let (other_start, other_end) = bounds(theirs)?;
    if start != other_start || ours[end..] != theirs[other_end..] {
        return None;
    }
    // What stands before is equal up to `at`, and no path byte may be cut off.
    debug_assert!(ours[start..end].iter().all(|byte| is_path_byte(*byte)));
    let (a, b) = (&ours[start..end], &theirs[start..other_end]);
    let pair = same_but_folder(a, b, anywhere)?;
    folders.admit(pair).then(|| Covered {
        start,
        end,
        differing: differing(a, b),
        rule: Some(Rule::EmbeddedPath),
        ours: shown(a),
        theirs: shown(b),
    })
}

/// Bytes as one line for people: what is printable as it is, the rest as hex.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(SHOWN_CHARS_MAX)];
    let more = if cut.len() < bytes.len() { "…" } else { "" };
    if cut.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        return format!("{}{more}", String::from_utf8_lossy(cut));
    }
    let hex: Vec<String> = cut
        .iter()
        .take(24)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let more = if cut.len() > 24 { " …" } else { more };
    format!("{}{more}", hex.join(" "))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn runs(ours: &[u8], theirs: &[u8], ground: Ground) -> Vec<(usize, Option<Rule>)> {
        let mut folders = FolderPairs::default();
        explain_runs(ours, theirs, ground, &Explanations::all(), &mut folders)
            .into_iter()
            .map(|place| (place.start, place.rule))
            .collect()
    }

    #[test]
    fn a_time_and_a_path_are_covered_and_a_word_between_them_is_not() {
        let ours = b"\x0003:18:29\x00magic-aa\x00/b/aa/src/main.c\x00";
        let theirs = b"\x0003:20:30\x00magic-ab\x00/b/zz/src/main.c\x00";
        assert_eq!(
            runs(ours, theirs, Ground::Loaded),
            [
                (1, Some(Rule::EmbeddedTime)),
                (17, None),
                (19, Some(Rule::EmbeddedPath))
            ]
        );
    }

    #[test]
    fn a_number_is_a_time_only_at_eight_aligned_bytes_of_constants() {
        let number = |value: u64| value.to_le_bytes();
        let (ours, theirs) = (number(1_763_780_000), number(1_763_780_077));
        let time = [(0, Some(Rule::EmbeddedTime))];
        assert_eq!(runs(&ours, &theirs, Ground::Constants), time);
        assert_eq!(runs(&ours, &theirs, Ground::Loaded), [(0, None)]);
        assert_eq!(
            runs(&ours[..4], &theirs[..4], Ground::Constants),
            [(0, None)]
        );
        assert_eq!(
            runs(&ours, &number(7), Ground::Constants)[0].1,
            None,
            "seven seconds after 1970"
        );
    }

    #[test]
    fn a_rule_that_is_off_covers_nothing() {
        let rules = Explanations::all().without(Rule::EmbeddedTime);
        let places = explain_runs(
            b"03:18:29",
            b"03:18:30",
            Ground::Text,
            &rules,
            &mut FolderPairs::default(),
        );
        assert_eq!(places[0].rule, None);
        assert_eq!(places[0].differing, 2);
    }

    #[test]
    fn lines_of_different_sizes_are_covered_if_only_a_folder_differs() {
        let text = |folder: &str, word: &str| format!("a\nat {folder}/src/x.c:3 {word}\nb 1\n");
        let explained = |a: String, b: String| {
            explain_text(
                a.as_bytes(),
                b.as_bytes(),
                false,
                b'\n',
                &Explanations::all(),
                &mut FolderPairs::default(),
            )
        };
        let places = explained(text("/b/short", "w"), text("/b/much/longer", "w")).unwrap();
        assert_eq!(places.len(), 1);
        assert_eq!(places[0].ours, "/b/short/src/x.c");
        assert_eq!(
            explained(text("/b/short", "w"), text("/b/much/longer", "v")),
            None
        );
        assert_eq!(
            explained(text("/b/s", "w"), text("/b/s", "w") + "more\n"),
            None
        );
    }

    #[test]
    fn the_count_of_differing_bytes_has_what_one_side_has_more() {
        assert_eq!(differing(b"abc", b"abc"), 0);
        assert_eq!(differing(b"abc", b"xbcde"), 3);
    }

    #[test]
    fn what_is_shown_is_short_and_printable() {
        assert_eq!(shown(b"plain"), "plain");
        assert_eq!(shown(&[0, 255]), "00 ff");
        assert!(shown(&[b'a'; 999]).chars().count() <= SHOWN_CHARS_MAX + 1);
    }
}
