//! From sequenced to published: integrate, sign, have it witnessed, publish.
//!
//! One task does all of it, one tree at a time, so `published <= integrated <= sequenced` holds by
//! the order of its lines. Each stage is durable before the next begins, and doing one again makes
//! the same bytes or a fresh signature over the same tree.

use std::sync::Arc;
use std::time::Duration;

use tlog::{ArchiveId, Checkpoint, Note, Policy, Witnessed, cosign, sign_checkpoint};
use tokio::sync::{oneshot, watch};
use tokio::time::sleep_until;

use crate::config::LogKeys;
use crate::error::LogError;
use crate::gather::{Signed, Witnesses};
use crate::growth::outgrown;
use crate::limits::BACKOFF;
use crate::pace::{Next, Round, Tempo, plan};
use crate::shared::{Published, Shared};
use crate::shelf::{File, Shelf};
use crate::table::{Fence, Mark, SignedTree};
use crate::write::Wishes;

/// The task's own state.
pub(crate) struct Publisher {
    pub(crate) shared: Arc<Shared>,
    pub(crate) keys: LogKeys,
    /// Under which this process leads.
    pub(crate) fence: Fence,
    /// Where the files of a checkpoint are asked for.
    pub(crate) wishes: Arc<Wishes>,
    /// What was signed last.
    pub(crate) signed: Option<Mark>,
    /// Sizes in the archive, ascending.
    pub(crate) archived: Vec<u64>,
    pub(crate) witnesses: Witnesses,
}

/// What is to be published next: the law fixes tree and policy together.
struct Goal {
    checkpoint: Checkpoint,
    policy: Policy,
    /// Answers once all files of this tree are durable.
    files: oneshot::Receiver<Mark>,
}

impl Publisher {
    /// Publishes until `stop` changes.
    ///
    /// # Errors
    /// When the disk or a key refuses, the rows give another tree than was fed to the law, or a
    /// witness remembers another history under the log's own signature.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) -> Result<(), LogError> {
        let shared = Arc::clone(&self.shared);
        tokio::select! {
            // First, so that nothing is published after it.
            biased;
            () = shared.contradicted() => {
                let ended = LogError::Ended { part: "publisher" };
                Err(shared.take_contradiction().unwrap_or(ended))
            }
            ended = self.publish_for_ever() => ended,
            _ = stop.wait_for(|stop| *stop) => Ok(()),
        }
    }

    async fn publish_for_ever(&mut self) -> Result<(), LogError> {
        let config = &self.shared.config;
        let tempo = Tempo {
            batch: Duration::from_millis(config.batch_ms),
            refresh: Duration::from_millis(config.refresh_ms),
            backoff: BACKOFF,
        };
        let clock = self.shared.clock;
        let mut sequenced = self.shared.sequenced.subscribe();
        let mut last = None;
        loop {
            let pending = *sequenced.borrow_and_update() - self.published_size();
            let allowed = self.witnesses.allowed_at();
            let until = match plan(clock.now(), pending, last, allowed, &tempo) {
                Next::Now => None,
                Next::At(at) => {
                    sleep_until(clock.at(at)).await;
                    continue;
                }
                Next::Idle(at) => Some(clock.at(at)),
            };
            let goal = match until {
                None => self.goal(),
                Some(_) => None,
            };
            let Some(goal) = goal else {
                // Idle, or before the constitution is complete: then there is no policy to publish
                // under, and only an entry can change that.
                tokio::select! {
                    biased;
                    changed = sequenced.changed() => {
                        changed.map_err(|_| LogError::Ended { part: "sequencer" })?;
                    }
                    () = sleep_until(until.unwrap_or_else(|| clock.at(clock.now() + tempo.refresh))) => {}
                }
                continue;
            };
            last = Some(self.round(goal, last).await?);
        }
    }

    /// Makes one tree durable, signs it, has it witnessed, and publishes it if there is a quorum.
    async fn round(&mut self, goal: Goal, last: Option<Round>) -> Result<Round, LogError> {
        let clock = self.shared.clock;
        let began = clock.now();
        let size = goal.checkpoint.size();
        let entries = size - self.published_size();
        integrate(&goal.checkpoint, goal.files).await?;
        let signed = self.sign(goal.checkpoint).await?;
        let failures = match self.witnesses.gather(&signed, &goal.policy).await {
            Some(witnessed) => {
                self.publish(&witnessed).await?;
                0
            }
            None => {
                tracing::warn!(size, "no quorum of witnesses");
                last.map_or(0, |last| last.failures).saturating_add(1)
            }
        };
        let round = Round {
            began,
            ended: clock.now(),
            entries,
            failures,
        };
        self.shared.meters.round(&round, last.as_ref(), size);
        Ok(round)
    }

    fn published_size(&self) -> u64 {
        let published = self.shared.published.borrow();
        published.as_ref().map_or(0, |published| published.size)
    }

    /// The tree as it is sequenced now, with the policy that is in force after its last entry.
    fn goal(&self) -> Option<Goal> {
        let mut law = self.shared.law();
        let policy = law.policy()?.clone();
        let (size, root) = law.mark();
        // While the law is held, so that no entry after these was handed over.
        let files = self.wishes.checkpoint(size);
        let checkpoint = Checkpoint::new(self.shared.origin.clone(), size, root)
            .expect("a log has fewer than 2^63 entries");
        Some(Goal {
            checkpoint,
            policy,
            files,
        })
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

    /// Archives the first witnessed checkpoint of a size, then shows the newest one.
    async fn publish(&mut self, witnessed: &Witnessed<Checkpoint>) -> Result<(), LogError> {
        let size = witnessed.size();
        let note = String::from_utf8_lossy(witnessed.note()).into_owned();
        self.shared
            .law()
            .settle_marked(witnessed)
            .map_err(|source| LogError::Checkpoint {
                claim: "the checkpoint about to be published".to_owned(),
                source: Box::new(source),
            })?;
        let (table, shelf) = (&self.shared.table, &*self.shared.shelf);
        let before = self.archived.last().copied().unwrap_or(0);
        if before < size || self.archived.is_empty() {
            table.archive(self.fence, size, &note).await?;
            self.archived.push(size);
            write_archive(shelf, &[(size, note.clone())], &self.archived).await?;
        }
        shelf.replace("checkpoint", note.clone().into()).await?;
        // What is published, witnessed and archived last is this very tree.
        shelf
            .forget_partials(outgrown(before, size).collect())
            .await?;
        let note = note.into();
        self.shared
            .published
            .send_replace(Some(Published { size, note }));
        tracing::debug!(size, "published");
        Ok(())
    }
}

/// Waits until the tiles and bundles of a checkpoint are durable, and makes sure that they are of
/// the tree that was fed to the law.
async fn integrate(goal: &Checkpoint, files: oneshot::Receiver<Mark>) -> Result<(), LogError> {
    let ended = LogError::Ended { part: "integrator" };
    let found = files.await.map_err(|_| ended)?;
    if found.size == goal.size() && found.root == *goal.root() {
        return Ok(());
    }
    Err(LogError::OtherHistory {
        claim: "the replay of the entries".to_owned(),
        size: goal.size(),
        signed: *goal.root(),
        found: found.root,
    })
}

/// `archive/<size>` for some checkpoints, then `archive/index` with all sizes.
pub(crate) async fn write_archive(
    shelf: &dyn Shelf,
    notes: &[(u64, String)],
    sizes: &[u64],
) -> Result<(), LogError> {
    let files: Vec<File> = notes
        .iter()
        .filter_map(|(size, note)| Some((ArchiveId::new(*size).ok()?.path(), note.clone().into())))
        .collect();
    shelf.create_many(files).await?;
    let index: String = sizes.iter().map(|size| format!("{size}\n")).collect();
    Ok(shelf.replace("archive/index", index.into()).await?)
}
