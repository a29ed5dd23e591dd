//! From bytes to a kind. Most kinds have a fixed magic; the rest are judged by small rules.

use crate::kind::Kind;
use crate::sample::Sample;
use crate::zip;

/// What was found, with a detail for people where there is one.
#[derive(Debug, PartialEq, Eq)]
pub struct Content {
    pub kind: Kind,
    pub detail: Option<String>,
}

/// (offset, magic, kind); the first that fits wins.
const MAGICS: &[(usize, &[u8], Kind)] = &[
    (0, b"\x7fELF", Kind::Elf),
    (0, b"\xfe\xed\xfa\xce", Kind::MachO),
    (0, b"\xfe\xed\xfa\xcf", Kind::MachO),
    (0, b"\xce\xfa\xed\xfe", Kind::MachO),
    (0, b"\xcf\xfa\xed\xfe", Kind::MachO),
    (0, b"\0asm", Kind::Wasm),
    (0, b"\x4c\0\0\0\x01\x14\x02\0", Kind::Shortcut),
    (0, b"%PDF-", Kind::Pdf),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind::Ole2),
    (0, b"{\\rtf", Kind::Rtf),
    (0, b"\x89PNG\r\n\x1a\n", Kind::Png),
    (0, b"\xff\xd8\xff", Kind::Jpeg),
    (0, b"GIF87a", Kind::Gif),
    (0, b"GIF89a", Kind::Gif),
    (0, b"\x1f\x8b\x08", Kind::Gzip),
    (0, b"\xfd7zXZ\0", Kind::Xz),
    (0, b"\x28\xb5\x2f\xfd", Kind::Zstd),
    (0, b"7z\xbc\xaf\x27\x1c", Kind::SevenZip),
    (0, b"Rar!\x1a\x07", Kind::Rar),
    (0, b"MSCF\0\0\0\0", Kind::Cab),
    (0, b"SQLite format 3\0", Kind::Sqlite),
    (257, b"ustar", Kind::Tar),
    (32_769, b"CD001", Kind::Iso),
];

/// PDF readers accept the header this late.
const PDF_HEADER_BYTES_MAX: usize = 1024;

/// Names the content of a file.
pub fn detect(sample: &Sample) -> Content {
    if let Some(interpreter) = interpreter(&sample.head) {
        return Content {
            kind: Kind::Script,
            detail: Some(format!("run by {interpreter}")),
        };
    }
    let kind = kind_of(sample);
    let macros = matches!(kind, Kind::Docx | Kind::Xlsx | Kind::Pptx) && zip::has_macros(sample);
    Content {
        kind,
        detail: macros.then(|| "with macros".to_owned()),
    }
}

fn kind_of(sample: &Sample) -> Kind {
    let head = &sample.head;
    if head.is_empty() {
        return Kind::Empty;
    }
    if sample.has(0, b"PK\x03\x04") || sample.has(0, b"PK\x05\x06") {
        return zip::purpose(sample);
    }
    if let Some(kind) = windows_program(sample).or_else(|| class_or_fat(head)) {
        return kind;
    }
    if let Some((_, _, kind)) = MAGICS.iter().find(|(at, magic, _)| sample.has(*at, magic)) {
        return *kind;
    }
    if is_html(head) {
        return Kind::Html;
    }
    if zip::find(&head[..head.len().min(PDF_HEADER_BYTES_MAX)], b"%PDF-").is_some() {
        return Kind::Pdf;
    }
    if is_text(head) {
        Kind::Text
    } else {
        Kind::Unknown
    }
}

/// `MZ`, and at the place named by byte 60 the PE header; without it a DOS program.
fn windows_program(sample: &Sample) -> Option<Kind> {
    if !sample.has(0, b"MZ") || is_text(&sample.head) {
        return None;
    }
    let at = sample
        .head
        .get(60..64)
        .map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    match at {
        Some(at) if sample.has(at as usize, b"PE\0\0") => Some(Kind::Pe),
        _ => Some(Kind::Dos),
    }
}

/// Java classes and macOS universal files share a magic. The next four bytes are a class
/// version (45 and up) in one and a small number of architectures in the other.
fn class_or_fat(head: &[u8]) -> Option<Kind> {
    const FIRST_CLASS_VERSION: u32 = 45;
    let [0xca, 0xfe, 0xba, 0xbe, a, b, c, d] = *head.first_chunk::<8>()? else {
        return None;
    };
    let number = u32::from_be_bytes([a, b, c, d]);
    Some(if number < FIRST_CLASS_VERSION {
        Kind::MachO
    } else {
        Kind::JavaClass
    })
}

/// The program named by a `#!` line, without its folder; `env` is looked through.
fn interpreter(head: &[u8]) -> Option<String> {
    let line = head.strip_prefix(b"#!")?.split(|b| *b == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let base = |word: &str| word.rsplit('/').next().unwrap_or(word).to_owned();
    let mut words = line.split_whitespace();
    let first = base(words.next().filter(|word| word.starts_with('/'))?);
    if first != "env" {
        return Some(first);
    }
    Some(
        words
            .find(|word| !word.starts_with('-') && !word.contains('='))
            .map_or(first, base),
    )
}

fn is_html(head: &[u8]) -> bool {
    let head = head
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(head)
        .trim_ascii_start();
    ["<!doctype html", "<html", "<head", "<body", "<script"]
        .iter()
        .any(|tag| {
            head.get(..tag.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(tag.as_bytes()))
        })
}

/// No control characters but white space and escape, and UTF-8 or mostly ASCII.
fn is_text(head: &[u8]) -> bool {
    let control = |b: &u8| matches!(b, 0..=8 | 14..=26 | 28..=31 | 127);
    if head.iter().any(control) {
        return false;
    }
    match std::str::from_utf8(head) {
        Ok(_) => true,
        // The sample may end inside a character.
        Err(error) if error.error_len().is_none() => true,
        Err(_) => head.iter().filter(|b| !b.is_ascii()).count() * 3 < head.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(bytes: &[u8]) -> Kind {
        detect(&Sample::of(bytes)).kind
    }

    fn at(offset: usize, magic: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; offset];
        bytes.extend(magic);
        bytes
    }

    #[test]
    fn every_magic_is_recognised() {
        for (offset, magic, expected) in MAGICS {
            assert_eq!(kind(&at(*offset, magic)), *expected);
        }
    }

    #[test]
    fn pe_needs_the_header_it_points_to() {
        let mut bytes = b"MZ".to_vec();
        bytes.resize(128, 0);
        assert_eq!(kind(&bytes), Kind::Dos);
        bytes[60] = 80;
        bytes[80..84].copy_from_slice(b"PE\0\0");
        assert_eq!(kind(&bytes), Kind::Pe);
        assert_eq!(kind(b"MZ is how a letter may begin"), Kind::Text);
    }

    #[test]
    fn java_and_universal_mac_files_are_told_apart() {
        assert_eq!(kind(b"\xca\xfe\xba\xbe\0\0\0\x41...."), Kind::JavaClass);
        assert_eq!(kind(b"\xca\xfe\xba\xbe\0\0\0\x02\0\0"), Kind::MachO);
    }

    #[test]
    fn the_interpreter_is_named() {
        let detail = |text: &[u8]| detect(&Sample::of(text)).detail;
        assert_eq!(detail(b"#!/bin/sh\n").as_deref(), Some("run by sh"));
        assert_eq!(
            detail(b"#! /usr/bin/env -S A=1 python3 -u\n").as_deref(),
            Some("run by python3")
        );
        assert_eq!(kind(b"#!not a path"), Kind::Text);
    }

    #[test]
    fn html_hides_behind_white_space_and_case() {
        assert_eq!(kind(b"\xef\xbb\xbf \n<!DOCTYPE HTML>"), Kind::Html);
        assert_eq!(kind(b"<htm"), Kind::Text);
    }

    #[test]
    fn a_late_pdf_header_still_counts() {
        assert_eq!(kind(&at(900, b"%PDF-1.7")), Kind::Pdf);
        assert_eq!(kind(&at(1024, b"%PDF-1.7")), Kind::Unknown);
    }

    #[test]
    fn text_in_other_tongues_is_text() {
        assert_eq!(kind("Ünïcödé и кириллица".as_bytes()), Kind::Text);
        assert_eq!(kind(b"caf\xe9 in Latin-1"), Kind::Text);
        assert_eq!(kind(b"half a character \xc3"), Kind::Text);
        assert_eq!(kind(b"\x01\x02\x03"), Kind::Unknown);
        assert_eq!(kind(b""), Kind::Empty);
    }

    #[test]
    fn macros_are_mentioned() {
        let bytes = zip::archive(&[
            "[Content_Types].xml",
            "word/document.xml",
            "word/vbaProject.bin",
        ]);
        assert_eq!(
            detect(&Sample::of(&bytes)).detail.as_deref(),
            Some("with macros")
        );
    }
}
