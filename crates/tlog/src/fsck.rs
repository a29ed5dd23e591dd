//! Checking a whole published log: every tile and the root, recomputed from the entry bundles.
//!
//! Memory is bounded by one bundle and one unfinished tile per level.

use crate::bundle;
use crate::errors::{FsckError, ParseError};
use crate::hash::{Hash, leaf_hash};
use crate::limits::TILE_WIDTH;
use crate::merkle::Frontier;
use crate::prove::TileSource;
use crate::tile::{BundleId, TileId, complete_root};

/// Where entry bundles come from.
pub trait BundleSource {
    /// Why a bundle cannot be had.
    type Error: std::error::Error + 'static;

    /// The bytes of a bundle with exactly `id.width()` entries.
    ///
    /// # Errors
    /// When the bundle cannot be read.
    fn bundle(&self, id: BundleId) -> Result<Vec<u8>, Self::Error>;
}

/// Recomputes a log of `size` entries and compares every tile and the root, byte for byte.
///
/// `on_entry` is given each entry in order with its index.
///
/// # Errors
/// [`FsckError`] naming the first resource that is wrong.
pub fn fsck<S, E>(
    src: &S,
    size: u64,
    root: &Hash,
    mut on_entry: impl FnMut(u64, &[u8]),
) -> Result<(), FsckError<E>>
where
    S: TileSource<Error = E> + BundleSource<Error = E>,
    E: std::error::Error + 'static,
{
    let mut frontier = Frontier::new();
    let mut levels = Levels {
        src,
        rows: Vec::new(),
    };
    for id in BundleId::covering(size) {
        let bytes = src
            .bundle(id)
            .map_err(|source| FsckError::BundleSource { id, source })?;
        let entries = bundle::parse(&bytes, id.width())
            .map_err(|source: ParseError| FsckError::Bundle { id, source })?;
        for (index, entry) in (id.first_entry()..).zip(entries) {
            on_entry(index, entry);
            let leaf = leaf_hash(entry);
            frontier.append(leaf);
            levels.push(leaf)?;
        }
    }
    levels.check_partial_tiles()?;
    if frontier.root() != *root {
        return Err(FsckError::Root { size });
    }
    Ok(())
}

/// For each level, how many tiles are complete and the hashes of the one being filled.
struct Levels<'a, S> {
    src: &'a S,
    rows: Vec<(u64, Vec<Hash>)>,
}

impl<S, E> Levels<'_, S>
where
    S: TileSource<Error = E>,
    E: std::error::Error + 'static,
{
    fn push(&mut self, leaf: Hash) -> Result<(), FsckError<E>> {
        let mut hash = leaf;
        for level in 0.. {
            if self.rows.len() == level {
                self.rows.push((0, Vec::new()));
            }
            let (index, hashes) = &mut self.rows[level];
            hashes.push(hash);
            if hashes.len() < usize::from(TILE_WIDTH) {
                break;
            }
            check_tile(self.src, level, *index, hashes)?;
            hash = complete_root(hashes);
            *index += 1;
            hashes.clear();
        }
        Ok(())
    }

    fn check_partial_tiles(&self) -> Result<(), FsckError<E>> {
        for (level, (index, hashes)) in self.rows.iter().enumerate() {
            if !hashes.is_empty() {
                check_tile(self.src, level, *index, hashes)?;
            }
        }
        Ok(())
    }
}

fn check_tile<S, E>(src: &S, level: usize, index: u64, hashes: &[Hash]) -> Result<(), FsckError<E>>
where
    S: TileSource<Error = E>,
    E: std::error::Error + 'static,
{
    let id = TileId::new(level as u8, index, hashes.len() as u16)
        .expect("tiles of a tree that was read have names");
    let bytes = src
        .tile(id)
        .map_err(|source| FsckError::TileSource { id, source })?;
    let expected = hashes.iter().flat_map(|hash| hash.as_bytes());
    let at = expected.clone().zip(&bytes).position(|(a, b)| a != b);
    match at {
        Some(at) => Err(FsckError::Tile { id, at }),
        None if bytes.len() != id.bytes() => Err(FsckError::Tile {
            id,
            at: bytes.len().min(id.bytes()),
        }),
        None => Ok(()),
    }
}
