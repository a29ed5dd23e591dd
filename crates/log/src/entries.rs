//! Where an entry is: in the tail until its bundle is full and durable, then in the bundle.

use std::sync::Arc;

use store::StoreError;
use tlog::BundleId;
use tlog::limits::TILE_WIDTH;

use crate::batch::Batch;
use crate::error::LogError;
use crate::limits::FILE_BYTES_MAX;
use crate::shelf::Shelf;
use crate::table::{State, Table};

/// The entries of one log.
#[derive(Debug, Clone)]
pub struct Entries {
    table: Arc<dyn Table>,
    shelf: Arc<dyn Shelf>,
}

impl Entries {
    /// The entries in a table and on a shelf.
    #[must_use]
    pub fn new(table: Arc<dyn Table>, shelf: Arc<dyn Shelf>) -> Self {
        Self { table, shelf }
    }

    /// Some entries among which is `index`, which must be sequenced.
    ///
    /// # Errors
    /// It is nowhere, or cannot be read.
    pub async fn around(&self, index: u64) -> Result<Batch, LogError> {
        // In this order: the tail forgets only what is in a bundle.
        match self.table.tail(index).await? {
            Some(batch) => Ok(batch),
            None => self.bundle(index).await,
        }
    }

    /// Some entries from `start` on, or from before, for who replays a log that stands at `state`.
    /// What the table left to the bundles is read there and nowhere else, and the other way round.
    ///
    /// # Errors
    /// Entries are lost or cannot be read.
    pub async fn replay_from(&self, start: u64, state: &State) -> Result<Batch, LogError> {
        if start < state.integrated.size {
            return self.bundle(start).await;
        }
        let batch = self.table.tail(start).await?;
        batch.ok_or_else(|| LogError::Row {
            table: "tail",
            what: format!("entry {start} is missing"),
        })
    }

    /// The full bundle with entry `index`.
    ///
    /// # Errors
    /// It is not on the shelf, or is no bundle.
    async fn bundle(&self, index: u64) -> Result<Batch, LogError> {
        let width = u64::from(TILE_WIDTH);
        let id = BundleId::new(index / width, TILE_WIDTH).map_err(LogError::Encode)?;
        let path = id.path();
        let bytes = match self.shelf.read(&path, FILE_BYTES_MAX).await {
            Ok(bytes) => bytes,
            Err(error @ (StoreError::NotFound { .. } | StoreError::TooLarge { .. })) => {
                return Err(lost(path, id, error));
            }
            Err(error) => return Err(error.into()),
        };
        if let Err(error) = tlog::bundle::parse(&bytes, TILE_WIDTH) {
            return Err(lost(path, id, error));
        }
        Batch::from_bytes(id.first_entry(), width, bytes).ok_or(LogError::Ended {
            part: "bundle reader",
        })
    }
}

fn lost(
    path: String,
    id: BundleId,
    why: impl std::error::Error + Send + Sync + 'static,
) -> LogError {
    LogError::Lost {
        path,
        size: id.first_entry() + u64::from(TILE_WIDTH),
        source: Box::new(why),
    }
}
