//! `public/` as a source of tiles for proofs.

use std::sync::Arc;

use store::{Files, StoreError};
use tlog::{Hash, TileId, TileSource, prove_consistency};

use crate::LogError;
use crate::limits::FILE_BYTES_MAX;
use crate::shared::Shared;

/// Tiles as they were published. A partial tile is taken from the full one if that is all there is.
pub(crate) struct Tiles<'a>(pub(crate) &'a Files);

impl TileSource for Tiles<'_> {
    type Error = StoreError;

    fn tile(&self, id: TileId) -> Result<Vec<u8>, StoreError> {
        match self.0.read(&id.path(), FILE_BYTES_MAX) {
            Err(StoreError::NotFound { .. }) if !id.is_full() => {
                self.0.read(&id.to_full().path(), FILE_BYTES_MAX)
            }
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
    let proved = tokio::task::spawn_blocking(move || {
        prove_consistency(&Tiles(&shared.files), old, new).map_err(LogError::Prove)
    });
    proved
        .await
        .unwrap_or(Err(LogError::Ended { part: "prover" }))
}
