//! From releases to metadata that clients see: both sign, the log names it, then it is served.
//!
//! For each role, in this order, every step durable before the next: candidate signed by the center,
//! signed by the supervisor and staged, publication signed and staged, publication logged and witnessed,
//! file and proof written; then, for all roles at once, snapshot and timestamp.

use law::{Code, Refusal, Settled, SignableMetadata};
use statement::{Envelope, FileDigest, Predicate, Statement};
use tuf::{Authority, Signed, Targets, TopRole};

use crate::{
    ceremony::RoleSeats,
    error::ReleaseError,
    keyring::{Cosigned, PublishedFile},
    limits::EXPIRED_MARGIN_SECONDS,
    log_access::CenterLog,
    metadata_role::MetadataRole,
    repository::{Current, metadata_path},
    room::Room,
    step::Step,
    wanted::{listing, plan_targets},
};

/// One version of a role that clients see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// The role.
    pub role: MetadataRole,
    /// Its version.
    pub version: u64,
    /// SHA-256 of its file.
    pub metadata: FileDigest,
}

/// What clients see now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The newest versions of `targets`, `software` and `rules`.
    pub roles: Vec<Publication>,
    /// Version of the snapshot that names them.
    pub snapshot: u64,
    /// Version of the timestamp that names the snapshot.
    pub timestamp: u64,
}

/// What the next file of a role should say.
pub(crate) enum Content<'a> {
    /// Delegations, for the first top-level file.
    Delegating(&'a RoleSeats),
    /// The releases that count now.
    Listing,
}

/// A candidate and what it was judged to change.
struct Draft {
    signable: SignableMetadata,
    file: Signed<Targets>,
}

impl<L: CenterLog> Room<'_, L> {
    /// Brings metadata up to date with the log, and serves it. Again after a crash, it finishes; with
    /// nothing to do, it changes nothing.
    ///
    /// # Errors
    /// The condition that does not hold, here or at the supervisor.
    pub async fn publish(&mut self) -> Result<Published, ReleaseError> {
        self.log.sync().await?;
        for role in MetadataRole::ALL {
            self.finish(role).await?;
        }
        if self.log.view()?.newest_publication("targets")?.is_none() {
            return Err(ReleaseError::NotInitialised { missing: "targets" });
        }
        for role in [MetadataRole::Software, MetadataRole::Rules] {
            self.revise(role, &Content::Listing).await?;
        }
        self.store_withdrawals().await?;
        self.write_heads(false).await
    }

    /// Makes the next version of a role when it should say something else, or gets old.
    pub(crate) async fn revise(
        &mut self,
        role: MetadataRole,
        content: &Content<'_>,
    ) -> Result<(), ReleaseError> {
        let wanted = match role.delegated() {
            Some(delegated) => plan_targets(self.log.view()?, delegated)?,
            None => Vec::new(),
        };
        let current = self.repository.current(self.log.view()?, role)?;
        let up_to_date = current.as_ref().is_some_and(|current| {
            *current.file.signed().targets() == listing(&wanted)
                && !self.is_ageing(current.file.signed().expires(), role.lifetime_seconds())
        });
        if up_to_date || (current.is_some() && matches!(content, Content::Delegating(_))) {
            return Ok(());
        }
        for item in &wanted {
            self.store_release(item).await?;
        }
        let version = current.as_ref().map_or(1, |current| current.version + 1);
        let expires = self.expires(role.lifetime_seconds())?;
        let file = match content {
            Content::Delegating(seats) => Targets::delegating(version, expires, &seats.roles())?,
            Content::Listing => Targets::listing(version, expires, listing(&wanted))?,
        };
        let cosigned = match self.staged(role, current.as_ref(), &file)? {
            Some(cosigned) => cosigned,
            None => self.cosign(role, current.as_ref(), file).await?,
        };
        self.stage_publication(&cosigned)?;
        self.finish(role).await
    }

    /// A staged file that still says what it should, so that a crash costs no second cosignature.
    fn staged(
        &mut self,
        role: MetadataRole,
        current: Option<&Current>,
        due: &Signed<Targets>,
    ) -> Result<Option<Cosigned>, ReleaseError> {
        let version = due.signed().version();
        let Some(bytes) = self.staging.file(role, version)? else {
            return Ok(None);
        };
        let file = Signed::<Targets>::parse(&bytes)?;
        let says_the_same = file.signed().targets() == due.signed().targets()
            && file.signed().delegations() == due.signed().delegations()
            && !self.is_ageing(file.signed().expires(), role.lifetime_seconds());
        if !says_the_same || self.draft(role, current, file.clone()).is_err() {
            return Ok(None);
        }
        self.check_cosigned(role, &file).map(Some)
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

    /// Signs a candidate, asks the supervisor to do the same, and keeps the result.
    async fn cosign(
        &mut self,
        role: MetadataRole,
        current: Option<&Current>,
        file: Signed<Targets>,
    ) -> Result<Cosigned, ReleaseError> {
        let Draft { signable, mut file } = self.draft(role, current, file)?;
        self.keys.sign_metadata(&signable, role, &mut file)?;
        self.tell(Step::MetadataSigned(role.as_str(), signable.version()));
        let answer = self.supervisor.cosign(role, &file.to_bytes()?).await?;
        let authority = self.authority(role)?;
        let key = authority
            .keys()
            .find(|key| key.id().as_str() == answer.keyid)
            .ok_or_else(|| ReleaseError::SupervisorAnswer {
                field: "keyid",
                value: answer.keyid.chars().take(80).collect(),
            })?;
        file.add_signature(key, &answer.sig)?;
        let cosigned = self.check_cosigned(role, &file)?;
        self.staging
            .put_file(role, cosigned.version, &cosigned.bytes)?;
        self.tell(Step::MetadataStaged(role.as_str(), cosigned.version));
        Ok(cosigned)
    }

    fn check_cosigned(
        &mut self,
        role: MetadataRole,
        file: &Signed<Targets>,
    ) -> Result<Cosigned, ReleaseError> {
        let not_cosigned = |source| ReleaseError::NotCosigned {
            role: role.as_str(),
            source,
        };
        self.authority(role)?.verify(file).map_err(not_cosigned)?;
        Ok(Cosigned {
            role,
            version: file.signed().version(),
            bytes: file.to_bytes()?,
        })
    }

    /// Who may sign a role: the root says it for `targets`, and `targets` for the others.
    fn authority(&mut self, role: MetadataRole) -> Result<Authority, ReleaseError> {
        if role == MetadataRole::Targets {
            let root = self.repository.first_root()?;
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

    /// Keeps a signed publication, unless one of this version is kept that may still be included.
    fn stage_publication(&mut self, cosigned: &Cosigned) -> Result<(), ReleaseError> {
        let (role, version) = (cosigned.role, cosigned.version);
        let envelope = self.keys.sign_publication(cosigned, self.bounds())?;
        match self.staging.publication(role, version)? {
            None => self.staging.put_publication(role, version, &envelope)?,
            Some(kept) if self.is_lost(&kept)? => {
                self.staging.renew_publication(role, version, &envelope)?;
            }
            Some(kept) => check_same(&kept, cosigned)?,
        }
        self.tell(Step::PublicationStaged(role.as_str(), version));
        Ok(())
    }

    /// Whether a publication can no longer be included. It was never logged then: had it been, it
    /// would be the newest one, and nobody would come here.
    fn is_lost(&self, envelope: &Envelope) -> Result<bool, ReleaseError> {
        let statement = Statement::parse(envelope.payload())?;
        let last = statement.predicate.not_after();
        Ok(last.saturating_add(EXPIRED_MARGIN_SECONDS) < self.now())
    }

    /// Gets a staged publication into the log and the file it names into the repository.
    pub(crate) async fn finish(&mut self, role: MetadataRole) -> Result<(), ReleaseError> {
        let newest = newest_version(self.log.view()?, role)?;
        let next = newest + 1;
        if let Some(envelope) = self.staging.publication(role, next)?
            && !self.is_lost(&envelope)?
        {
            self.log.submit(&envelope).await?;
            self.log.sync().await?;
            if newest_version(self.log.view()?, role)? < next {
                let detail = format!("publication of `{role}` version {next}");
                return Err(Refusal::new(Code::NotIncluded, detail).into());
            }
            self.tell(Step::PublicationLogged(role.as_str(), next));
        }
        let version = newest_version(self.log.view()?, role)?;
        if version == 0 {
            return Ok(());
        }
        let Some(bytes) = self.staging.file(role, version)? else {
            return Ok(());
        };
        let view = self.log.view()?;
        law::PublishedMetadata::check(view, role.as_str(), &bytes)?;
        let path = metadata_path(role.as_str(), version);
        if !self.repository.contains(&path)? {
            self.repository.create(&path, &bytes)?;
            self.tell(Step::MetadataWritten(role.as_str(), version));
        }
        let proof = crate::repository::publication_path(role, version);
        if !self.repository.contains(&proof)? {
            self.store_publication(role, version, &bytes).await?;
        }
        Ok(())
    }

    /// The newest published files of all three roles, each with its proof.
    pub(crate) fn published_files(&mut self) -> Result<Vec<PublishedFile>, ReleaseError> {
        let view = self.log.view()?;
        MetadataRole::ALL
            .into_iter()
            .map(|role| {
                let current = self.repository.current(view, role)?;
                let current = current.ok_or(ReleaseError::NotInitialised {
                    missing: role.as_str(),
                })?;
                let proof = law::PublishedMetadata::check(view, role.as_str(), &current.bytes)?;
                Ok(PublishedFile {
                    role,
                    proof,
                    bytes: current.bytes,
                })
            })
            .collect()
    }
}

/// Version of the newest publication; 0 when there is none.
fn newest_version(view: Settled<'_>, role: MetadataRole) -> Result<u64, law::Refusal> {
    let newest = view.newest_publication(role.as_str())?;
    Ok(newest.map_or(0, |publication| publication.version))
}

/// A kept publication must name the file at hand: a second one would be a public fault.
fn check_same(kept: &Envelope, cosigned: &Cosigned) -> Result<(), ReleaseError> {
    let digest = FileDigest::of(&cosigned.bytes);
    match Statement::parse(kept.payload())?.predicate {
        Predicate::Publication(kept) if kept.metadata == digest => Ok(()),
        _ => {
            let (role, version) = (cosigned.role, cosigned.version);
            let detail = format!("`{role}` version {version} was signed over another file");
            Err(Refusal::new(Code::PublicationFork, detail).into())
        }
    }
}
