//! PKWARE APPNOTE 6.3: by the central directory; where there is none, by the local headers.
//!
//! Readers disagree about zips whose two headers differ, and hostile ones use that. Sizes and
//! method come from the central directory; members that only local headers name are read too.

use std::collections::HashSet;

use super::inflate::{Deflate, inflate};
use super::{bzip2, implode, stream};
use crate::budget::Output;
use crate::cursor::{Cursor, find, u16_at, u32_at};
use crate::limits::HEADER_COUNT_MAX;
use crate::obstacle::{OrDamaged as _, Why};
use crate::walk::Members;

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: &[u8; 4] = b"PK\x05\x06";
const END_BYTES: usize = 22;
const END64_LOCATOR: u32 = 0x0706_4b50;
const END64: u32 = 0x0606_4b50;
const ENCRYPTED: u16 = 1;
/// Implode: a window of 8 KB rather than 4 KB.
const WINDOW_8K: u16 = 2;
/// Implode: literals have a code of their own.
const LITERAL_CODE: u16 = 4;
/// Sizes stand behind the content.
const DESCRIPTOR: u16 = 8;
const EXTRA_ZIP64: u16 = 1;
const EXTRA_AES: u16 = 0x9901;

/// What one header says.
#[derive(Clone, Copy)]
struct Entry {
    flags: u16,
    method: u16,
    packed: u64,
    whole: u64,
    /// Where its local header is, from the beginning of the first one.
    local_at: u64,
    is_folder: bool,
    aes: bool,
}

pub(super) fn unpack(bytes: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    let Some((start, entries)) = directory(bytes) else {
        members.unread(Why::Damaged("zip directory"));
        return by_local_headers(bytes, &HashSet::new(), members);
    };
    let mut seen = HashSet::new();
    for entry in &entries {
        let Some(at) = usize::try_from(entry.local_at)
            .ok()
            .and_then(|at| at.checked_add(start))
        else {
            members.closed(Why::Damaged("zip member offset"))?;
            continue;
        };
        seen.insert(at);
        let Some(data_at) = content_at(bytes, at) else {
            members.closed(Why::Damaged("zip local header"))?;
            continue;
        };
        member(bytes, data_at, entry, members)?;
    }
    by_local_headers(bytes, &seen, members)
}

/// Whether a directory of a zip stands at the end of something else.
pub(super) fn is_at_end(bytes: &[u8]) -> bool {
    directory(bytes).is_some_and(|(_, entries)| !entries.is_empty())
}

/// Where the first local header's offset counts from, and the entries.
fn directory(bytes: &[u8]) -> Option<(usize, Vec<Entry>)> {
    let end_at = end_of_directory(bytes)?;
    let mut end = Cursor::from(bytes, end_at + 10);
    let mut count = u64::from(end.u16()?);
    let mut size = u64::from(end.u32()?);
    let mut offset = u64::from(end.u32()?);
    if let Some(wide) = end64(bytes, end_at) {
        (count, size, offset) = wide;
    }
    let size = usize::try_from(size).ok()?;
    let offset = usize::try_from(offset).ok()?;
    // A program in front of the zip moves everything; offsets may or may not know of it.
    let at = [offset, end_at.checked_sub(size)?]
        .into_iter()
        .find(|at| count == 0 || u32_at(bytes, *at) == Some(CENTRAL))?;
    let start = at.saturating_sub(offset);
    let mut cursor = Cursor::from(bytes, at);
    let mut entries = Vec::new();
    // The count is 16 bits and may have wrapped; what stands there counts.
    while entries.len() < HEADER_COUNT_MAX as usize
        && let Some(entry) = central(&mut cursor)
    {
        entries.push(entry);
    }
    Some((start, entries))
}

fn end_of_directory(bytes: &[u8]) -> Option<usize> {
    let last = bytes.len().checked_sub(END_BYTES)?;
    let first = last.saturating_sub(usize::from(u16::MAX));
    (first..=last)
        .rev()
        .find(|at| bytes[*at..].starts_with(END))
}

/// Count, size and offset of the directory of a zip with 64-bit sizes.
fn end64(bytes: &[u8], end_at: usize) -> Option<(u64, u64, u64)> {
    let mut locator = Cursor::from(bytes, end_at.checked_sub(20)?);
    if locator.u32()? != END64_LOCATOR {
        return None;
    }
    locator.skip(4)?;
    let at = usize::try_from(locator.u64()?).ok()?;
    if u32_at(bytes, at)? != END64 {
        return None;
    }
    let mut end = Cursor::from(bytes, at.checked_add(32)?);
    Some((end.u64()?, end.u64()?, end.u64()?))
}

fn central(cursor: &mut Cursor<'_>) -> Option<Entry> {
    if cursor.u32()? != CENTRAL {
        return None;
    }
    cursor.skip(4)?;
    let (flags, method) = (cursor.u16()?, cursor.u16()?);
    cursor.skip(8)?;
    let (packed, whole) = (cursor.u32()?, cursor.u32()?);
    let (name, extra, comment) = (cursor.u16()?, cursor.u16()?, cursor.u16()?);
    cursor.skip(8)?;
    let local_at = cursor.u32()?;
    let name = cursor.take(usize::from(name))?;
    let extra = cursor.take(usize::from(extra))?;
    cursor.skip(usize::from(comment))?;
    let mut entry = Entry {
        flags,
        method,
        packed: packed.into(),
        whole: whole.into(),
        local_at: local_at.into(),
        is_folder: name.ends_with(b"/") && whole == 0,
        aes: false,
    };
    entry.read_extra(extra);
    Some(entry)
}

impl Entry {
    fn read_extra(&mut self, extra: &[u8]) {
        let mut cursor = Cursor::new(extra);
        while let (Some(id), Some(size)) = (cursor.u16(), cursor.u16()) {
            let Some(field) = cursor.take(usize::from(size)) else {
                return;
            };
            match id {
                EXTRA_ZIP64 => self.widen(field),
                EXTRA_AES => {
                    self.aes = true;
                    self.method = u16_at(field, 5).unwrap_or(self.method);
                }
                _ => {}
            }
        }
    }

    /// Only fields that are all ones in the header stand in the extra field, in this order.
    fn widen(&mut self, field: &[u8]) {
        let mut cursor = Cursor::new(field);
        for place in [&mut self.whole, &mut self.packed, &mut self.local_at] {
            if *place == u64::from(u32::MAX)
                && let Some(value) = cursor.u64()
            {
                *place = value;
            }
        }
    }
}

/// Where the content of the member with this local header begins.
fn content_at(bytes: &[u8], at: usize) -> Option<usize> {
    if u32_at(bytes, at)? != LOCAL {
        return None;
    }
    let name = usize::from(u16_at(bytes, at + 26)?);
    let extra = usize::from(u16_at(bytes, at + 28)?);
    let content = at + 30 + name + extra;
    (content <= bytes.len()).then_some(content)
}

fn member(
    bytes: &[u8],
    at: usize,
    entry: &Entry,
    members: &mut Members<'_, '_>,
) -> Result<(), Why> {
    if entry.is_folder {
        return Ok(());
    }
    if entry.flags & ENCRYPTED != 0 || entry.aes {
        return members.closed(Why::Encrypted);
    }
    let rest = &bytes[at..];
    let packed = usize::try_from(entry.packed).unwrap_or(usize::MAX);
    let content = &rest[..packed.min(rest.len())];
    if entry.method == 0 {
        members.stored(content)?;
    } else {
        members.decoded(|out| decode(content, entry, out))?;
    }
    if packed > rest.len() {
        members.unread(Why::Damaged("zip member is cut off"));
    }
    Ok(())
}

fn decode(content: &[u8], entry: &Entry, out: &mut Output<'_>) -> Result<(), Why> {
    out.expect(entry.whole)?;
    match entry.method {
        6 => implode::explode(
            content,
            entry.whole,
            entry.flags & WINDOW_8K != 0,
            entry.flags & LITERAL_CODE != 0,
            out,
        ),
        8 => stream::undeflate(content, out),
        9 => inflate(content, Deflate::Wide, out),
        12 => bzip2::decode(content, out),
        14 => zip_lzma(content, entry.whole, out),
        20 | 93 => stream::unzstd(content, out),
        95 => stream::unxz(content, out),
        1..=5 => Err(Why::Unsupported("zip: shrink or reduce")),
        98 => Err(Why::Unsupported("zip: ppmd")),
        _ => Err(Why::Unsupported("zip: unknown method")),
    }
}

/// APPNOTE 5.8: version, size of the properties, properties, stream.
fn zip_lzma(content: &[u8], whole: u64, out: &mut Output<'_>) -> Result<(), Why> {
    let mut cursor = Cursor::new(content);
    cursor.skip(2).or_damaged("zip lzma header")?;
    let size = cursor.u16().or_damaged("zip lzma header")?;
    let properties = cursor
        .take(usize::from(size))
        .or_damaged("zip lzma header")?;
    super::lzma::raw(properties, cursor.rest(), Some(whole), out)
}

/// Members that no directory names: the directory may lie, or be gone.
fn by_local_headers(
    bytes: &[u8],
    seen: &HashSet<usize>,
    members: &mut Members<'_, '_>,
) -> Result<(), Why> {
    let mut from = 0;
    while let Some(at) = find(bytes, b"PK\x03\x04", from) {
        from = at + 4;
        let Some(data_at) = content_at(bytes, at) else {
            continue;
        };
        let Some(entry) = local(bytes, at, data_at) else {
            continue;
        };
        let end = usize::try_from(entry.packed)
            .ok()
            .and_then(|size| data_at.checked_add(size));
        // What lies inside a member is found when that member is unpacked.
        from = end.filter(|end| *end <= bytes.len()).unwrap_or(from);
        if !seen.contains(&at) {
            member(bytes, data_at, &entry, members)?;
        }
    }
    Ok(())
}

fn local(bytes: &[u8], at: usize, data_at: usize) -> Option<Entry> {
    let mut cursor = Cursor::from(bytes, at + 6);
    let (flags, method) = (cursor.u16()?, cursor.u16()?);
    cursor.skip(8)?;
    let (packed, whole) = (cursor.u32()?, cursor.u32()?);
    let (name, _) = (cursor.u16()?, cursor.u16()?);
    let name = cursor.take(usize::from(name))?;
    let mut entry = Entry {
        flags,
        method,
        packed: packed.into(),
        whole: whole.into(),
        local_at: at as u64,
        is_folder: name.ends_with(b"/") && whole == 0 && flags & DESCRIPTOR == 0,
        aes: false,
    };
    entry.read_extra(bytes.get(at + 30 + name.len()..data_at)?);
    if flags & DESCRIPTOR != 0 && packed == 0 {
        // The size stands behind the content: it reaches to the next header of any kind.
        entry.packed = (next_header(bytes, data_at) - data_at) as u64;
    }
    Some(entry)
}

fn next_header(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(found) = find(bytes, b"PK", at) {
        if matches!(
            bytes.get(found + 2..found + 4),
            Some([1, 2] | [3, 4] | [5, 6] | [7, 8])
        ) {
            return found;
        }
        at = found + 2;
    }
    bytes.len()
}
