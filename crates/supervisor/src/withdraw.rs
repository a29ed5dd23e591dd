//! Stopping a release from the supervisor's side: one signature is enough.

use law::{Code, Refusal};
use statement::StatementDigest;

use crate::{
    error::SupervisorError,
    keyring::Bounds,
    log_access::{FollowedLog, OwnLog},
    room::Room,
};

/// A release that endpoints no longer install once the proof is served to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Withdrawn {
    /// The release.
    pub release: StatementDigest,
    /// The statement that stops it.
    pub withdrawal: StatementDigest,
    /// False when it was withdrawn before.
    pub is_new: bool,
}

impl<L: FollowedLog, O: OwnLog> Room<L, O> {
    /// Withdraws a release that stands in the center's log, complete or not.
    ///
    /// # Errors
    /// [`Code::ReleaseMissing`] when there is no such release, or the log does not answer.
    pub async fn withdraw(
        &mut self,
        release: StatementDigest,
        reason: &str,
    ) -> Result<Withdrawn, SupervisorError> {
        self.log.sync().await?;
        let view = self.log.view()?;
        let entries = view.releases(release)?;
        let named = entries
            .first()
            .ok_or_else(|| Refusal::new(Code::ReleaseMissing, format!("release {release}")))?
            .clone();
        if let Some(standing) = view.withdrawal(release) {
            return Ok(Withdrawn {
                release,
                withdrawal: standing.digest(),
                is_new: false,
            });
        }
        let bounds = Bounds {
            origin: self.config.origin.clone(),
            not_after: self.not_after(),
        };
        let envelope = self.keys.sign_withdrawal(&named, reason, bounds)?;
        self.log.submit(&envelope).await?;
        tracing::warn!(%release, reason, "withdrawn");
        self.acted = true;
        Ok(Withdrawn {
            release,
            withdrawal: envelope.digest(),
            is_new: true,
        })
    }
}
