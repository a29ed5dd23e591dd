//! Facts about the structure of one member that need nothing unpacked.

mod authenticode;
mod elf;
mod lnk;
mod macho;
mod pe;
mod words;

use crate::cursor::find;
use crate::kind::Kind;
use crate::reason::Reason;
use crate::report::Facts;

/// Fewer bytes than this say nothing by their entropy.
pub(crate) const RANDOM_BYTES_MIN: usize = 4096;
/// From here on bytes look compressed or encrypted.
pub(crate) const RANDOM_MILLIBITS: u32 = 7_700;

/// What stands out in a member of this kind.
pub(crate) fn of(kind: Kind, bytes: &[u8]) -> Facts {
    let mut facts = Facts::default();
    match kind {
        Kind::Pe => pe::note(bytes, &mut facts),
        Kind::Elf => elf::note(bytes, &mut facts),
        Kind::Macho | Kind::MachoFat => macho::note(bytes, &mut facts),
        Kind::Lnk => lnk::note(bytes, &mut facts),
        Kind::Pdf => {
            for (reason, name) in pdf_actions(bytes) {
                facts.add(reason, name);
            }
        }
        Kind::Xml => words::office(bytes, &mut facts),
        _ if is_macro(bytes) => words::macros(bytes, &mut facts),
        _ if kind.is_script() => words::script(bytes, &mut facts),
        _ => {}
    }
    facts
}

/// The source of a macro, as it stands once it is decompressed.
fn is_macro(bytes: &[u8]) -> bool {
    bytes.starts_with(b"Attribute VB_Name")
}

/// Names of PDF that do something, each with what it does.
const PDF_NAMES: [(&[u8], Reason, &str); 11] = [
    (b"OpenAction", Reason::PdfAutomatic, "OpenAction"),
    (b"AA", Reason::PdfAutomatic, "AA"),
    (b"JavaScript", Reason::PdfJavascript, "JavaScript"),
    (b"JS", Reason::PdfJavascript, "JS"),
    (b"Launch", Reason::PdfLaunch, "Launch"),
    (b"EmbeddedFile", Reason::PdfEmbedded, "EmbeddedFile"),
    (b"EmbeddedFiles", Reason::PdfEmbedded, "EmbeddedFiles"),
    (b"SubmitForm", Reason::PdfRemote, "SubmitForm"),
    (b"GoToR", Reason::PdfRemote, "GoToR"),
    (b"GoToE", Reason::PdfRemote, "GoToE"),
    (b"ImportData", Reason::PdfRemote, "ImportData"),
];

/// Which of these names stand in a PDF outside of its streams, or in an object stream.
///
/// A name may be written with `#4A` for any of its letters; hostile files do that.
pub(crate) fn pdf_actions(bytes: &[u8]) -> Vec<(Reason, &'static str)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(slash) = bytes
        .get(at..)
        .and_then(|rest| rest.iter().position(|byte| *byte == b'/'))
    {
        let name = name(&bytes[at + slash + 1..]);
        at += slash + 1;
        for (known, reason, text) in PDF_NAMES {
            if name == known && !found.contains(&(reason, text)) {
                found.push((reason, text));
            }
        }
        if name == b"FlateDecode" || name == b"Length" {
            at = past_stream(bytes, at);
        }
    }
    found
}

/// The bytes of a stream are no names: if one begins soon, its end.
fn past_stream(bytes: &[u8], at: usize) -> usize {
    let head = &bytes[at..bytes.len().min(at + 512)];
    let Some(begin) = find(head, b"stream", 0) else {
        return at;
    };
    if find(&head[..begin], b"/", 0).is_some() || find(&head[..begin], b"endobj", 0).is_some() {
        return at;
    }
    find(bytes, b"endstream", at + begin).unwrap_or(at)
}

/// A name with its `#xx` undone, as far as names of interest go.
fn name(bytes: &[u8]) -> Vec<u8> {
    let mut name = Vec::new();
    let mut rest = bytes;
    while name.len() < 16 {
        rest = match rest {
            [b'#', high, low, after @ ..] => {
                let digits =
                    crate::unpack::text::digit(*high).zip(crate::unpack::text::digit(*low));
                let Some((high, low)) = digits else { break };
                name.push(high << 4 | low);
                after
            }
            [byte, after @ ..] if byte.is_ascii_alphanumeric() => {
                name.push(*byte);
                after
            }
            _ => break,
        };
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_pdf_are_read_as_readers_read_them() {
        let plain = b"<< /OpenAction << /S /JavaScript /JS (app.alert(1)) >> >>";
        let hidden = b"<< /Open#41ction << /S /#4aavaScript /J#53 (x) >> >>";
        assert_eq!(pdf_actions(plain), pdf_actions(hidden));
        assert_eq!(pdf_actions(plain).len(), 3);
        assert!(pdf_actions(b"<< /JSX /AAB /Launchpad >>").is_empty());
    }

    #[test]
    fn what_stands_in_a_stream_is_no_name() {
        let bytes = b"1 0 obj << /Length 9 >> stream\n/Launch x\nendstream endobj";
        assert!(pdf_actions(bytes).is_empty());
    }
}
