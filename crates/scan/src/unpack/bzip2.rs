//! bzip2: blocks of Burrows-Wheeler, move to front, run lengths and Huffman. Own code, since the
//! kept crates carry a licence of their own or C.

use super::bits::{Codes, HighBits};
use crate::budget::Output;
use crate::obstacle::{OrDamaged as _, Why};
use crate::walk::Members;

const DAMAGED: &str = "bzip2";
const BLOCK: u64 = 0x3141_5926_5359;
const END: u64 = 0x1772_4538_5090;
/// Symbols between two choices of a table.
const GROUP: usize = 50;
const CODE_BITS_MAX: u32 = 20;
const SELECTORS_MAX: u32 = 18_002;

pub(super) fn unpack(bytes: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    members.decoded(|out| decode(bytes, out))
}

/// All streams, one behind the other.
pub(super) fn decode(bytes: &[u8], out: &mut Output<'_>) -> Result<(), Why> {
    let mut rest = bytes;
    let mut first = true;
    while first || rest.starts_with(b"BZh") {
        let level = rest.get(3).copied().filter(|_| rest.starts_with(b"BZh"));
        let level = level
            .filter(|level| (b'1'..=b'9').contains(level))
            .or_damaged(DAMAGED)?;
        let block_max = usize::from(level - b'0') * 100_000;
        let body = &rest[4..];
        let mut bits = HighBits::new(body);
        stream(&mut bits, block_max, out)?;
        rest = &body[bits.byte_position()..];
        first = false;
    }
    Ok(())
}

fn stream(bits: &mut HighBits<'_>, block_max: usize, out: &mut Output<'_>) -> Result<(), Why> {
    loop {
        let high = u64::from(bits.bits(24).or_damaged(DAMAGED)?);
        let magic = high << 24 | u64::from(bits.bits(24).or_damaged(DAMAGED)?);
        let checksum = bits.bits(32).or_damaged(DAMAGED)?;
        match magic {
            BLOCK => {
                let (column, origin) = block(bits, block_max).or_damaged(DAMAGED)?;
                if unwind(column, origin, out)? != checksum {
                    return Err(Why::Damaged("bzip2 checksum"));
                }
            }
            END => return Ok(()),
            _ => return Err(Why::Damaged(DAMAGED)),
        }
    }
}

/// The last column of the sorted rotations, and which row is the text.
fn block(bits: &mut HighBits<'_>, block_max: usize) -> Option<(Vec<u32>, usize)> {
    if bits.bit()? == 1 {
        return None; // randomised blocks went out of use in 1997
    }
    let origin = bits.bits(24)? as usize;
    let mut front = used_bytes(bits)?;
    let alphabet = front.len() + 2;
    let tables = bits.bits(3)? as usize;
    if !(2..=6).contains(&tables) || front.is_empty() {
        return None;
    }
    let selectors = selectors(bits, tables)?;
    let codes: Vec<Codes> = (0..tables)
        .map(|_| table(bits, alphabet))
        .collect::<Option<_>>()?;
    let mut column: Vec<u32> = Vec::new();
    let mut run = 0usize;
    let mut run_place = 1usize;
    for selector in selectors {
        let code = codes.get(selector)?;
        for _ in 0..GROUP {
            let symbol = usize::from(code.decode(|| bits.bit())?);
            if symbol < 2 {
                run = run.checked_add(run_place << symbol)?;
                run_place = run_place.checked_mul(2)?;
                if run > block_max {
                    return None;
                }
                continue;
            }
            if run > 0 {
                let byte = u32::from(front[0]);
                column.extend(std::iter::repeat_n(byte, run));
                (run, run_place) = (0, 1);
            }
            if column.len() > block_max {
                return None;
            }
            if symbol == alphabet - 1 {
                return (origin < column.len()).then_some((column, origin));
            }
            let byte = front.remove(symbol - 1);
            front.insert(0, byte);
            column.push(u32::from(byte));
        }
    }
    None
}

fn used_bytes(bits: &mut HighBits<'_>) -> Option<Vec<u8>> {
    let groups = bits.bits(16)?;
    let mut used = Vec::new();
    for group in 0..16u8 {
        if groups >> (15 - group) & 1 == 0 {
            continue;
        }
        let inside = bits.bits(16)?;
        used.extend(
            (0..16u8)
                .filter(|place| inside >> (15 - place) & 1 == 1)
                .map(|place| group * 16 + place),
        );
    }
    Some(used)
}

fn selectors(bits: &mut HighBits<'_>, tables: usize) -> Option<Vec<usize>> {
    let count = bits.bits(15)?;
    if count == 0 || count > SELECTORS_MAX {
        return None;
    }
    let mut front: Vec<usize> = (0..tables).collect();
    (0..count)
        .map(|_| {
            let mut place = 0;
            while bits.bit()? == 1 {
                place += 1;
                if place >= tables {
                    return None;
                }
            }
            let selector = front.remove(place);
            front.insert(0, selector);
            Some(selector)
        })
        .collect()
}

fn table(bits: &mut HighBits<'_>, alphabet: usize) -> Option<Codes> {
    let mut size = bits.bits(5)?;
    let mut sizes = Vec::with_capacity(alphabet);
    for _ in 0..alphabet {
        loop {
            if !(1..=CODE_BITS_MAX).contains(&size) {
                return None;
            }
            if bits.bit()? == 0 {
                break;
            }
            size = if bits.bit()? == 0 { size + 1 } else { size - 1 };
        }
        sizes.push(size as u8);
    }
    Codes::new(&sizes)
}

/// Turns the column back into text, undoes the outer run lengths, and returns the checksum.
fn unwind(mut column: Vec<u32>, origin: usize, out: &mut Output<'_>) -> Result<u32, Why> {
    let mut starts = [0usize; 257];
    for byte in &column {
        starts[(byte & 0xff) as usize + 1] += 1;
    }
    for value in 0..256 {
        starts[value + 1] += starts[value];
    }
    for row in 0..column.len() {
        let value = (column[row] & 0xff) as usize;
        column[starts[value]] |= (row as u32) << 8;
        starts[value] += 1;
    }
    let mut checksum = Checksum::new();
    let mut row = (column[origin] >> 8) as usize;
    let (mut last, mut equal) = (None, 0);
    for _ in 0..column.len() {
        let cell = column[row];
        row = (cell >> 8) as usize;
        let byte = (cell & 0xff) as u8;
        if equal == 4 {
            out.repeat(last.unwrap_or(0), usize::from(byte))?;
            checksum.repeat(last.unwrap_or(0), byte);
            (last, equal) = (None, 0);
            continue;
        }
        equal = if last == Some(byte) { equal + 1 } else { 1 };
        last = Some(byte);
        out.byte(byte)?;
        checksum.repeat(byte, 1);
    }
    Ok(checksum.finish())
}

/// CRC-32 with the highest bit first.
struct Checksum(u32);

impl Checksum {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut value = 0;
        while value < 256 {
            let mut entry = (value as u32) << 24;
            let mut bit = 0;
            while bit < 8 {
                entry = if entry >> 31 == 1 {
                    entry << 1 ^ 0x04c1_1db7
                } else {
                    entry << 1
                };
                bit += 1;
            }
            table[value] = entry;
            value += 1;
        }
        table
    };

    fn new() -> Self {
        Self(u32::MAX)
    }

    fn repeat(&mut self, byte: u8, times: u8) {
        for _ in 0..times {
            let place = (self.0 >> 24) as u8 ^ byte;
            self.0 = self.0 << 8 ^ Self::TABLE[usize::from(place)];
        }
    }

    fn finish(self) -> u32 {
        !self.0
    }
}
