//! Public blobs: each one that a counted statement names is fetched and hashed.

use std::sync::Arc;

use statement::FileDigest;
use tlog::Origin;
use tokio::task::JoinSet;

use crate::error::AuditError;
use crate::facts::Owed;
use crate::findings::{Findings, finding};
use crate::judge::Severity;
use crate::limits::BLOBS_AHEAD;
use crate::read::{Hashed, Place};

/// Blobs on their way, and what came of the others.
#[derive(Debug)]
pub(crate) struct BlobCheck {
    place: Arc<Place>,
    running: JoinSet<(Owed, Result<Hashed, AuditError>)>,
    /// Blobs that are there and hash right.
    pub(crate) present: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// Blobs too large to fetch.
    pub(crate) unchecked: u64,
}

impl BlobCheck {
    pub(crate) fn new(place: Arc<Place>) -> Self {
        Self {
            place,
            running: JoinSet::new(),
            present: 0,
            bytes: 0,
            unchecked: 0,
        }
    }

    /// Starts checking a blob; waits while too many are on their way.
    ///
    /// # Errors
    /// The place cannot be read.
    pub(crate) async fn start(
        &mut self,
        owed: Owed,
        log: &Origin,
        findings: &mut Findings,
    ) -> Result<(), AuditError> {
        if self.running.len() >= BLOBS_AHEAD {
            self.take(log, findings).await?;
        }
        let place = Arc::clone(&self.place);
        self.running.spawn(async move {
            let hashed = place.hash_blob(owed.sha256, owed.bytes).await;
            (owed, hashed)
        });
        Ok(())
    }

    /// Waits for all that are on their way.
    ///
    /// # Errors
    /// The place cannot be read.
    pub(crate) async fn finish(
        &mut self,
        log: &Origin,
        findings: &mut Findings,
    ) -> Result<(), AuditError> {
        while !self.running.is_empty() {
            self.take(log, findings).await?;
        }
        Ok(())
    }

    async fn take(&mut self, log: &Origin, findings: &mut Findings) -> Result<(), AuditError> {
        let Some(done) = self.running.join_next().await else {
            return Ok(());
        };
        let (owed, hashed) = done.map_err(|_| AuditError::Ended {
            part: "reading blobs",
        })?;
        let (code, severity, what) = match hashed? {
            Hashed::Whole { digest, bytes } if (digest, bytes) == (owed.sha256, owed.bytes) => {
                self.present += 1;
                self.bytes += bytes;
                return Ok(());
            }
            Hashed::Whole { digest, bytes } => (
                "blob.digest",
                Severity::Red,
                format!(
                    "blob {} is served as {bytes} bytes with digest {}; {} bytes are owed",
                    short(owed.sha256),
                    short(digest),
                    owed.bytes
                ),
            ),
            Hashed::Longer => (
                "blob.digest",
                Severity::Red,
                format!(
                    "blob {} is served with more than the {} bytes owed",
                    short(owed.sha256),
                    owed.bytes
                ),
            ),
            Hashed::Missing => (
                "blob.missing",
                Severity::Red,
                format!(
                    "public blob {} ({} bytes) is not served",
                    short(owed.sha256),
                    owed.bytes
                ),
            ),
            Hashed::TooLarge => {
                self.unchecked += 1;
                (
                    "blob.unchecked",
                    Severity::Amber,
                    format!(
                        "blob {} has {} bytes, too many to fetch; audit a directory instead",
                        short(owed.sha256),
                        owed.bytes
                    ),
                )
            }
        };
        let remedy = "the log took the entry only because it had the blob: ask its operator, and whoever signed the entry, for the bytes";
        findings.add(
            Some(log),
            finding(code, severity, Some(owed.entry), None, what, remedy),
        );
        Ok(())
    }
}

fn short(digest: FileDigest) -> String {
    digest.short()
}
