//! Names of members of a ZIP file, as far as the sample shows them.
//!
//! Both lists are searched: local headers in the head and the central directory in the tail.
//! Sizes in headers are not trusted, so members are found by their signature.

use crate::kind::Kind;
use crate::sample::Sample;

const LOCAL_HEADER: &[u8] = b"PK\x03\x04";
const DIRECTORY_ENTRY: &[u8] = b"PK\x01\x02";
const MEMBERS_MAX: usize = 10_000;

/// What a file that begins like a ZIP archive is used for.
pub fn purpose(sample: &Sample) -> Kind {
    if let Some(mime) = stored_mimetype(&sample.head) {
        if mime.starts_with(b"application/vnd.oasis.opendocument.") {
            return Kind::OpenDocument;
        }
        if mime.starts_with(b"application/epub+zip") {
            return Kind::Epub;
        }
    }
    let names = members(sample);
    let any = |test: &dyn Fn(&[u8]) -> bool| names.iter().any(|name| test(name));
    if any(&|name| name == b"[Content_Types].xml") {
        for (prefix, kind) in [
            (&b"word/"[..], Kind::Docx),
            (b"xl/", Kind::Xlsx),
            (b"ppt/", Kind::Pptx),
        ] {
            if any(&|name| name.starts_with(prefix)) {
                return kind;
            }
        }
    }
    if any(&|name| name == b"AndroidManifest.xml") {
        return Kind::Apk;
    }
    if any(&|name| name == b"META-INF/MANIFEST.MF") && any(&|name| name.ends_with(b".class")) {
        return Kind::Jar;
    }
    Kind::Zip
}

/// True when the file ends with the end record of a ZIP archive, wherever it begins.
pub fn ends_as_archive(sample: &Sample) -> bool {
    const END_RECORD: &[u8] = b"PK\x05\x06";
    const END_RECORD_BYTES: usize = 22;
    let Some(at) = sample
        .tail
        .windows(END_RECORD.len())
        .rposition(|window| window == END_RECORD)
    else {
        return false;
    };
    // The comment behind the record must reach exactly to the end of the file.
    let record = &sample.tail[at..];
    let comment = record
        .get(20..END_RECORD_BYTES)
        .map(|s| usize::from(u16::from_le_bytes([s[0], s[1]])));
    comment.is_some_and(|size| record.len() == END_RECORD_BYTES + size)
}

/// True when an Office file carries macros.
pub fn has_macros(sample: &Sample) -> bool {
    members(sample)
        .iter()
        .any(|name| name.ends_with(b"/vbaProject.bin"))
}

fn members(sample: &Sample) -> Vec<&[u8]> {
    let mut names = Vec::new();
    collect(&sample.head, LOCAL_HEADER, 26, 30, &mut names);
    collect(&sample.tail, DIRECTORY_ENTRY, 28, 46, &mut names);
    names
}

/// Reads the names behind each `signature`: their size stands at `size_at`, the name at `name_at`.
fn collect<'a>(
    bytes: &'a [u8],
    signature: &[u8],
    size_at: usize,
    name_at: usize,
    names: &mut Vec<&'a [u8]>,
) {
    let mut at = 0;
    while names.len() < MEMBERS_MAX {
        let Some(next) = find(&bytes[at..], signature) else {
            return;
        };
        at += next;
        let size = bytes
            .get(at + size_at..at + size_at + 2)
            .map(|s| u16::from_le_bytes([s[0], s[1]]));
        let name = size.and_then(|size| bytes.get(at + name_at..at + name_at + usize::from(size)));
        names.extend(name);
        at += signature.len();
    }
}

/// The content of a first, uncompressed member called `mimetype` (OpenDocument, EPUB).
fn stored_mimetype(head: &[u8]) -> Option<&[u8]> {
    let extra = head
        .get(28..30)
        .map(|s| usize::from(u16::from_le_bytes([s[0], s[1]])))?;
    (head.get(30..38)? == b"mimetype").then(|| head.get(38 + extra..))?
}

/// The first place of `needle` in `hay`.
pub fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len())
        .position(|window| window == needle)
}

/// A ZIP file with empty members of these names, for tests.
#[cfg(test)]
pub fn archive(names: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for name in names {
        bytes.extend(LOCAL_HEADER);
        bytes.extend([0; 22]);
        bytes.extend((name.len() as u16).to_le_bytes());
        bytes.extend([0; 2]);
        bytes.extend(name.as_bytes());
    }
    bytes.extend(b"PK\x05\x06");
    bytes.extend([0; 18]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn purpose_of(names: &[&str]) -> Kind {
        purpose(&Sample::of(&archive(names)))
    }

    #[test]
    fn office_files_are_told_by_their_members() {
        assert_eq!(
            purpose_of(&["[Content_Types].xml", "word/document.xml"]),
            Kind::Docx
        );
        assert_eq!(
            purpose_of(&["xl/workbook.xml", "[Content_Types].xml"]),
            Kind::Xlsx
        );
        assert_eq!(
            purpose_of(&["[Content_Types].xml", "ppt/presentation.xml"]),
            Kind::Pptx
        );
        assert_eq!(
            purpose_of(&["META-INF/MANIFEST.MF", "a/B.class"]),
            Kind::Jar
        );
        assert_eq!(purpose_of(&["word/document.xml"]), Kind::Zip);
        assert_eq!(purpose_of(&["AndroidManifest.xml"]), Kind::Apk);
    }

    #[test]
    fn opendocument_is_told_by_its_mimetype() {
        let mut bytes = archive(&["mimetype"]);
        let end = bytes.len() - 22;
        bytes.splice(
            end..,
            b"application/vnd.oasis.opendocument.textPK".iter().copied(),
        );
        assert_eq!(purpose(&Sample::of(&bytes)), Kind::OpenDocument);
    }

    #[test]
    fn the_end_record_must_reach_the_end() {
        let mut bytes = archive(&["a"]);
        assert!(ends_as_archive(&Sample::of(&bytes)));
        bytes.push(0);
        assert!(!ends_as_archive(&Sample::of(&bytes)));
        assert!(!ends_as_archive(&Sample::of(b"PK\x05\x06")));
    }

    #[test]
    fn macros_are_found_by_name() {
        assert!(has_macros(&Sample::of(&archive(&["word/vbaProject.bin"]))));
        assert!(!has_macros(&Sample::of(&archive(&["word/document.xml"]))));
    }

    #[test]
    fn a_cut_header_yields_nothing() {
        for cut in 0..LOCAL_HEADER.len() + 30 {
            let bytes = archive(&["[Content_Types].xml"]);
            assert_eq!(purpose(&Sample::of(&bytes[..cut])), Kind::Zip);
        }
    }
}
