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

use crate::{
    Judgement, Pair, Rule, Side, What,
    compare::{bytes_differ, plain, within},
    explain::{Covered, Ground, explain_runs},
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
    for pair in &pairs {
        section(
            findings,
            &within(place, &pair.ours.name),
            &images,
            pair,
            &strings,
        );
    }
    between(findings, place, &images);
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
    let moved: Vec<&str> = pairs
        .iter()
        .filter(|pair| {
            let (a, b) = (pair.ours, pair.theirs);
            a.meaning() != b.meaning() || (!resized || a.allocated()) && a.layout() != b.layout()
        })
        .map(|pair| pair.ours.name.as_str())
        .collect();
    if moved.is_empty() {
        return;
    }
    let names = moved.join(" ");
    let what = What::Field {
        field: "section headers".to_owned(),
        values: Pair::new(names.clone(), names),
    };
    let because = format!(
        "{} sections that are loaded moved or grew, or sections changed their kind",
        moved.len()
    );
    findings.unexplained(place, what, because);
}

fn section(
    findings: &mut Findings<'_>,
    place: &str,
    images: &Images<'_>,
    pair: &Sections<'_, '_>,
    strings: &debug::Strings,
) {
    let (a, b) = (pair.ours, pair.theirs);
    if a.data == b.data {
        return;
    }
    if images.is_code(pair) {
        return plain(
            findings,
            place,
            a.data,
            b.data,
            "code, which no rule covers",
        );
    }
    if let Some(desc) = build_id(a, b) {
        return build_id_differs(findings, place, pair, desc);
    }
    let loaded = images.is_loaded(pair);
    if a.kind != SHT_PROGBITS || b.kind != SHT_PROGBITS {
        return plain(
            findings,
            place,
            a.data,
            b.data,
            "no rule covers a section of this kind",
        );
    }
    let ground = match a.name.as_str() {
        _ if !loaded && a.name.starts_with(".debug_") => Ground::Debug,
        ".rodata" | ".data" => Ground::Constants,
        _ => Ground::Loaded,
    };
    let sizes = Pair::new(a.data.len() as u64, b.data.len() as u64);
    let (rules, folders) = (findings.rules, &mut findings.folders);
    let covered = if ground == Ground::Debug {
        strings.explain(pair, rules, folders)
    } else if a.data.len() == b.data.len() {
        Some(explain_runs(a.data, b.data, ground, rules, folders))
    } else {
        None
    };
    match covered {
        Some(places) => findings.places(place, &sizes, &places),
        None => plain(
            findings,
            place,
            a.data,
            b.data,
            "sizes differ in more than the rules cover",
        ),
    }
}

/// Name size, descriptor size, type, name: `GNU` with its end mark.
const NOTE_HEAD_BYTES: usize = 16;
const BUILD_ID_TYPE: [u8; 4] = [3, 0, 0, 0];

/// The size of the descriptor, if both are one note with a build-id, equal in all else.
fn build_id(a: &Section<'_>, b: &Section<'_>) -> Option<usize> {
    let named = |s: &Section<'_>| s.name == ".note.gnu.build-id" && s.kind == SHT_NOTE;
    let size = a.data.len().checked_sub(NOTE_HEAD_BYTES)?;
    let head = a.data.get(..NOTE_HEAD_BYTES)?;
    let one = named(a)
        && named(b)
        && a.data.len() == b.data.len()
        && b.data.starts_with(head)
        && head[..4] == [4, 0, 0, 0]
        && head[4..8] == u32::try_from(size).ok()?.to_le_bytes()
        && head[8..12] == BUILD_ID_TYPE
        && &head[12..] == b"GNU\0";
    (one && (8..=64).contains(&size)).then_some(size)
}

fn build_id_differs(
    findings: &mut Findings<'_>,
    place: &str,
    pair: &Sections<'_, '_>,
    size: usize,
) {
    let (a, b) = (pair.ours.data, pair.theirs.data);
    if !findings.rules.allow(Rule::BuildId) {
        return plain(
            findings,
            place,
            a,
            b,
            "the rule for build-ids is switched off",
        );
    }
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
    let (a, b) = (&a[NOTE_HEAD_BYTES..], &b[NOTE_HEAD_BYTES..]);
    let covered = Covered {
        start: NOTE_HEAD_BYTES,
        differing: crate::explain::differing(a, b),
        rule: Some(Rule::BuildId),
        ours: hex(a),
        theirs: hex(b),
    };
    let sizes = Pair::new(
        (size + NOTE_HEAD_BYTES) as u64,
        (size + NOTE_HEAD_BYTES) as u64,
    );
    findings.places(place, &sizes, &[covered]);
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
