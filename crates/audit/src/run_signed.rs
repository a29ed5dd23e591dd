//! Platforms' signatures: artifact and signature are public, so their making is repeated from the blobs.

use statement::FileDigest;

use crate::error::AuditError;
use crate::findings::{Findings, finding};
use crate::judge::{Parts, Severity, SignedRelease};
use crate::limits::{BLOB_BYTES_MAX, SIGNATURE_BYTES_MAX};
use crate::run_log::LogAudit;

impl LogAudit {
    /// Judges each release that says what a platform signed, once its blobs could be read.
    ///
    /// # Errors
    /// The place cannot be read.
    pub(crate) async fn attach_again(&mut self, findings: &mut Findings) -> Result<(), AuditError> {
        for signed in self.judge.signed_releases() {
            if self.attached.contains(&signed.release) {
                continue;
            }
            let (artifact, bytes) = signed.artifact;
            let artifact = self.read_blob(artifact, bytes.min(BLOB_BYTES_MAX)).await?;
            let signature = self
                .read_blob(signed.signature, SIGNATURE_BYTES_MAX)
                .await?;
            let (Some(artifact), Some(signature)) = (artifact, signature) else {
                self.not_attached(&signed, findings);
                continue;
            };
            self.attached.insert(signed.release);
            let parts = Parts {
                artifact: &artifact,
                signature: &signature,
            };
            if let Some(found) = self.judge.judge_signed(&signed, parts) {
                findings.add(Some(&self.reader.origin), found);
            }
        }
        Ok(())
    }

    fn not_attached(&self, signed: &SignedRelease, findings: &mut Findings) {
        let what =
            "artifact or signature is not served, so what is shipped was not made again".to_owned();
        let remedy = "ask the log for both blobs, and compare what you received with them";
        let (entry, subject) = (Some(signed.entry), Some(signed.release));
        let code = "release.not_attached";
        let found = finding(code, Severity::Amber, entry, subject, what, remedy);
        findings.add(Some(&self.reader.origin), found);
    }

    /// None if it is not there, or too large.
    pub(crate) async fn read_blob(
        &self,
        digest: FileDigest,
        bytes_max: u64,
    ) -> Result<Option<Vec<u8>>, AuditError> {
        let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        match self.reader.place.blob(digest, bytes_max).await {
            Err(AuditError::TooLarge { .. }) => Ok(None),
            read => read,
        }
    }
}
