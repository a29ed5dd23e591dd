//! Entries that are sequenced together, in the form in which they are kept: that of a bundle.
//!
//! ```text
//! first 41, count 2
//! 00 03 61 62 63   00 00          "abc", and an entry without bytes
//! ```

use tlog::{ENTRY_BYTES_MAX, ParseError};

/// Entries with consecutive indexes, each behind two bytes of its length, big endian (tlog-tiles,
/// "Log entries"). What stands between two entries of it is a slice of an entry bundle.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    first: u64,
    bytes: Vec<u8>,
    /// Where each entry ends in `bytes`.
    ends: Vec<usize>,
}

impl Batch {
    /// An empty batch whose first entry will have index `first`.
    #[must_use]
    pub fn new(first: u64) -> Self {
        Self {
            first,
            ..Self::default()
        }
    }

    /// Reads a batch as it was kept; `None` if it is not `count` whole entries.
    #[must_use]
    pub fn from_bytes(first: u64, count: u64, bytes: Vec<u8>) -> Option<Self> {
        let mut ends = Vec::new();
        let mut rest = bytes.as_slice();
        while let Some((length, behind)) = rest.split_first_chunk::<2>() {
            rest = behind.get(usize::from(u16::from_be_bytes(*length))..)?;
            ends.push(bytes.len() - rest.len());
        }
        let is_whole = rest.is_empty() && ends.len() as u64 == count;
        is_whole.then_some(Self { first, bytes, ends })
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// It is longer than an entry may be (65,535 bytes).
    pub fn push(&mut self, entry: &[u8]) -> Result<(), ParseError> {
        let length = u16::try_from(entry.len()).map_err(|_| ParseError::TooLong {
            what: "entry",
            found: entry.len(),
            max: ENTRY_BYTES_MAX,
        })?;
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(entry);
        self.ends.push(self.bytes.len());
        Ok(())
    }

    /// Index of the first entry.
    #[must_use]
    pub const fn first(&self) -> u64 {
        self.first
    }

    /// Index behind the last entry.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.first + self.ends.len() as u64
    }

    /// How many entries.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// All entries as they are kept.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The entry with an index of the log; `None` if it is not in this batch.
    #[must_use]
    pub fn get(&self, index: u64) -> Option<&[u8]> {
        let at = usize::try_from(index.checked_sub(self.first)?).ok()?;
        let end = *self.ends.get(at)?;
        self.bytes.get(self.start(at) + 2..end)
    }

    /// The entries in order.
    pub fn entries(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).map(|at| &self.bytes[self.start(at) + 2..self.ends[at]])
    }

    /// The entries `start..end` as they are kept, by indexes of the log. Those outside are left
    /// out.
    pub(crate) fn slice(&self, start: u64, end: u64) -> &[u8] {
        let at = |index: u64| {
            let at = index.clamp(self.first, self.end()) - self.first;
            self.start(at as usize)
        };
        &self.bytes[at(start)..at(end.max(start))]
    }

    fn start(&self, at: usize) -> usize {
        at.checked_sub(1).map_or(0, |before| self.ends[before])
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn batch(first: u64, entries: &[Vec<u8>]) -> Batch {
        let mut batch = Batch::new(first);
        for entry in entries {
            batch.push(entry).unwrap();
        }
        batch
    }

    #[test]
    fn an_entry_too_long_for_a_bundle_is_refused_and_changes_nothing() {
        let mut batch = batch(7, &[b"a".to_vec()]);
        let before = batch.clone();
        assert!(batch.push(&vec![0; 65_536]).is_err());
        assert_eq!(batch, before);
        batch.push(&vec![0; 65_535]).unwrap();
        assert_eq!(batch.end(), 9);
    }

    proptest! {
        #[test]
        fn a_batch_is_read_back_as_it_was_kept(
            first in 0u64..1_000_000,
            entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..20),
        ) {
            let kept = batch(first, &entries);
            let count = entries.len() as u64;
            let read = Batch::from_bytes(first, count, kept.bytes().to_vec()).unwrap();
            prop_assert_eq!(&read, &kept);
            prop_assert_eq!(read.entries().map(<[u8]>::to_vec).collect::<Vec<_>>(), entries.clone());
            for (index, entry) in (first..).zip(&entries) {
                prop_assert_eq!(read.get(index), Some(entry.as_slice()));
            }
            prop_assert_eq!(read.get(first + count), None);
            prop_assert_eq!(first.checked_sub(1).and_then(|before| read.get(before)), None);
            prop_assert!(Batch::from_bytes(first, count + 1, kept.bytes().to_vec()).is_none());
        }

        #[test]
        fn its_slices_are_what_a_bundle_of_these_entries_holds(
            entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 1..20),
            (start, end) in (0u64..25, 0u64..25),
        ) {
            let kept = batch(3, &entries);
            let all = 3..3 + entries.len() as u64;
            let inside: Vec<&Vec<u8>> = all
                .zip(&entries)
                .filter(|(index, _)| (start..end).contains(index))
                .map(|(_, entry)| entry)
                .collect();
            let expected = match inside.is_empty() {
                true => Vec::new(),
                false => tlog::bundle::encode(&inside).unwrap(),
            };
            prop_assert_eq!(kept.slice(start, end), expected);
        }

        #[test]
        fn no_bytes_make_it_panic(count in 0u64..9, bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Some(read) = Batch::from_bytes(0, count, bytes.clone()) {
                prop_assert_eq!(read.bytes(), bytes);
            }
        }
    }
}
