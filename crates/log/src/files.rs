//! `public/` as a source of tiles for proofs.

use std::sync::Arc;

use store::StoreError;
use tlog::{Hash, TileId, TileSource, prove_consistency};

use crate::LogError;
use crate::limits::FILE_BYTES_MAX;
use crate::shared::Shared;
use crate::shelf::Shelf;
use crate::surroundings::Threads;

/// Tiles as they were published, for a thread that may block. A partial tile is taken from the full
/// one if that is all there is.
pub(crate) struct Tiles<'a>(&'a dyn Shelf, Threads);

impl<'a> Tiles<'a> {
    pub(crate) fn of(shared: &'a Shared) -> Self {
        Self(&*shared.shelf, shared.surroundings.threads)
    }
}

impl TileSource for Tiles<'_> {
    type Error = StoreError;

    fn tile(&self, id: TileId) -> Result<Vec<u8>, StoreError> {
        let read = |id: TileId| {
            let path = id.path();
            self.1.wait(self.0.read(&path, FILE_BYTES_MAX))
        };
        match read(id) {
            Err(StoreError::NotFound { .. }) if !id.is_full() => read(id.to_full()),
            other => other,
        }
    }
}

/// Proves that the tree of `new` entries continues the one of `old`; its tiles are on disk.
pub(crate) async fn prove_growth(
    shared: Arc<Shared>,
    old: u64,
    new: u64,
) -> Result<Vec<Hash>, LogError> {
    let proved = shared
        .surroundings
        .threads
        .begin(move || prove_consistency(&Tiles::of(&shared), old, new).map_err(LogError::Prove));
    proved
        .ended()
        .await
        .unwrap_or(Err(LogError::Ended { part: "prover" }))
}
