//! Snapshot and timestamp: what belongs together, and what is newest. The timestamp is written last.

use tuf::limits::{SNAPSHOT_LIFETIME_S_MAX, TIMESTAMP_LIFETIME_S_MAX};
use tuf::{ListFile, MetaFile, Root, Snapshot, TopRole};

use crate::{
    error::ReleaseError,
    keyring::PublishedFile,
    log_access::CenterLog,
    publish::{Publication, Published},
    repository::{metadata_path, newest_publication_path},
    room::Room,
    step::Step,
};
use statement::FileDigest;

impl<L: CenterLog> Room<'_, L> {
    /// A new timestamp, and a new snapshot when the old one gets old, over unchanged content; fresh
    /// proofs of publication beside it. Run it at least daily.
    ///
    /// # Errors
    /// The log or the disk refuses, or nothing was published yet.
    pub async fn renew(&mut self) -> Result<Published, ReleaseError> {
        self.log.sync().await?;
        self.follow_root()?;
        self.write_heads(true).await
    }

    /// Writes what is needed so that clients see the newest publications.
    pub(crate) async fn write_heads(&mut self, renew: bool) -> Result<Published, ReleaseError> {
        let (root, _) = self.repository.newest_root_file()?;
        self.keys.check_online_seats(root.signed())?;
        let files = self.published_files()?;
        if renew {
            for file in &files {
                self.store_publication(file.role, file.proof.version(), &file.bytes)
                    .await?;
            }
        }
        self.store_withdrawals().await?;
        let list = self.withdrawals_list()?;
        let before = self.repository.timestamp()?;
        let named = before
            .as_ref()
            .map(|timestamp| timestamp.signed().snapshot());
        let from = named.map_or(1, MetaFile::version);
        let (snapshot, bytes) = self.snapshot(root.signed(), from, &files)?;
        let listed = before
            .as_ref()
            .and_then(|timestamp| timestamp.signed().withdrawals());
        let current = named.is_some_and(|named| named.check_bytes("snapshot", &bytes).is_ok())
            && listed.is_some_and(|named| *named == ListFile::of(&list));
        let authority = root.signed().authority(TopRole::Timestamp)?;
        let ageing = before.as_ref().is_none_or(|timestamp| {
            self.is_ageing(timestamp.signed().expires(), TIMESTAMP_LIFETIME_S_MAX)
                || authority.verify(timestamp).is_err()
        });
        let mut version = before.map_or(0, |timestamp| timestamp.signed().version());
        if renew || ageing || !current {
            version += 1;
            let expires = self.expires(TIMESTAMP_LIFETIME_S_MAX)?;
            let timestamp =
                self.keys
                    .sign_timestamp(version, expires, (snapshot, &bytes), &list)?;
            self.repository
                .replace("metadata/timestamp.json", &timestamp)?;
            self.tell(Step::TimestampWritten(version));
        }
        self.name_newest(&files).await?;
        Ok(published(&files, snapshot, version))
    }

    /// The first snapshot from version `from` on that names these files and is not old; it is made
    /// when there is none. One that a crash left unnamed is used, since its version is taken.
    fn snapshot(
        &self,
        root: &Root,
        from: u64,
        files: &[PublishedFile],
    ) -> Result<(u64, Vec<u8>), ReleaseError> {
        let authority = root.authority(TopRole::Snapshot)?;
        let mut version = from;
        while let Some(found) = self.repository.snapshot(version)? {
            let expires = found.file.signed().expires();
            if names(found.file.signed(), files)
                && authority.verify(&found.file).is_ok()
                && !self.is_ageing(expires, SNAPSHOT_LIFETIME_S_MAX)
            {
                return Ok((version, found.bytes));
            }
            version += 1;
        }
        let expires = self.expires(SNAPSHOT_LIFETIME_S_MAX)?;
        let bytes = self.keys.sign_snapshot(version, expires, files)?;
        self.repository
            .create(&metadata_path("snapshot", version), &bytes)?;
        self.tell(Step::SnapshotWritten(version));
        Ok((version, bytes))
    }

    /// The newest proofs under names without a version, for those who ask without one.
    async fn name_newest(&mut self, files: &[PublishedFile]) -> Result<(), ReleaseError> {
        for file in files {
            let bundle = self.publication_bundle(file.role, &file.bytes).await?;
            self.repository
                .replace(&newest_publication_path(file.role), &bundle)?;
        }
        Ok(())
    }
}

fn names(snapshot: &Snapshot, files: &[PublishedFile]) -> bool {
    files.iter().all(|file| {
        let due = MetaFile::of(file.proof.version(), &file.bytes);
        snapshot
            .role(file.role.as_str())
            .is_ok_and(|named| *named == due)
    })
}

fn published(files: &[PublishedFile], snapshot: u64, timestamp: u64) -> Published {
    let roles = files
        .iter()
        .map(|file| Publication {
            role: file.role,
            version: file.proof.version(),
            metadata: FileDigest::of(&file.bytes),
        })
        .collect();
    Published {
        roles,
        snapshot,
        timestamp,
    }
}
