//! Compares two artifacts, byte by byte. Only `identical` ever counts.

use std::io::{self, Read};

use crate::error::ConveyerError;
use crate::limits::CHUNK_BYTES;

/// What comparing a rebuild with the original gives. Finer classes of difference do not exist yet, and would never
/// count as identical.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The same bytes.
    Identical,
    /// Other bytes, and nothing is known that would explain them.
    Unexplained {
        /// The first difference.
        first: FirstDifference,
        /// Size of the original, bytes.
        original_bytes: u64,
        /// Size of the rebuild, bytes.
        rebuilt_bytes: u64,
        /// How many bytes differ at equal offsets, those that only the longer one has included.
        differing_bytes: u64,
    },
    /// The rebuild gave no artifact.
    Failed {
        /// Why, for people.
        reason: String,
    },
}

/// Where two artifacts differ first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstDifference {
    /// Offset from the start, bytes.
    pub offset: u64,
    /// The original's byte there, if it is that long.
    pub original: Option<u8>,
    /// The rebuild's byte there, if it is that long.
    pub rebuilt: Option<u8>,
}

impl Verdict {
    /// The verdict on a rebuild that gave no artifact; nothing when no build took place at all, because then the
    /// rebuilder has no verdict to give.
    #[must_use]
    pub fn of_failure(error: &ConveyerError) -> Option<Self> {
        match error {
            ConveyerError::BuildFailed { .. } | ConveyerError::ArtifactMissing { .. } => {
                let reason = error.to_string();
                Some(Self::Failed { reason })
            }
            _ => None,
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Identical => write!(f, "identical"),
            Self::Unexplained {
                first,
                original_bytes,
                rebuilt_bytes,
                differing_bytes,
            } => write!(
                f,
                "unexplained: {differing_bytes} bytes differ, first at offset {}; sizes {original_bytes} and {rebuilt_bytes}",
                first.offset
            ),
            Self::Failed { reason } => write!(f, "failed: {reason}"),
        }
    }
}

/// Reads both to their ends in bounded memory.
///
/// # Errors
/// What the readers say.
pub fn compare(original: &mut dyn Read, rebuilt: &mut dyn Read) -> io::Result<Verdict> {
    let (mut a, mut b) = (vec![0; CHUNK_BYTES], vec![0; CHUNK_BYTES]);
    let (mut original_bytes, mut rebuilt_bytes, mut differing_bytes) = (0_u64, 0_u64, 0_u64);
    let mut first = None;
    loop {
        let (in_a, in_b) = (fill(original, &mut a)?, fill(rebuilt, &mut b)?);
        let (a, b) = (&a[..in_a], &b[..in_b]);
        if a.is_empty() && b.is_empty() {
            break;
        }
        let differs = |at: &usize| a.get(*at) != b.get(*at);
        let span = in_a.max(in_b);
        if let (None, Some(at)) = (first, (0..span).find(differs)) {
            let offset = original_bytes.max(rebuilt_bytes) + at as u64;
            first = Some(FirstDifference {
                offset,
                original: a.get(at).copied(),
                rebuilt: b.get(at).copied(),
            });
        }
        differing_bytes += (0..span).filter(differs).count() as u64;
        original_bytes += in_a as u64;
        rebuilt_bytes += in_b as u64;
    }
    Ok(match first {
        None => Verdict::Identical,
        Some(first) => Verdict::Unexplained {
            first,
            original_bytes,
            rebuilt_bytes,
            differing_bytes,
        },
    })
}

/// Fills the buffer unless the stream ends first.
fn fill(from: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut count = 0;
    while count < buffer.len() {
        match from.read(&mut buffer[count..]) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn verdict(a: &[u8], b: &[u8]) -> Verdict {
        compare(&mut &a[..], &mut &b[..]).unwrap()
    }

    #[test]
    fn a_longer_rebuild_differs_where_the_original_ends() {
        let first = FirstDifference {
            offset: 2,
            original: None,
            rebuilt: Some(b'c'),
        };
        let wanted = Verdict::Unexplained {
            first,
            original_bytes: 2,
            rebuilt_bytes: 4,
            differing_bytes: 2,
        };
        assert_eq!(verdict(b"ab", b"abcd"), wanted);
    }

    #[test]
    fn a_difference_beyond_the_first_chunk_is_found() {
        let a = vec![7; CHUNK_BYTES + 10];
        let mut b = a.clone();
        b[CHUNK_BYTES + 3] = 8;
        match verdict(&a, &b) {
            Verdict::Unexplained {
                first,
                differing_bytes: 1,
                ..
            } => assert_eq!(first.offset, CHUNK_BYTES as u64 + 3),
            other => panic!("{other:?}"),
        }
    }

    proptest! {
        #[test]
        fn only_equal_bytes_are_identical(a in proptest::collection::vec(0_u8..3, 0..6), b in proptest::collection::vec(0_u8..3, 0..6)) {
            prop_assert_eq!(verdict(&a, &b) == Verdict::Identical, a == b);
        }
    }
}
