//! Sequencing: one writer gives each accepted submission its index.
//!
//! A batch is planned against the law as it stands, written in one transaction, fed to the law,
//! and only then acknowledged. A statement that changes what is in force is a batch by itself, so
//! that whatever comes after it is judged by it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::{Duration, Instant};

use law::InForce;
use statement::{Envelope, FileDigest, KeyId, Predicate, Statement, StatementDigest};
use tokio::sync::{mpsc, oneshot};

use crate::clock::posix_seconds;
use crate::error::{LogError, SubmitRefusal, chain};
use crate::limits::BATCH_MAX;
use crate::quota::Quota;
use crate::rows::{Known, NewRow};
use crate::shared::Shared;

/// Where an entry stands, or why it stands nowhere.
pub(crate) type Verdict = Result<u64, SubmitRefusal>;

/// A well-formed submission.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) bytes: Vec<u8>,
    pub(crate) envelope: Envelope,
    pub(crate) statement: Statement,
}

/// A candidate and who waits for its verdict.
pub(crate) struct Submission {
    pub(crate) candidate: Candidate,
    pub(crate) reply: oneshot::Sender<Verdict>,
}

impl Candidate {
    /// Reads the body of a submission.
    pub(crate) fn parse(bytes: Vec<u8>) -> Result<Self, SubmitRefusal> {
        let envelope = Envelope::parse(&bytes).map_err(SubmitRefusal::Envelope)?;
        let statement = Statement::parse(envelope.payload()).map_err(SubmitRefusal::Statement)?;
        Ok(Self {
            bytes,
            envelope,
            statement,
        })
    }

    /// Whether it may change what later entries are judged by.
    fn changes_the_law(&self) -> bool {
        matches!(
            self.statement.predicate,
            Predicate::Constitution(_)
                | Predicate::Activation(_)
                | Predicate::Revocation(_)
                | Predicate::Closure(_)
                | Predicate::Halt(_)
        )
    }

    fn identity(&self) -> (StatementDigest, KeyId) {
        (self.envelope.digest(), self.envelope.key())
    }
}

/// Sequences until every sender is gone.
///
/// # Errors
/// Only when it is not known what is on disk; then the log must start again.
pub(crate) async fn run(
    shared: Arc<Shared>,
    mut queue: mpsc::Receiver<Submission>,
) -> Result<(), LogError> {
    let config = &shared.config;
    let mut desk = Desk {
        quota: Quota::new(config.key_entries_burst, config.key_entries_per_minute),
        since: Instant::now(),
    };
    let mut waiting = Vec::new();
    while queue.recv_many(&mut waiting, BATCH_MAX).await > 0 {
        while !waiting.is_empty() {
            let rest = waiting.split_off(batch_end(&waiting));
            let batch = std::mem::replace(&mut waiting, rest);
            sequence(&shared, &mut desk, batch).await?;
        }
    }
    Ok(())
}

/// What the sequencer remembers between batches.
struct Desk {
    quota: Quota,
    since: Instant,
}

/// How many of the first submissions make a batch.
fn batch_end(waiting: &[Submission]) -> usize {
    let position = waiting.iter().position(|s| s.candidate.changes_the_law());
    position.map_or(waiting.len(), |at| at.max(1))
}

async fn sequence(
    shared: &Shared,
    desk: &mut Desk,
    batch: Vec<Submission>,
) -> Result<(), LogError> {
    if shared.is_contradicted() {
        refuse_all(batch);
        return Ok(());
    }
    let mut known = Vec::with_capacity(batch.len());
    for submission in &batch {
        match shared.rows.find(&submission.candidate.envelope).await {
            Ok(found) => known.push(found),
            Err(error) => {
                tracing::error!(error = %chain(&error), "the database cannot be read");
                refuse_all(batch);
                return Ok(());
            }
        }
    }
    let candidates: Vec<&Candidate> = batch.iter().map(|s| &s.candidate).collect();
    let (verdicts, rows) = {
        let law = shared.law();
        let has_blob = |digest: FileDigest| shared.blobs.contains(digest.hash());
        let elapsed = desk.since.elapsed();
        let mut may_add = |candidate: &Candidate| {
            let is_free = matches!(candidate.statement.predicate, Predicate::Revocation(_));
            let key = candidate.envelope.key();
            match is_free {
                true => Ok(()),
                false => desk.quota.take(key, elapsed),
            }
        };
        let now = posix_seconds();
        plan(&law, (&candidates, &known), has_blob, &mut may_add, now)
    };
    if !rows.is_empty() {
        if let Err(error) = shared.rows.append(&rows).await {
            tracing::error!(error = %chain(&error), "entries could not be written");
            let expected = *shared.sequenced.borrow();
            // A failed commit may still be on disk. Then nobody may be told "refused".
            let found = shared.rows.next_index().await?;
            refuse_all(batch);
            return if found == expected {
                Ok(())
            } else {
                Err(LogError::CommitUnknown { expected, found })
            };
        }
        let next = feed(shared, &rows);
        shared.sequenced.send_replace(next);
    }
    for (submission, verdict) in batch.into_iter().zip(verdicts) {
        // Nobody is there any more if the submitter hung up.
        submission.reply.send(verdict).ok();
    }
    Ok(())
}

fn feed(shared: &Shared, rows: &[NewRow]) -> u64 {
    let mut law = shared.law();
    for row in rows {
        match law.feed(row.index, &row.bytes) {
            Ok(law::Fed::Counts(_)) => {}
            Ok(law::Fed::Ignored(refusal)) => {
                tracing::warn!(index = row.index, %refusal, "the entry stands without effect");
            }
            Err(error) => unreachable!("rows are planned from the next index on: {error}"),
        }
    }
    law.next_index()
}

fn refuse_all(batch: Vec<Submission>) {
    for submission in batch {
        submission.reply.send(Err(SubmitRefusal::Unavailable)).ok();
    }
}

/// Decides about a batch, without effects: a verdict for each candidate, and the rows to write.
/// `may_add` is asked, last of all, about each that would be written; `now` is in POSIX seconds.
fn plan(
    law: &InForce,
    (candidates, known): (&[&Candidate], &[Option<Known>]),
    has_blob: impl Fn(FileDigest) -> bool,
    may_add: &mut dyn FnMut(&Candidate) -> Result<(), Duration>,
    now: u64,
) -> (Vec<Verdict>, Vec<NewRow>) {
    let mut rows: Vec<NewRow> = Vec::new();
    let mut in_batch: HashMap<_, Known> = HashMap::new();
    let mut verdicts = Vec::with_capacity(candidates.len());
    for (candidate, known) in candidates.iter().zip(known) {
        let (digest, key) = candidate.identity();
        let place = in_batch.entry((digest, key));
        let first = match (&place, known) {
            (Entry::Occupied(first), _) => Some(first.get()),
            (Entry::Vacant(_), stored) => stored.as_ref(),
        };
        if let Some(first) = first.filter(|first| first.bytes == candidate.bytes) {
            verdicts.push(Ok(first.index));
            continue;
        }
        let first = first.map(|first| first.index);
        let verdict = judge(law, candidate, &has_blob, now).and_then(|()| {
            // The same payload and key under another signature: the first leaf stands for both.
            if let Some(first) = first {
                return Ok(first);
            }
            may_add(candidate).map_err(|wait| SubmitRefusal::Quota { wait })?;
            let index = law.next_index() + rows.len() as u64;
            let bytes = candidate.bytes.clone();
            rows.push(NewRow {
                index,
                digest,
                key,
                bytes: bytes.clone(),
            });
            place.insert_entry(Known { index, bytes });
            Ok(index)
        });
        verdicts.push(verdict);
    }
    (verdicts, rows)
}

fn judge(
    law: &InForce,
    candidate: &Candidate,
    has_blob: impl Fn(FileDigest) -> bool,
    now: u64,
) -> Result<(), SubmitRefusal> {
    law.judge_candidate(&candidate.bytes, now)
        .map_err(SubmitRefusal::Law)?;
    if matches!(candidate.statement.predicate, Predicate::Activation(_)) {
        // Rare, and the only way to know whether its wait is proven. Without effect it would stand
        // in the log for nothing.
        let fed = law.clone().feed(law.next_index(), &candidate.bytes);
        if let Ok(law::Fed::Ignored(refusal)) = fed {
            return Err(SubmitRefusal::Law(refusal));
        }
    }
    let blobs = candidate.statement.predicate.blobs().iter();
    let missing = blobs
        .filter(|blob| blob.public)
        .map(|blob| blob.sha256)
        .find(|digest| !has_blob(*digest));
    match missing {
        Some(digest) => Err(SubmitRefusal::BlobMissing { digest }),
        None => Ok(()),
    }
}
