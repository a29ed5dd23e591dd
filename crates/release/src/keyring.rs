//! The center's keys. Each is used by one method only, and each method takes what the law minted:
//! without the check there is nothing to call it with.

use keys::{Passphrase, SecretKey, StatementKey, TufKey};
use law::{Included, PublishedMetadata, Releasable, SignableMetadata, Unopposed};
use statement::{
    Emergency, Envelope, FileDigest, KeyId, Publication, Release, Statement, StatementDigest,
    StatementSigner, Subject, Withdrawal,
};
use tlog::Origin;
use tuf::{Root, Signed, Snapshot, Targets, Timestamp, TopRole, TufSigner};

use crate::{
    config::KeyPaths,
    error::ReleaseError,
    log_access::{CenterLog, LogError},
    metadata_role::MetadataRole,
};

/// The keys of the center.
pub struct CenterKeys {
    center: StatementKey,
    targets: Option<TufKey>,
    software: TufKey,
    rules: TufKey,
    snapshot: TufKey,
    timestamp: TufKey,
}

/// Where and until when a statement counts.
pub(crate) struct Bounds {
    pub(crate) origin: Origin,
    pub(crate) not_after: u64,
}

/// Metadata that center and supervisor signed: only such is published. Made in `publish`.
pub(crate) struct Cosigned {
    pub(crate) role: MetadataRole,
    pub(crate) version: u64,
    pub(crate) bytes: Vec<u8>,
}

/// A file together with the proof that the log names it: only such goes into a snapshot.
pub(crate) struct PublishedFile {
    pub(crate) role: MetadataRole,
    pub(crate) proof: PublishedMetadata,
    pub(crate) bytes: Vec<u8>,
}

impl CenterKeys {
    /// Reads the key files.
    ///
    /// # Errors
    /// A file is missing, open to others, or holds another kind of key.
    pub fn load(paths: &KeyPaths) -> Result<Self, keys::KeyError> {
        let passphrase = paths
            .passphrase
            .as_deref()
            .map(Passphrase::from_origin)
            .transpose()?;
        let secret = |path| SecretKey::load(path, passphrase.as_ref());
        let tuf = |path| TufKey::new(secret(path)?);
        Ok(Self {
            center: StatementKey::new(secret(&paths.center)?)?,
            targets: paths.targets.as_deref().map(tuf).transpose()?,
            software: tuf(&paths.software)?,
            rules: tuf(&paths.rules)?,
            snapshot: tuf(&paths.snapshot)?,
            timestamp: tuf(&paths.timestamp)?,
        })
    }

    /// Id of the statement key.
    pub fn center(&self) -> KeyId {
        self.center.key()
    }

    /// Has a log keep a public blob.
    pub(crate) fn put_blob<L: CenterLog>(
        &self,
        log: &L,
        bytes: Vec<u8>,
    ) -> impl Future<Output = Result<FileDigest, LogError>> + Send {
        log.put_blob(bytes, &self.center)
    }

    /// The key that signs a role.
    pub(crate) fn tuf_key(&self, role: MetadataRole) -> Result<&TufKey, ReleaseError> {
        match role {
            MetadataRole::Targets => self
                .targets
                .as_ref()
                .ok_or(ReleaseError::NoKey { role: "targets" }),
            MetadataRole::Software => Ok(&self.software),
            MetadataRole::Rules => Ok(&self.rules),
        }
    }

    /// Checks that the root in use knows the keys of snapshot and timestamp: what they signed would be
    /// of no use to anybody otherwise.
    pub(crate) fn check_online_seats(&self, root: &Root) -> Result<(), ReleaseError> {
        let seats = [
            (TopRole::Snapshot, &self.snapshot),
            (TopRole::Timestamp, &self.timestamp),
        ];
        for (role, key) in seats {
            let id = key.key().id();
            if !root.authority(role)?.keys().any(|seat| seat.id() == id) {
                return Err(ReleaseError::NoSeat {
                    role: role.as_str(),
                    keyid: id.to_string(),
                });
            }
        }
        Ok(())
    }

    /// Signs the very payload that was judged.
    pub(crate) fn sign_release(
        &self,
        releasable: &Unopposed<Releasable>,
    ) -> Result<Envelope, ReleaseError> {
        Ok(Envelope::sign(releasable.payload().to_vec(), &self.center)?)
    }

    /// Signs metadata of which every change was explained.
    pub(crate) fn sign_metadata(
        &self,
        signable: &SignableMetadata,
        role: MetadataRole,
        file: &mut Signed<Targets>,
    ) -> Result<(), ReleaseError> {
        let key = self.tuf_key(role)?;
        // The bytes that were judged; `add_signature` refuses when `file` is another.
        let signature = key.sign(signable.signing_bytes());
        Ok(file.add_signature(key.key(), &signature)?)
    }

    /// Says that this file, which both signed, is the version for everybody.
    pub(crate) fn sign_publication(
        &self,
        cosigned: &Cosigned,
        bounds: Bounds,
    ) -> Result<Envelope, ReleaseError> {
        let metadata = FileDigest::of(&cosigned.bytes);
        let name = tuf::metadata_file(cosigned.role.as_str(), cosigned.version);
        let publication = Publication {
            audience: vec![bounds.origin],
            not_after: bounds.not_after,
            blobs: Vec::new(),
            role: cosigned.role.as_str().to_owned(),
            version: cosigned.version,
            metadata,
        };
        let statement = Statement::new(vec![Subject::new(name, metadata)], publication);
        Ok(Envelope::sign(statement.to_payload()?, &self.center)?)
    }

    /// Stops a release. One signature is enough, so the only thing asked for is that it exists.
    pub(crate) fn sign_withdrawal(
        &self,
        release: &Included<Release>,
        reason: &str,
        bounds: Bounds,
    ) -> Result<Envelope, ReleaseError> {
        let withdrawal = Withdrawal {
            audience: vec![bounds.origin],
            not_after: bounds.not_after,
            blobs: Vec::new(),
            release: release.digest(),
            reason: reason.to_owned(),
        };
        let subject = Subject::new(release.file.clone(), release.artifact);
        let statement = Statement::new(vec![subject], withdrawal);
        Ok(Envelope::sign(statement.to_payload()?, &self.center)?)
    }

    /// Says why a build goes to everybody at once. It grants nothing by itself.
    pub(crate) fn sign_emergency(
        &self,
        build: StatementDigest,
        reason: &str,
        bounds: Bounds,
    ) -> Result<Envelope, ReleaseError> {
        let emergency = Emergency {
            audience: vec![bounds.origin],
            not_after: bounds.not_after,
            blobs: Vec::new(),
            build,
            reason: reason.to_owned(),
        };
        let subject = Subject::new("source", FileDigest::new(*build.hash()));
        let statement = Statement::new(vec![subject], emergency);
        Ok(Envelope::sign(statement.to_payload()?, &self.center)?)
    }

    /// Names published files, and nothing else, as belonging together.
    pub(crate) fn sign_snapshot(
        &self,
        version: u64,
        expires: tuf::Expires,
        files: &[PublishedFile],
    ) -> Result<Vec<u8>, ReleaseError> {
        let named: Vec<_> = files
            .iter()
            .map(|file| {
                (
                    file.role.as_str(),
                    file.proof.version(),
                    file.bytes.as_slice(),
                )
            })
            .collect();
        let mut snapshot: Signed<Snapshot> = Snapshot::build(version, expires, &named)?;
        snapshot.sign(&self.snapshot)?;
        Ok(snapshot.to_bytes()?)
    }

    /// Names a snapshot as the newest.
    pub(crate) fn sign_timestamp(
        &self,
        version: u64,
        expires: tuf::Expires,
        snapshot: (u64, &[u8]),
        withdrawals: &[u8],
    ) -> Result<Vec<u8>, ReleaseError> {
        let mut timestamp: Signed<Timestamp> =
            Timestamp::with_withdrawals(version, expires, snapshot, withdrawals)?;
        timestamp.sign(&self.timestamp)?;
        Ok(timestamp.to_bytes()?)
    }
}
