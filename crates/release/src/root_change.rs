//! Changing keys: another root, other keys for the delegated roles.
//!
//! Both follow the constitution, never the other way round. A root that the parties signed is staged, a
//! constitution that names its digest takes force, and the next verb serves it: at once with everything
//! that has to be signed anew under it. `docs/decisions/0016-a-new-root.md` says why the constitution
//! alone is enough when those who could have signed as the old root's keys are gone.

use law::{Code, Refusal};
use statement::FileDigest;
use tuf::{Root, Signed, TufError};

use crate::{
    ceremony::RoleSeats,
    error::ReleaseError,
    log_access::CenterLog,
    metadata_role::MetadataRole,
    publish::{Content, Published},
    repository::root_path,
    room::Room,
    step::Step,
};

impl<L: CenterLog> Room<'_, L> {
    /// Keeps a root that enough keys signed until a constitution in force names it. Returns its digest,
    /// which that constitution has to name.
    ///
    /// # Errors
    /// It does not follow the newest root that is served, or lacks signatures of its own keys.
    pub fn stage_root(&mut self, root: &[u8]) -> Result<FileDigest, ReleaseError> {
        let newest = self.repository.newest_root()?;
        let version = check_next(newest.signed(), root)?.signed().version();
        self.staging.put_root(version, root)?;
        Ok(FileDigest::of(root))
    }

    /// Serves every staged root that a constitution names, in order; true when the root changed.
    ///
    /// # Errors
    /// [`Code::TufRoot`] when the constitution in force names a root that is not here.
    pub(crate) fn follow_root(&mut self) -> Result<bool, ReleaseError> {
        let mut changed = false;
        let (mut newest, mut bytes) = self.repository.newest_root_file()?;
        while let Some(staged) = self.staging.root(newest.signed().version() + 1)? {
            let digest = FileDigest::of(&staged);
            let view = self.log.view()?;
            let mut constitutions = view.state().constitutions();
            if !constitutions.any(|constitution| constitution.tuf_root == digest) {
                break;
            }
            newest = check_next(newest.signed(), &staged)?;
            let version = newest.signed().version();
            self.repository.create(&root_path(version), &staged)?;
            self.tell(Step::RootWritten(version));
            bytes = staged;
            changed = true;
        }
        let named = self.log.view()?.constitution()?.tuf_root;
        if named == FileDigest::of(&bytes) {
            return Ok(changed);
        }
        let detail = format!(
            "root {} is served; the constitution in force names {named}: stage that one",
            newest.signed().version()
        );
        Err(Refusal::new(Code::TufRoot, detail).into())
    }

    /// Hands the delegated roles to other keys. The law allows it when a constitution took force after
    /// the newest `targets`. The delegated files are signed anew before clients see the change.
    ///
    /// # Errors
    /// The condition that does not hold, here or at the supervisor.
    pub async fn redelegate(&mut self, seats: &RoleSeats) -> Result<Published, ReleaseError> {
        self.log.sync().await?;
        self.follow_root()?;
        for role in MetadataRole::ALL {
            self.finish(role).await?;
        }
        self.revise(MetadataRole::Targets, &Content::Delegating(seats))
            .await?;
        self.publish().await
    }
}

/// The root after `newest`: signed by its own keys, and by those of `newest` or named by a constitution,
/// which is asked before it is served.
pub(crate) fn check_next(newest: &Root, next: &[u8]) -> Result<Signed<Root>, TufError> {
    match tuf::verify_next_root(newest, next) {
        Err(TufError::ThresholdNotMet { .. }) => tuf::verify_named_root(newest, next),
        other => other,
    }
}
