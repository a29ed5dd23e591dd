//! From a draft to a file that center and supervisor signed.
//!
//! For one version of a role there is one candidate. It is kept before the center signs it, asked for
//! again as long as the law and the supervisor allow it, and replaced only when they do not. What both signed is
//! never replaced: two such files of one version could be shown to different people.

use law::SignableMetadata;
use tuf::{Authority, Signed, Targets, TopRole, TufSigner as _};

use crate::{
    error::ReleaseError, keyring::Cosigned, log_access::CenterLog, metadata_role::MetadataRole,
    repository::Current, room::Room, step::Step,
};

/// Code under which a supervisor refuses a second candidate of one version.
const SECOND_CANDIDATE: &str = "metadata.second_candidate";

/// A candidate and what it was judged to change.
struct Draft {
    signable: SignableMetadata,
    file: Signed<Targets>,
}

impl<L: CenterLog> Room<'_, L> {
    /// The staged file of a version, which both signed.
    pub(crate) fn staged(
        &self,
        role: MetadataRole,
        version: u64,
    ) -> Result<Option<Cosigned>, ReleaseError> {
        let Some(bytes) = self.staging.file(role, version)? else {
            return Ok(None);
        };
        // It was checked when it was staged; what is delegated may have changed since.
        Ok(Some(Cosigned {
            role,
            version,
            bytes,
        }))
    }

    /// Judges a candidate as every signer does.
    fn draft(
        &mut self,
        role: MetadataRole,
        current: Option<&Current>,
        file: Signed<Targets>,
    ) -> Result<Draft, ReleaseError> {
        let now = self.now();
        let previous = current.map(|current| current.bytes.as_slice());
        let bytes = file.to_bytes()?;
        let view = self.log.view()?;
        let signable = SignableMetadata::check(view, role.as_str(), previous, &bytes, now)?;
        Ok(Draft { signable, file })
    }

    /// The candidate of this version: the one that was kept, unless the law refuses it by now.
    fn candidate(
        &mut self,
        role: MetadataRole,
        current: Option<&Current>,
        due: Signed<Targets>,
    ) -> Result<Draft, ReleaseError> {
        let version = due.signed().version();
        let kept = self.staging.candidate(role, version)?;
        if let Some(kept) = kept.and_then(|bytes| Signed::<Targets>::parse(&bytes).ok()) {
            match self.draft(role, current, kept) {
                Ok(draft) => return Ok(draft),
                Err(ReleaseError::Law(refusal)) => {
                    tracing::warn!(%role, version, %refusal, "the candidate kept before is given up");
                }
                Err(error) => return Err(error),
            }
        }
        let draft = self.draft(role, current, due)?;
        self.staging
            .put_candidate(role, version, &draft.file.to_bytes()?)?;
        Ok(draft)
    }

    /// Signs the candidate of a version, asks the supervisor to do the same, and keeps the result.
    pub(crate) async fn cosign(
        &mut self,
        role: MetadataRole,
        current: Option<&Current>,
        due: Signed<Targets>,
    ) -> Result<Cosigned, ReleaseError> {
        let Draft { signable, mut file } = self.candidate(role, current, due)?;
        self.keys.sign_metadata(&signable, role, &mut file)?;
        self.tell(Step::MetadataSigned(role.as_str(), signable.version()));
        let file = match self.supervisor.cosign(role, &file.to_bytes()?).await {
            Ok(answer) => {
                let authority = self.authority(role)?;
                let key = authority
                    .keys()
                    .find(|key| key.id().as_str() == answer.keyid)
                    .ok_or_else(|| ReleaseError::SupervisorAnswer {
                        field: "keyid",
                        value: answer.keyid.chars().take(80).collect(),
                    })?;
                file.add_signature(key, &answer.sig)?;
                file
            }
            Err(error) if error.code() == Some(SECOND_CANDIDATE) => {
                self.fetch_cosigned(role, signable.version(), error).await?
            }
            Err(error) => {
                // What the supervisor refuses is no candidate; the next one may say something else.
                if matches!(error, ReleaseError::Refused { .. }) {
                    self.staging.drop_candidate(role, signable.version())?;
                }
                return Err(error);
            }
        };
        let cosigned = self.check_cosigned(role, &file)?;
        self.staging
            .put_file(role, cosigned.version, &cosigned.bytes)?;
        self.tell(Step::MetadataStaged(role.as_str(), cosigned.version));
        Ok(cosigned)
    }

    /// The supervisor cosigned another candidate of this version, whose answer never came here: that
    /// one is the version.
    async fn fetch_cosigned(
        &self,
        role: MetadataRole,
        version: u64,
        refused: ReleaseError,
    ) -> Result<Signed<Targets>, ReleaseError> {
        let Some(bytes) = self.supervisor.cosigned(role, version).await? else {
            return Err(refused);
        };
        let file = Signed::<Targets>::parse(&bytes)?;
        if file.signed().version() != version {
            return Err(refused);
        }
        tracing::warn!(%role, version, "taken back from the supervisor: both signed it before");
        Ok(file)
    }

    /// Both signed: enough keys of the role, ours among them.
    fn check_cosigned(
        &mut self,
        role: MetadataRole,
        file: &Signed<Targets>,
    ) -> Result<Cosigned, ReleaseError> {
        let not_cosigned = |source| ReleaseError::NotCosigned {
            role: role.as_str(),
            source,
        };
        let authority = self.authority(role)?;
        authority.verify(file).map_err(not_cosigned)?;
        let own = self.keys.tuf_key(role)?.key().id();
        let ours = authority.verify_some(file).map_err(not_cosigned)?;
        if !ours.keys().any(|key| key.id() == own) {
            return Err(ReleaseError::NoSeat {
                role: role.as_str(),
                keyid: own.to_string(),
            });
        }
        Ok(Cosigned {
            role,
            version: file.signed().version(),
            bytes: file.to_bytes()?,
        })
    }

    /// Who may sign a role: the root says it for `targets`, and `targets` for the others.
    pub(crate) fn authority(&mut self, role: MetadataRole) -> Result<Authority, ReleaseError> {
        if role == MetadataRole::Targets {
            let root = self.repository.newest_root()?;
            return Ok(root.signed().authority(TopRole::Targets)?);
        }
        let top = self
            .repository
            .current(self.log.view()?, MetadataRole::Targets)?
            .ok_or(ReleaseError::NotInitialised { missing: "targets" })?;
        let delegations = top.file.signed().delegations();
        let delegations = delegations.ok_or(ReleaseError::NotInitialised {
            missing: "delegations",
        })?;
        Ok(delegations.authority(role.as_str())?)
    }
}
