//! Entries that are known to be those of a signed root before anybody sees them: hashes come from the root
//! down, so each bundle is checked alone and at once, whatever the size of the log.

use std::cell::RefCell;
use std::collections::BTreeMap;

use tlog::{
    BundleId, Checkpoint, Frontier, Hash, ParseError, TileId, TileSource, bundle, leaf_hash,
};

use crate::limits::TILES_HELD_MAX;
use crate::sources::{LogFiles, ReadError, TileError};

/// Why an entry is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticError {
    /// A tile is not to be had.
    #[error("tile {id} cannot be used")]
    Tile {
        /// Which one.
        id: TileId,
        /// Why.
        #[source]
        source: TileError,
    },
    /// A tile does not belong to the signed root.
    #[error(
        "tile {id} does not belong to the tree that the log signed; `limpid log fsck` says more"
    )]
    OtherTile {
        /// Which one.
        id: TileId,
    },
    /// The tiles of the right edge do not belong to the signed root.
    #[error(
        "the tiles of the right edge are not those of the {size} entries that the log signed; `limpid log fsck` says more"
    )]
    OtherEdge {
        /// Size of the tree.
        size: u64,
    },
    /// A bundle is not to be had.
    #[error("entry bundle {id} cannot be read")]
    Bundle {
        /// Which one.
        id: BundleId,
        /// Why.
        #[source]
        source: ReadError,
    },
    /// A bundle is not there.
    #[error("entry bundle {id} is not served")]
    Missing {
        /// Which one.
        id: BundleId,
    },
    /// A bundle is none.
    #[error("entry bundle {id} is malformed")]
    Malformed {
        /// Which one.
        id: BundleId,
        /// What is wrong.
        #[source]
        source: ParseError,
    },
    /// A bundle holds other entries than the log signed.
    #[error("entry bundle {id} holds other entries than the log signed")]
    OtherEntries {
        /// Which one.
        id: BundleId,
    },
}

impl AuthenticError {
    /// Whether something is not there, and nothing more is wrong.
    pub(crate) const fn is_absence(&self) -> bool {
        matches!(
            self,
            Self::Missing { .. }
                | Self::Tile {
                    source: TileError::Missing,
                    ..
                }
        )
    }
}

/// Tiles of a log, each fetched once while it is held. Nothing in it is believed.
pub(crate) struct Held<'a> {
    files: &'a LogFiles,
    tiles: RefCell<BTreeMap<TileId, Vec<u8>>>,
}

impl<'a> Held<'a> {
    pub(crate) fn new(files: &'a LogFiles) -> Self {
        Self {
            files,
            tiles: RefCell::default(),
        }
    }

    /// Where they come from.
    pub(crate) const fn files(&self) -> &'a LogFiles {
        self.files
    }
}

impl TileSource for Held<'_> {
    type Error = TileError;

    fn tile(&self, id: TileId) -> Result<Vec<u8>, TileError> {
        if let Some(bytes) = self.tiles.borrow().get(&id) {
            return Ok(bytes.clone());
        }
        let bytes = self.files.tile(id)?;
        let mut tiles = self.tiles.borrow_mut();
        if tiles.len() >= TILES_HELD_MAX {
            tiles.clear();
        }
        tiles.insert(id, bytes.clone());
        Ok(bytes)
    }
}

/// The entries of one checkpoint.
pub(crate) struct Entries<'a> {
    held: &'a Held<'a>,
    size: u64,
    /// Hashes of the partial tile of each level that has one.
    edge: BTreeMap<u8, Vec<Hash>>,
    /// Of each level the tile that was used last.
    last: BTreeMap<u8, (u64, Vec<Hash>)>,
}

impl<'a> Entries<'a> {
    /// Reads the tiles of the right edge, which must lead to the root.
    pub(crate) fn of(held: &'a Held<'a>, checkpoint: &Checkpoint) -> Result<Self, AuthenticError> {
        let size = checkpoint.size();
        let mut edge = BTreeMap::new();
        let mut parts = Vec::new();
        for level in (0..8u8).rev() {
            let hashes = size >> (8 * u32::from(level));
            // Fits: below 256.
            let width = (hashes % 256) as u16;
            if width > 0 {
                let id = tile_id(level, hashes / 256, width);
                let hashes = hashes_in(held, id)?;
                parts.extend(frontier(&hashes).parts());
                edge.insert(level, hashes);
            }
        }
        let root = Frontier::from_parts(size, parts).map(|whole| whole.root());
        if root.ok() != Some(*checkpoint.root()) {
            return Err(AuthenticError::OtherEdge { size });
        }
        Ok(Self {
            held,
            size,
            edge,
            last: BTreeMap::new(),
        })
    }

    /// All entries of the bundle that holds `index`, and the index of the first one.
    pub(crate) fn bundle_with(
        &mut self,
        index: u64,
    ) -> Result<(u64, Vec<Vec<u8>>), AuthenticError> {
        let number = index / 256;
        let width = (self.size - number * 256).min(256) as u16;
        let id =
            BundleId::new(number, width).expect("bundles below a checkpoint's size have names");
        let found = self.held.files.bundle(id);
        let found = found.map_err(|source| AuthenticError::Bundle { id, source })?;
        let (served, bytes) = found.ok_or(AuthenticError::Missing { id })?;
        let entries = bundle::parse(&bytes, served.width())
            .map_err(|source| AuthenticError::Malformed { id, source })?;
        let entries: Vec<Vec<u8>> = entries
            .into_iter()
            .take(usize::from(width))
            .map(<[u8]>::to_vec)
            .collect();
        let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        let right = if id.is_full() {
            frontier(&leaves).root() == self.root_of(0, number)?
        } else {
            self.edge.get(&0) == Some(&leaves)
        };
        if !right {
            return Err(AuthenticError::OtherEntries { id });
        }
        Ok((id.first_entry(), entries))
    }

    /// The root over a full tile, as the tile above it says.
    fn root_of(&mut self, level: u8, index: u64) -> Result<Hash, AuthenticError> {
        let above = self.tile(level + 1, index / 256)?;
        Ok(above[(index % 256) as usize])
    }

    fn tile(&mut self, level: u8, index: u64) -> Result<&[Hash], AuthenticError> {
        let full = self.size >> (8 * u32::from(level)) >> 8;
        if index >= full {
            let edge = self.edge.get(&level);
            return Ok(edge.expect("what is not in a full tile is in the partial one"));
        }
        if self.last.get(&level).is_none_or(|(at, _)| *at != index) {
            let root = self.root_of(level, index)?;
            let id = tile_id(level, index, 256);
            let hashes = hashes_in(self.held, id)?;
            if frontier(&hashes).root() != root {
                return Err(AuthenticError::OtherTile { id });
            }
            self.last.insert(level, (index, hashes));
        }
        Ok(&self.last[&level].1)
    }
}

fn tile_id(level: u8, index: u64, width: u16) -> TileId {
    TileId::new(level, index, width).expect("tiles of a tree of a checkpoint's size have names")
}

fn hashes_in(held: &Held<'_>, id: TileId) -> Result<Vec<Hash>, AuthenticError> {
    let bytes = held
        .tile(id)
        .map_err(|source| AuthenticError::Tile { id, source })?;
    // The full tile may be served in place of a partial one.
    let hashes = bytes.get(..id.bytes()).map(|bytes| bytes.as_chunks().0);
    let hashes = hashes.ok_or(AuthenticError::OtherTile { id })?;
    Ok(hashes.iter().map(|hash| Hash::from_bytes(*hash)).collect())
}

fn frontier(hashes: &[Hash]) -> Frontier {
    let mut frontier = Frontier::new();
    for hash in hashes {
        frontier.append(*hash);
    }
    frontier
}
