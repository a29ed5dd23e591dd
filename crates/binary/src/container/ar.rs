//! `ar(5)`, as of static libraries and Debian packages.
//!
//! ```text
//! !<arch>\n
//! data.tar.xz/    1700000000  0     0     100644  1234      `\n     60 bytes
//! ```

use std::borrow::Cow;

use super::{Field, Member, Unpacked, Unreadable, cut, field_text};
use crate::limits::MEMBERS_MAX;

const MAGIC_BYTES: usize = 8;
const HEADER_BYTES: usize = 60;
/// Name, offset and size of each field that is compared; the sizes are checked by walking.
const FIELDS: [(&str, usize, usize); 5] = [
    ("name", 0, 16),
    ("time", 16, 12),
    ("owner", 28, 6),
    ("group", 34, 6),
    ("mode", 40, 8),
];

pub(super) fn unpack(bytes: &[u8]) -> Result<Unpacked<'_>, Unreadable> {
    let mut unpacked = Unpacked::default();
    let mut long_names: &[u8] = &[];
    let mut offset = MAGIC_BYTES;
    while offset < bytes.len() {
        if unpacked.members.len() >= MEMBERS_MAX {
            return Err(Unreadable::Members);
        }
        let header = cut(bytes, offset, HEADER_BYTES, "header")?;
        if &header[58..] != b"`\n" {
            return Err(Unreadable::Malformed {
                field: "end of header",
                offset,
            });
        }
        let size = decimal(&header[48..58]).ok_or(Unreadable::Malformed {
            field: "size",
            offset,
        })?;
        let content = cut(bytes, offset + HEADER_BYTES, size, "content")?;
        if &header[..16] == b"//              " {
            long_names = content;
        }
        unpacked.members.push(Member {
            name: name_of(&header[..16], long_names),
            fields: FIELDS
                .iter()
                .map(|(name, at, width)| field(name, &header[*at..at + width]))
                .collect(),
            content: Cow::Borrowed(content),
            packed: None,
        });
        offset += HEADER_BYTES + size;
        if size % 2 == 1 && offset < bytes.len() {
            unpacked.rest.push(bytes[offset]);
            offset += 1;
        }
    }
    Ok(unpacked)
}

fn field(name: &'static str, bytes: &[u8]) -> Field {
    Field {
        name,
        value: field_text(bytes, b' '),
        time: name == "time" && decimal(bytes).is_some(),
    }
}

/// Digits without a leading zero, then spaces: a number has one form.
fn decimal(bytes: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(bytes).ok()?.trim_end_matches(' ');
    let zero = text.len() > 1 && text.starts_with('0');
    (!text.is_empty() && !zero && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// `name/`, or `/offset` into the member of long names. What names nothing stays as it is.
fn name_of(field: &[u8], long_names: &[u8]) -> String {
    let long = field
        .strip_prefix(b"/")
        .and_then(decimal)
        .and_then(|at| long_names.get(at..))
        .and_then(|rest| rest.split(|byte| matches!(byte, b'\n' | 0)).next());
    let text = field_text(long.unwrap_or(field), b' ');
    match text.strip_suffix('/') {
        Some(name) if !name.is_empty() && name != "/" => name.to_owned(),
        _ => text,
    }
}
