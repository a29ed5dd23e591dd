//! Withholding what a log need not serve any more (tlog-tiles, "Pruning"; `spec/pruning.md`).
//!
//! Nothing goes without a [`Prunable`], which only the law makes, of entries below a witnessed checkpoint. The order is:
//! what goes is durable in `withheld/`, the announcement is shown, then it goes from `public/`. A crash in between
//! leaves too much, and the next start goes on.
//!
//! The log itself needs every entry: its law and its index of statements are made again from all of them
//! at each start. So it keeps what it withholds, in a place of its own.

use std::sync::Arc;

use law::Prunable;
use tlog::limits::TILE_WIDTH;
use tlog::{BundleId, TileId, TlogProof};

use crate::directory::Directory;
use crate::error::LogError;
use crate::shared::Shared;
use crate::shelf::Shelf as _;
use crate::submit::prove;

/// Files that are moved together.
const MOVED_FILES: usize = 64;

/// Withholds what the newest announcement allows. Without one this does nothing.
pub(crate) async fn prune(shared: &Arc<Shared>, directory: &Directory) -> Result<(), LogError> {
    let Some(allowed) = Prunable::newest(&shared.law()) else {
        return Ok(());
    };
    let minimum = allowed.minimum();
    let mut waiting = Vec::new();
    for path in below(minimum) {
        waiting.push(path);
        if waiting.len() == MOVED_FILES {
            directory.keep_aside(std::mem::take(&mut waiting)).await?;
        }
    }
    directory.keep_aside(waiting).await?;
    let shown = announcement(shared, &allowed).await?.to_bytes();
    directory.replace("minimum-index", shown).await?;
    let moved = directory.stop_serving(below(minimum).collect()).await?;
    if moved > 0 {
        let announced_at = allowed.announced_at();
        tracing::info!(minimum, announced_at, moved, "withheld from the public");
    }
    Ok(())
}

/// The full tiles and bundles that end at this index or below it.
fn below(minimum: u64) -> impl Iterator<Item = String> {
    let full = move |level: u32| minimum.checked_shr(8 * (level + 1)).unwrap_or(0);
    let bundles =
        (0..full(0)).filter_map(|index| Some(BundleId::new(index, TILE_WIDTH).ok()?.path()));
    let tiles = (0..8u8).flat_map(move |level| {
        (0..full(level.into()))
            .filter_map(move |index| Some(TileId::new(level, index, TILE_WIDTH).ok()?.path()))
    });
    bundles.chain(tiles)
}

/// The entry that completed the quorum, with its proof under the checkpoint that is shown.
async fn announcement(shared: &Arc<Shared>, allowed: &Prunable) -> Result<TlogProof, LogError> {
    let index = allowed.announced_at();
    let unshown = || LogError::PruneUnshown { index };
    let published = shared.published.borrow().clone().ok_or_else(unshown)?;
    if published.size <= index {
        return Err(unshown());
    }
    let batch = shared.entries.around(index).await?;
    let entry = batch.get(index).ok_or_else(unshown)?.to_vec();
    let proof = prove(Arc::clone(shared), index, published).await?;
    Ok(TlogProof {
        extra: Some(entry),
        ..proof
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use tlog::tiles_between;

    use super::below;

    #[test]
    fn only_what_ends_at_the_minimum_or_below_goes() {
        for (minimum, bundles, tiles) in [
            (0, 0, 0),
            (255, 0, 0),
            (256, 1, 1),
            (511, 1, 1),
            (70_000, 273, 274),
            (65_535, 255, 255),
            (65_536, 256, 257),
        ] {
            let gone: BTreeSet<String> = below(minimum).collect();
            let entries = gone.iter().filter(|path| path.contains("entries"));
            assert_eq!(entries.count(), bundles, "{minimum}");
            assert_eq!(gone.len(), bundles + tiles, "{minimum}");
        }
    }

    #[test]
    fn no_tree_of_the_minimum_or_more_needs_what_goes_at_its_right_edge() {
        for minimum in [256, 300, 65_536, 70_000] {
            let gone: BTreeSet<String> = below(minimum).collect();
            for size in [minimum, minimum + 1, minimum + 256] {
                let edge = tiles_between(0, size).filter(|id| !id.is_full());
                for id in edge {
                    assert!(!gone.contains(&id.to_full().path()), "{id} at {size}");
                }
            }
        }
    }
}
