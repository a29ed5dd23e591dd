//! Nullsoft installers: blocks behind a header, each file one stream or all in one. Files are found by
//! their sizes in front of them; the script that names them is a member like any other.

use super::{bzip2, lzma, stream};
use crate::budget::Output;
use crate::cursor::{Cursor, find, u32_at};
use crate::limits::HEADER_COUNT_MAX;
use crate::obstacle::{OrDamaged as _, Why};
use crate::walk::Members;

const DAMAGED: &str = "nsis";
const MARK: &[u8] = b"\xef\xbe\xad\xdeNullsoftInst";
/// A size with this bit is that of a compressed block.
const PACKED: u32 = 1 << 31;

/// Where the first header stands, which flags precede.
pub(super) fn header_at(bytes: &[u8]) -> Option<usize> {
    find(bytes, MARK, 0)?.checked_sub(4)
}

pub(super) fn unpack(bytes: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    let mut cursor = Cursor::from(bytes, 4 + MARK.len());
    let header = cursor.u32().or_damaged(DAMAGED)?;
    let whole = cursor.index().or_damaged(DAMAGED)?;
    let rest = cursor.rest();
    // The size counts from the flags on, and may take in a checksum.
    let data = &rest[..whole.saturating_sub(28).min(rest.len())];
    match u32_at(data, 0) {
        Some(size) if size & PACKED != 0 && (size & !PACKED) as usize <= data.len() => {
            blocks(data, members)
        }
        Some(size) if size == header => blocks(data, members),
        _ => solid(data, members),
    }
}

/// Each block by itself: size, then stream.
fn blocks(data: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    let mut cursor = Cursor::new(data);
    while let Some(size) = cursor.u32() {
        let Some(content) = cursor.take((size & !PACKED) as usize) else {
            return Ok(()); // the checksum at the end, or padding
        };
        if content.is_empty() {
            continue;
        }
        if size & PACKED == 0 {
            members.stored(content)?;
        } else {
            members.decoded(|out| decode(content, out))?;
        }
    }
    Ok(())
}

/// All blocks in one stream.
fn solid(data: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    let (whole, result) = members.aside(|out| decode(data, out));
    let mut cursor = Cursor::new(&whole);
    let mut given = Ok(());
    for _ in 0..HEADER_COUNT_MAX {
        let Some(size) = cursor.index() else { break };
        let Some(content) = cursor.take(size) else {
            break;
        };
        if !content.is_empty() {
            given = members.stored(content);
        }
        if given.is_err() {
            break;
        }
    }
    let read_any = cursor.position() > 0;
    members.give_back(whole);
    given?;
    // Without a size of its own the stream ends in the checksum: what was decoded counts.
    match result {
        Err(Why::Damaged(_)) if read_any => Ok(()),
        other => other,
    }
}

fn decode(content: &[u8], out: &mut Output<'_>) -> Result<(), Why> {
    if content.starts_with(b"1") && content.get(1).is_some_and(|byte| *byte < 10) {
        return Err(Why::Unsupported("nsis: its own bzip2"));
    }
    if content.starts_with(b"BZh") {
        return bzip2::decode(content, out);
    }
    // Properties of LZMA: 5d and a dictionary of whole 64 KB; a filter flag may stand in front.
    let lzma_at = [0, 1]
        .into_iter()
        .find(|at| content.get(*at) == Some(&0x5d) && content.get(at + 1..at + 3) == Some(&[0, 0]));
    match lzma_at {
        Some(at) => {
            let properties = content.get(at..at + 5).or_damaged(DAMAGED)?;
            lzma::raw(properties, &content[at + 5..], None, out)
        }
        None => stream::undeflate(content, out),
    }
}
