//! ARJ: methods 0 (stored) and 1 to 3 (a window and Huffman codes, as in LHA's `lh6`).

use super::bits::{Codes, HighBits};
use crate::budget::Output;
use crate::cursor::{Cursor, u32_at};
use crate::obstacle::{OrDamaged as _, Why};
use crate::walk::Members;

const DAMAGED: &str = "arj";
const MAGIC: u16 = 0xea60;
const GARBLED: u8 = 1;
const LITERALS: usize = 510;
const SIZES: usize = 19;
const DISTANCES: usize = 17;

pub(super) fn unpack(bytes: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    let mut cursor = Cursor::new(bytes);
    header(&mut cursor)
        .or_damaged("arj header")?
        .or_damaged("arj header")?;
    // An empty header ends the archive.
    while let Some(fields) = header(&mut cursor).or_damaged("arj header")? {
        let [_, _, _, _, flags, method, kind, ..] = *fields else {
            return Err(Why::Damaged("arj header"));
        };
        let packed = u32_at(fields, 12).or_damaged("arj header")? as usize;
        let whole = u32_at(fields, 16).or_damaged("arj header")?;
        let rest = cursor.rest();
        let content = &rest[..packed.min(rest.len())];
        match (kind, method) {
            (2.., _) => {}
            _ if flags & GARBLED != 0 => members.closed(Why::Encrypted)?,
            (_, 0) => members.stored(content)?,
            (_, 1..=3) => members.decoded(|out| decode(content, whole, out))?,
            _ => members.closed(Why::Unsupported("arj: method 4"))?,
        }
        cursor.skip(packed).or_damaged("arj is cut off")?;
    }
    Ok(())
}

/// The fixed fields of a header; inner `None` at the end of the archive.
fn header<'a>(cursor: &mut Cursor<'a>) -> Option<Option<&'a [u8]>> {
    if cursor.u16()? != MAGIC {
        return None;
    }
    let size = cursor.u16()?;
    if size == 0 {
        return Some(None);
    }
    let fields = cursor.take(usize::from(size))?;
    cursor.skip(4)?; // checksum
    loop {
        match cursor.u16()? {
            0 => return Some(Some(fields)),
            extra => cursor.skip(usize::from(extra) + 4)?,
        }
    }
}

fn decode(bytes: &[u8], whole: u32, out: &mut Output<'_>) -> Result<(), Why> {
    out.expect(whole.into())?;
    let mut bits = HighBits::new(bytes);
    while out.size() < whole as usize {
        let count = bits.bits(16).or_damaged(DAMAGED)?;
        let sizes = small(&mut bits, SIZES, 5, Some(3)).or_damaged(DAMAGED)?;
        let literals = large(&mut bits, &sizes).or_damaged(DAMAGED)?;
        let distances = small(&mut bits, DISTANCES, 5, None).or_damaged(DAMAGED)?;
        for _ in 0..count {
            let symbol = literals.next(&mut bits).or_damaged(DAMAGED)?;
            if let Ok(byte) = u8::try_from(symbol) {
                out.byte(byte)?;
                continue;
            }
            let size = usize::from(symbol) - 256 + 3;
            let place = u32::from(distances.next(&mut bits).or_damaged(DAMAGED)?);
            let back = if place < 2 {
                place
            } else {
                (1 << (place - 1)) + bits.bits(place - 1).or_damaged(DAMAGED)?
            };
            let left = (whole as usize).saturating_sub(out.size());
            out.copy_back(back as usize + 1, size.min(left))?;
        }
        if count == 0 {
            return Err(Why::Damaged(DAMAGED));
        }
    }
    Ok(())
}

/// A code, or the one symbol that needs none.
enum Table {
    Codes(Codes),
    One(u16),
}

impl Table {
    fn new(sizes: &[u8]) -> Option<Self> {
        Codes::new(sizes).map(Self::Codes)
    }

    fn next(&self, bits: &mut HighBits<'_>) -> Option<u16> {
        match self {
            Self::Codes(codes) => codes.decode(|| bits.bit()),
            Self::One(symbol) => Some(*symbol),
        }
    }
}

/// Sizes of a short code, three bits each and more where that is not enough.
fn small(
    bits: &mut HighBits<'_>,
    count: usize,
    count_bits: u32,
    pause: Option<usize>,
) -> Option<Table> {
    let given = bits.bits(count_bits)? as usize;
    if given == 0 {
        return Some(Table::One(bits.bits(count_bits)? as u16));
    }
    let mut sizes = Vec::with_capacity(count);
    while sizes.len() < given.min(count) {
        let mut size = bits.bits(3)?;
        if size == 7 {
            while bits.bit()? == 1 {
                size += 1;
                if size > 16 {
                    return None;
                }
            }
        }
        sizes.push(size as u8);
        if pause == Some(sizes.len()) {
            let zeros = bits.bits(2)?;
            sizes.extend((0..zeros).map(|_| 0));
        }
    }
    Table::new(&sizes)
}

fn large(bits: &mut HighBits<'_>, codes: &Table) -> Option<Table> {
    let given = bits.bits(9)? as usize;
    if given == 0 {
        return Some(Table::One(bits.bits(9)? as u16));
    }
    let mut sizes: Vec<u8> = Vec::with_capacity(LITERALS);
    while sizes.len() < given.min(LITERALS) {
        match codes.next(bits)? {
            0 => sizes.push(0),
            1 => {
                let zeros = bits.bits(4)? + 3;
                sizes.extend((0..zeros).map(|_| 0));
            }
            2 => {
                let zeros = bits.bits(9)? + 20;
                sizes.extend((0..zeros).map(|_| 0));
            }
            size => sizes.push((size - 2) as u8),
        }
    }
    sizes.truncate(LITERALS);
    Table::new(&sizes)
}
