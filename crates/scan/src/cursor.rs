//! Bytes read from the front, never past the end. Every header of every format goes through here.

/// Where a parser stands. A read that does not fit is `None` and moves nothing.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Stands at `at`, or at the end if that lies behind it.
    pub(crate) fn from(bytes: &'a [u8], at: usize) -> Self {
        let at = at.min(bytes.len());
        Self { bytes, at }
    }

    pub(crate) fn position(&self) -> usize {
        self.at
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    pub(crate) fn take(&mut self, size: usize) -> Option<&'a [u8]> {
        let taken = self.rest().get(..size)?;
        self.at += size;
        Some(taken)
    }

    pub(crate) fn skip(&mut self, size: usize) -> Option<()> {
        self.take(size).map(drop)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn u32_be(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// A 32-bit count or offset as an index.
    pub(crate) fn index(&mut self) -> Option<usize> {
        self.u32().and_then(|value| usize::try_from(value).ok())
    }

    /// Bytes up to the next zero, which is passed too.
    pub(crate) fn until_zero(&mut self) -> Option<&'a [u8]> {
        let size = self.rest().iter().position(|byte| *byte == 0)?;
        let text = self.take(size)?;
        self.at += 1;
        Some(text)
    }
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Cursor::from(bytes, at).u16()
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Cursor::from(bytes, at).u32()
}

pub(crate) fn index_at(bytes: &[u8], at: usize) -> Option<usize> {
    Cursor::from(bytes, at).index()
}

/// The first place of `needle` at or after `from`.
pub(crate) fn find(bytes: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    let (first, rest) = needle.split_first()?;
    let mut at = from;
    loop {
        at += bytes.get(at..)?.iter().position(|byte| byte == first)?;
        if bytes[at + 1..].starts_with(rest) {
            return Some(at);
        }
        at += 1;
    }
}

/// The same, and letters match in both cases; `needle` is in lower case.
pub(crate) fn find_any_case(bytes: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    let first = *needle.first()?;
    let mut at = from;
    loop {
        at += bytes
            .get(at..)?
            .iter()
            .position(|byte| byte.to_ascii_lowercase() == first)?;
        if bytes[at..].len() < needle.len() {
            return None;
        }
        if bytes[at..at + needle.len()].eq_ignore_ascii_case(needle) {
            return Some(at);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_past_the_end_moves_nothing() {
        let mut cursor = Cursor::new(&[1, 2, 3]);
        assert_eq!(cursor.u32(), None);
        assert_eq!(cursor.u16(), Some(0x0201));
        assert_eq!(cursor.u16(), None);
        assert_eq!(cursor.u8(), Some(3));
        assert_eq!(cursor.rest(), b"");
        assert_eq!(Cursor::from(&[1], 9).u8(), None);
    }

    #[test]
    fn a_needle_is_found_where_it_first_stands() {
        assert_eq!(find(b"aab", b"ab", 0), Some(1));
        assert_eq!(find(b"aab", b"ab", 2), None);
        assert_eq!(find(b"aab", b"ab", 9), None);
        assert_eq!(find_any_case(b"xBEGIN", b"begin", 0), Some(1));
        assert_eq!(find_any_case(b"xBEG", b"begin", 0), None);
    }
}
