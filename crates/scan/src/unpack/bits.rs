//! Bits, lowest or highest first, and canonical Huffman codes: what all the older compressions share.

/// The lowest bit of each byte first: deflate, implode, quantum of many.
pub(crate) struct LowBits<'a> {
    bytes: &'a [u8],
    at: usize,
    hold: u32,
    count: u32,
}

impl<'a> LowBits<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            hold: 0,
            count: 0,
        }
    }

    pub(crate) fn bit(&mut self) -> Option<u32> {
        if self.count == 0 {
            self.hold = u32::from(*self.bytes.get(self.at)?);
            self.at += 1;
            self.count = 8;
        }
        let bit = self.hold & 1;
        self.hold >>= 1;
        self.count -= 1;
        Some(bit)
    }

    /// At most 32 bits, the first the lowest.
    pub(crate) fn bits(&mut self, size: u32) -> Option<u32> {
        let mut value = 0;
        for place in 0..size {
            value |= self.bit()? << place;
        }
        Some(value)
    }

    /// To the next whole byte.
    pub(crate) fn align(&mut self) {
        self.count = 0;
    }

    /// Whole bytes; call [`LowBits::align`] first.
    pub(crate) fn take(&mut self, size: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..)?.get(..size)?;
        self.at += size;
        Some(taken)
    }
}

/// The highest bit of each byte first: bzip2, ARJ.
pub(crate) struct HighBits<'a> {
    bytes: &'a [u8],
    /// In bits.
    at: usize,
}

impl<'a> HighBits<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn bit(&mut self) -> Option<u32> {
        let byte = *self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(u32::from(bit))
    }

    /// At most 32 bits, the first the highest.
    pub(crate) fn bits(&mut self, size: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..size {
            value = value << 1 | self.bit()?;
        }
        Some(value)
    }

    /// Where it stands, in whole bytes, rounded up.
    pub(crate) fn byte_position(&self) -> usize {
        self.at.div_ceil(8)
    }
}

/// The longest code of any format read here.
const CODE_BITS_MAX: usize = 24;

/// A canonical code: symbols in order of code size, then of value.
pub(crate) struct Codes {
    /// How many codes there are of each size.
    counts: [u16; CODE_BITS_MAX + 1],
    symbols: Vec<u16>,
}

impl Codes {
    /// From the size of the code of each symbol, 0 for none; `None` if they do not fit into a tree.
    pub(crate) fn new(sizes: &[u8]) -> Option<Self> {
        let mut counts = [0u16; CODE_BITS_MAX + 1];
        for size in sizes {
            *counts.get_mut(usize::from(*size))? += 1;
        }
        counts[0] = 0;
        let mut left = 1i64;
        for count in &counts[1..] {
            left = left * 2 - i64::from(*count);
            if left < 0 {
                return None;
            }
        }
        let mut places = [0usize; CODE_BITS_MAX + 2];
        for size in 1..=CODE_BITS_MAX {
            places[size + 1] = places[size] + usize::from(counts[size]);
        }
        let mut symbols = vec![0; places[CODE_BITS_MAX + 1]];
        for (symbol, size) in sizes.iter().enumerate().filter(|(_, size)| **size > 0) {
            let place = &mut places[usize::from(*size)];
            *symbols.get_mut(*place)? = u16::try_from(symbol).ok()?;
            *place += 1;
        }
        Some(Self { counts, symbols })
    }

    /// The next symbol; `None` at the end of the bits or for a code that nobody has.
    pub(crate) fn decode(&self, mut bit: impl FnMut() -> Option<u32>) -> Option<u16> {
        let (mut code, mut first, mut index) = (0u32, 0u32, 0u32);
        for count in &self.counts[1..] {
            code |= bit()?;
            let count = u32::from(*count);
            if code < first + count {
                return self.symbols.get((index + code - first) as usize).copied();
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        None
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_in_the_order_of_each_kind() {
        let mut low = LowBits::new(&[0b1010_0110, 0xff]);
        assert_eq!(low.bits(4), Some(0b0110));
        low.align();
        assert_eq!(low.take(1), Some(&[0xff][..]));
        assert_eq!(low.bit(), None);
        let mut high = HighBits::new(&[0b1010_0110]);
        assert_eq!(high.bits(4), Some(0b1010));
        assert_eq!(high.bits(5), None);
    }

    #[test]
    fn a_code_that_is_too_full_is_refused_and_one_with_holes_stops_at_them() {
        assert!(Codes::new(&[1, 1, 1]).is_none());
        assert!(Codes::new(&[25]).is_none());
        let codes = Codes::new(&[2, 1, 2]).unwrap();
        let mut bits = HighBits::new(&[0b0101_1000]);
        assert_eq!(codes.decode(|| bits.bit()), Some(1));
        assert_eq!(codes.decode(|| bits.bit()), Some(0));
        assert_eq!(codes.decode(|| bits.bit()), Some(2));
        let holes = Codes::new(&[2]).unwrap();
        let mut bits = HighBits::new(&[0xff; 8]);
        assert_eq!(holes.decode(|| bits.bit()), None);
    }
}
