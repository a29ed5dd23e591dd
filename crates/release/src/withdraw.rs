//! Stopping a release: one signature, at once; then metadata without it.

use law::{Code, Refusal};
use statement::StatementDigest;

use crate::{
    error::ReleaseError, log_access::CenterLog, publish::Published, room::Room, step::Step,
};

/// A release that endpoints no longer install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawn {
    /// The release.
    pub release: StatementDigest,
    /// The statement that stops it.
    pub withdrawal: StatementDigest,
    /// False when it was withdrawn before.
    pub is_new: bool,
    /// What clients see now, without it.
    pub published: Published,
}

impl<L: CenterLog> Room<'_, L> {
    /// Withdraws a release: the statement is logged and its proof served first, which stops endpoints
    /// that are asked today; then metadata without it is published.
    ///
    /// # Errors
    /// [`Code::ReleaseMissing`] when no such release reached its quorum, or why the rest did not happen.
    pub async fn withdraw(
        &mut self,
        release: StatementDigest,
        reason: &str,
    ) -> Result<Withdrawn, ReleaseError> {
        self.log.sync().await?;
        let view = self.log.view()?;
        let quorum = view
            .released()
            .into_iter()
            .find(|quorum| quorum.release().digest() == release)
            .ok_or_else(|| Refusal::new(Code::ReleaseMissing, format!("release {release}")))?;
        let standing = view.withdrawal(release).map(|standing| standing.digest());
        let is_new = standing.is_none();
        let withdrawal = match standing {
            Some(digest) => digest,
            None => {
                let envelope =
                    self.keys
                        .sign_withdrawal(quorum.release(), reason, self.bounds())?;
                self.log.submit(&envelope).await?;
                self.log.sync().await?;
                self.tell(Step::WithdrawalLogged(release));
                envelope.digest()
            }
        };
        // Before anything that needs the supervisor: it may be away. From here on no mirror can hide it.
        self.write_heads(false).await?;
        let published = self.publish().await?;
        Ok(Withdrawn {
            release,
            withdrawal,
            is_new,
            published,
        })
    }
}
