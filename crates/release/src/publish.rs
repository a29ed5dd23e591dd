//! From releases to metadata that clients see: both sign, the log names it, then it is served.
//!
//! For each role, in this order, every step durable before the next: candidate signed by the center,
//! signed by the supervisor and staged, publication signed and staged, publication logged and witnessed,
//! file and proof written; then, for all roles at once, snapshot and timestamp.

use law::{Code, Refusal, Settled};
use statement::{Envelope, FileDigest, Predicate, Statement};
use tuf::{Signed, Targets};

use crate::{
    ceremony::RoleSeats,
    error::ReleaseError,
    keyring::{Cosigned, PublishedFile},
    limits::{EXPIRED_MARGIN_SECONDS, VERSIONS_AT_ONCE},
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
    /// What the newest says.
    Unchanged,
}

impl<L: CenterLog> Room<'_, L> {
    /// Brings metadata up to date with the log, and serves it. Again after a crash, it finishes; with
    /// nothing to do, it changes nothing.
    ///
    /// # Errors
    /// The condition that does not hold, here or at the supervisor.
    pub async fn publish(&mut self) -> Result<Published, ReleaseError> {
        self.log.sync().await?;
        if self.repository.is_initialised()? {
            self.follow_root()?;
        }
        for role in MetadataRole::ALL {
            self.finish(role).await?;
        }
        if self.log.view()?.newest_publication("targets")?.is_none() {
            return Err(ReleaseError::NotInitialised { missing: "targets" });
        }
        self.revise(MetadataRole::Targets, &Content::Unchanged)
            .await?;
        for role in [MetadataRole::Software, MetadataRole::Rules] {
            self.revise(role, &Content::Listing).await?;
        }
        self.store_withdrawals().await?;
        self.write_heads(false).await
    }

    /// Makes the next version of a role when it should say something else, gets old, or is no longer
    /// signed by those who may.
    pub(crate) async fn revise(
        &mut self,
        role: MetadataRole,
        content: &Content<'_>,
    ) -> Result<(), ReleaseError> {
        // A version that was begun before is finished first, whatever it says: it exists. So the second
        // look may find one more to make, and the third none.
        for _ in 0..VERSIONS_AT_ONCE {
            if !self.revise_once(role, content).await? {
                break;
            }
        }
        Ok(())
    }

    /// Makes at most one version; false when none is due.
    async fn revise_once(
        &mut self,
        role: MetadataRole,
        content: &Content<'_>,
    ) -> Result<bool, ReleaseError> {
        let current = self.repository.current(self.log.view()?, role)?;
        let version = current.as_ref().map_or(1, |current| current.version + 1);
        let cosigned = match self.staged(role, version)? {
            Some(cosigned) => cosigned,
            None => {
                let Some(due) = self.due(role, current.as_ref(), content).await? else {
                    return Ok(false);
                };
                self.cosign(role, current.as_ref(), due).await?
            }
        };
        self.stage_publication(&cosigned)?;
        self.finish(role).await?;
        Ok(true)
    }

    /// What the next version should say, unless the newest says it and is neither old nor signed by keys
    /// that no longer may. Every artifact it lists is in the repository by then.
    async fn due(
        &mut self,
        role: MetadataRole,
        current: Option<&Current>,
        content: &Content<'_>,
    ) -> Result<Option<Signed<Targets>>, ReleaseError> {
        let wanted = match role.delegated() {
            Some(delegated) => plan_targets(self.log.view()?, delegated)?,
            None => Vec::new(),
        };
        let version = current.map_or(1, |current| current.version + 1);
        let expires = self.expires(role.lifetime_seconds())?;
        let due = match (content, current) {
            (Content::Delegating(seats), _) => {
                Targets::delegating(version, expires, &seats.roles())?
            }
            (Content::Listing, _) => Targets::listing(version, expires, listing(&wanted))?,
            (Content::Unchanged, Some(current)) => {
                current.file.signed().renewed(version, expires)?
            }
            (Content::Unchanged, None) => return Ok(None),
        };
        if let Some(current) = current {
            let file = current.file.signed();
            let same = file.targets() == due.signed().targets()
                && file.delegations() == due.signed().delegations();
            let fresh = !self.is_ageing(file.expires(), role.lifetime_seconds());
            let valid = self.authority(role)?.verify(&current.file).is_ok()
                && law::PublishedMetadata::check(self.log.view()?, role.as_str(), &current.bytes)
                    .is_ok();
            if same && fresh && valid {
                return Ok(None);
            }
        }
        for item in &wanted {
            self.store_release(item).await?;
        }
        Ok(Some(due))
    }

    /// Keeps a signed publication, unless one of this version is kept that may still be included.
    fn stage_publication(&mut self, cosigned: &Cosigned) -> Result<(), ReleaseError> {
        let (role, version) = (cosigned.role, cosigned.version);
        let file = Signed::<Targets>::parse(&cosigned.bytes)?;
        let mut bounds = self.bounds();
        // Its proof is made anew, to a newer checkpoint, as long as the file may be used; a proof to a
        // checkpoint after `not_after` would show it as logged too late.
        bounds.not_after = bounds.not_after.max(file.signed().expires().posix());
        let envelope = self.keys.sign_publication(cosigned, bounds)?;
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
        let path = metadata_path(role.as_str(), version);
        let proof = crate::repository::publication_path(role, version);
        if self.repository.contains(&path)? && self.repository.contains(&proof)? {
            return Ok(());
        }
        let view = self.log.view()?;
        law::PublishedMetadata::check(view, role.as_str(), &bytes)?;
        if !self.repository.contains(&path)? {
            self.repository.create(&path, &bytes)?;
            self.tell(Step::MetadataWritten(role.as_str(), version));
        }
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
