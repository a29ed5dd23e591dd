//! Single compressed streams: gzip, xz, `.lzma`, zstd, and raw deflate and zlib for others.

use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use lzma_rust2::{LzmaReader, XzReader};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

use crate::budget::Output;
use crate::limits::{DICTIONARY_BYTES_MAX, DICTIONARY_KIB_MAX};
use crate::obstacle::Why;
use crate::walk::Members;

pub(super) fn gzip(bytes: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    members.decoded(|out| out.pump(MultiGzDecoder::new(bytes), "gzip"))
}

pub(super) fn xz(bytes: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    members.decoded(|out| unxz(bytes, out))
}

pub(super) fn lzma(bytes: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    members.decoded(|out| unlzma(bytes, out))
}

pub(super) fn zstd(bytes: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    members.decoded(|out| unzstd(bytes, out))
}

pub(super) fn unxz(bytes: &[u8], out: &mut Output<'_>) -> Result<(), Why> {
    let reader = XzReader::new_mem_limit(bytes, true, DICTIONARY_KIB_MAX);
    out.pump(reader, "xz")
}

pub(super) fn unlzma(bytes: &[u8], out: &mut Output<'_>) -> Result<(), Why> {
    let reader = LzmaReader::new_mem_limit(bytes, DICTIONARY_KIB_MAX, None)
        .map_err(|_| Why::Damaged("lzma header"))?;
    out.pump(reader, "lzma")
}

/// Frames one behind the other, as the format allows; skippable ones hold nothing.
pub(super) fn unzstd(bytes: &[u8], out: &mut Output<'_>) -> Result<(), Why> {
    let mut rest = bytes;
    while !rest.is_empty() {
        if let Some(after) = skippable(rest) {
            rest = after;
            continue;
        }
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(DICTIONARY_BYTES_MAX);
        let mut frame = StreamingDecoder::new_with_decoder(rest, decoder)
            .map_err(|_| Why::Damaged("zstd frame"))?;
        out.pump(&mut frame, "zstd")?;
        let after = frame.into_inner();
        if after.len() >= rest.len() {
            return Err(Why::Damaged("zstd frame"));
        }
        rest = after;
    }
    Ok(())
}

/// What follows a skippable frame, if one stands here.
fn skippable(bytes: &[u8]) -> Option<&[u8]> {
    let (header, rest) = bytes.split_first_chunk::<8>()?;
    let magic = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
    if !(0x184d_2a50..=0x184d_2a5f).contains(&magic) {
        return None;
    }
    let size = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
    rest.get(usize::try_from(size).ok()?..)
}

/// RFC 1951.
pub(super) fn undeflate(bytes: &[u8], out: &mut Output<'_>) -> Result<(), Why> {
    out.pump(DeflateDecoder::new(bytes), "deflate")
}

/// RFC 1950.
pub(super) fn unzlib(bytes: impl Read, out: &mut Output<'_>) -> Result<(), Why> {
    out.pump(ZlibDecoder::new(bytes), "zlib")
}
