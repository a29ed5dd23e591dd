//! `public/` as a source of tiles for proofs.

use store::{Files, StoreError};
use tlog::{TileId, TileSource};

use crate::limits::FILE_BYTES_MAX;

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
