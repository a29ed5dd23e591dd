//! A rebuilder compares its own artifacts with the conveyer's.

use std::sync::Arc;

use keys::StatementKey;
use law::BuiltArtifact;
use statement::{FileDigest, Verdict};

use super::error::RoomError;
use super::examine::shortened;
use super::kept::KeptFile;
use super::limits::DIFFERENCES_MAX;
use super::workshop::{Workshop, blocking};
use crate::compare::Report;

/// The verdict on all artifacts of a build together.
#[derive(Debug)]
pub(super) struct Judged {
    /// The worst of them.
    pub(super) verdict: Verdict,
    /// What differs, or why it failed; at most [`DIFFERENCES_MAX`].
    pub(super) differences: Vec<String>,
    /// The whole comparison, in the log, and its size.
    pub(super) report: Option<(FileDigest, u64)>,
}

impl Judged {
    /// The verdict on a source that did not build.
    pub(super) fn failed(reason: Option<&String>) -> Self {
        Self {
            verdict: Verdict::Failed,
            differences: reason.into_iter().cloned().collect(),
            report: None,
        }
    }
}

impl Workshop<'_> {
    /// Verdict on the conveyer's artifacts, and where they differ. The digests decide what is identical; the bytes are
    /// fetched only to describe a difference, of which the log gets the whole report.
    pub(super) async fn judge(
        &self,
        made: &[KeptFile],
        artifacts: &[BuiltArtifact],
        key: &StatementKey,
    ) -> Result<Judged, RoomError> {
        let mut report = Report::new(&self.explanations);
        let own: Vec<_> = made.iter().map(|one| one.name.as_str()).collect();
        let theirs: Vec<_> = artifacts.iter().map(|one| one.name.as_str()).collect();
        if own != theirs {
            let (own, theirs) = (own.join(", "), theirs.join(", "));
            report.miss(format!("the conveyer made {theirs}; here came out {own}"));
        }
        for original in artifacts {
            let Some(own) = made.iter().find(|own| own.name == original.name) else {
                continue;
            };
            if own.sha256 == original.sha256 {
                continue;
            }
            report = match self.fetch_to_compare(original).await? {
                Ok(bytes) => self.describe(report, bytes, own).await?,
                Err(reason) => {
                    let name = &original.name;
                    report.miss(format!("{name}: the digests differ; {reason}"));
                    report
                }
            };
        }
        self.conclude(&report, key).await
    }

    async fn conclude(&self, report: &Report, key: &StatementKey) -> Result<Judged, RoomError> {
        let verdict = match report.verdict {
            binary::Verdict::Identical => Verdict::Identical,
            binary::Verdict::Explained => Verdict::Explained,
            binary::Verdict::Unexplained => Verdict::Unexplained,
        };
        let mut judged = Judged {
            verdict,
            differences: Vec::new(),
            report: None,
        };
        if verdict != Verdict::Identical {
            let lines = report.lines(DIFFERENCES_MAX).into_iter();
            judged.differences = lines.map(|line| shortened(&line)).collect();
            let text = serde_json::to_vec(report).expect("texts, numbers and lists are JSON");
            judged.report = Some((FileDigest::of(&text), text.len() as u64));
            self.put_blob("comparison", text, key).await?;
        }
        Ok(judged)
    }

    async fn fetch_to_compare(
        &self,
        artifact: &BuiltArtifact,
    ) -> Result<Result<Vec<u8>, String>, RoomError> {
        let (bytes, bytes_max) = (artifact.bytes, self.ground.blob_bytes_max);
        if bytes > bytes_max {
            return Ok(Err(format!(
                "the conveyer's artifact of {bytes} bytes was not fetched (at most {bytes_max})"
            )));
        }
        self.fetch(artifact.sha256).await
    }

    async fn describe(
        &self,
        mut report: Report,
        original: Vec<u8>,
        own: &KeptFile,
    ) -> Result<Report, RoomError> {
        let (party, own) = (Arc::clone(&self.party), own.clone());
        let rules = self.explanations.clone();
        let described = blocking(move || -> Result<Report, RoomError> {
            let rebuilt = party.blobs().get(own.sha256.hash(), own.bytes)?;
            report.compare(&own.name, &rebuilt, &original, &rules);
            if original == rebuilt {
                report.miss(format!(
                    "{}: the log gave other bytes than it names",
                    own.name
                ));
            }
            Ok(report)
        });
        described.await?
    }
}
