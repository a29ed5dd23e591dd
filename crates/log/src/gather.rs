//! Gathering cosignatures: every witness is asked at once, the policy says when it is enough.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serve::{Client, ClientConfig, ClientError};
use tlog::{
    AddCheckpoint, CONFLICT_CONTENT_TYPE, Checkpoint, ConflictSize, Hash, Note, Policy,
    SignatureLine, Witnessed, open_witnessed, parse_cosignatures, prove_consistency,
    verify_cosignature,
};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::error::{LogError, chain};
use crate::files::Tiles;
use crate::limits::WITNESS_ANSWER_BYTES_MAX;
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
}

/// The witnesses of a log.
#[derive(Debug)]
pub(crate) struct Witnesses {
    client: Client,
    asked: Vec<Asked>,
    grace: Duration,
    timeout: Duration,
}

/// Why one witness did not cosign.
#[derive(Debug, thiserror::Error)]
enum NoCosignature {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("its answer is no list of cosignatures")]
    Answer(#[source] tlog::ParseError),
    #[error("it cosigned a tree of {theirs} entries of this log, here are {ours}")]
    Ahead { theirs: u64, ours: u64 },
    #[error(transparent)]
    Proof(#[from] LogError),
}

impl Witnesses {
    /// The witnesses of a configuration. They are first offered growth from `size`.
    pub(crate) fn new(config: &crate::Config, size: u64) -> Result<Self, LogError> {
        let client = Client::new(&ClientConfig {
            connect_timeout_ms: config.witness_timeout_ms,
            total_timeout_ms: config.witness_timeout_ms,
        })?;
        let asked = config.witnesses.iter().map(|witness| Asked {
            url: witness.url.clone(),
            size,
        });
        Ok(Self {
            client,
            asked: asked.collect(),
            grace: Duration::from_millis(config.grace_ms),
            timeout: Duration::from_millis(config.witness_timeout_ms),
        })
    }

    /// Asks everybody for cosignatures. Returns the witnessed checkpoint, or `None` if the quorum
    /// of `policy` was not met. Once it is, the rest has a short grace.
    pub(crate) async fn gather(
        &mut self,
        shared: &Arc<Shared>,
        signed: &Signed,
        policy: &Policy,
    ) -> Option<Witnessed<Checkpoint>> {
        let mut answers = JoinSet::new();
        for (at, asked) in self.asked.iter().cloned().enumerate() {
            let (client, timeout) = (self.client.clone(), self.timeout);
            let (shared, signed) = (Arc::clone(shared), signed.clone());
            answers.spawn(async move {
                let url = asked.url.clone();
                let answer = ask(&client, timeout, &shared, asked, &signed).await;
                (at, url, answer)
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

/// Asks one witness, again if it names another size.
async fn ask(
    client: &Client,
    timeout: Duration,
    shared: &Arc<Shared>,
    asked: Asked,
    signed: &Signed,
) -> Result<Vec<SignatureLine>, NoCosignature> {
    let ours = signed.checkpoint.size();
    let url = format!("{}/add-checkpoint", asked.url);
    let mut old = asked.size;
    let mut corrected = false;
    loop {
        if old > ours {
            return Err(NoCosignature::Ahead { theirs: old, ours });
        }
        let request = AddCheckpoint {
            old_size: old,
            proof: prove(Arc::clone(shared), old, ours).await?,
            checkpoint: signed.note.to_string().into_bytes(),
        };
        let kind = "text/plain; charset=utf-8";
        let body = request.to_bytes();
        let answer = client.post(&url, kind, body, WITNESS_ANSWER_BYTES_MAX, timeout);
        match answer.await {
            Ok(reply) => return parse_cosignatures(&reply.body).map_err(NoCosignature::Answer),
            Err(error) => match conflict(&error) {
                Some(theirs) if !corrected => {
                    old = theirs;
                    corrected = true;
                }
                _ => return Err(error.into()),
            },
        }
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

async fn prove(shared: Arc<Shared>, old: u64, new: u64) -> Result<Vec<Hash>, LogError> {
    let proved = tokio::task::spawn_blocking(move || {
        prove_consistency(&Tiles(&shared.files), old, new).map_err(LogError::Prove)
    });
    proved
        .await
        .unwrap_or(Err(LogError::Ended { part: "prover" }))
}
