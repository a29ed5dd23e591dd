//! Sequencing: one writer gives each accepted submission its index.
//!
//! A batch is planned against the law as it stands (`plan`), written in one transaction, fed to the
//! law, and only then acknowledged. A statement that changes what is in force is a batch by itself,
//! so that whatever comes after it is judged by it.

use std::sync::Arc;

use statement::{FileDigest, KeyId};
use tokio::sync::{mpsc, oneshot};

use crate::batch::Batch;
use crate::error::{LogError, SubmitRefusal, chain};
use crate::gate::Place;
use crate::held;
use crate::identities::{Identities, Identity};
use crate::limits::{BATCH_BYTES_MAX, BATCH_MAX};
pub(crate) use crate::plan::{Candidate, Verdict};
use crate::plan::{Facts, Known, Now, Plan, plan};
use crate::quota::Quota;
use crate::shared::Shared;
use crate::write::Writer;

/// A candidate and who waits for its verdict.
pub(crate) struct Submission {
    pub(crate) candidate: Candidate,
    pub(crate) reply: oneshot::Sender<Verdict>,
    /// Its place in the queue, until it has its verdict.
    pub(crate) _place: Place,
}

/// The sequencer's own state.
pub(crate) struct Sequencer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) writer: Writer,
    pub(crate) identities: Identities,
}

/// Sequences until every sender is gone.
///
/// # Errors
/// When another process writes to this log, or it is not known what is on disk; then the log must
/// start again.
pub(crate) async fn run(
    sequencer: Sequencer,
    mut queue: mpsc::Receiver<Submission>,
) -> Result<(), LogError> {
    let config = &sequencer.shared.config;
    let mut desk = Desk {
        quota: Quota::new(config.key_entries_burst, config.key_entries_per_minute),
        shared: Arc::clone(&sequencer.shared),
        writer: sequencer.writer,
        identities: sequencer.identities,
    };
    let mut waiting = Vec::new();
    while queue.recv_many(&mut waiting, BATCH_MAX).await > 0 {
        while !waiting.is_empty() {
            let rest = waiting.split_off(batch_end(&waiting));
            let batch = std::mem::replace(&mut waiting, rest);
            desk.sequence(batch).await?;
        }
    }
    Ok(())
}

/// How many of the first submissions make a batch.
fn batch_end(waiting: &[Submission]) -> usize {
    let mut bytes = 0;
    let end = waiting.iter().position(|submission| {
        bytes += submission.candidate.bytes.len();
        bytes > BATCH_BYTES_MAX || submission.candidate.changes_the_law()
    });
    end.map_or(waiting.len(), |at| at.max(1))
}

/// What the sequencer remembers between batches.
struct Desk {
    quota: Quota,
    shared: Arc<Shared>,
    writer: Writer,
    identities: Identities,
}

impl Desk {
    async fn sequence(&mut self, batch: Vec<Submission>) -> Result<(), LogError> {
        let submissions = batch
            .into_iter()
            .map(|s| (s.candidate, (s.reply, s._place)));
        let (candidates, replies): (Vec<_>, Vec<_>) = submissions.unzip();
        if self.shared.is_contradicted() {
            refuse_all(replies);
            return Ok(());
        }
        let mut facts = Vec::with_capacity(candidates.len());
        for candidate in &candidates {
            match self.look_up(candidate).await {
                Ok(found) => facts.push(found),
                Err(error) => {
                    tracing::error!(error = %chain(&error), "what is stored cannot be read");
                    refuse_all(replies);
                    return Ok(());
                }
            }
        }
        let now = Now {
            posix: self.shared.surroundings.posix_seconds(),
            elapsed: self.shared.clock.now(),
        };
        let Plan {
            verdicts,
            batch,
            taken,
        } = plan(
            &self.shared.law(),
            &candidates,
            &facts,
            &mut self.quota,
            now,
        );
        let mut known = Vec::new();
        if !batch.is_empty() {
            if let Err(error) = self.writer.commit(&batch).await {
                tracing::error!(error = %chain(&error), "entries could not be written");
                refuse_all(replies);
                return if error.is_final() { Err(error) } else { Ok(()) };
            }
            let taken = candidates
                .into_iter()
                .zip(taken)
                .filter(|(_, taken)| *taken);
            known = self.feed(&batch, taken.map(|(candidate, _)| candidate));
        }
        for ((reply, _place), verdict) in replies.into_iter().zip(verdicts) {
            // Nobody is there any more if the submitter hung up.
            reply.send(verdict).ok();
        }
        if batch.is_empty() {
            return Ok(());
        }
        // Now that nobody waits: it may write a file.
        for (identity, index) in known.into_iter().zip(batch.first()..) {
            self.identities.insert(identity, index);
        }
        self.writer.hand_over(batch).await
    }

    /// What the disk says about a candidate.
    async fn look_up(&self, candidate: &Candidate) -> Result<Facts, LogError> {
        Ok(Facts {
            known: self.find(candidate).await?,
            missing_blob: self.missing_blob(candidate).await?,
        })
    }

    async fn missing_blob(&self, candidate: &Candidate) -> Result<Option<FileDigest>, LogError> {
        let predicate = &candidate.opened.statement().predicate;
        if !held::waits(&self.shared.blobs, predicate) {
            return Ok(held::first_missing(&self.shared.blobs, predicate)?);
        }
        let (shared, predicate) = (Arc::clone(&self.shared), predicate.clone());
        let asked = self
            .shared
            .surroundings
            .threads
            .begin(move || held::first_missing(&shared.blobs, &predicate));
        let asked = asked.ended().await;
        Ok(asked.map_err(|_| LogError::Ended {
            part: "blob reader",
        })??)
    }

    async fn find(&self, candidate: &Candidate) -> Result<Option<Known>, LogError> {
        let found = self.identities.find(candidate.identity());
        let Some(index) = found.map_err(LogError::Index)? else {
            return Ok(None);
        };
        let around = self.shared.entries.around(index).await?;
        let bytes = around.get(index).unwrap_or_default().to_vec();
        // Sixteen bytes of a hash are the same; whether it is the same statement is read.
        let is_it = Candidate::parse(bytes.clone()).is_ok_and(|known| same(&known, candidate));
        Ok(is_it.then_some(Known { index, bytes }))
    }

    /// What is durable becomes what the next batch is judged by. Returns its identities.
    #[must_use]
    fn feed(&self, batch: &Batch, taken: impl Iterator<Item = Candidate>) -> Vec<Identity> {
        let mut known = Vec::with_capacity(batch.len());
        let mut law = self.shared.law();
        for (index, candidate) in (batch.first()..).zip(taken) {
            known.push(candidate.identity());
            match law.feed_opened(index, candidate.opened) {
                Ok(law::Fed::Counts(_)) => {}
                Ok(law::Fed::Ignored(refusal)) => {
                    tracing::warn!(index, %refusal, "the entry stands without effect");
                }
                Err(error) => unreachable!("entries are planned from the next index on: {error}"),
            }
        }
        let next = law.next_index();
        drop(law);
        self.shared.sequenced.send_replace(next);
        known
    }
}

fn same(one: &Candidate, other: &Candidate) -> bool {
    let of = |candidate: &Candidate| -> (_, KeyId) {
        (candidate.opened.digest(), candidate.opened.key())
    };
    of(one) == of(other)
}

fn refuse_all(replies: Vec<(oneshot::Sender<Verdict>, Place)>) {
    for (reply, _place) in replies {
        reply.send(Err(SubmitRefusal::Unavailable)).ok();
    }
}
