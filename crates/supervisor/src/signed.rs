//! Platforms' signatures: fetched like all evidence, and attached to the artifact once more before a release is signed.

use std::collections::BTreeMap;

use law::Attached;
use statement::{FileDigest, StatementDigest};

use crate::{
    error::SupervisorError,
    limits::SIGNATURE_BYTES_MAX,
    log_access::{FollowedLog, OwnLog},
    room::Room,
};

/// What came of attaching, by open release.
#[derive(Debug, Default)]
pub(crate) struct AttachedAgain(BTreeMap<StatementDigest, Option<Attached>>);

impl AttachedAgain {
    /// What this process made itself; none for a release without signature, or one that does not fit.
    pub(crate) fn get(&self, release: StatementDigest) -> Option<&Attached> {
        self.0.get(&release)?.as_ref()
    }
}

/// Artifact with its size, and signature.
type Parts = (StatementDigest, (FileDigest, u64), FileDigest);

impl<L: FollowedLog, O: OwnLog> Room<L, O> {
    /// Attaches again what open releases say that a platform signed; `false` when something could not be
    /// fetched and should be asked for once more.
    pub(crate) async fn attach_open(&mut self) -> Result<bool, SupervisorError> {
        let open = self.log.view()?.open_releases();
        let signed = open.iter().filter_map(|release| {
            let artifact = (release.artifact, release.artifact_bytes);
            Some((release.digest(), artifact, release.signed?.signature))
        });
        let due: Vec<Parts> = signed.collect();
        let is_open = |digest: &StatementDigest| due.iter().any(|(open, ..)| open == digest);
        self.attached.0.retain(|digest, _| is_open(digest));
        let mut fetched = true;
        for (release, artifact, signature) in due {
            if self.attached.0.contains_key(&release) {
                continue;
            }
            match self.attach(artifact, signature).await {
                Ok(attached) => drop(self.attached.0.insert(release, attached)),
                Err(why) => {
                    tracing::warn!(%release, why, "a signature or its artifact was not fetched");
                    fetched = false;
                }
            }
        }
        Ok(fetched)
    }

    /// `None` if they do not go together: that does not change.
    async fn attach(
        &mut self,
        (artifact, bytes): (FileDigest, u64),
        signature: FileDigest,
    ) -> Result<Option<Attached>, String> {
        let bytes_max = self.config.blob_bytes_max;
        if bytes > bytes_max {
            tracing::warn!(
                bytes,
                bytes_max,
                "an artifact with a signature is too large to fetch"
            );
            return Ok(None);
        }
        let artifact = self.log.blob(artifact, bytes).await;
        let artifact = artifact.map_err(|error| error.to_string())?;
        let signature = self.log.blob(signature, SIGNATURE_BYTES_MAX).await;
        let signature = signature.map_err(|error| error.to_string())?;
        let attached = Attached::recompute(&artifact, &signature, |artifact, signature| {
            binary::attach(artifact, signature).map(|signed| signed.program)
        });
        Ok(attached
            .inspect_err(|error| tracing::warn!(%error, "a signature cannot be attached"))
            .ok())
    }
}
