//! Proofs and roots computed from the tiles of a log (RFC 6962 section 2.1, tlog-tiles).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::errors::{ProofError, ProveError};
use crate::hash::{Hash, node_hash};
use crate::limits::{HASH_BYTES, TILE_WIDTH};
use crate::tile::{TileId, complete_root, hashes_at, hashes_of};

/// Tree levels that one tile spans: 2^8 = 256 hashes.
const TILE_HEIGHT: u8 = 8;

/// Where tiles come from: a directory, a database, a network cache.
pub trait TileSource {
    /// Why a tile cannot be had.
    type Error: std::error::Error + 'static;

    /// The bytes of a tile: exactly `id.bytes()`, or the full tile at the same place, of which the
    /// first hashes are used.
    ///
    /// # Errors
    /// When the tile cannot be read.
    fn tile(&self, id: TileId) -> Result<Vec<u8>, Self::Error>;
}

impl<S: TileSource + ?Sized> TileSource for &S {
    type Error = S::Error;

    fn tile(&self, id: TileId) -> Result<Vec<u8>, Self::Error> {
        (**self).tile(id)
    }
}

/// The inclusion proof of the leaf at `index` in the tree of `size`, leaf's sibling first.
///
/// Tiles are believed here; check the result with [`crate::verify_inclusion`].
///
/// # Errors
/// [`ProveError`] if the index is outside or a tile cannot be had.
pub fn prove_inclusion<S: TileSource>(
    src: &S,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>, ProveError<S::Error>> {
    if index >= size {
        return Err(ProveError::Request(ProofError::IndexBeyondSize {
            index,
            size,
        }));
    }
    inclusion_path(&Tree::new(src, size), index, 0, size)
}

/// PATH of RFC 6962 section 2.1.1 for the leaf at `index`, among the leaves `start..end`.
pub(crate) fn inclusion_path<S: TileSource>(
    tree: &Tree<'_, S>,
    index: u64,
    mut start: u64,
    mut end: u64,
) -> Result<Vec<Hash>, ProveError<S::Error>> {
    let mut path = Vec::new();
    while end - start > 1 {
        let middle = start + split_of(end - start);
        if index < middle {
            path.push(tree.root_of(middle, end)?);
            end = middle;
        } else {
            path.push(tree.root_of(start, middle)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The consistency proof between the trees of `old` and `new` leaves; empty if `old` is 0 or
/// equals `new`.
///
/// # Errors
/// [`ProveError`] if `old` is larger than `new` or a tile cannot be had.
pub fn prove_consistency<S: TileSource>(
    src: &S,
    old: u64,
    new: u64,
) -> Result<Vec<Hash>, ProveError<S::Error>> {
    if old > new {
        let request = ProofError::Shrinking {
            old_size: old,
            new_size: new,
        };
        return Err(ProveError::Request(request));
    }
    if old == 0 || old == new {
        return Ok(Vec::new());
    }
    let tree = Tree::new(src, new);
    let (mut path, start) = tree.siblings_of(old)?;
    // A complete old tree is a node of the new one: the reader knows its hash as the old root.
    if start != 0 {
        path.push(tree.root_of(start, old)?);
    }
    path.reverse();
    Ok(path)
}

/// What the first `old` of `new` leaves hash to, with its proof: the consistency proof in which the
/// node that ends where the old tree ends always comes first. See [`crate::ForkEvidence`].
///
/// # Errors
/// [`ProveError`] unless 0 < `old` < `new`, or if a tile cannot be had.
pub fn prove_prefix<S: TileSource>(
    src: &S,
    old: u64,
    new: u64,
) -> Result<Vec<Hash>, ProveError<S::Error>> {
    if old == 0 || old >= new {
        let request = ProofError::Shrinking {
            old_size: old,
            new_size: new,
        };
        return Err(ProveError::Request(request));
    }
    let tree = Tree::new(src, new);
    let (mut path, start) = tree.siblings_of(old)?;
    path.push(tree.root_of(start, old)?);
    path.reverse();
    Ok(path)
}

/// The root of the tree of `size` leaves, from the tiles on its right edge.
///
/// # Errors
/// [`ProveError`] if a tile cannot be had.
pub fn root_from_tiles<S: TileSource>(src: &S, size: u64) -> Result<Hash, ProveError<S::Error>> {
    Tree::new(src, size).root_of(0, size)
}

/// The largest power of two smaller than `n` (for n >= 2): where RFC 6962 splits.
pub(crate) fn split_of(n: u64) -> u64 {
    1 << (n - 1).ilog2()
}

/// A tree of known size whose tiles are read once each.
pub(crate) struct Tree<'a, S: TileSource> {
    src: &'a S,
    size: u64,
    tiles: RefCell<BTreeMap<TileId, Vec<Hash>>>,
}

impl<'a, S: TileSource> Tree<'a, S> {
    pub(crate) fn new(src: &'a S, size: u64) -> Self {
        Self {
            src,
            size,
            tiles: RefCell::default(),
        }
    }

    /// Walks to the node that ends where the first `old` leaves end (SUBPROOF of RFC 6962 section
    /// 2.1.2): the siblings passed on the way down, and the first leaf of that node.
    fn siblings_of(&self, old: u64) -> Result<(Vec<Hash>, u64), ProveError<S::Error>> {
        let mut path = Vec::new();
        let (mut start, mut end) = (0, self.size);
        while end != old {
            let middle = start + split_of(end - start);
            if old <= middle {
                path.push(self.root_of(middle, end)?);
                end = middle;
            } else {
                path.push(self.root_of(start, middle)?);
                start = middle;
            }
        }
        Ok((path, start))
    }

    /// MTH of the leaves `start..end`, a range that RFC 6962's splitting produces.
    pub(crate) fn root_of(&self, start: u64, end: u64) -> Result<Hash, ProveError<S::Error>> {
        let count = end - start;
        if count == 0 {
            return Ok(Hash::EMPTY_ROOT);
        }
        if count.is_power_of_two() {
            let height = count.ilog2() as u8;
            return self.node(height, start >> height);
        }
        let middle = start + split_of(count);
        Ok(node_hash(
            &self.root_of(start, middle)?,
            &self.root_of(middle, end)?,
        ))
    }

    /// The root of the complete subtree of 2^height leaves with this index.
    fn node(&self, height: u8, index: u64) -> Result<Hash, ProveError<S::Error>> {
        let level = height / TILE_HEIGHT;
        let count = 1usize << (height % TILE_HEIGHT);
        let first = index << (height % TILE_HEIGHT);
        let tile_index = first / u64::from(TILE_WIDTH);
        let offset = (first % u64::from(TILE_WIDTH)) as usize;
        let available = hashes_at(level, self.size) - tile_index * u64::from(TILE_WIDTH);
        let width = available.min(u64::from(TILE_WIDTH)) as u16;
        let id = TileId::new(level, tile_index, width)
            .expect("a node of a tree of this size lies in one of its tiles");
        let mut tiles = self.tiles.borrow_mut();
        let hashes = match tiles.entry(id) {
            Entry::Occupied(read) => read.into_mut(),
            Entry::Vacant(unread) => unread.insert(self.read(id)?),
        };
        Ok(complete_root(&hashes[offset..offset + count]))
    }

    pub(crate) fn read(&self, id: TileId) -> Result<Vec<Hash>, ProveError<S::Error>> {
        let bytes = self
            .src
            .tile(id)
            .map_err(|source| ProveError::Source { id, source })?;
        let full = usize::from(TILE_WIDTH) * HASH_BYTES;
        if bytes.len() != id.bytes() && bytes.len() != full {
            let (found, expected) = (bytes.len(), id.bytes());
            return Err(ProveError::TileBytes {
                id,
                found,
                expected,
            });
        }
        Ok(hashes_of(&bytes[..id.bytes()]))
    }
}
