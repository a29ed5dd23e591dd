//! The supervisor's keys. Each is used by one method only, and each method takes what a check minted:
//! without the check there is nothing to call it with.

use keys::{Passphrase, SecretKey, StatementKey, TufKey};
use law::{Included, Releasable, SignableGrant, Unopposed};
use statement::{
    Anchor, CheckpointRef, Envelope, FileDigest, KeyId, ReanalysisGrant, Release,
    ResourceDescriptor, Statement, StatementSigner, Subject, VerificationResult,
    VerificationSummary, Verifier, VsaPolicy, Withdrawal, approval_resource_uri,
};
use tlog::{Checkpoint, Origin, Witnessed};
use tuf::TufSigner;

use crate::{
    config::KeyPaths, cosign::Cosignature, error::SupervisorError, evidence::Held,
    metadata::Cosignable,
};

/// The name under which approvals cite the constitution they were judged by.
const POLICY_URI: &str = "https://spec.limpid.example/constitution/v1";

/// The keys of the supervisor.
pub struct SupervisorKeys {
    statements: StatementKey,
    targets: TufKey,
    software: TufKey,
    rules: TufKey,
}

/// Where and until when a statement counts.
pub(crate) struct Bounds {
    pub(crate) origin: Origin,
    pub(crate) not_after: u64,
}

/// What an approval says besides what was judged.
pub(crate) struct ApprovalWords<'a> {
    pub(crate) origin: &'a Origin,
    pub(crate) verifier: &'a str,
    pub(crate) time_verified: String,
}

impl SupervisorKeys {
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
            statements: StatementKey::new(secret(&paths.supervisor)?)?,
            targets: tuf(&paths.targets)?,
            software: tuf(&paths.software)?,
            rules: tuf(&paths.rules)?,
        })
    }

    /// Id of the statement key.
    pub fn statement_key(&self) -> KeyId {
        self.statements.key()
    }

    /// The public TUF key for a role; `None` for a role that is not published.
    pub(crate) fn tuf_key(&self, role: &str) -> Option<&tuf::Key> {
        self.tuf_signer(role).map(TufSigner::key)
    }

    fn tuf_signer(&self, role: &str) -> Option<&TufKey> {
        match role {
            "targets" => Some(&self.targets),
            "software" => Some(&self.software),
            "rules" => Some(&self.rules),
            _ => None,
        }
    }

    /// Says `PASSED` about a build whose evidence was judged and is held.
    pub(crate) fn sign_approval(
        &self,
        held: &Held,
        words: ApprovalWords<'_>,
    ) -> Result<Envelope, SupervisorError> {
        let approvable = held.approvable();
        let evidence = approvable.evidence();
        let mut inputs = approvable.inputs().into_iter();
        let named = |uri, digest: statement::StatementDigest| {
            ResourceDescriptor::new(uri, FileDigest::new(*digest.hash()))
        };
        let provenance = inputs.next().map(|digest| named("provenance", digest));
        let rebuilds = inputs.map(|digest| named("rebuild", digest));
        let constitution = FileDigest::new(*approvable.constitution().hash());
        let approval = VerificationSummary {
            input_attestations: provenance.into_iter().chain(rebuilds).collect(),
            policy: VsaPolicy {
                digest: Subject::new("", constitution).digest,
                uri: POLICY_URI.to_owned(),
            },
            resource_uri: approval_resource_uri(words.origin, evidence.build()),
            time_verified: words.time_verified,
            verification_result: VerificationResult::Passed,
            verified_levels: vec![format!("LIMPID_REBUILDS_{}", evidence.rebuilds().len())],
            verifier: Verifier {
                id: words.verifier.to_owned(),
            },
        };
        let built = evidence.artifacts().iter();
        let subjects = built.map(|built| Subject::new(built.name.clone(), built.sha256));
        let payload = Statement::new(subjects.collect(), approval).to_payload()?;
        Ok(Envelope::sign(payload, &self.statements)?)
    }

    /// Signs the very payload that was judged.
    pub(crate) fn sign_release(
        &self,
        releasable: &Unopposed<Releasable>,
    ) -> Result<Envelope, SupervisorError> {
        let payload = releasable.payload().to_vec();
        Ok(Envelope::sign(payload, &self.statements)?)
    }

    /// Signs metadata of which every change was explained and which the center signed.
    pub(crate) fn cosign(&self, cosignable: &Cosignable) -> Option<Cosignature> {
        let key = self.tuf_signer(cosignable.signable().role())?;
        Some(Cosignature {
            keyid: key.key().id().to_string(),
            sig: hex::encode(key.sign(cosignable.signable().signing_bytes())),
        })
    }

    /// Stops a release. One signature is enough, so the only thing asked for is that it exists.
    pub(crate) fn sign_withdrawal(
        &self,
        release: &Included<Release>,
        reason: &str,
        bounds: Bounds,
    ) -> Result<Envelope, SupervisorError> {
        let withdrawal = Withdrawal {
            audience: vec![bounds.origin],
            not_after: bounds.not_after,
            blobs: Vec::new(),
            release: release.digest(),
            reason: reason.to_owned(),
        };
        let subject = Subject::new(release.file.clone(), release.artifact);
        let payload = Statement::new(vec![subject], withdrawal).to_payload()?;
        Ok(Envelope::sign(payload, &self.statements)?)
    }

    /// Allows a second look at the samples that the grant names.
    pub(crate) fn sign_grant(
        &self,
        grant: &Unopposed<SignableGrant>,
    ) -> Result<Envelope, SupervisorError> {
        let subject = Subject::new("samples", grant.root);
        let said: &ReanalysisGrant = grant;
        let said = said.clone();
        let payload = Statement::new(vec![subject], said).to_payload()?;
        Ok(Envelope::sign(payload, &self.statements)?)
    }

    /// Keeps a witnessed checkpoint of the center's log for the supervisor's own.
    pub(crate) fn sign_anchor(
        &self,
        checkpoint: &Witnessed<Checkpoint>,
        bounds: Bounds,
    ) -> Result<Envelope, SupervisorError> {
        let root = FileDigest::new(*checkpoint.root());
        let anchor = Anchor {
            audience: vec![bounds.origin],
            not_after: bounds.not_after,
            blobs: Vec::new(),
            origin: checkpoint.origin().clone(),
            checkpoint: CheckpointRef {
                size: checkpoint.size(),
                root,
            },
            note: String::from_utf8_lossy(checkpoint.note()).into_owned(),
        };
        let subject = Subject::new(checkpoint.origin().to_string(), root);
        let payload = Statement::new(vec![subject], anchor).to_payload()?;
        Ok(Envelope::sign(payload, &self.statements)?)
    }
}
