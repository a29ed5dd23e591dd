//! POSIX.1-2017 `pax`, section "ustar Interchange Format", and GNU tar's long names, which are
//! members of their own here.

use std::borrow::Cow;

use super::{Field, Member, Unpacked, Unreadable, cut, field_text};
use crate::limits::MEMBERS_MAX;

const BLOCK: usize = 512;
const SIZE: std::ops::Range<usize> = 124..136;
const CHECKSUM: std::ops::Range<usize> = 148..156;
/// Name, offset and size of each field that is compared; size and checksum are checked.
const FIELDS: [(&str, usize, usize); 14] = [
    ("name", 0, 100),
    ("mode", 100, 8),
    ("uid", 108, 8),
    ("gid", 116, 8),
    ("mtime", 136, 12),
    ("typeflag", 156, 1),
    ("linkname", 157, 100),
    ("magic", 257, 8),
    ("uname", 265, 32),
    ("gname", 297, 32),
    ("devmajor", 329, 8),
    ("devminor", 337, 8),
    ("prefix", 345, 155),
    ("end of header", 500, 12),
];

pub(super) fn unpack(bytes: &[u8]) -> Result<Unpacked<'_>, Unreadable> {
    let mut unpacked = Unpacked::default();
    let mut offset = 0;
    while offset < bytes.len() {
        let header = cut(bytes, offset, BLOCK, "header")?;
        if header.iter().all(|byte| *byte == 0) {
            break;
        }
        if unpacked.members.len() >= MEMBERS_MAX {
            return Err(Unreadable::Members);
        }
        if octal(&header[CHECKSUM]) != Some(checksum(header)) {
            return Err(Unreadable::Malformed {
                field: "chksum",
                offset,
            });
        }
        let size = octal(&header[SIZE])
            .and_then(|size| usize::try_from(size).ok())
            .ok_or(Unreadable::Malformed {
                field: "size",
                offset,
            })?;
        let content = cut(bytes, offset + BLOCK, size, "content")?;
        unpacked.members.push(Member {
            name: name_of(header),
            fields: fields(header),
            content: Cow::Borrowed(content),
            packed: None,
        });
        let padding = size.next_multiple_of(BLOCK) - size;
        offset += BLOCK + size;
        unpacked
            .rest
            .extend_from_slice(cut(bytes, offset, padding, "padding")?);
        offset += padding;
    }
    unpacked.rest.extend_from_slice(&bytes[offset..]);
    Ok(unpacked)
}

fn fields(header: &[u8]) -> Vec<Field> {
    let written = [("form of size", SIZE), ("form of chksum", CHECKSUM)];
    let forms = written.map(|(name, range)| {
        let digit = |byte: &u8| if byte.is_ascii_digit() { b'0' } else { *byte };
        let form: Vec<u8> = header[range].iter().map(digit).collect();
        field(name, &form)
    });
    FIELDS
        .iter()
        .map(|(name, at, width)| field(name, &header[*at..at + width]))
        .chain(forms)
        .collect()
}

/// Two spellings of one number are two values: both sides must be written alike.
fn field(name: &'static str, bytes: &[u8]) -> Field {
    Field {
        name,
        value: field_text(bytes, 0),
        time: name == "mtime" && octal(bytes).is_some(),
    }
}

/// Octal digits between spaces and an end mark.
fn octal(bytes: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(bytes).ok()?;
    let digits = text.trim_start_matches(' ').trim_end_matches([' ', '\0']);
    u64::from_str_radix(digits, 8)
        .ok()
        .filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The sum of all bytes, with the field itself as spaces.
fn checksum(header: &[u8]) -> u64 {
    header
        .iter()
        .enumerate()
        .map(|(at, byte)| {
            if CHECKSUM.contains(&at) {
                32
            } else {
                u64::from(*byte)
            }
        })
        .sum()
}

fn name_of(header: &[u8]) -> String {
    let text = |field: &[u8]| field_text(field, 0);
    let (prefix, name) = (text(&header[345..500]), text(&header[..100]));
    let kind = match header[156] {
        b'x' | b'g' => " (pax header)",
        b'L' | b'K' => " (long name)",
        _ => "",
    };
    if prefix.is_empty() {
        format!("{name}{kind}")
    } else {
        format!("{prefix}/{name}{kind}")
    }
}
