//! PKZIP 1 implode (APPNOTE 5.3): Shannon-Fano codes and a sliding window.

use super::bits::{Codes, LowBits};
use crate::budget::Output;
use crate::obstacle::{OrDamaged as _, Why};

const DAMAGED: &str = "zip implode";

/// Decodes until `whole` bytes are there.
pub(super) fn explode(
    bytes: &[u8],
    whole: u64,
    window_8k: bool,
    literal_code: bool,
    out: &mut Output<'_>,
) -> Result<(), Why> {
    let mut at = 0;
    let literals = if literal_code {
        Some(codes(bytes, &mut at, 256).or_damaged(DAMAGED)?)
    } else {
        None
    };
    let lengths = codes(bytes, &mut at, 64).or_damaged(DAMAGED)?;
    let distances = codes(bytes, &mut at, 64).or_damaged(DAMAGED)?;
    let mut bits = LowBits::new(bytes.get(at..).or_damaged(DAMAGED)?);
    let low_bits = if window_8k { 7 } else { 6 };
    let shortest = if literal_code { 3 } else { 2 };
    while (out.size() as u64) < whole {
        if bits.bit().or_damaged(DAMAGED)? == 1 {
            let byte = match &literals {
                Some(codes) => symbol(codes, &mut bits),
                None => bits.bits(8),
            };
            out.byte(byte.or_damaged(DAMAGED)? as u8)?;
            continue;
        }
        let low = bits.bits(low_bits).or_damaged(DAMAGED)?;
        let high = symbol(&distances, &mut bits).or_damaged(DAMAGED)?;
        let distance = (high << low_bits | low) as usize + 1;
        let mut size = symbol(&lengths, &mut bits).or_damaged(DAMAGED)?;
        if size == 63 {
            size += bits.bits(8).or_damaged(DAMAGED)?;
        }
        let left = usize::try_from(whole).unwrap_or(usize::MAX) - out.size();
        let size = (size as usize + shortest).min(left);
        // The window is full of zeros before the first byte.
        let before = distance.saturating_sub(out.size()).min(size);
        out.repeat(0, before)?;
        if size > before {
            out.copy_back(distance, size - before)?;
        }
    }
    Ok(())
}

/// Code sizes as runs: one byte for (how often - 1) and (bits - 1).
fn codes(bytes: &[u8], at: &mut usize, count: usize) -> Option<Codes> {
    let runs = usize::from(*bytes.get(*at)?) + 1;
    let table = bytes.get(*at + 1..)?.get(..runs)?;
    *at += 1 + runs;
    let mut sizes = Vec::with_capacity(count);
    for run in table {
        let times = usize::from(run >> 4) + 1;
        sizes.extend(std::iter::repeat_n((run & 15) + 1, times));
    }
    // Canonical from the other end: the last symbol of a size has the lowest code. Turned round,
    // it is the code we know, with every bit inverted.
    (sizes.len() == count).then(|| Codes::new(&sizes))?
}

fn symbol(codes: &Codes, bits: &mut LowBits<'_>) -> Option<u32> {
    codes
        .decode(|| bits.bit().map(|bit| 1 - bit))
        .map(u32::from)
}
