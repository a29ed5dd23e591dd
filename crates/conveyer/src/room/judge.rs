//! A rebuilder compares its own artifact with the conveyer's.

use std::sync::Arc;

use statement::{FileDigest, Verdict};

use super::error::RoomError;
use super::examine::shortened;
use super::kept::KeptResult;
use super::workshop::{Workshop, blocking};
use crate::compare::compare;

impl Workshop<'_> {
    /// Verdict on the conveyer's artifact, and where the bytes differ. The digests decide; the bytes are fetched only
    /// to describe a difference.
    pub(super) async fn judge(
        &self,
        kept: &KeptResult,
        (artifact, bytes): (FileDigest, u64),
    ) -> Result<(Verdict, Option<String>), RoomError> {
        if kept.artifact() == artifact {
            return Ok((Verdict::Identical, None));
        }
        let difference = match self.fetch_to_compare(artifact, bytes).await? {
            Ok(original) => self.describe(original, kept.artifact()).await?,
            Err(reason) => format!("unexplained: the digests differ; {reason}"),
        };
        Ok((Verdict::Unexplained, Some(shortened(&difference))))
    }

    async fn fetch_to_compare(
        &self,
        artifact: FileDigest,
        bytes: u64,
    ) -> Result<Result<Vec<u8>, String>, RoomError> {
        let bytes_max = self.ground.blob_bytes_max;
        if bytes > bytes_max {
            return Ok(Err(format!(
                "the conveyer's artifact of {bytes} bytes was not fetched (at most {bytes_max})"
            )));
        }
        self.fetch(artifact).await
    }

    async fn describe(&self, original: Vec<u8>, own: FileDigest) -> Result<String, RoomError> {
        let party = Arc::clone(&self.party);
        let described = blocking(move || -> Result<String, RoomError> {
            let (mut rebuilt, _) = party.blobs().open_file(own.hash())?;
            let path = party.blobs().path(own.hash());
            let verdict = compare(&mut original.as_slice(), &mut rebuilt)
                .map_err(RoomError::kept("read", path))?;
            Ok(verdict.to_string())
        });
        described.await?
    }
}
