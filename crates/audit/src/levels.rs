//! The tiles above the leaves, recomputed and compared. Memory: one unfinished tile per level.

use tlog::{Hash, TileId, full_tile_root};

use crate::error::AuditError;
use crate::read_log::{Fault, LogReader, compare_tile};

/// For each level from 1, the index of the tile that is being filled and its hashes.
#[derive(Debug, Default)]
pub(crate) struct Levels(Vec<(u64, Vec<Hash>)>);

impl Levels {
    /// Takes the root of the next full tile of level 0, and compares every tile it completes.
    ///
    /// # Errors
    /// The place cannot be read.
    pub(crate) async fn push(
        &mut self,
        root: Hash,
        reader: &LogReader,
        compared: &mut u64,
    ) -> Result<Vec<Fault>, AuditError> {
        let mut faults = Vec::new();
        let mut hash = root;
        for level in 0.. {
            if self.0.len() == level {
                self.0.push((0, Vec::new()));
            }
            let (index, hashes) = &mut self.0[level];
            hashes.push(hash);
            let own = bytes_of(hashes);
            let Ok(above) = full_tile_root(&own) else {
                break;
            };
            faults.extend(compare(reader, level + 1, *index, hashes, compared).await?);
            hash = above;
            *index += 1;
            hashes.clear();
        }
        Ok(faults)
    }

    /// Compares the partial tiles.
    ///
    /// # Errors
    /// The place cannot be read.
    pub(crate) async fn check_edge(
        &self,
        reader: &LogReader,
        compared: &mut u64,
    ) -> Result<Vec<Fault>, AuditError> {
        let mut faults = Vec::new();
        for (level, (index, hashes)) in self.0.iter().enumerate() {
            if !hashes.is_empty() {
                faults.extend(compare(reader, level + 1, *index, hashes, compared).await?);
            }
        }
        Ok(faults)
    }
}

async fn compare(
    reader: &LogReader,
    level: usize,
    index: u64,
    hashes: &[Hash],
    compared: &mut u64,
) -> Result<Option<Fault>, AuditError> {
    *compared += 1;
    // Below 2^63 entries there are 8 levels, and a tile has at most 256 hashes.
    let level = u8::try_from(level).unwrap_or(u8::MAX);
    let width = u16::try_from(hashes.len()).unwrap_or(u16::MAX);
    let Ok(id) = TileId::new(level, index, width) else {
        return Ok(None);
    };
    let served = reader.tile(id).await?;
    Ok(compare_tile(level, index, &bytes_of(hashes), served))
}

fn bytes_of(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}
