//! Two ELF files, section by section, and function by function where code differs.
//!
//! The layout of everything that is loaded must be the same: if a loaded section moved or grew, it
//! is unexplained. No changed byte of code is ever explained. Only sections that no program loads
//! (debug information) may differ in size.

mod align;
mod code;
mod debug;
mod functions;
mod image;
mod relocations;

pub(crate) use image::{Image, Section, Symbol};

use std::ops::Range;

use crate::{
    Explanations, Judgement, Pair, Rule, Side, What,
    compare::{bytes_differ, plain, within},
    explain::{Covered, FolderPairs, Ground, differing, explain_runs},
    findings::Findings,
};
use image::{SHT_NOTE, SHT_PROGBITS};

/// Compares two files that begin like ELF.
pub(crate) fn compare(findings: &mut Findings<'_>, place: &str, ours: &[u8], theirs: &[u8]) {
    let images = match (Image::parse(ours), Image::parse(theirs)) {
        (Ok(a), Ok(b)) => Pair::new(a, b),
        (Err(error), _) | (_, Err(error)) => {
            return plain(
                findings,
                place,
                ours,
                theirs,
                &format!("not a whole ELF file: {error}"),
            );
        }
    };
    let pairs = paired(findings, place, &images);
    let resized = pairs.iter().any(|pair| pair.ours.size != pair.theirs.size);
    headers(findings, place, &images, resized);
    layout(findings, place, &pairs, resized);
    if pairs
        .iter()
        .any(|pair| images.is_code(pair) && pair.ours.data != pair.theirs.data)
    {
        functions::compare(findings, place, &images);
    }
    let strings = debug::Strings::new(&pairs);
    let mut covered: Vec<Range<u64>> = Vec::new();
    for pair in &pairs {
        let place = within(place, &pair.ours.name);
        covered.extend(section(findings, &place, &images, pair, &strings));
    }
    between(findings, place, &images);
    if ours.len() == theirs.len() && !resized {
        nothing_hidden(findings, place, ours, theirs, covered);
    }
}

/// All over again without any notion of sections: files of one layout are equal once the covered
/// bytes are taken out, or something was told above.
fn nothing_hidden(
    findings: &mut Findings<'_>,
    place: &str,
    ours: &[u8],
    theirs: &[u8],
    covered: Vec<Range<u64>>,
) {
    if findings.has_unexplained() {
        return;
    }
    let (mut a, mut b) = (ours.to_vec(), theirs.to_vec());
    for range in covered {
        let bound = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(ours.len());
        let range = bound(range.start)..bound(range.end);
        a[range.clone()].fill(0);
        b[range].fill(0);
    }
    if a != b {
        plain(
            findings,
            place,
            &a,
            &b,
            "bytes that no part of the file accounts for",
        );
    }
}

/// The two images, or the two sections.
pub(crate) type Images<'a> = Pair<Image<'a>>;
pub(crate) type Sections<'i, 'a> = Pair<&'i Section<'a>>;

impl Pair<Image<'_>> {
    fn is_code(&self, pair: &Sections<'_, '_>) -> bool {
        self.ours.is_code(pair.ours) || self.theirs.is_code(pair.theirs)
    }

    fn is_loaded(&self, pair: &Sections<'_, '_>) -> bool {
        self.ours.is_loaded(pair.ours) || self.theirs.is_loaded(pair.theirs)
    }
}

fn headers(findings: &mut Findings<'_>, place: &str, images: &Images<'_>, resized: bool) {
    let (ours, theirs) = (images.ours.headers(resized), images.theirs.headers(resized));
    for ((name, a), (_, b)) in ours.iter().zip(&theirs) {
        if a != b {
            findings.unexplained(
                &within(place, name),
                bytes_differ(a, b),
                "no rule covers headers",
            );
        }
    }
}

/// Sections by name and count; what has no counterpart is told.
fn paired<'i, 'a>(
    findings: &mut Findings<'_>,
    place: &str,
    images: &'i Images<'a>,
) -> Vec<Sections<'i, 'a>> {
    let (ours, theirs) = (&images.ours.sections, &images.theirs.sections);
    let same_names = ours
        .iter()
        .map(|s| &s.name)
        .eq(theirs.iter().map(|s| &s.name));
    if same_names {
        return ours
            .iter()
            .zip(theirs)
            .map(|(a, b)| Pair::new(a, b))
            .collect();
    }
    let mut left: std::collections::BTreeMap<(&str, usize), &Section<'a>> = theirs
        .iter()
        .map(|section| ((section.name.as_str(), section.repeated), section))
        .collect();
    let mut only = |side, section: &Section<'_>| {
        let bytes = section.data.len() as u64;
        let place = within(place, &section.name);
        findings.unexplained(
            &place,
            What::Only { side, bytes },
            "a section without a counterpart",
        );
    };
    let mut pairs = Vec::new();
    for section in ours {
        match left.remove(&(section.name.as_str(), section.repeated)) {
            Some(other) => pairs.push(Pair::new(section, other)),
            None => only(Side::Ours, section),
        }
    }
    for section in left.values() {
        only(Side::Theirs, section);
    }
    if let Some((a, b)) = ours.iter().zip(theirs).find(|(a, b)| a.name != b.name) {
        findings.field(place, "order of sections", a.name.clone(), b.name.clone());
    }
    pairs
}

/// What is loaded lies at the same place; what is not keeps its meaning, and its place too unless
/// another such section has grown.
fn layout(findings: &mut Findings<'_>, place: &str, pairs: &[Sections<'_, '_>], resized: bool) {
    let moved: Vec<&Sections<'_, '_>> = pairs
        .iter()
        .filter(|pair| {
            let (a, b) = (pair.ours, pair.theirs);
            a.meaning() != b.meaning() || (!resized || a.allocated()) && a.layout() != b.layout()
        })
        .collect();
    if moved.is_empty() {
        return;
    }
    let shown = |side: fn(&Sections<'_, '_>) -> String| -> String {
        let mut texts: Vec<String> = moved
            .iter()
            .take(MOVED_SHOWN)
            .map(|pair| side(pair))
            .collect();
        if moved.len() > MOVED_SHOWN {
            texts.push("...".to_owned());
        }
        texts.join(", ")
    };
    let what = What::Field {
        field: "section headers".to_owned(),
        values: Pair::new(
            shown(|pair| pair.ours.placed()),
            shown(|pair| pair.theirs.placed()),
        ),
    };
    let because = format!("{} sections moved, grew or changed their kind", moved.len());
    findings.unexplained(place, what, because);
}

/// Sections that are named when many have moved.
const MOVED_SHOWN: usize = 3;

/// Judges one section and notes it. Returns the bytes of the file that a rule covers.
fn section(
    findings: &mut Findings<'_>,
    place: &str,
    images: &Images<'_>,
    pair: &Sections<'_, '_>,
    strings: &debug::Strings<'_>,
) -> Vec<Range<u64>> {
    let (a, b) = (pair.ours, pair.theirs);
    if a.data == b.data {
        return Vec::new();
    }
    match judge(images, pair, strings, findings.rules, &mut findings.folders) {
        Err(because) => {
            plain(findings, place, a.data, b.data, because);
            Vec::new()
        }
        Ok(places) => {
            let sizes = Pair::new(a.data.len() as u64, b.data.len() as u64);
            findings.places(place, &sizes, &places);
            let in_file = |at: usize| a.offset.saturating_add(at as u64);
            places
                .iter()
                .filter(|place| place.rule.is_some())
                .map(|place| in_file(place.start)..in_file(place.end))
                .collect()
        }
    }
}

/// The places in which a section differs, or why no rule looks into it.
fn judge(
    images: &Images<'_>,
    pair: &Sections<'_, '_>,
    strings: &debug::Strings<'_>,
    rules: &Explanations,
    folders: &mut FolderPairs,
) -> Result<Vec<Covered>, &'static str> {
    let (a, b) = (pair.ours, pair.theirs);
    if images.is_code(pair) {
        return Err("code, which no rule covers");
    }
    if is_build_id(a, b) {
        return build_id(a.data, b.data, rules);
    }
    if a.kind != SHT_PROGBITS || b.kind != SHT_PROGBITS {
        return Err("no rule covers a section of this kind");
    }
    let ground = ground(&a.name, images.is_loaded(pair)).ok_or("no rule covers this section")?;
    let covered = if ground == Ground::Debug {
        strings.explain(pair, rules, folders)
    } else if a.data.len() == b.data.len() {
        Some(explain_runs(a.data, b.data, ground, rules, folders))
    } else {
        None
    };
    covered.ok_or("sizes differ in more than the rules cover")
}

/// Sections in which rules may cover something. What steers the program without being code (unwind
/// tables, pointers, the name of the loader) is not among them.
fn ground(name: &str, loaded: bool) -> Option<Ground> {
    let of = |kind: &str| {
        name.strip_prefix(kind)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    if !loaded && name.starts_with(".debug_") {
        Some(Ground::Debug)
    } else if name == ".rodata" || name == ".data" {
        Some(Ground::Constants)
    } else if of(".rodata") || of(".data") || of(".tdata") || of(".comment") {
        Some(Ground::Loaded)
    } else {
        None
    }
}

/// Name size, descriptor size, type, name: `GNU` with its end mark.
const NOTE_HEAD_BYTES: usize = 16;
const BUILD_ID_TYPE: [u8; 4] = [3, 0, 0, 0];

/// Whether both are one note with a build-id, equal in all but the digest.
fn is_build_id(a: &Section<'_>, b: &Section<'_>) -> bool {
    let named = |s: &Section<'_>| s.name == ".note.gnu.build-id" && s.kind == SHT_NOTE;
    let Some((head, digest)) = a.data.split_at_checked(NOTE_HEAD_BYTES) else {
        return false;
    };
    let size = u32::try_from(digest.len()).unwrap_or(u32::MAX);
    named(a)
        && named(b)
        && a.data.len() == b.data.len()
        && b.data.starts_with(head)
        && (8..=64).contains(&size)
        && *head == [[4, 0, 0, 0], size.to_le_bytes(), BUILD_ID_TYPE, *b"GNU\0"].concat()
}

fn build_id(a: &[u8], b: &[u8], rules: &Explanations) -> Result<Vec<Covered>, &'static str> {
    if !rules.allow(Rule::BuildId) {
        return Err("the rule for build-ids is switched off");
    }
    let hex = |bytes: &[u8]| -> String {
        let digest = &bytes[NOTE_HEAD_BYTES..];
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    Ok(vec![Covered {
        start: NOTE_HEAD_BYTES,
        end: a.len(),
        differing: differing(a, b),
        rule: Some(Rule::BuildId),
        ours: hex(a),
        theirs: hex(b),
    }])
}

/// Bytes that belong to no header and no section.
fn between(findings: &mut Findings<'_>, place: &str, images: &Images<'_>) {
    let (ours, theirs) = (images.ours.between(), images.theirs.between());
    let zeros = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    if ours == theirs {
        return;
    }
    let because = "bytes between the sections";
    let judgement = if zeros(&ours) && zeros(&theirs) {
        Judgement::Follows
    } else {
        Judgement::Unexplained
    };
    findings.add(
        &within(place, "padding"),
        bytes_differ(&ours, &theirs),
        judgement,
        because,
    );
}
