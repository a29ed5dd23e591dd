//! Tiles of one place, fetched as a proof turns out to need them.

use std::{cell::RefCell, collections::BTreeMap, time::Instant};

use serve::Client;
use tlog::{Hash, TileId, TileSource, prove_prefix};

use super::hear::get;
use crate::limits::{TILE_BYTES_MAX, TILES_MAX};

/// The tiles of the tree of `size` at one place. They are believed by nobody: what is computed from
/// them is compared with a signed root.
#[derive(Debug)]
pub(super) struct PlaceTiles {
    http: Client,
    url: String,
    size: u64,
    deadline: Instant,
    tiles: Held,
}

impl PlaceTiles {
    /// The tiles below `url` of a tree of `size`.
    pub(super) fn new(http: &Client, url: &str, size: u64, deadline: Instant) -> Self {
        Self {
            http: http.clone(),
            url: url.to_owned(),
            size,
            deadline,
            tiles: Held {
                size,
                held: BTreeMap::new(),
                missing: RefCell::new(None),
            },
        }
    }

    /// Hashes that show what the first `old` entries of the tree are, for [`tlog::Fork::with_path`].
    ///
    /// # Errors
    /// Why they cannot be had, for the log of this program.
    pub(super) async fn prefix(&mut self, old: u64) -> Result<Vec<Hash>, String> {
        loop {
            let error = match prove_prefix(&self.tiles, old, self.size) {
                Ok(path) => return Ok(path),
                Err(error) => error,
            };
            let Some(missing) = self.tiles.missing.take() else {
                return Err(error.to_string());
            };
            if self.tiles.held.len() >= TILES_MAX {
                return Err(format!("more than {TILES_MAX} tiles would be needed"));
            }
            let tile = self.fetch(missing).await?;
            self.tiles.held.insert(place_of(missing), tile);
        }
    }

    /// A tile, or the full one when the partial one is gone.
    async fn fetch(&self, id: TileId) -> Result<Vec<u8>, String> {
        for id in [id, id.to_full()] {
            let url = format!("{}/{id}", self.url);
            let found = get(&self.http, &url, TILE_BYTES_MAX, self.deadline).await?;
            match found {
                Some(tile) if tile.len() == id.bytes() => return Ok(tile),
                Some(_) => return Err(format!("{id} has not the length of a tile")),
                None => {}
            }
        }
        Err(format!("{id} is not served"))
    }
}

fn place_of(id: TileId) -> (u8, u64) {
    (id.level(), id.index())
}

/// Tiles as wide as the whole tree has them, of which older trees are the beginning: so a partial tile
/// that is gone since does no harm.
#[derive(Debug)]
struct Held {
    size: u64,
    held: BTreeMap<(u8, u64), Vec<u8>>,
    missing: RefCell<Option<TileId>>,
}

#[derive(Debug, thiserror::Error)]
#[error("tile {0} is not here yet")]
struct NotHere(String);

impl TileSource for Held {
    type Error = NotHere;

    fn tile(&self, id: TileId) -> Result<Vec<u8>, NotHere> {
        if let Some(tile) = self.held.get(&place_of(id)) {
            return Ok(tile[..id.bytes().min(tile.len())].to_vec());
        }
        self.missing.replace(Some(widest(id, self.size)));
        Err(NotHere(id.path()))
    }
}

/// The tile at the same place with all that a tree of `size` has there.
fn widest(id: TileId, size: u64) -> TileId {
    let full = id.to_full();
    let width = u64::from(full.width());
    let level = u32::from(id.level()) * 8;
    let hashes = size.checked_shr(level).unwrap_or(0);
    let here = hashes
        .saturating_sub(id.index().saturating_mul(width))
        .min(width);
    let here = u16::try_from(here).unwrap_or(id.width()).max(id.width());
    TileId::new(id.level(), id.index(), here).unwrap_or(id)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_asked_for_as_wide_as_the_tree_has_them() {
        let tile = |level, index, width| TileId::new(level, index, width).unwrap();
        assert_eq!(widest(tile(0, 0, 3), 70), tile(0, 0, 70));
        assert_eq!(widest(tile(0, 0, 3), 300), tile(0, 0, 256));
        assert_eq!(widest(tile(0, 1, 3), 300), tile(0, 1, 44));
        assert_eq!(widest(tile(1, 0, 1), 700), tile(1, 0, 2));
        // What the tree does not have is asked for as it is.
        assert_eq!(widest(tile(1, 0, 5), 700), tile(1, 0, 5));
    }
}
