//! Programs packed by UPX: the image its stub would make, found by the header in front of the packed
//! bytes. Not a program one could run (imports and filters stay as they are), but what was inside is there.

use super::lzma;
use crate::budget::Output;
use crate::cursor::{Cursor, find};
use crate::obstacle::{OrDamaged as _, Why};
use crate::walk::Members;

const DAMAGED: &str = "upx";
const NRV2B: u8 = 2;
const NRV2D: u8 = 5;
const NRV2E: u8 = 8;
const LZMA: u8 = 14;
/// Distances above which a copy is one byte longer.
const FAR_B: usize = 0xd00;
const FAR_DE: usize = 0x500;

pub(super) fn unpack(bytes: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    let Some((method, packed, whole)) = header(bytes) else {
        return Ok(());
    };
    match method {
        NRV2B | NRV2D | NRV2E => members.decoded(|out| {
            out.expect(whole as u64)?;
            nrv(method, packed, whole, out)
        }),
        // Two bytes of lc, lp and pb in a form of its own, then the stream.
        LZMA => members.decoded(|out| {
            let (head, stream) = packed.split_first_chunk::<2>().or_damaged(DAMAGED)?;
            let (lc, lp, pb) = (head[1] & 15, head[1] >> 4, head[0] & 7);
            let mut properties = vec![(pb * 5 + lp.min(4)) * 9 + lc.min(8)];
            let dictionary = u32::try_from(whole).unwrap_or(u32::MAX);
            properties.extend_from_slice(&dictionary.to_le_bytes());
            lzma::raw(&properties, stream, Some(whole as u64), out)
        }),
        _ => members.closed(Why::Unsupported("upx: unknown method")),
    }
}

/// Method, packed bytes and size of the image; `None` if this is not UPX for Windows.
fn header(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    let at = find(&bytes[..bytes.len().min(4096)], b"UPX!", 0)?;
    let mut cursor = Cursor::from(bytes, at + 4);
    let (_version, _format, method, _level) =
        (cursor.u8()?, cursor.u8()?, cursor.u8()?, cursor.u8()?);
    cursor.skip(8)?;
    let (whole, packed) = (cursor.index()?, cursor.index()?);
    // The header is 32 bytes; the packed bytes begin with the section it closes the gap to.
    let begin = at + 32;
    let packed = bytes.get(begin..)?.get(..packed)?;
    Some((method, packed, whole))
}

/// Bits in little-endian words of 32, the highest first, with whole bytes between them.
struct Words<'a> {
    cursor: Cursor<'a>,
    hold: u32,
    count: u32,
}

impl Words<'_> {
    fn bit(&mut self) -> Option<usize> {
        if self.count == 0 {
            self.hold = self.cursor.u32()?;
            self.count = 32;
        }
        self.count -= 1;
        Some((self.hold >> self.count & 1) as usize)
    }

    fn byte(&mut self) -> Option<usize> {
        self.cursor.u8().map(usize::from)
    }

    /// A number of which every bit is followed by one that says whether it is the last.
    fn number(&mut self, mut value: usize) -> Option<usize> {
        loop {
            value = value.checked_mul(2)? + self.bit()?;
            if self.bit()? == 1 {
                return Some(value);
            }
        }
    }
}

fn nrv(method: u8, packed: &[u8], whole: usize, out: &mut Output<'_>) -> Result<(), Why> {
    let mut words = Words {
        cursor: Cursor::new(packed),
        hold: 0,
        count: 0,
    };
    let mut last = 1;
    while out.size() < whole {
        if words.bit().or_damaged(DAMAGED)? == 1 {
            out.byte(words.byte().or_damaged(DAMAGED)? as u8)?;
            continue;
        }
        let copy = match method {
            NRV2B => copy_b(&mut words, &mut last),
            _ => copy_de(method, &mut words, &mut last),
        };
        let Some((distance, size)) = copy.or_damaged(DAMAGED)? else {
            return Ok(());
        };
        out.copy_back(distance, size.min(whole - out.size()))?;
    }
    Ok(())
}

/// Distance and size; inner `None` at the end mark.
type Copy = Option<Option<(usize, usize)>>;

fn copy_b(words: &mut Words<'_>, last: &mut usize) -> Copy {
    let place = words.number(1)?;
    if place > 2 {
        let value = (place - 3).checked_mul(256)? + words.byte()?;
        if value == u32::MAX as usize {
            return Some(None);
        }
        *last = value + 1;
    }
    let mut size = words.bit()? * 2 + words.bit()?;
    if size == 0 {
        size = words.number(1)? + 2;
    }
    size += usize::from(*last > FAR_B);
    Some(Some((*last, size + 1)))
}

fn copy_de(method: u8, words: &mut Words<'_>, last: &mut usize) -> Copy {
    let mut place = 1usize;
    loop {
        place = place.checked_mul(2)? + words.bit()?;
        if words.bit()? == 1 {
            break;
        }
        place = (place - 1).checked_mul(2)? + words.bit()?;
    }
    let low;
    if place == 2 {
        low = words.bit()?;
    } else {
        let value = (place - 3).checked_mul(256)? + words.byte()?;
        if value == u32::MAX as usize {
            return Some(None);
        }
        low = !value & 1;
        *last = (value >> 1) + 1;
    }
    let mut size = if method == NRV2D {
        let size = low * 2 + words.bit()?;
        if size == 0 {
            words.number(1)? + 2
        } else {
            size
        }
    } else if low == 1 {
        1 + words.bit()?
    } else if words.bit()? == 1 {
        3 + words.bit()?
    } else {
        words.number(1)? + 3
    };
    size += usize::from(*last > FAR_DE);
    Some(Some((*last, size + 1)))
}
