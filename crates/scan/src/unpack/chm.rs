//! Compiled HTML Help (ITSF): a folder of sections, the second compressed with LZX.

use super::lzx::Lzx;
use crate::cursor::{Cursor, index_at, u32_at};
use crate::limits::HEADER_COUNT_MAX;
use crate::obstacle::{OrDamaged as _, Why};
use crate::walk::Members;

const DAMAGED: &str = "chm";
const CONTENT: &[u8] = b"::DataSpace/Storage/MSCompressed/Content";
const CONTROL: &[u8] = b"::DataSpace/Storage/MSCompressed/ControlData";
const RESETS: &[u8] = b"::DataSpace/Storage/MSCompressed/Transform/{7FC28940-9D31-11D0-9B27-00A0C91E9C7C}/InstanceData/ResetTable";

struct Entry<'a> {
    name: &'a [u8],
    section: u64,
    at: usize,
    size: usize,
}

pub(super) fn unpack(bytes: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    let version = u32_at(bytes, 4).or_damaged(DAMAGED)?;
    let directory_at = wide_at(bytes, 0x48).or_damaged(DAMAGED)?;
    let directory_size = wide_at(bytes, 0x50).or_damaged(DAMAGED)?;
    let content_at = if version >= 3 {
        wide_at(bytes, 0x58).or_damaged(DAMAGED)?
    } else {
        directory_at.saturating_add(directory_size)
    };
    let entries = entries(bytes, directory_at).or_damaged("chm directory")?;
    let plain = |entry: &Entry<'_>| {
        bytes
            .get(content_at.checked_add(entry.at)?..)?
            .get(..entry.size)
    };
    for entry in entries
        .iter()
        .filter(|entry| is_file(entry) && entry.section == 0)
    {
        match plain(entry) {
            Some(content) => members.stored(content)?,
            None => members.closed(Why::Damaged("chm is cut off"))?,
        }
    }
    let named = |name: &[u8]| {
        entries
            .iter()
            .find(|entry| entry.name == name && entry.section == 0)
            .and_then(plain)
    };
    if !entries
        .iter()
        .any(|entry| is_file(entry) && entry.section == 1)
    {
        return Ok(());
    }
    let parts = named(CONTENT).zip(named(CONTROL)).zip(named(RESETS));
    let ((content, control), resets) = parts.or_damaged("chm compressed section")?;
    let (whole, result) = members.aside(|out| decompress(content, control, resets, out));
    let given = entries
        .iter()
        .filter(|entry| is_file(entry) && entry.section == 1)
        .try_for_each(|entry| {
            match whole
                .get(entry.at..)
                .and_then(|rest| rest.get(..entry.size))
            {
                Some(content) => members.stored(content),
                None => members.closed(result.err().unwrap_or(Why::Damaged(DAMAGED))),
            }
        });
    members.give_back(whole);
    given
}

fn wide_at(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(Cursor::from(bytes, at).u64()?).ok()
}

/// Names that begin with `::` or `/#`, `/$` are the help system's own.
fn is_file(entry: &Entry<'_>) -> bool {
    entry.size > 0 && !entry.name.starts_with(b"::")
}

fn entries(bytes: &[u8], directory_at: usize) -> Option<Vec<Entry<'_>>> {
    let header = bytes.get(directory_at..)?;
    if !header.starts_with(b"ITSP") {
        return None;
    }
    let header_size = index_at(header, 8)?;
    let chunk_size = index_at(header, 16).filter(|size| (64..=1 << 20).contains(size))?;
    let chunks = index_at(header, 0x2c)?;
    let mut entries = Vec::new();
    for chunk in header.get(header_size..)?.chunks(chunk_size).take(chunks) {
        if !chunk.starts_with(b"PMGL") {
            continue;
        }
        let free = index_at(chunk, 4)?;
        let used = chunk.get(..chunk.len().checked_sub(free)?)?;
        let mut cursor = Cursor::from(used, 20);
        while let Some(entry) = entry(&mut cursor) {
            entries.push(entry);
            if entries.len() as u64 > HEADER_COUNT_MAX {
                return None;
            }
        }
    }
    Some(entries)
}

fn entry<'a>(cursor: &mut Cursor<'a>) -> Option<Entry<'a>> {
    let size = usize::try_from(number(cursor)?).ok()?;
    let name = cursor.take(size)?;
    Some(Entry {
        name,
        section: number(cursor)?,
        at: usize::try_from(number(cursor)?).ok()?,
        size: usize::try_from(number(cursor)?).ok()?,
    })
}

/// Seven bits a byte, the highest first.
fn number(cursor: &mut Cursor<'_>) -> Option<u64> {
    let mut value = 0u64;
    loop {
        let byte = cursor.u8()?;
        value = value.checked_mul(128)? | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
}

fn decompress(
    content: &[u8],
    control: &[u8],
    resets: &[u8],
    out: &mut crate::budget::Output<'_>,
) -> Result<(), Why> {
    let scale = if u32_at(control, 8) == Some(2) {
        0x8000
    } else {
        1
    };
    let interval = index_at(control, 12)
        .or_damaged(DAMAGED)?
        .checked_mul(scale)
        .or_damaged(DAMAGED)?;
    let window = index_at(control, 16)
        .or_damaged(DAMAGED)?
        .checked_mul(scale)
        .or_damaged(DAMAGED)?;
    let frames_per_reset = (interval / 0x8000).max(1);
    let mut lzx = Lzx::new(window.checked_ilog2().or_damaged(DAMAGED)?).or_damaged("chm window")?;
    let count = index_at(resets, 4).or_damaged(DAMAGED)?;
    let whole = wide_at(resets, 16).or_damaged(DAMAGED)?;
    let table = index_at(resets, 12).or_damaged(DAMAGED)?;
    out.expect(whole as u64)?;
    for index in 0..count {
        let place = |index: usize| wide_at(resets, table.checked_add(index.checked_mul(8)?)?);
        let from = place(index).or_damaged(DAMAGED)?;
        let to = place(index + 1)
            .filter(|_| index + 1 < count)
            .unwrap_or(content.len());
        let frame = content.get(from..to).or_damaged("chm reset table")?;
        if index % frames_per_reset == 0 {
            lzx.reset();
        }
        let size = whole.saturating_sub(out.size()).min(0x8000);
        if size == 0 {
            break;
        }
        lzx.frame(frame, size, out)?;
    }
    lzx.undo_calls(out.bytes_mut(0));
    Ok(())
}
