//! Raw LZMA and LZMA2 streams as containers hold them, over `lzma-rust2`.

use lzma_rust2::{Lzma2Reader, LzmaReader, lzma_get_memory_usage_by_props};

use crate::budget::Output;
use crate::cursor::u32_at;
use crate::limits::DICTIONARY_KIB_MAX;
use crate::obstacle::{OrDamaged as _, Why};

const DAMAGED: &str = "lzma";

/// LZMA without the header of `.lzma`: five bytes of properties, then the stream. Without a size
/// it ends at its end marker.
pub(super) fn raw(
    properties: &[u8],
    stream: &[u8],
    size: Option<u64>,
    out: &mut Output<'_>,
) -> Result<(), Why> {
    let first = *properties.first().or_damaged(DAMAGED)?;
    let dictionary = u32_at(properties, 1).or_damaged(DAMAGED)?;
    // A dictionary larger than what comes out is never used.
    let useful = size.map_or(dictionary, |size| {
        dictionary.min(u32::try_from(size).unwrap_or(u32::MAX).max(4096))
    });
    let needed =
        lzma_get_memory_usage_by_props(useful, first).map_err(|_| Why::Damaged(DAMAGED))?;
    if needed > DICTIONARY_KIB_MAX {
        return Err(Why::Unsupported("lzma: large dictionary"));
    }
    let reader = LzmaReader::new_with_props(stream, size.unwrap_or(u64::MAX), first, useful, None)
        .map_err(|_| Why::Damaged(DAMAGED))?;
    out.pump(reader, DAMAGED)
}

/// LZMA2 as 7z holds it: one byte for the dictionary.
pub(super) fn raw2(property: u8, stream: &[u8], out: &mut Output<'_>) -> Result<(), Why> {
    if property > 40 {
        return Err(Why::Damaged("lzma2"));
    }
    let dictionary = if property == 40 {
        u32::MAX
    } else {
        (2 | u32::from(property & 1)) << (property / 2 + 11)
    };
    let reader = Lzma2Reader::new_mem_limit(stream, dictionary, DICTIONARY_KIB_MAX, None)
        .map_err(|_| Why::Unsupported("lzma2: large dictionary"))?;
    out.pump(reader, "lzma2")
}
