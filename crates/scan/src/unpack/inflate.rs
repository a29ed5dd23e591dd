//! Deflate64, and deflate on top of what stands before (MSZIP): RFC 1951 and APPNOTE 4.4.5.
//! Plain deflate goes through `flate2`.

use super::bits::{Codes, LowBits};
use crate::budget::Output;
use crate::obstacle::{OrDamaged as _, Why};

/// Which deflate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deflate {
    /// RFC 1951.
    Plain,
    /// Copies of up to 65,538 bytes from up to 65,536 bytes before.
    Wide,
}

const DAMAGED: &str = "deflate";
/// The order in which the sizes of the code of code sizes are given.
const SIZES_ORDER: [usize; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

/// Decodes one stream; copies may reach back into what `out` already holds.
pub(crate) fn inflate(bytes: &[u8], form: Deflate, out: &mut Output<'_>) -> Result<(), Why> {
    let mut bits = LowBits::new(bytes);
    loop {
        let last = bits.bit().or_damaged(DAMAGED)?;
        match bits.bits(2).or_damaged(DAMAGED)? {
            0 => stored(&mut bits, out)?,
            1 => {
                let (literals, distances) = fixed().or_damaged(DAMAGED)?;
                block(&mut bits, &literals, &distances, form, out)?;
            }
            2 => {
                let (literals, distances) = dynamic(&mut bits).or_damaged(DAMAGED)?;
                block(&mut bits, &literals, &distances, form, out)?;
            }
            _ => return Err(Why::Damaged(DAMAGED)),
        }
        if last == 1 {
            return Ok(());
        }
    }
}

fn stored(bits: &mut LowBits<'_>, out: &mut Output<'_>) -> Result<(), Why> {
    bits.align();
    let header = bits.take(4).or_damaged(DAMAGED)?;
    let size = u16::from_le_bytes([header[0], header[1]]);
    if size != !u16::from_le_bytes([header[2], header[3]]) {
        return Err(Why::Damaged(DAMAGED));
    }
    out.push(bits.take(usize::from(size)).or_damaged(DAMAGED)?)
}

fn fixed() -> Option<(Codes, Codes)> {
    let mut sizes = [8u8; 288];
    sizes[144..256].fill(9);
    sizes[256..280].fill(7);
    Some((Codes::new(&sizes)?, Codes::new(&[5; 32])?))
}

fn dynamic(bits: &mut LowBits<'_>) -> Option<(Codes, Codes)> {
    let literals = bits.bits(5)? as usize + 257;
    let distances = bits.bits(5)? as usize + 1;
    let count = bits.bits(4)? as usize + 4;
    let mut sizes = [0u8; 19];
    for place in &SIZES_ORDER[..count] {
        sizes[*place] = bits.bits(3)? as u8;
    }
    let codes = Codes::new(&sizes)?;
    let mut all = Vec::with_capacity(320);
    while all.len() < literals + distances {
        let symbol = codes.decode(|| bits.bit())?;
        let (value, times) = match symbol {
            0..=15 => (symbol as u8, 1),
            16 => (*all.last()?, bits.bits(2)? + 3),
            17 => (0, bits.bits(3)? + 3),
            _ => (0, bits.bits(7)? + 11),
        };
        all.extend((0..times).map(|_| value));
    }
    if all.len() > literals + distances {
        return None;
    }
    let (literals, distances) = all.split_at(literals);
    Some((Codes::new(literals)?, Codes::new(distances)?))
}

fn block(
    bits: &mut LowBits<'_>,
    literals: &Codes,
    distances: &Codes,
    form: Deflate,
    out: &mut Output<'_>,
) -> Result<(), Why> {
    loop {
        let symbol = literals.decode(|| bits.bit()).or_damaged(DAMAGED)?;
        match symbol {
            0..=255 => out.byte(symbol as u8)?,
            256 => return Ok(()),
            _ => {
                let size = length(bits, symbol, form).or_damaged(DAMAGED)?;
                let back = distance(bits, distances, form).or_damaged(DAMAGED)?;
                out.copy_back(back, size)?;
            }
        }
    }
}

fn length(bits: &mut LowBits<'_>, symbol: u16, form: Deflate) -> Option<usize> {
    let place = u32::from(symbol) - 257;
    let (base, extra) = match (place, form) {
        (0..=7, _) => (place + 3, 0),
        (8..=27, _) => {
            let extra = place / 4 - 1;
            (((4 + place % 4) << extra) + 3, extra)
        }
        (28, Deflate::Plain) => (258, 0),
        (28, Deflate::Wide) => (3, 16),
        _ => return None,
    };
    Some((base + bits.bits(extra)?) as usize)
}

fn distance(bits: &mut LowBits<'_>, codes: &Codes, form: Deflate) -> Option<usize> {
    let symbol = u32::from(codes.decode(|| bits.bit())?);
    if symbol >= 30 && form == Deflate::Plain {
        return None;
    }
    if symbol < 4 {
        return Some(symbol as usize + 1);
    }
    let extra = symbol / 2 - 1;
    let base = ((2 + symbol % 2) << extra) + 1;
    Some((base + bits.bits(extra)?) as usize)
}
