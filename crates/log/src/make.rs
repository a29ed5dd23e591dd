//! A tree becomes a signed checkpoint: its files are durable, both keys signed, the table knows it.
//!
//! Nobody else sees a checkpoint before all of that. One is made at a time and in order of size,
//! so that the table only ever goes forward.

use std::sync::Arc;
use std::time::Duration;

use tlog::{Checkpoint, Note, Policy, cosign, sign_checkpoint};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::ask::Signed;
use crate::config::LogKeys;
use crate::error::LogError;
use crate::limits::FILES_PATIENCE;
use crate::meters::Meters;
use crate::shared::Shared;
use crate::table::{Fence, Mark, SignedTree};
use crate::write::Wishes;

/// Makes checkpoints; there is one in a leading process.
pub(crate) struct Maker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) keys: LogKeys,
    /// Under which this process leads.
    pub(crate) fence: Fence,
    /// Where the files of a checkpoint are asked for.
    pub(crate) wishes: Arc<Wishes>,
    /// What was signed last.
    pub(crate) signed: Option<Mark>,
}

/// What is to be published next: the law fixes tree and policy together.
pub(crate) struct Goal {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) policy: Policy,
    /// Answers once all files of this tree are durable.
    pub(crate) files: oneshot::Receiver<Mark>,
    /// When this was decided.
    pub(crate) began: Duration,
}

/// A checkpoint that witnesses may see.
#[derive(Debug)]
pub(crate) struct Offer {
    pub(crate) signed: Signed,
    /// Under which it will be published.
    pub(crate) policy: Policy,
    /// When its tree was decided.
    pub(crate) began: Duration,
}

impl Goal {
    /// The tree as it is sequenced now, with the policy that is in force after its last entry; `None`
    /// before the constitution is complete, when there is no policy.
    pub(crate) fn take(shared: &Shared, wishes: &Wishes) -> Option<Self> {
        let mut law = shared.law();
        let policy = law.policy()?.clone();
        let (size, root) = law.mark();
        // While the law is held, so that no entry after these was handed over.
        let files = wishes.checkpoint(size);
        let checkpoint = Checkpoint::new(shared.origin.clone(), size, root)
            .expect("a log has fewer than 2^63 entries");
        Some(Self {
            checkpoint,
            policy,
            files,
            began: shared.clock.now(),
        })
    }
}

impl Maker {
    /// Makes the goal's checkpoint. `None` if its files were not made, which is a defect that the next
    /// goal mends.
    ///
    /// # Errors
    /// When the disk or a key refuses, or the files are of another tree than was fed to the law.
    pub(crate) async fn make(mut self, goal: Goal) -> (Self, Result<Option<Offer>, LogError>) {
        let made = self.try_make(goal).await;
        (self, made)
    }

    async fn try_make(&mut self, goal: Goal) -> Result<Option<Offer>, LogError> {
        let size = goal.checkpoint.size();
        let found = granted(size, goal.files, FILES_PATIENCE, &self.shared.meters).await;
        let Some(found) = found else {
            until_stopped_if_closed(&self.wishes).await;
            tracing::error!(
                size,
                "the integrator went past a checkpoint without its files"
            );
            return Ok(None);
        };
        if found.size != size || found.root != *goal.checkpoint.root() {
            return Err(LogError::OtherHistory {
                claim: "the replay of the entries".to_owned(),
                size,
                signed: *goal.checkpoint.root(),
                found: found.root,
            });
        }
        let signed = self.sign(goal.checkpoint).await?;
        self.shared.meters.integrated.set(size.cast_signed());
        Ok(Some(Offer {
            signed,
            policy: goal.policy,
            began: goal.began,
        }))
    }

    /// Signs with both keys, and remembers it before anybody sees it.
    async fn sign(&mut self, checkpoint: Checkpoint) -> Result<Signed, LogError> {
        let text = checkpoint.to_string();
        let now = self.shared.surroundings.posix_seconds();
        let lines = vec![
            sign_checkpoint(&text, &self.keys.ed25519).map_err(LogError::Sign)?,
            cosign(&checkpoint, now, &self.keys.ml_dsa).map_err(LogError::Sign)?,
        ];
        let note = Note::new(text, lines).map_err(LogError::Encode)?;
        let next = SignedTree {
            mark: Mark {
                size: checkpoint.size(),
                root: *checkpoint.root(),
            },
            note: note.to_string(),
        };
        let kept = self
            .shared
            .table
            .keep_signed(self.fence, self.signed, &next);
        kept.await?;
        self.signed = Some(next.mark);
        Ok(Signed { checkpoint, note })
    }
}

/// Waits for ever if the integrator ended. Then the log stops: because it was asked to, and a round in the middle of its
/// work is no failure, or because the integrator failed, and it is the one that says so.
async fn until_stopped_if_closed(wishes: &Wishes) {
    if wishes.is_closed() {
        std::future::pending::<()>().await;
    }
}

/// Waits until the tiles and bundles of a checkpoint are durable; `None` if they never will be. A
/// wait that is longer than `patience` is said, and said again: nothing is published meanwhile.
async fn granted(
    size: u64,
    mut files: oneshot::Receiver<Mark>,
    patience: Duration,
    meters: &Meters,
) -> Option<Mark> {
    let mut waited = Duration::ZERO;
    loop {
        let Ok(granted) = timeout(patience, &mut files).await else {
            waited += patience;
            meters.files_late(waited);
            tracing::error!(
                size,
                seconds = waited.as_secs(),
                "the files of a checkpoint are not durable yet, and nothing is published; is the disk slow or full?"
            );
            continue;
        };
        meters.files_made();
        return granted.ok();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tlog::Hash;

    use super::*;

    #[tokio::test]
    async fn a_round_whose_integrator_ended_is_no_failure_of_its_own() {
        let wishes = Wishes::default();
        until_stopped_if_closed(&wishes).await;
        wishes.close();
        let wish = wishes.checkpoint(7);
        let found = granted(7, wish, FILES_PATIENCE, &Meters::new()).await;
        assert!(found.is_none(), "nobody is there to grant it");
        tokio::select! {
            biased;
            () = until_stopped_if_closed(&wishes) => panic!("it would end the log with an error"),
            () = std::future::ready(()) => {}
        }
    }

    #[tokio::test]
    async fn a_checkpoint_that_waits_too_long_for_its_files_is_told_and_goes_on_when_they_come() {
        let meters = Meters::new();
        let (grant, files) = oneshot::channel();
        let mark = Mark {
            size: 7,
            root: Hash::EMPTY_ROOT,
        };
        let shown = meters.clone();
        let seen = async move {
            while shown.files_late.get() < 3 {
                tokio::task::yield_now().await;
            }
            assert!(shown.files_wait_ms.get() >= 3);
            assert_eq!(shown.metrics.failing(), ["integrating"]);
            grant.send(mark).unwrap();
        };
        let wait = granted(7, files, Duration::from_millis(1), &meters);
        let (granted, ()) = tokio::join!(wait, seen);
        assert_eq!(granted, Some(mark));
        assert_eq!(meters.files_wait_ms.get(), 0);
        assert!(meters.metrics.failing().is_empty());
    }

    #[tokio::test]
    async fn files_that_never_come_are_not_waited_for() {
        let (grant, files) = oneshot::channel();
        drop(grant);
        let meters = Meters::new();
        let granted = granted(7, files, Duration::from_secs(600), &meters);
        assert_eq!(granted.await, None);
    }
}
