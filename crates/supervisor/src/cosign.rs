//! Cosigning metadata: compare, judge, sign, remember, and only then answer.

use law::{Code, Refusal};
use serde::Serialize;
use statement::FileDigest;
use tuf::metadata_file;

use crate::{
    error::SupervisorError,
    limits::CANDIDATE_BYTES_MAX,
    log_access::{FollowedLog, OwnLog},
    metadata::Cosignable,
    refused::Refused,
    room::Room,
};

/// Code of the refusal of a second candidate of one version.
pub(crate) const SECOND_CANDIDATE: &str = "metadata.second_candidate";

/// A signature under metadata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cosignature {
    /// TUF key id.
    pub keyid: String,
    /// Raw Ed25519 signature, 128 lower-case hexadecimal digits.
    pub sig: String,
}

impl<L: FollowedLog, O: OwnLog> Room<L, O> {
    /// Judges a candidate by the log as it stands now and signs it. The signature is remembered durably
    /// before it is given away: one candidate per role and version. Asked again for that very
    /// candidate, the same signature is given.
    ///
    /// # Errors
    /// [`SupervisorError::Law`] with the condition that does not hold, or
    /// [`SupervisorError::SecondCandidate`]; both are also listed as refused.
    pub async fn cosign(
        &mut self,
        role: &str,
        candidate: &[u8],
    ) -> Result<Cosignature, SupervisorError> {
        self.log.sync().await?;
        let previous = self.previous(role).await?;
        let subject = FileDigest::of(candidate).to_string();
        let now = self.now();
        let view = self.log.view()?;
        let size = view.state().settled_size();
        let own = self.keys.tuf_key(role).ok_or_else(|| unknown(role))?;
        let files = (previous.as_deref(), candidate);
        let cosignable = Cosignable::check(view, role, files, own, now).inspect_err(|refusal| {
            self.refusals.add(Refused::new(&subject, refusal, size));
        })?;
        let given = self.cosigned.find(role, candidate);
        if let Some(given) = given.inspect_err(|error| self.note_second(candidate, error))? {
            return Ok(given);
        }
        let cosignature = self.keys.cosign(&cosignable).ok_or_else(|| unknown(role))?;
        self.keep(&cosignable, &cosignature, own.clone())?;
        self.refusals.clear(&subject);
        for change in cosignable.signable().changes() {
            tracing::info!(
                role,
                version = cosignable.signable().version(),
                ?change,
                "cosigned"
            );
        }
        self.acted = true;
        Ok(cosignature)
    }

    /// Keeps the file with both signatures; its digest is the one that the publication will name.
    fn keep(
        &self,
        cosignable: &Cosignable,
        cosignature: &Cosignature,
        key: tuf::Key,
    ) -> Result<(), SupervisorError> {
        let malformed = |error: tuf::TufError| {
            SupervisorError::from(Refusal::new(Code::MetadataMalformed, error.to_string()))
        };
        let mut file = cosignable.file().clone();
        let sig = hex::decode(&cosignature.sig).unwrap_or_default();
        file.add_signature(&key, &sig).map_err(malformed)?;
        let digest = FileDigest::new(self.metadata.put(&file.to_bytes().map_err(malformed)?)?);
        let signable = cosignable.signable();
        let version = (signable.role(), signable.version());
        self.cosigned
            .keep(version, signable.signing_bytes(), digest, cosignature)
    }

    /// The file of a version that both signed, for a center that lost it.
    ///
    /// # Errors
    /// The disk refuses, or what is remembered is damaged.
    pub fn cosigned_file(
        &self,
        role: &str,
        version: u64,
    ) -> Result<Option<Vec<u8>>, SupervisorError> {
        let Some(file) = self.cosigned.file(role, version)? else {
            return Ok(None);
        };
        let bytes = self.metadata.get(file.hash(), CANDIDATE_BYTES_MAX as u64)?;
        Ok(Some(bytes))
    }

    /// Says in public that a second candidate was asked for.
    fn note_second(&self, candidate: &[u8], error: &SupervisorError) {
        let SupervisorError::SecondCandidate { .. } = error else {
            return;
        };
        let view = self.log.view();
        self.refusals.add(Refused {
            code: SECOND_CANDIDATE,
            detail: error.to_string(),
            size: view.map_or(0, |view| view.state().settled_size()),
            subject: FileDigest::of(candidate).to_string(),
        });
    }

    /// The newest published file of a role: as kept, else as the repository serves it. Either way its
    /// digest is the logged one.
    async fn previous(&mut self, role: &str) -> Result<Option<Vec<u8>>, SupervisorError> {
        let Some(publication) = self.log.view()?.newest_publication(role)? else {
            return Ok(None);
        };
        let (version, metadata) = (publication.version, publication.metadata);
        if self.metadata.contains(metadata.hash()) {
            let bytes = self
                .metadata
                .get(metadata.hash(), CANDIDATE_BYTES_MAX as u64)?;
            return Ok(Some(bytes));
        }
        let lost = || SupervisorError::PreviousLost {
            role: role.to_owned(),
            version,
            metadata,
        };
        let base = self.config.repository_url.as_deref().ok_or_else(lost)?;
        let name = metadata_file(role, version);
        let url = format!("{}/metadata/{name}", base.trim_end_matches('/'));
        let served = self.client.get_optional(&url, CANDIDATE_BYTES_MAX).await?;
        let served = served.filter(|bytes| FileDigest::of(bytes) == metadata);
        let bytes = served.ok_or_else(lost)?;
        self.metadata.put(&bytes)?;
        Ok(Some(bytes.to_vec()))
    }
}

fn unknown(role: &str) -> SupervisorError {
    let role: String = role.chars().take(80).collect();
    Refusal::new(
        Code::MetadataMalformed,
        format!("role `{role}` is not published"),
    )
    .into()
}
