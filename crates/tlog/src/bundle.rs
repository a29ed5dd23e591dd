//! Entry bundles: up to 256 entries, each behind its length as a big-endian `u16` (tlog-tiles).

use crate::errors::ParseError;
use crate::limits::{ENTRY_BYTES_MAX, TILE_WIDTH};

/// Writes entries one after the other.
///
/// # Errors
/// [`ParseError`] if there are no entries, more than 256, or one is longer than 65,535 bytes.
pub fn encode(entries: &[impl AsRef<[u8]>]) -> Result<Vec<u8>, ParseError> {
    let (found, max) = (entries.len(), usize::from(TILE_WIDTH));
    if entries.is_empty() {
        return Err(ParseError::Missing {
            what: "entry bundle",
            missing: "an entry",
        });
    }
    if found > max {
        return Err(ParseError::TooMany {
            what: "entries of a bundle",
            found,
            max,
        });
    }
    let mut bytes = Vec::with_capacity(entries.iter().map(|e| 2 + e.as_ref().len()).sum());
    for entry in entries {
        let entry = entry.as_ref();
        let length = u16::try_from(entry.len()).map_err(|_| ParseError::TooLong {
            what: "entry",
            found: entry.len(),
            max: ENTRY_BYTES_MAX,
        })?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    Ok(bytes)
}

/// Reads all entries there are, 1..=256, for who was not told how many.
///
/// # Errors
/// [`ParseError`] if there is none, are more, or the bytes end within one.
pub fn parse_all(bytes: &[u8]) -> Result<Vec<&[u8]>, ParseError> {
    let mut count = 0;
    let mut rest = bytes;
    // The lengths alone say how many; `parse` finds what is wrong with them.
    while let Some((length, tail)) = rest.split_first_chunk::<2>() {
        count += 1;
        let behind = tail.get(usize::from(u16::from_be_bytes(*length))..);
        rest = behind.unwrap_or_default();
    }
    let width = u16::try_from(count).unwrap_or(u16::MAX);
    parse(bytes, width)
}

/// Reads exactly `width` entries (1..=256) and nothing after them.
///
/// A full bundle served in place of a partial one must be read with width 256.
///
/// # Errors
/// [`ParseError`] if the bytes end early or go on.
pub fn parse(bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, ParseError> {
    let what = "entry bundle";
    if !(1..=TILE_WIDTH).contains(&width) {
        let (found, max) = (width.into(), TILE_WIDTH.into());
        return Err(ParseError::Range {
            what: "bundle width",
            found,
            min: 1,
            max,
        });
    }
    let mut entries = Vec::with_capacity(width.into());
    let mut rest = bytes;
    for _ in 0..width {
        let (length, tail) = rest.split_first_chunk::<2>().ok_or(ParseError::Missing {
            what,
            missing: "the length of an entry",
        })?;
        let (entry, tail) = tail
            .split_at_checked(u16::from_be_bytes(*length).into())
            .ok_or(ParseError::Missing {
                what,
                missing: "bytes of an entry",
            })?;
        entries.push(entry);
        rest = tail;
    }
    if !rest.is_empty() {
        let start = &rest[..rest.len().min(16)];
        return Err(ParseError::Trailing {
            what,
            value: hex::encode(start),
        });
    }
    Ok(entries)
}
