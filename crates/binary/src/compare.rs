//! Two files side by side, from the outside in.
//!
//! Each format accounts for every byte: a member, a field it can name, or the rest, which must be
//! equal. What cannot be read as what it seems to be is plain bytes.

use crate::{
    Comparison, Explanations, Pair, What,
    container::{self, Kind},
    elf,
    explain::{Ground, differing, explain_runs, explain_text, next_difference, shown},
    findings::Findings,
    limits::{DEPTH_MAX, FILE_BYTES_MAX},
    pe,
};

/// Says what differs between two builds, and whether the rules explain all of it.
///
/// Equal bytes are [`Identical`](crate::Verdict::Identical). `Explained` needs every differing byte
/// covered by a rule that is switched on, at least one, and no changed byte of code. Never fails:
/// what cannot be read is compared by its bytes, and those are unexplained.
///
/// ```
/// use binary::{Explanations, Verdict, compare};
/// let comparison = compare(b"built 03:18:29", b"built 03:19:02", &Explanations::all());
/// assert_eq!(comparison.verdict, Verdict::Explained);
/// let comparison = compare(b"built 03:18:29", b"built 03:19:02", &Explanations::none());
/// assert_eq!(comparison.verdict, Verdict::Unexplained);
/// ```
#[must_use]
pub fn compare(ours: &[u8], theirs: &[u8], rules: &Explanations) -> Comparison {
    let mut findings = Findings::new(rules);
    let equal = ours == theirs;
    if !equal {
        files(&mut findings, "", ours, theirs, 0);
    }
    findings.conclude(Pair::new(ours.len() as u64, theirs.len() as u64), equal)
}

/// Two files or members that are to be the same.
pub(crate) fn files(
    findings: &mut Findings<'_>,
    place: &str,
    ours: &[u8],
    theirs: &[u8],
    depth: usize,
) {
    if ours == theirs {
        return;
    }
    if ours.len().max(theirs.len()) > FILE_BYTES_MAX {
        return plain(findings, place, ours, theirs, "too large to be looked into");
    }
    let kinds = (Kind::of(ours), Kind::of(theirs));
    let (Some(kind), Some(other)) = kinds else {
        return text(findings, place, ours, theirs);
    };
    if kind != other {
        let because = format!("ours is {kind}, theirs is {other}");
        return plain(findings, place, ours, theirs, &because);
    }
    if depth >= DEPTH_MAX {
        return plain(
            findings,
            place,
            ours,
            theirs,
            "packed too deep to be looked into",
        );
    }
    let before = findings.count();
    match kind {
        Kind::Elf => elf::compare(findings, place, ours, theirs),
        Kind::Pe => pe::compare(findings, place, ours, theirs),
        packed => container::compare(findings, place, Pair::new(ours, theirs), packed, depth),
    }
    if findings.count() == before {
        let because = "bytes that no part of the format accounts for";
        plain(findings, place, ours, theirs, because);
    }
}

/// Files of no known format: text may be explained, anything else may be code.
fn text(findings: &mut Findings<'_>, place: &str, ours: &[u8], theirs: &[u8]) {
    for bytes in [ours, theirs] {
        if bytes.starts_with(b"#!") {
            return plain(
                findings,
                place,
                ours,
                theirs,
                "a script is code, which no rule covers",
            );
        }
        if bytes.contains(&0) || std::str::from_utf8(bytes).is_err() {
            return plain(
                findings,
                place,
                ours,
                theirs,
                "bytes of a format that is not known here",
            );
        }
    }
    let (rules, folders) = (findings.rules, &mut findings.folders);
    let sizes = Pair::new(ours.len() as u64, theirs.len() as u64);
    if ours.len() == theirs.len() {
        let places = explain_runs(ours, theirs, Ground::Text, rules, folders);
        return findings.places(place, &sizes, &places);
    }
    match explain_text(ours, theirs, false, b'\n', rules, folders) {
        Some(places) => findings.places(place, &sizes, &places),
        None => plain(
            findings,
            place,
            ours,
            theirs,
            "text that differs in more than the rules cover",
        ),
    }
}

/// Bytes that nothing explains.
pub(crate) fn plain(
    findings: &mut Findings<'_>,
    place: &str,
    ours: &[u8],
    theirs: &[u8],
    because: &str,
) {
    let what = bytes_differ(ours, theirs);
    findings.unexplained(place, what, because);
}

/// Sizes, count and first place of the difference.
pub(crate) fn bytes_differ(ours: &[u8], theirs: &[u8]) -> What {
    /// Bytes shown from the first difference on.
    const SHOWN: usize = 24;
    let first = next_difference(ours, theirs, 0).unwrap_or(ours.len().min(theirs.len()));
    let from = |bytes: &[u8]| match &bytes[first..bytes.len().min(first + SHOWN)] {
        [] => "(end)".to_owned(),
        bytes => shown(bytes),
    };
    What::Bytes {
        sizes: Pair::new(ours.len() as u64, theirs.len() as u64),
        differing: differing(ours, theirs),
        first: first as u64,
        examples: vec![Pair::new(from(ours), from(theirs))],
    }
}

/// `a` in `b`, for places.
pub(crate) fn within(place: &str, inner: &str) -> String {
    if place.is_empty() {
        inner.to_owned()
    } else {
        format!("{place} > {inner}")
    }
}
