//! `POST /submit` (`spec/submit.md`): take an entry, and if possible answer with its proof.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serve::{Gauge, Problem};
use tlog::{TlogProof, prove_inclusion};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::error::{LogError, SubmitRefusal, chain};
use crate::files::Tiles;
use crate::gate::Place;
use crate::http::Room;
use crate::refuse::refuse;
use crate::sequence::{Candidate, Submission, Verdict};
use crate::shared::{Published, Shared};

/// What may stand behind the question mark.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wish {
    /// `0`: answer as soon as the entry is durable. `1`, the default: wait for witnesses.
    wait: Option<u8>,
}

/// Body of a 202.
#[derive(Debug, Serialize)]
struct Durable {
    index: u64,
}

impl Wish {
    /// Whether to wait for witnesses.
    pub(crate) fn wait(&self) -> Result<bool, Box<Problem>> {
        match self.wait {
            None | Some(1) => Ok(true),
            Some(0) => Ok(false),
            Some(other) => {
                let detail = "Use 0 to be answered as soon as the entry is durable, or 1.";
                let status = StatusCode::BAD_REQUEST;
                let problem =
                    Problem::new(status, "submit.wait", "`wait` is neither 0 nor 1", detail);
                Err(Box::new(problem.about("wait", &other.to_string())))
            }
        }
    }
}

pub(crate) async fn submit(
    State(room): State<Room>,
    Query(wish): Query<Wish>,
    body: Bytes,
) -> Response {
    let wait = match wish.wait() {
        Ok(wait) => wait,
        Err(problem) => return problem.into_response(),
    };
    let refuse = |refusal| refuse(&refusal, &room.shared.meters).into_response();
    let index = match place(&room, body.into()).await {
        Ok(index) => index,
        Err(refusal) => return refuse(refusal),
    };
    let published = match wait {
        true => witnessed(&room, index).await,
        false => None,
    };
    if room.shared.is_contradicted() {
        // It is durable in a history that may not be the log's.
        return refuse(SubmitRefusal::Unavailable);
    }
    let durable = (StatusCode::ACCEPTED, Json(Durable { index })).into_response();
    let Some(published) = published else {
        return durable;
    };
    match prove(Arc::clone(&room.shared), index, published).await {
        Ok(proof) => {
            let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
            (kind, proof.to_bytes()).into_response()
        }
        Err(error) => {
            // The entry is durable whatever happens to its proof.
            tracing::error!(index, error = %chain(&error), "no proof could be made");
            durable
        }
    }
}

/// Has the entry sequenced; when this returns `Ok` it is durable.
async fn place(room: &Room, bytes: Vec<u8>) -> Verdict {
    let size = bytes.len();
    let candidate = Candidate::read(bytes, &room.shared)?;
    let places = room.gate.enter(std::iter::once(size))?;
    let mut verdicts = enqueue(&room.queue, places.into_iter().zip([candidate]));
    match verdicts.pop() {
        Some(Ok(verdict)) => verdict.await.unwrap_or(Err(SubmitRefusal::Unavailable)),
        _ => Err(SubmitRefusal::Unavailable),
    }
}

/// What the sequencer will say about an entry, unless the log is stopping.
pub(crate) type Awaited = Result<oneshot::Receiver<Verdict>, SubmitRefusal>;

/// Hands entries to the sequencer, in order. The queue has room for all that have a place.
pub(crate) fn enqueue(
    queue: &mpsc::Sender<Submission>,
    entries: impl Iterator<Item = (Place, Candidate)>,
) -> Vec<Awaited> {
    let one = |(place, candidate)| {
        let (reply, verdict) = oneshot::channel();
        let submission = Submission {
            candidate,
            reply,
            _place: place,
        };
        let sent = queue.try_send(submission);
        sent.map(|()| verdict)
            .map_err(|_| SubmitRefusal::Unavailable)
    };
    entries.map(one).collect()
}

/// The first published checkpoint that covers the entry, if one comes in time and the log goes on.
/// So many may wait; the others are answered at once, for their entry is durable.
pub(crate) async fn witnessed(room: &Room, index: u64) -> Option<Published> {
    let _chair = room.waiting.try_acquire().ok()?;
    let _counted = Waiting::begin(&room.shared.meters.waiting);
    let shared = &room.shared;
    let mut published = shared.published.subscribe();
    let covers = |newest: &Option<Published>| newest.as_ref().is_some_and(|p| p.size > index);
    let patience = Duration::from_millis(shared.config.wait_ms);
    tokio::select! {
        biased;
        () = shared.contradicted() => None,
        newest = timeout(patience, published.wait_for(covers)) => match newest {
            Ok(Ok(newest)) => newest.clone(),
            _ => None,
        },
    }
}

/// One more who waits, until it is dropped.
struct Waiting<'a>(&'a Gauge);

impl<'a> Waiting<'a> {
    fn begin(gauge: &'a Gauge) -> Self {
        gauge.add(1);
        Self(gauge)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.add(-1);
    }
}

/// The proof of an entry under what is published.
pub(crate) async fn prove(
    shared: Arc<Shared>,
    index: u64,
    published: Published,
) -> Result<TlogProof, LogError> {
    let proved = shared.surroundings.threads.begin(move || {
        let path =
            prove_inclusion(&Tiles::of(&shared), index, published.size).map_err(LogError::Prove)?;
        Ok(TlogProof {
            extra: None,
            index,
            path,
            checkpoint: published.note.as_bytes().to_vec(),
        })
    });
    proved
        .ended()
        .await
        .unwrap_or(Err(LogError::Ended { part: "prover" }))
}
