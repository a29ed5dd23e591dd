//! One packed file: gzip (RFC 1952), `.xz`, zstd (RFC 8878). One stream, nothing behind it.

use std::{
    borrow::Cow,
    io::{Cursor, Read},
};

use super::{Budget, Field, Member, Unpacked, Unreadable, cut};

/// Reads to the end, within what may still be unpacked.
pub(super) fn read_within(
    reader: &mut impl Read,
    budget: Budget<'_>,
    field: &'static str,
) -> Result<Vec<u8>, Unreadable> {
    let mut content = Vec::new();
    reader
        .take(budget.saturating_add(1))
        .read_to_end(&mut content)
        .map_err(|_| Unreadable::Malformed { field, offset: 0 })?;
    *budget = budget
        .checked_sub(content.len() as u64)
        .ok_or(Unreadable::TooMuch)?;
    Ok(content)
}

fn one<'a>(content: Vec<u8>, fields: Vec<Field>, packed: &'a [u8]) -> Unpacked<'a> {
    Unpacked {
        members: vec![Member {
            name: "content".to_owned(),
            fields,
            content: Cow::Owned(content),
            packed: Some(packed),
        }],
        rest: Vec::new(),
    }
}

const HEADER_CHECKSUM: u8 = 2;
const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;

pub(super) fn unpack_gzip<'a>(
    bytes: &'a [u8],
    budget: Budget<'_>,
) -> Result<Unpacked<'a>, Unreadable> {
    let header = cut(bytes, 0, 10, "header")?;
    let flags = header[3];
    if flags & (HEADER_CHECKSUM | EXTRA) != 0 || flags >= 32 {
        return Err(Unreadable::Unread("extra fields of a gzip header"));
    }
    let text = |name, value: &[u8], time| Field {
        name,
        value: value.escape_ascii().to_string(),
        time,
    };
    let time = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
    let mut fields = vec![
        text("FLG, XFL, OS", &[flags, header[8], header[9]], false),
        text("MTIME", time.to_string().as_bytes(), true),
    ];
    let mut at = 10;
    for (flag, name) in [(NAME, "FNAME"), (COMMENT, "FCOMMENT")] {
        if flags & flag != 0 {
            let end =
                bytes[at..]
                    .iter()
                    .position(|byte| *byte == 0)
                    .ok_or(Unreadable::Malformed {
                        field: name,
                        offset: at,
                    })?;
            fields.push(text(name, &bytes[at..at + end], false));
            at += end + 1;
        }
    }
    let mut inflate = flate2::bufread::DeflateDecoder::new(&bytes[at..]);
    let content = read_within(&mut inflate, budget, "deflate stream")?;
    let packed_size = bytes[at..].len() - inflate.into_inner().len();
    let trailer = cut(bytes, at + packed_size, 8, "trailer")?;
    let mut crc = flate2::Crc::new();
    crc.update(&content);
    let expected = [crc.sum().to_le_bytes(), crc.amount().to_le_bytes()].concat();
    let offset = at + packed_size;
    if trailer != expected {
        return Err(Unreadable::Malformed {
            field: "CRC32 or ISIZE",
            offset,
        });
    }
    if bytes.len() != offset + 8 {
        return Err(Unreadable::Unread("more than one gzip member"));
    }
    Ok(one(content, fields, &bytes[at..offset]))
}

/// `xz -9` needs 65 MiB.
const XZ_MEMORY_KIB_MAX: u32 = 128 << 10;

pub(super) fn unpack_xz<'a>(
    bytes: &'a [u8],
    budget: Budget<'_>,
) -> Result<Unpacked<'a>, Unreadable> {
    let mut reader =
        lzma_rust2::XzReader::new_mem_limit(Cursor::new(bytes), false, XZ_MEMORY_KIB_MAX);
    let content = read_within(&mut reader, budget, "xz stream")?;
    if reader.into_inner().position() != bytes.len() as u64 {
        return Err(Unreadable::Unread("more than one xz stream"));
    }
    Ok(one(content, Vec::new(), bytes))
}

pub(super) fn unpack_zstd<'a>(
    bytes: &'a [u8],
    budget: Budget<'_>,
) -> Result<Unpacked<'a>, Unreadable> {
    let damaged = Unreadable::Malformed {
        field: "zstd frame",
        offset: 0,
    };
    let mut source = bytes;
    let mut reader = ruzstd::decoding::StreamingDecoder::new(&mut source).map_err(|_| damaged)?;
    let content = read_within(&mut reader, budget, "zstd frame")?;
    drop(reader);
    if !source.is_empty() {
        return Err(Unreadable::Unread("more than one zstd frame"));
    }
    Ok(one(content, Vec::new(), bytes))
}
