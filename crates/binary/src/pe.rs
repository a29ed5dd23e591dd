//! PE files: where the signature lies, the checksum, and a comparison by sections.
//!
//! Microsoft PE/COFF specification, "Optional Header Data Directories" and "The Attribute
//! Certificate Table". Code is not taken apart here: any changed byte of it is unexplained.

use std::ops::Range;

use crate::{
    BinaryError, Judgement, Pair, Rule, What,
    attach::detach,
    compare::{bytes_differ, plain, within},
    explain::{Ground, explain_runs},
    findings::Findings,
};

const SECTION_BYTES: usize = 40;
const EXECUTABLE: u32 = 0x2000_0020;
/// Number of the certificate table among the data directories.
const CERTIFICATES: u64 = 4;

/// Where things lie in a PE file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    /// `TimeDateStamp` of the file header.
    pub(crate) time: Range<usize>,
    /// `CheckSum` of the optional header.
    pub(crate) checksum: Range<usize>,
    /// Offset and size of the certificate table.
    pub(crate) directory: Range<usize>,
    sections: Vec<(String, Range<usize>, bool)>,
    headers: usize,
}

/// A little-endian number of two or four bytes.
fn number(bytes: &[u8], range: Range<usize>, field: &'static str) -> Result<u64, BinaryError> {
    let part = bytes.get(range.clone()).ok_or(BinaryError::Pe {
        field,
        value: range.start as u64,
    })?;
    Ok(part
        .iter()
        .rev()
        .fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

impl Layout {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, BinaryError> {
        let wrong = |field, value| BinaryError::Pe { field, value };
        let start = number(bytes, 0x3c..0x40, "e_lfanew")?;
        let pe = usize::try_from(start).map_err(|_| wrong("e_lfanew", start))?;
        if bytes.get(pe..pe.saturating_add(4)) != Some(b"PE\0\0") {
            return Err(wrong("e_lfanew", start));
        }
        let field = |at: usize, size: usize, name| number(bytes, pe + at..pe + at + size, name);
        let (magic, at_64) = (field(24, 2, "Magic")?, 16);
        let shift = match magic {
            0x10b => 0,
            0x20b => at_64,
            _ => return Err(wrong("Magic", magic)),
        };
        let optional_size = field(20, 2, "SizeOfOptionalHeader")?;
        let directories = field(24 + 92 + shift, 4, "NumberOfRvaAndSizes")?;
        if directories <= CERTIFICATES || optional_size < 96 + shift as u64 + 8 * (CERTIFICATES + 1)
        {
            return Err(wrong("NumberOfRvaAndSizes", directories));
        }
        let optional = pe + 24;
        let directory = optional + 96 + shift + 32;
        let table = optional + usize::try_from(optional_size).unwrap_or(0);
        let count = usize::try_from(field(6, 2, "NumberOfSections")?).unwrap_or(0);
        let mut sections = Vec::new();
        for index in 0..count {
            sections.push(section(bytes, table + index * SECTION_BYTES)?);
        }
        Ok(Self {
            time: pe + 8..pe + 12,
            checksum: optional + 64..optional + 68,
            directory: directory..directory + 8,
            headers: table + count * SECTION_BYTES,
            sections,
        })
    }

    /// Offset and size of the certificate table, zeros if there is none.
    pub(crate) fn certificates(&self, bytes: &[u8]) -> Result<(u64, u64), BinaryError> {
        let at = self.directory.start;
        let field = "certificate table";
        Ok((
            number(bytes, at..at + 4, field)?,
            number(bytes, at + 4..at + 8, field)?,
        ))
    }

    pub(crate) fn checksum_of(&self, bytes: &[u8]) -> Result<u64, BinaryError> {
        number(bytes, self.checksum.clone(), "CheckSum")
    }

    /// The checksum as it should be: the sum of all words with end-around carry, the field itself
    /// as zero, plus the size of the file.
    pub(crate) fn right_checksum(&self, bytes: &[u8]) -> u64 {
        let field = self.checksum.clone();
        let byte = |at: usize| match bytes.get(at) {
            Some(byte) if !field.contains(&at) => u64::from(*byte),
            _ => 0,
        };
        let sum = (0..bytes.len()).step_by(2).fold(0_u64, |sum, at| {
            let sum = sum + (byte(at) | byte(at + 1) << 8);
            (sum & 0xffff) + (sum >> 16)
        });
        sum + bytes.len() as u64
    }
}

fn section(bytes: &[u8], at: usize) -> Result<(String, Range<usize>, bool), BinaryError> {
    let header = bytes
        .get(at..at.saturating_add(SECTION_BYTES))
        .ok_or(BinaryError::Pe {
            field: "section table",
            value: at as u64,
        })?;
    let field = |at: usize, name| number(header, at..at + 4, name);
    let (size, offset) = (field(16, "SizeOfRawData")?, field(20, "PointerToRawData")?);
    let wrong = BinaryError::Pe {
        field: "PointerToRawData",
        value: offset,
    };
    let Ok(range) = usize::try_from(offset)
        .and_then(|start| Ok(start..start.saturating_add(usize::try_from(size)?)))
    else {
        return Err(wrong);
    };
    if range.end > bytes.len() {
        return Err(wrong);
    }
    let name = header[..8]
        .split(|byte| *byte == 0)
        .next()
        .unwrap_or_default();
    let executable = field(36, "Characteristics")? & u64::from(EXECUTABLE) != 0;
    Ok((name.escape_ascii().to_string(), range, executable))
}

/// Compares two files that begin like PE.
pub(crate) fn compare(findings: &mut Findings<'_>, place: &str, ours: &[u8], theirs: &[u8]) {
    let (a, b) = match (detach(ours), detach(theirs)) {
        (Ok(a), Ok(b)) => (a, b),
        (Err(error), _) | (_, Err(error)) => {
            return plain(
                findings,
                place,
                ours,
                theirs,
                &format!("not a whole PE file: {error}"),
            );
        }
    };
    if a.signature != b.signature {
        let [x, y] = [&a, &b].map(|side| side.signature.clone().unwrap_or_default());
        let (place, what) = (within(place, "certificate table"), bytes_differ(&x, &y));
        if findings.rules.allow(Rule::Signature) {
            let because = "a signature over the rest; table, directory entry and checksum were taken off and \
                           put back";
            findings.add(&place, what, Judgement::Explained(Rule::Signature), because);
        } else {
            findings.unexplained(&place, what, "the rule for signatures is switched off");
        }
    }
    unsigned(findings, place, a.program, b.program);
}

fn unsigned(findings: &mut Findings<'_>, place: &str, mut ours: Vec<u8>, mut theirs: Vec<u8>) {
    let layouts = (Layout::parse(&ours), Layout::parse(&theirs));
    let (Ok(layout), Ok(other)) = layouts else {
        return plain(findings, place, &ours, &theirs, "not a whole PE file");
    };
    if ours.len() != theirs.len() || layout != other {
        return plain(
            findings,
            place,
            &ours,
            &theirs,
            "sections moved, grew or changed their kind",
        );
    }
    // Both are right or zero, or `detach` had refused: what follows from the rest is set aside.
    let sums = [&ours, &theirs].map(|bytes| layout.checksum_of(bytes).unwrap_or(0));
    if sums[0] != sums[1] && sums.contains(&0) {
        findings.field(
            place,
            "CheckSum",
            format!("{:#x}", sums[0]),
            format!("{:#x}", sums[1]),
        );
    }
    let times = [&ours, &theirs]
        .map(|bytes| number(bytes, layout.time.clone(), "TimeDateStamp").unwrap_or(0));
    if times[0] != times[1] {
        findings.time_field(
            place,
            "TimeDateStamp",
            times[0].to_string(),
            times[1].to_string(),
        );
    }
    for bytes in [&mut ours, &mut theirs] {
        bytes[layout.checksum.clone()].fill(0);
        bytes[layout.time.clone()].fill(0);
    }
    sections(findings, place, &layout, &ours, &theirs);
}

fn sections(findings: &mut Findings<'_>, place: &str, layout: &Layout, ours: &[u8], theirs: &[u8]) {
    let headers = layout.headers.min(ours.len());
    if ours[..headers] != theirs[..headers] {
        let what = bytes_differ(&ours[..headers], &theirs[..headers]);
        findings.unexplained(&within(place, "headers"), what, "no rule covers headers");
    }
    let (mut rest, mut other_rest) = (ours[headers..].to_vec(), theirs[headers..].to_vec());
    for (name, range, executable) in &layout.sections {
        let (a, b) = (&ours[range.clone()], &theirs[range.clone()]);
        for rest in [&mut rest, &mut other_rest] {
            let cut = range.start.saturating_sub(headers)..range.end.saturating_sub(headers);
            rest[cut].fill(0);
        }
        if a == b {
            continue;
        }
        let place = within(place, name);
        let meets = |other: &Range<usize>| other.start.max(range.start) < other.end.min(range.end);
        let code = *executable
            || layout
                .sections
                .iter()
                .any(|(_, other, executable)| *executable && meets(other));
        let ground = match name.as_str() {
            ".rdata" | ".data" => Ground::Constants,
            ".rsrc" => Ground::Loaded,
            _ => {
                plain(findings, &place, a, b, "no rule covers this section");
                continue;
            }
        };
        if code {
            plain(findings, &place, a, b, "code, which no rule covers");
            continue;
        }
        let (rules, folders) = (findings.rules, &mut findings.folders);
        let covered = explain_runs(a, b, ground, rules, folders);
        findings.places(&place, &Pair::new(a.len() as u64, b.len() as u64), &covered);
    }
    if rest != other_rest {
        let what: What = bytes_differ(&rest, &other_rest);
        findings.unexplained(&within(place, "padding"), what, "bytes of no section");
    }
}
