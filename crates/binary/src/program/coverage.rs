//! Which executable bytes are accounted for by a line of source, by a symbol only, or by nothing.

use serde::Serialize;

use super::lines::Lines;
use crate::{elf::Image, limits::ANSWERS_MAX};

/// Executable bytes that nothing accounts for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UncoveredRange {
    /// First address.
    pub start: u64,
    /// Address behind the last byte.
    pub end: u64,
    /// Section.
    pub section: String,
    /// All bytes are those that linkers fill gaps with (`nop`, `int3`, zeros).
    pub padding: bool,
}

/// How much of a program's code is accounted for. The four counts add up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceCoverage {
    /// All executable bytes.
    pub executable_bytes: u64,
    /// A line of source accounts for them.
    pub line_bytes: u64,
    /// Only a symbol does: a function without debug information.
    pub symbol_bytes: u64,
    /// Nothing does, and they are padding.
    pub padding_bytes: u64,
    /// Nothing does.
    pub without_bytes: u64,
    /// What nothing accounts for, padding among it; at most 10,000 ranges.
    pub ranges: Vec<UncoveredRange>,
    /// Ranges that are not listed.
    pub left_off: u64,
}

impl SourceCoverage {
    /// Part of the executable bytes in hundredths of a percent, rounded up: what is not nothing is
    /// not shown as nothing.
    #[must_use]
    pub fn hundredths(&self, bytes: u64) -> u64 {
        let whole = u128::from(self.executable_bytes.max(1));
        u64::try_from((u128::from(bytes) * 10_000).div_ceil(whole)).unwrap_or(u64::MAX)
    }
}

/// Sorted, without overlaps.
type Ranges = Vec<(u64, u64)>;

fn merged(mut ranges: Ranges) -> Ranges {
    ranges.sort_unstable();
    let mut merged: Ranges = Vec::new();
    for (start, end) in ranges {
        match merged.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => merged.push((start, end)),
        }
    }
    merged
}

/// What of `start..end` is in none of the ranges.
fn outside(ranges: &Ranges, start: u64, end: u64) -> Ranges {
    let mut rest = Vec::new();
    let mut at = start;
    let first = ranges.partition_point(|range| range.1 <= start);
    for (from, to) in &ranges[first..] {
        if *from >= end {
            break;
        }
        if *from > at {
            rest.push((at, *from));
        }
        at = at.max(*to);
    }
    if at < end {
        rest.push((at, end));
    }
    rest
}

fn sum(ranges: &Ranges) -> u64 {
    ranges.iter().map(|(start, end)| end - start).sum()
}

pub(super) fn measure(image: &Image<'_>, lines: &Lines) -> SourceCoverage {
    let of_lines = merged(
        lines
            .ranges
            .iter()
            .map(|range| (range.start, range.end))
            .collect(),
    );
    let symbols = image.symbols.iter().map(|symbol| {
        let end = symbol.address.saturating_add(symbol.size);
        (symbol.address, end)
    });
    let of_both = merged(symbols.chain(of_lines.iter().copied()).collect());
    let mut coverage = SourceCoverage {
        executable_bytes: 0,
        line_bytes: 0,
        symbol_bytes: 0,
        padding_bytes: 0,
        without_bytes: 0,
        ranges: Vec::new(),
        left_off: 0,
    };
    for section in image
        .sections
        .iter()
        .filter(|section| section.executable() && section.allocated())
    {
        let size = section.data.len() as u64;
        let (start, end) = (section.address, section.address.saturating_add(size));
        let without_line = sum(&outside(&of_lines, start, end));
        let without = outside(&of_both, start, end);
        coverage.executable_bytes += end - start;
        coverage.line_bytes += end - start - without_line;
        coverage.symbol_bytes += without_line - sum(&without);
        for (from, to) in without {
            let bytes = usize::try_from(from - start)
                .ok()
                .zip(usize::try_from(to - start).ok());
            let padding = bytes
                .and_then(|(from, to)| section.data.get(from..to))
                .is_some_and(|bytes| is_padding(bytes, from, image.x86_bits));
            let count = if padding {
                &mut coverage.padding_bytes
            } else {
                &mut coverage.without_bytes
            };
            *count += to - from;
            if coverage.ranges.len() < ANSWERS_MAX {
                coverage.ranges.push(UncoveredRange {
                    start: from,
                    end: to,
                    section: section.name.clone(),
                    padding,
                });
            } else {
                coverage.left_off += 1;
            }
        }
    }
    coverage
}

fn is_padding(bytes: &[u8], address: u64, bits: Option<u32>) -> bool {
    if bytes.iter().all(|byte| *byte == 0) || bytes.iter().all(|byte| *byte == 0xcc) {
        return true;
    }
    let Some(bits) = bits else {
        return false;
    };
    let options = iced_x86::DecoderOptions::NONE;
    iced_x86::Decoder::with_ip(bits, bytes, address, options)
        .iter()
        .all(|instruction| {
            use iced_x86::Mnemonic;
            matches!(instruction.mnemonic(), Mnemonic::Nop | Mnemonic::Int3)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_outside_is_what_no_range_holds() {
        let ranges = merged(vec![(5, 7), (1, 3), (2, 4)]);
        assert_eq!(ranges, [(1, 4), (5, 7)]);
        assert_eq!(outside(&ranges, 0, 9), [(0, 1), (4, 5), (7, 9)]);
        assert_eq!(outside(&ranges, 2, 6), [(4, 5)]);
        assert_eq!(outside(&ranges, 8, 9), [(8, 9)]);
    }

    #[test]
    fn nops_zeros_and_traps_are_padding_and_a_return_is_not() {
        assert!(is_padding(&[0x66, 0x90, 0x0f, 0x1f, 0], 0, Some(64)));
        assert!(is_padding(&[0xcc; 3], 0, Some(64)));
        assert!(is_padding(&[0; 3], 0, None));
        assert!(!is_padding(&[0x90, 0xc3], 0, Some(64)));
    }
}
