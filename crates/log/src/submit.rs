//! `POST /submit` (`spec/submit.md`): take an entry, and if possible answer with its proof.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use law::Code;
use serde::{Deserialize, Serialize};
use serve::Problem;
use tlog::{TlogProof, prove_inclusion};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::error::{LogError, SubmitRefusal, chain};
use crate::files::Tiles;
use crate::http::Room;
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

pub(crate) async fn submit(
    State(room): State<Room>,
    Query(wish): Query<Wish>,
    body: Bytes,
) -> Response {
    let wait = match wish.wait {
        None | Some(1) => true,
        Some(0) => false,
        Some(other) => {
            let detail = "Use 0 to be answered as soon as the entry is durable, or 1.";
            let status = StatusCode::BAD_REQUEST;
            return Problem::new(status, "submit.wait", "`wait` is neither 0 nor 1", detail)
                .about("wait", &other.to_string())
                .into_response();
        }
    };
    let index = match place(&room.queue, body.into()).await {
        Ok(index) => index,
        Err(refusal) => return refuse(&refusal).into_response(),
    };
    let published = match wait {
        true => witnessed(&room.shared, index).await,
        false => None,
    };
    if room.shared.is_contradicted() {
        // It is durable in a history that may not be the log's.
        return refuse(&SubmitRefusal::Unavailable).into_response();
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
async fn place(queue: &mpsc::Sender<Submission>, bytes: Vec<u8>) -> Verdict {
    let candidate = Candidate::parse(bytes)?;
    let (reply, verdict) = oneshot::channel();
    let submission = Submission { candidate, reply };
    queue.try_send(submission).map_err(|error| match error {
        mpsc::error::TrySendError::Full(_) => SubmitRefusal::Busy,
        mpsc::error::TrySendError::Closed(_) => SubmitRefusal::Unavailable,
    })?;
    verdict.await.unwrap_or(Err(SubmitRefusal::Unavailable))
}

/// The first published checkpoint that covers the entry, if one comes in time and the log goes on.
async fn witnessed(shared: &Shared, index: u64) -> Option<Published> {
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

async fn prove(
    shared: Arc<Shared>,
    index: u64,
    published: Published,
) -> Result<TlogProof, LogError> {
    let proved = tokio::task::spawn_blocking(move || {
        let path = prove_inclusion(&Tiles(&shared.files), index, published.size)
            .map_err(LogError::Prove)?;
        Ok(TlogProof {
            extra: None,
            index,
            path,
            checkpoint: published.note.as_bytes().to_vec(),
        })
    });
    proved
        .await
        .unwrap_or(Err(LogError::Ended { part: "prover" }))
}

/// Which refusal has which status.
fn refuse(refusal: &SubmitRefusal) -> Problem {
    let causes = || {
        std::error::Error::source(refusal)
            .map(chain)
            .unwrap_or_default()
    };
    let problem =
        |status, code, detail: String| Problem::new(status, code, refusal.to_string(), detail);
    match refusal {
        SubmitRefusal::Envelope(statement::EnvelopeError::TooLong { .. }) => {
            problem(StatusCode::PAYLOAD_TOO_LARGE, "submit.too_long", causes())
        }
        SubmitRefusal::Envelope(_) | SubmitRefusal::Statement(_) => problem(
            StatusCode::BAD_REQUEST,
            Code::EntryMalformed.as_str(),
            causes(),
        ),
        SubmitRefusal::Law(refusal) => Problem::new(
            status_of(refusal.code()),
            refusal.code().as_str(),
            refusal.code().meaning(),
            refusal.detail(),
        ),
        SubmitRefusal::BlobMissing { digest } => {
            let detail = "Put it to /blob/ and its digest first, then submit again.".to_owned();
            problem(StatusCode::CONFLICT, "submit.blob_missing", detail)
                .about("blobs", &digest.to_string())
        }
        SubmitRefusal::Quota { wait } => {
            let seconds = u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX);
            let detail = format!(
                "Nothing was taken; submit again in {seconds} s. Other keys are not held up."
            );
            problem(StatusCode::TOO_MANY_REQUESTS, "submit.quota", detail).retry_after(seconds)
        }
        SubmitRefusal::Busy => {
            let detail = "Nothing was taken; try again.".to_owned();
            problem(StatusCode::SERVICE_UNAVAILABLE, "submit.busy", detail).retry_after(1)
        }
        SubmitRefusal::Unavailable => {
            let detail = "Submit the same bytes again; an entry is never taken twice.".to_owned();
            problem(
                StatusCode::SERVICE_UNAVAILABLE,
                "submit.unavailable",
                detail,
            )
            .retry_after(1)
        }
    }
}

/// The law knows no HTTP: malformed is 400, too early is 409, not entitled is 403.
fn status_of(code: Code) -> StatusCode {
    match code {
        Code::EntryMalformed => StatusCode::BAD_REQUEST,
        Code::EntryNoConstitution | Code::ConstitutionVersion | Code::ConstitutionDelay => {
            StatusCode::CONFLICT
        }
        _ => StatusCode::FORBIDDEN,
    }
}
