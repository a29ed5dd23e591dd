//! A platform's signature as the last step: made outside, kept by the log as a public blob, attached here again.

use law::{Attached, Code, Refusal};
use statement::{FileDigest, Release};

use crate::{
    error::ReleaseError,
    limits::SIGNATURE_BYTES_MAX,
    log_access::CenterLog,
    propose::{Order, ordered},
    room::Room,
};

impl<L: CenterLog> Room<'_, L> {
    /// Gives the log a detached signature that a platform's authority made of an artifact; the digest by
    /// which an [`Order`] names it.
    ///
    /// # Errors
    /// The log does not take it.
    pub async fn keep_signature(&mut self, signature: Vec<u8>) -> Result<FileDigest, ReleaseError> {
        Ok(self.keys.put_blob(&self.log, signature).await?)
    }

    /// Attaches the signature that an order names to the artifact it is about. `None` if it names none, or
    /// if there is nothing yet to attach it to.
    pub(crate) async fn attach_ordered(
        &mut self,
        order: &Order,
    ) -> Result<Option<Attached>, ReleaseError> {
        let Some(signature) = order.signature else {
            return Ok(None);
        };
        let Ok((artifact, bytes)) = ordered(self.log.view()?, order) else {
            return Ok(None);
        };
        let made = self.attach((artifact, bytes), signature).await?;
        Ok(Some(made.0))
    }

    /// The file that a release ships: its artifact, or that with the signature attached again.
    pub(crate) async fn shipped(
        &mut self,
        release: &Release,
    ) -> Result<(Option<Attached>, Vec<u8>), ReleaseError> {
        let artifact = (release.artifact, release.artifact_bytes);
        let bytes = release.artifact_bytes.max(release.shipped().1);
        let bytes_max = self.config.artifact_bytes_max;
        if bytes > bytes_max {
            return Err(ReleaseError::ArtifactTooLarge { bytes, bytes_max });
        }
        match release.signed {
            None => Ok((None, self.log.blob(artifact.0, artifact.1).await?)),
            Some(signed) => {
                let (attached, file) = self.attach(artifact, signed.signature).await?;
                Ok((Some(attached), file))
            }
        }
    }

    async fn attach(
        &mut self,
        (artifact, bytes): (FileDigest, u64),
        signature: FileDigest,
    ) -> Result<(Attached, Vec<u8>), ReleaseError> {
        let artifact = self.log.blob(artifact, bytes).await?;
        let signature = self.log.blob(signature, SIGNATURE_BYTES_MAX).await?;
        let mut shipped = Vec::new();
        let attached = Attached::recompute(&artifact, &signature, |artifact, signature| {
            let signed = binary::attach(artifact, signature)?;
            shipped.clone_from(&signed.program);
            Ok::<_, binary::BinaryError>(signed.program)
        });
        let attached = attached.map_err(|error| {
            let detail = format!("the signature cannot be attached: {error}");
            Refusal::new(Code::ReleaseAttached, detail)
        })?;
        Ok((attached, shipped))
    }
}
