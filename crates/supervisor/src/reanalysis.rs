//! Allowing machines to look again at samples at rest: the center asks with a list, the supervisor judges and logs a grant.

use law::SignableGrant;
use statement::{
    CheckpointRef, CountryCode, FileDigest, ReanalysisGrant, SealTree, StatementDigest,
};

use crate::{
    error::SupervisorError,
    log_access::{FollowedLog, OwnLog},
    room::Room,
};

/// What the center asks for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Where the samples are.
    pub home: CountryCode,
    /// The samples.
    pub samples: SealTree,
    /// The release of the worker.
    pub worker: StatementDigest,
    /// The release of the rule database.
    pub rules: StatementDigest,
    /// The release of the scoring table.
    pub scoring: StatementDigest,
    /// How long openers may answer, in seconds.
    pub valid_seconds: u64,
}

/// A grant that stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrantLogged {
    /// Its digest.
    pub grant: StatementDigest,
    /// How many samples it names.
    pub count: u64,
    /// Of how many at rest.
    pub stock: u64,
}

impl<L: FollowedLog, O: OwnLog> Room<L, O> {
    /// Judges what is asked for by the logs as they stand, signs a grant and logs it; returns when it is witnessed.
    ///
    /// # Errors
    /// The condition of `spec/reanalysis-grant.md` that does not hold, or a log does not answer.
    pub async fn grant_reanalysis(
        &mut self,
        wanted: Wanted,
    ) -> Result<GrantLogged, SupervisorError> {
        self.sync().await?;
        let view = self.log.view()?;
        let checkpoint = self.log.checkpoint()?;
        let stock = view.stock(&wanted.home, checkpoint.size());
        let grant = ReanalysisGrant {
            audience: vec![self.config.origin.clone()],
            not_after: self.not_after(),
            blobs: Vec::new(),
            home: wanted.home,
            count: wanted.samples.seals().len() as u64,
            root: wanted.samples.root(),
            worker: wanted.worker,
            rules: wanted.rules,
            scoring: wanted.scoring,
            stock,
            checkpoint: CheckpointRef {
                size: checkpoint.size(),
                root: FileDigest::new(*checkpoint.root()),
            },
            valid_until: self.now().saturating_add(wanted.valid_seconds),
        };
        let count = grant.count;
        let signable = SignableGrant::check(view, grant, self.now())?;
        let signable = signable.unopposed(view, &self.own_log.views()?)?;
        let envelope = self.keys.sign_grant(&signable)?;
        self.log.submit(&envelope).await?;
        self.acted = true;
        let grant = envelope.digest();
        tracing::info!(%grant, count, stock, "a second look was granted");
        Ok(GrantLogged {
            grant,
            count,
            stock,
        })
    }
}
