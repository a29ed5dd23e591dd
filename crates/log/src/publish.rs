//! From sequenced to published: integrate, sign, have it witnessed, publish.
//!
//! One task does all of it, one tree at a time, so `published <= integrated <= sequenced` holds by
//! the order of its lines. Each stage is durable before the next begins, and doing one again makes
//! the same bytes or a fresh signature over the same tree.

use std::sync::Arc;
use std::time::Duration;

use store::StoreError;
use tlog::{ArchiveId, BundleId, Checkpoint, Note, Policy, Witnessed, cosign, sign_checkpoint};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::clock::posix_seconds;
use crate::config::LogKeys;
use crate::error::{LogError, chain};
use crate::gather::{Signed, Witnesses};
use crate::limits::{BACKOFF, WRITE_BYTES_MAX};
use crate::shared::{Published, Shared};
use tlog::tree::{Edge, File, plan_bundle};

/// The task's own state.
pub(crate) struct Publisher {
    pub(crate) shared: Arc<Shared>,
    pub(crate) keys: LogKeys,
    /// The tree whose tiles are durable.
    pub(crate) edge: Edge,
    /// Sizes in the archive, ascending.
    pub(crate) archived: Vec<u64>,
    pub(crate) witnesses: Witnesses,
}

/// What is to be published next: the law fixes tree and policy together.
struct Goal {
    checkpoint: Checkpoint,
    policy: Policy,
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
        let refresh = Duration::from_millis(config.refresh_ms);
        let batch = Duration::from_millis(config.batch_ms);
        let mut sequenced = self.shared.sequenced.subscribe();
        let mut backoff = BACKOFF.0;
        // What a restart found is cosigned again at once: its cosignatures may be old.
        let mut due = Instant::now();
        loop {
            let news = *sequenced.borrow_and_update() > self.published_size();
            if !news {
                tokio::select! {
                    changed = sequenced.changed() => {
                        changed.map_err(|_| LogError::Ended { part: "sequencer" })?;
                    }
                    () = sleep_until(due) => {}
                }
            }
            if *sequenced.borrow() > self.published_size() {
                sleep(batch).await;
            }
            let Some(goal) = self.goal() else {
                // Before the constitution is complete there is no policy to publish under.
                due = Instant::now() + refresh;
                sequenced
                    .changed()
                    .await
                    .map_err(|_| LogError::Ended { part: "sequencer" })?;
                continue;
            };
            self.integrate(&goal.checkpoint).await?;
            let signed = self.sign(goal.checkpoint).await?;
            match self.witnesses.gather(&signed, &goal.policy).await {
                Some(witnessed) => {
                    self.publish(&witnessed).await?;
                    backoff = BACKOFF.0;
                }
                None => {
                    tracing::warn!(size = self.edge.size(), "no quorum of witnesses");
                    sleep(backoff).await;
                    backoff = (backoff * 2).min(BACKOFF.1);
                }
            }
            due = Instant::now() + refresh;
        }
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
        let checkpoint = Checkpoint::new(self.shared.origin.clone(), size, root)
            .expect("SQLite numbers rows below 2^63");
        Some(Goal { checkpoint, policy })
    }

    /// Makes the tiles and bundles up to `goal` durable.
    async fn integrate(&mut self, goal: &Checkpoint) -> Result<(), LogError> {
        self.integrate_to(goal.size()).await?;
        if self.edge.root() == *goal.root() {
            return Ok(());
        }
        Err(LogError::OtherHistory {
            claim: "the replay of the entries".to_owned(),
            size: goal.size(),
            signed: *goal.root(),
            found: self.edge.root(),
        })
    }

    /// Makes everything in `public/` that archived checkpoints need, where it was lost; each size
    /// has partial tiles and bundles of its own.
    pub(crate) async fn integrate_archived(&mut self) -> Result<(), LogError> {
        for size in self.archived.clone() {
            if size > self.edge.size() {
                self.integrate_to(size).await?;
            }
        }
        Ok(())
    }

    async fn integrate_to(&mut self, size: u64) -> Result<(), LogError> {
        let mut files: Vec<File> = Vec::new();
        let mut bytes = 0;
        for id in BundleId::between(self.edge.size(), size) {
            let first = id.first_entry();
            let entries = self
                .shared
                .rows
                .read(first, first + u64::from(id.width()))
                .await?;
            let planned = plan_bundle(&mut self.edge, id, &entries).map_err(LogError::Encode)?;
            bytes += planned.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
            files.extend(planned);
            if bytes > WRITE_BYTES_MAX {
                self.create(std::mem::take(&mut files)).await?;
                bytes = 0;
            }
        }
        files.extend(self.edge.partial_tiles());
        self.create(files).await
    }

    async fn create(&self, files: Vec<File>) -> Result<(), LogError> {
        let shared = Arc::clone(&self.shared);
        blocking(move || shared.files.create_many(&files)).await
    }

    /// Signs with both keys, and remembers it before anybody sees it.
    async fn sign(&self, checkpoint: Checkpoint) -> Result<Signed, LogError> {
        let text = checkpoint.to_string();
        let lines = vec![
            sign_checkpoint(&text, &self.keys.ed25519).map_err(LogError::Sign)?,
            cosign(&checkpoint, posix_seconds(), &self.keys.ml_dsa).map_err(LogError::Sign)?,
        ];
        let note = Note::new(text, lines).map_err(LogError::Encode)?;
        let kept = note.to_string();
        self.shared.rows.keep_signed(&checkpoint, &kept).await?;
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
        let is_new = self.archived.last().is_none_or(|last| *last < size);
        if is_new {
            self.shared.rows.archive(size, &note).await?;
            self.archived.push(size);
        }
        let archived = self.archived.clone();
        let (shared, shown) = (Arc::clone(&self.shared), note.clone());
        blocking(move || {
            if is_new {
                write_archive(&shared, &[(size, shown.clone())], &archived)?;
            }
            shared.files.replace("checkpoint", shown.as_bytes())
        })
        .await?;
        let note = note.into();
        self.shared
            .published
            .send_replace(Some(Published { size, note }));
        tracing::debug!(size, "published");
        Ok(())
    }
}

/// `archive/<size>` for some checkpoints, then `archive/index` with all sizes.
pub(crate) fn write_archive(
    shared: &Shared,
    notes: &[(u64, String)],
    sizes: &[u64],
) -> Result<(), StoreError> {
    let files: Vec<(String, &str)> = notes
        .iter()
        .filter_map(|(size, note)| Some((ArchiveId::new(*size).ok()?.path(), note.as_str())))
        .collect();
    shared.files.create_many(&files)?;
    let index: String = sizes.iter().map(|size| format!("{size}\n")).collect();
    shared.files.replace("archive/index", index.as_bytes())
}

/// Runs file work where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, LogError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(error) => {
            tracing::error!(error = %chain(&error), "file work ended by a defect");
            Err(LogError::Ended { part: "file work" })
        }
    }
}
