//! `COMPRESS.EXE`: a ring of 4,096 bytes, in the forms SZDD and QBasic.

use crate::budget::Output;
use crate::cursor::Cursor;
use crate::obstacle::{OrDamaged as _, Why};
use crate::walk::Members;

const RING: usize = 4096;

pub(super) fn unpack(bytes: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    let basic = bytes.starts_with(b"SZ ");
    let (header, start) = if basic {
        (8, RING - 18)
    } else {
        (10, RING - 16)
    };
    let mut cursor = Cursor::from(bytes, header);
    if !basic && bytes.get(8) != Some(&b'A') {
        return Err(Why::Unsupported("szdd: unknown method"));
    }
    let size = u64::from(cursor.u32().or_damaged("szdd header")?);
    members.decoded(|out| {
        out.expect(size)?;
        expand(cursor.rest(), start, out)
    })
}

/// Also of other formats that use the same ring.
pub(super) fn expand(bytes: &[u8], start: usize, out: &mut Output<'_>) -> Result<(), Why> {
    let mut ring = [b' '; RING];
    let mut at = start;
    let mut cursor = Cursor::new(bytes);
    while let Some(flags) = cursor.u8() {
        for bit in 0..8 {
            if flags >> bit & 1 == 1 {
                let Some(byte) = cursor.u8() else {
                    return Ok(());
                };
                out.byte(byte)?;
                ring[at] = byte;
                at = (at + 1) % RING;
                continue;
            }
            let (Some(low), Some(high)) = (cursor.u8(), cursor.u8()) else {
                return Ok(());
            };
            let from = usize::from(low) | usize::from(high & 0xf0) << 4;
            for step in 0..usize::from(high & 15) + 3 {
                let byte = ring[(from + step) % RING];
                out.byte(byte)?;
                ring[at] = byte;
                at = (at + 1) % RING;
            }
        }
    }
    Ok(())
}
