//! Names of tiles and entry bundles, and which of them a tree has (tlog-tiles).
//!
//! ```text
//! tile/0/x001/x234/067        full tile 1234067 of level 0: 256 hashes, 8192 bytes
//! tile/1/000.p/17             partial tile 0 of level 1: 17 hashes
//! tile/entries/273.p/112      partial entry bundle 273: 112 entries
//! ```

use std::fmt;

use crate::ascii;
use crate::errors::ParseError;
use crate::hash::{Hash, node_hash};
use crate::limits::{HASH_BYTES, TILE_INDEX_MAX, TILE_LEVEL_MAX, TILE_WIDTH};

/// One tile of hashes: its level, its index in the level, and how many hashes it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    level: u8,
    index: u64,
    width: u16,
}

impl TileId {
    /// Names a tile; `width` is 1..=255 for a partial tile and 256 for a full one.
    ///
    /// # Errors
    /// [`ParseError::Range`] for a level above 63, an index of 2^56 or more, or another width.
    pub fn new(level: u8, index: u64, width: u16) -> Result<Self, ParseError> {
        check_range("tile level", level.into(), 0, TILE_LEVEL_MAX.into())?;
        check_range("tile index", index, 0, TILE_INDEX_MAX)?;
        check_range("tile width", width.into(), 1, TILE_WIDTH.into())?;
        Ok(Self {
            level,
            index,
            width,
        })
    }

    /// Level: 0 holds leaf hashes, each next one the roots of full tiles below.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// Index within the level.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Number of hashes, 1..=256.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Whether it holds 256 hashes and will never change.
    pub fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// The full tile at the same place, which a client may be served instead.
    #[must_use]
    pub fn to_full(self) -> Self {
        Self {
            width: TILE_WIDTH,
            ..self
        }
    }

    /// Size of the tile in bytes: 32 for each hash.
    pub fn bytes(&self) -> usize {
        usize::from(self.width) * HASH_BYTES
    }

    /// Path below the log's prefix, without a leading slash.
    pub fn path(&self) -> String {
        format!("tile/{}/{}", self.level, index_path(self.index, self.width))
    }

    /// Reads a path that [`TileId::path`] would write.
    ///
    /// # Errors
    /// [`ParseError::Malformed`] for any other spelling.
    pub fn parse(path: &str) -> Result<Self, ParseError> {
        let malformed = || ParseError::Malformed {
            what: "tile path",
            value: ascii::excerpt(path),
            expected: "`tile/LEVEL/INDEX` with an optional `.p/WIDTH`",
        };
        let fields = path
            .strip_prefix("tile/")
            .and_then(|rest| rest.split_once('/'));
        let (level, rest) = fields.ok_or_else(malformed)?;
        let level = ascii::parse_decimal("tile level", level)?;
        let level = u8::try_from(level).map_err(|_| malformed())?;
        let (index, width) = parse_index_path(rest).ok_or_else(malformed)?;
        let id = Self::new(level, index, width)?;
        if id.path() == path {
            Ok(id)
        } else {
            Err(malformed())
        }
    }

    /// All tiles of one level in a tree of `size` leaves; the last one may be partial.
    pub fn covering(level: u8, size: u64) -> impl Iterator<Item = Self> {
        pieces(0, hashes_at(level, size)).map(move |(index, width)| Self {
            level,
            index,
            width,
        })
    }
}

impl fmt::Display for TileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}

/// One bundle of entries: its index and how many entries it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BundleId {
    index: u64,
    width: u16,
}

impl BundleId {
    /// Names a bundle; `width` is 1..=255 for a partial bundle and 256 for a full one.
    ///
    /// # Errors
    /// [`ParseError::Range`] for an index of 2^56 or more, or another width.
    pub fn new(index: u64, width: u16) -> Result<Self, ParseError> {
        check_range("bundle index", index, 0, TILE_INDEX_MAX)?;
        check_range("bundle width", width.into(), 1, TILE_WIDTH.into())?;
        Ok(Self { index, width })
    }

    /// Index of the bundle.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Number of entries, 1..=256.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Index of its first entry.
    pub fn first_entry(&self) -> u64 {
        self.index * u64::from(TILE_WIDTH)
    }

    /// Whether it holds 256 entries and will never change.
    pub fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// The full bundle at the same place, which a client may be served instead.
    #[must_use]
    pub fn to_full(self) -> Self {
        Self {
            width: TILE_WIDTH,
            ..self
        }
    }

    /// Path below the log's prefix, without a leading slash.
    pub fn path(&self) -> String {
        format!("tile/entries/{}", index_path(self.index, self.width))
    }

    /// Reads a path that [`BundleId::path`] would write.
    ///
    /// # Errors
    /// [`ParseError::Malformed`] for any other spelling.
    pub fn parse(path: &str) -> Result<Self, ParseError> {
        let malformed = || ParseError::Malformed {
            what: "bundle path",
            value: ascii::excerpt(path),
            expected: "`tile/entries/INDEX` with an optional `.p/WIDTH`",
        };
        let rest = path.strip_prefix("tile/entries/").ok_or_else(malformed)?;
        let (index, width) = parse_index_path(rest).ok_or_else(malformed)?;
        let id = Self::new(index, width)?;
        if id.path() == path {
            Ok(id)
        } else {
            Err(malformed())
        }
    }

    /// All bundles of a log of `size` entries; the last one may be partial.
    pub fn covering(size: u64) -> impl Iterator<Item = Self> {
        Self::between(0, size)
    }

    /// The bundles a log writes when it grows from `old_size` to `new_size` entries.
    pub fn between(old_size: u64, new_size: u64) -> impl Iterator<Item = Self> {
        pieces(old_size, new_size).map(|(index, width)| Self { index, width })
    }
}

impl fmt::Display for BundleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}

/// The tiles, full and partial, that a log writes when it grows from `old_size` to `new_size`
/// leaves: exactly those that change, level by level.
pub fn tiles_between(old_size: u64, new_size: u64) -> impl Iterator<Item = TileId> {
    (0..8).flat_map(move |level| {
        pieces(hashes_at(level, old_size), hashes_at(level, new_size)).map(move |(index, width)| {
            TileId {
                level,
                index,
                width,
            }
        })
    })
}

/// Number of hashes that the tiles of a level hold: complete subtrees of 256^level leaves.
pub(crate) fn hashes_at(level: u8, size: u64) -> u64 {
    size.checked_shr(u32::from(level) * 8).unwrap_or(0)
}

/// The root over the hashes of a full tile: one hash of the level above.
///
/// # Errors
/// [`ParseError::Range`] unless there are exactly 8,192 bytes: partial tiles are never hashed up.
pub fn full_tile_root(tile: &[u8]) -> Result<Hash, ParseError> {
    let full = usize::from(TILE_WIDTH) * HASH_BYTES;
    if tile.len() != full {
        let (found, full) = (tile.len() as u64, full as u64);
        return Err(ParseError::Range {
            what: "bytes of a full tile",
            found,
            min: full,
            max: full,
        });
    }
    Ok(complete_root(&hashes_of(tile)))
}

/// The hashes in a tile's bytes.
pub(crate) fn hashes_of(tile: &[u8]) -> Vec<Hash> {
    tile.as_chunks::<HASH_BYTES>()
        .0
        .iter()
        .map(|bytes| Hash::from_bytes(*bytes))
        .collect()
}

/// The root of a complete subtree over a power of two of hashes.
pub(crate) fn complete_root(hashes: &[Hash]) -> Hash {
    let mut level = hashes.to_vec();
    while level.len() > 1 {
        level = level
            .as_chunks::<2>()
            .0
            .iter()
            .map(|[l, r]| node_hash(l, r))
            .collect();
    }
    level.first().copied().unwrap_or(Hash::EMPTY_ROOT)
}

/// Index and width of the pieces of 256 that change when a sequence grows from `old` to `new`.
fn pieces(old: u64, new: u64) -> impl Iterator<Item = (u64, u16)> {
    let width = u64::from(TILE_WIDTH);
    let end = if new > old { new.div_ceil(width) } else { 0 };
    (old / width..end).map(move |index| {
        // Fits: at most 256.
        (index, (new - index * width).min(width) as u16)
    })
}

/// `x001/x234/067` or `x001/x234/067.p/8`.
fn index_path(index: u64, width: u16) -> String {
    let mut path = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    if width < TILE_WIDTH {
        path.push_str(&format!(".p/{width}"));
    }
    path
}

/// Reads digits only; callers compare with the printed form, which has one spelling.
fn parse_index_path(path: &str) -> Option<(u64, u16)> {
    let (index, width) = match path.split_once(".p/") {
        Some((index, width)) => (index, ascii::parse_decimal("width", width).ok()?),
        None => (path, u64::from(TILE_WIDTH)),
    };
    let mut value = 0u64;
    for group in index.split('/') {
        let digits = group.strip_prefix('x').unwrap_or(group);
        if digits.len() != 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        value = value.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
    }
    Some((value, u16::try_from(width).ok()?))
}

fn check_range(what: &'static str, found: u64, min: u64, max: u64) -> Result<(), ParseError> {
    if (min..=max).contains(&found) {
        return Ok(());
    }
    Err(ParseError::Range {
        what,
        found,
        min,
        max,
    })
}
