//! Publishing: a witnessed checkpoint is archived, then shown; then those who wait are answered.
//!
//! One is published at a time and in order of size, so nobody sees the log go back.

use std::sync::Arc;

use tlog::{Checkpoint, Witnessed};

use crate::archive::Archive;
use crate::error::LogError;
use crate::growth::outgrown;
use crate::shared::{Published, Shared};
use crate::table::Fence;

/// Publishes; there is one in a leading process.
pub(crate) struct Announcer {
    pub(crate) shared: Arc<Shared>,
    /// Under which this process leads.
    pub(crate) fence: Fence,
    pub(crate) archive: Archive,
}

impl Announcer {
    /// Archives the first witnessed checkpoint of a size, then shows the newest one.
    ///
    /// # Errors
    /// The disk refuses, or another process leads.
    pub(crate) async fn publish(
        mut self,
        witnessed: Witnessed<Checkpoint>,
    ) -> (Self, Result<(), LogError>) {
        let published = self.try_publish(&witnessed).await;
        (self, published)
    }

    async fn try_publish(&mut self, witnessed: &Witnessed<Checkpoint>) -> Result<(), LogError> {
        let size = witnessed.size();
        let note = String::from_utf8_lossy(witnessed.note()).into_owned();
        self.shared
            .law()
            .settle_marked(witnessed)
            .map_err(|source| LogError::Checkpoint {
                claim: "the checkpoint about to be published".to_owned(),
                source: Box::new(source),
            })?;
        let (table, shelf) = (&self.shared.table, &*self.shared.shelf);
        let newest = self.archive.newest();
        let before = newest.unwrap_or(0);
        if newest.is_none_or(|newest| newest < size) {
            table.archive(self.fence, size, &note).await?;
            self.archive.add(shelf, size, &note).await?;
        }
        shelf.replace("checkpoint", note.clone().into()).await?;
        // What is published, witnessed and archived last is this very tree.
        shelf
            .forget_partials(outgrown(before, size).collect())
            .await?;
        let note = note.into();
        self.shared
            .published
            .send_replace(Some(Published { size, note }));
        tracing::debug!(size, "published");
        Ok(())
    }
}
