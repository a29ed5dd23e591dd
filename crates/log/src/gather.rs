//! Gathering cosignatures: every witness is asked at once, the policy says when it is enough.
//!
//! A witness is offered nothing before it said what it cosigned last (`memory`): what is signed
//! here might contradict it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serve::{Client, ClientConfig, ClientError};
use tlog::{
    AddCheckpoint, CONFLICT_CONTENT_TYPE, Checkpoint, ConflictSize, Note, Policy, SignatureLine,
    VerifierKey, Witnessed, open_witnessed, parse_cosignatures, verify_cosignature,
};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::error::{LogError, chain};
use crate::files::prove_growth;
use crate::limits::WITNESS_ANSWER_BYTES_MAX;
use crate::memory::{Recall, find_contradiction};
use crate::shared::Shared;

/// A checkpoint with the log's own signatures, as it is sent to witnesses.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) note: Note,
}

/// One witness as the log knows it.
#[derive(Debug, Clone)]
struct Asked {
    url: String,
    /// Size it cosigned last, as far as is known; it corrects us (409).
    size: u64,
    /// Whether it ever said what it cosigned last.
    heard: Arc<AtomicBool>,
    /// Held while it is asked that, so that it is asked once at a time.
    recalling: Arc<Mutex<()>>,
}

/// The witnesses of a log.
pub(crate) struct Witnesses {
    asker: Asker,
    asked: Vec<Asked>,
    grace: Duration,
}

/// What it takes to ask one of them.
#[derive(Clone)]
struct Asker {
    shared: Arc<Shared>,
    client: Client,
    recall: Arc<Recall>,
    timeout: Duration,
}

/// Why one witness did not cosign.
#[derive(Debug, thiserror::Error)]
enum NoCosignature {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("its answer is no list of cosignatures")]
    Answer(#[source] tlog::ParseError),
    #[error("it says it cosigned a tree of {theirs} entries, here are {ours}; it shows no proof")]
    Ahead { theirs: u64, ours: u64 },
    #[error("it does not say what it cosigned last, so nothing is offered to it")]
    Silent(#[source] ClientError),
    #[error("it is still being asked what it cosigned last")]
    Recalling,
    #[error("it remembers another history")]
    Contradicted,
    #[error(transparent)]
    Log(#[from] LogError),
}

impl Witnesses {
    /// The witnesses of the log's configuration, and which of them were `heard` at start. They are
    /// first offered growth from what is published.
    pub(crate) fn new(
        shared: &Arc<Shared>,
        own_keys: [VerifierKey; 2],
        heard: &[bool],
    ) -> Result<Self, LogError> {
        let config = &shared.config;
        let client = Client::new(&ClientConfig {
            connect_timeout_ms: config.witness_timeout_ms,
            total_timeout_ms: config.witness_timeout_ms,
        })?;
        let recall = Recall::new(&shared.origin, own_keys, config.witness_timeout_ms)?;
        let published = shared.published.borrow();
        let size = published.as_ref().map_or(0, |published| published.size);
        let asked = config.witnesses.iter().zip(heard);
        let asked = asked.map(|(witness, heard)| Asked {
            url: witness.url.clone(),
            size,
            heard: Arc::new(AtomicBool::new(*heard)),
            recalling: Arc::default(),
        });
        Ok(Self {
            asked: asked.collect(),
            grace: Duration::from_millis(config.grace_ms),
            asker: Asker {
                shared: Arc::clone(shared),
                client,
                recall: Arc::new(recall),
                timeout: Duration::from_millis(config.witness_timeout_ms),
            },
        })
    }

    /// Asks everybody for cosignatures. Returns the witnessed checkpoint, or `None` if the quorum
    /// of `policy` was not met. Once it is, the rest has a short grace.
    pub(crate) async fn gather(
        &mut self,
        signed: &Signed,
        policy: &Policy,
    ) -> Option<Witnessed<Checkpoint>> {
        let mut answers = JoinSet::new();
        for (at, asked) in self.asked.iter().cloned().enumerate() {
            let (asker, signed) = (self.asker.clone(), signed.clone());
            answers.spawn(async move {
                let answer = asker.ask(&asked, &signed).await;
                (at, asked.url, answer)
            });
        }
        let mut lines = vec![None; policy.witnesses().len()];
        let mut deadline = None;
        loop {
            let next = match deadline {
                None => answers.join_next().await,
                Some(at) => tokio::select! {
                    next = answers.join_next() => next,
                    () = sleep_until(at) => None,
                },
            };
            let Some(next) = next else { break };
            let Ok((at, url, answer)) = next else {
                continue;
            };
            match answer {
                Ok(answer) => {
                    self.asked[at].size = signed.checkpoint.size();
                    take_valid(&answer, &signed.checkpoint, policy, &mut lines);
                }
                Err(error) => tracing::warn!(url, error = %chain(&error), "no cosignature"),
            }
            if deadline.is_none() && is_enough(policy, &lines) {
                deadline = Some(Instant::now() + self.grace);
            }
        }
        deadline?;
        let mut signatures = signed.note.signatures().to_vec();
        signatures.extend(lines.into_iter().flatten());
        let note = Note::new(signed.note.text().to_owned(), signatures).map(|n| n.to_string());
        let opened = note.map(|note| open_witnessed(note.as_bytes(), policy));
        match opened {
            Ok(Ok(witnessed)) => Some(witnessed),
            Ok(Err(error)) => {
                tracing::error!(error = %chain(&error), "the policy in force refuses our checkpoint");
                None
            }
            Err(error) => {
                tracing::error!(%error, "the cosigned checkpoint is no note");
                None
            }
        }
    }
}

fn is_enough(policy: &Policy, lines: &[Option<SignatureLine>]) -> bool {
    let names: BTreeSet<_> = policy
        .witnesses()
        .iter()
        .zip(lines)
        .filter(|(_, line)| line.is_some())
        .map(|(witness, _)| witness.name().clone())
        .collect();
    policy.is_satisfied(&names)
}

/// Keeps the lines that verify under a key of the policy. Others would spoil the whole note for
/// everybody who knows their key, or mean nothing.
fn take_valid(
    answer: &[SignatureLine],
    checkpoint: &Checkpoint,
    policy: &Policy,
    lines: &mut [Option<SignatureLine>],
) {
    for (witness, place) in policy.witnesses().iter().zip(lines) {
        let by_it = answer.iter().find(|line| line.is_by(witness.vkey()));
        let Some(line) = by_it else { continue };
        match verify_cosignature(checkpoint, line, witness.vkey()) {
            Ok(_) => *place = Some(line.clone()),
            Err(error) => {
                let name = witness.name();
                tracing::error!(%name, %error, "a witness sent a false cosignature");
            }
        }
    }
}

impl Asker {
    /// Asks one witness, again if it names another size.
    async fn ask(
        &self,
        asked: &Asked,
        signed: &Signed,
    ) -> Result<Vec<SignatureLine>, NoCosignature> {
        if !asked.heard.load(Ordering::Relaxed) {
            self.recall(asked, signed).await?;
        }
        let ours = signed.checkpoint.size();
        let url = format!("{}/add-checkpoint", asked.url);
        let mut old = asked.size;
        let mut corrected = false;
        loop {
            if old > ours {
                // A bare number is no evidence; what it shows with our signature is.
                self.recall(asked, signed).await?;
                return Err(NoCosignature::Ahead { theirs: old, ours });
            }
            let request = AddCheckpoint {
                old_size: old,
                proof: prove_growth(Arc::clone(&self.shared), old, ours).await?,
                checkpoint: signed.note.to_string().into_bytes(),
            };
            let kind = "text/plain; charset=utf-8";
            let body = request.to_bytes();
            let answer = self
                .client
                .post(&url, kind, body, WITNESS_ANSWER_BYTES_MAX, self.timeout);
            let error = match answer.await {
                Ok(reply) => return parse_cosignatures(&reply.body).map_err(NoCosignature::Answer),
                Err(error) => error,
            };
            match conflict(&error) {
                Some(theirs) if !corrected => {
                    old = theirs;
                    corrected = true;
                }
                _ => {
                    // It disagrees about the past (409), or our proof does not verify (422).
                    if matches!(error.status(), Some(409 | 422)) {
                        self.recall(asked, signed).await?;
                    }
                    return Err(error.into());
                }
            }
        }
    }

    /// Has a witness say what it cosigned last, and stops the log if it does not have that.
    async fn recall(&self, asked: &Asked, signed: &Signed) -> Result<(), NoCosignature> {
        let (asker, asked, signed) = (self.clone(), asked.clone(), signed.clone());
        // A task of its own: that others made a quorum ends the asking, but not this.
        let recalled = tokio::spawn(async move {
            let Ok(_once) = asked.recalling.try_lock() else {
                return Err(NoCosignature::Recalling);
            };
            let seen = asker.recall.ask(&asked.url).await;
            if let Some(seen) = seen.map_err(NoCosignature::Silent)? {
                let found = find_contradiction(&asker.shared, &signed.checkpoint, seen).await?;
                if let Some(error) = found {
                    asker.shared.contradict(error);
                    return Err(NoCosignature::Contradicted);
                }
            }
            asked.heard.store(true, Ordering::Relaxed);
            Ok(())
        });
        let ended = LogError::Ended { part: "recall" };
        recalled.await.unwrap_or(Err(ended.into()))
    }
}

/// The size in a 409 of the specification.
fn conflict(error: &ClientError) -> Option<u64> {
    let reply = error.refused()?;
    let told = reply.status == 409 && reply.content_type.as_deref() == Some(CONFLICT_CONTENT_TYPE);
    let body = std::str::from_utf8(&reply.body).ok().filter(|_| told)?;
    let ConflictSize(size) = body.parse().ok()?;
    Some(size)
}
