//! `POST /submit-batch` (`spec/submit.md`): many entries in one call, an answer for each.
//!
//! ```text
//! 01 93 {"payload":"eyJf...   00 f7 {"payload":"eyJf...        an entry bundle: length, entry, ...
//!
//! {"witnessed":40,"answers":[{"index":41},{"status":403,"code":"entry.role","title":"...","detail":"..."}]}
//! ```
//!
//! Room is taken before a byte of the body is read: first for the call as it arrives, then for its
//! entries in the queue, all of them or none. Entries are read and verified on all cores beside the
//! threads that serve others.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serve::Problem;
use tlog::bundle;

use crate::error::{CallRefusal, SubmitRefusal};
use crate::http::Room;
use crate::limits::{CALL_BYTES_MAX, CALL_ENTRIES_MAX, CHUNK_ENTRIES};
use crate::refuse::{refuse, refuse_call};
use crate::sequence::{Candidate, Verdict};
use crate::submit::{Wish, enqueue, witnessed};

/// Body of the answer.
#[derive(Debug, Serialize)]
struct Answers {
    /// Entries below this index are under a witnessed checkpoint.
    witnessed: u64,
    /// One for each entry of the call, in its order.
    answers: Vec<OneAnswer>,
}

/// What became of one entry.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum OneAnswer {
    Taken {
        index: u64,
    },
    Refused {
        status: u16,
        code: &'static str,
        title: String,
        detail: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after_seconds: Option<u32>,
    },
}

impl From<Problem> for OneAnswer {
    fn from(problem: Problem) -> Self {
        Self::Refused {
            status: problem.status.as_u16(),
            code: problem.code,
            title: problem.title,
            detail: problem.detail,
            retry_after_seconds: problem.retry_after_seconds,
        }
    }
}

pub(crate) async fn submit_batch(
    State(room): State<Room>,
    Query(wish): Query<Wish>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let wait = match wish.wait() {
        Ok(wait) => wait,
        Err(problem) => return problem.into_response(),
    };
    let verdicts = match take(&room, &headers, body).await {
        Ok(verdicts) => verdicts,
        Err(refusal) => return refuse_call(&refusal, &room.shared.meters).into_response(),
    };
    let highest = verdicts
        .iter()
        .filter_map(|verdict| verdict.as_ref().ok().copied())
        .max();
    if let (true, Some(highest)) = (wait, highest) {
        witnessed(&room, highest).await;
    }
    if room.shared.is_contradicted() {
        // They are durable in a history that may not be the log's.
        let refusal = SubmitRefusal::Unavailable;
        return refuse(&refusal, &room.shared.meters).into_response();
    }
    answer(&room, verdicts, highest)
}

fn answer(room: &Room, verdicts: Vec<Verdict>, highest: Option<u64>) -> Response {
    let published = room.shared.published.borrow();
    let witnessed = published.as_ref().map_or(0, |published| published.size);
    drop(published);
    let one = |verdict: Verdict| match verdict {
        Ok(index) => OneAnswer::Taken { index },
        Err(refusal) => refuse(&refusal, &room.shared.meters).into(),
    };
    let answers = verdicts.into_iter().map(one).collect();
    let status = match highest.is_none_or(|highest| highest < witnessed) {
        true => StatusCode::OK,
        false => StatusCode::ACCEPTED,
    };
    (status, Json(Answers { witnessed, answers })).into_response()
}

/// Takes the entries of a call; a verdict for each.
async fn take(room: &Room, headers: &HeaderMap, body: Body) -> Result<Vec<Verdict>, CallRefusal> {
    // What could never stand in the queue is not asked to come back.
    let bytes = announced(headers, room.gate.bytes_max().min(CALL_BYTES_MAX))?;
    let arriving = room.arriving.enter(std::iter::once(bytes))?;
    let body = to_bytes(body, bytes)
        .await
        .map_err(|_| CallRefusal::Broken)?;
    let entries = parse_call(&body, room.gate.entries_max())?;
    let candidates = read_all(room, entries).await?;
    let sizes = |read: &Result<Candidate, SubmitRefusal>| read.as_ref().ok().map(Candidate::size);
    let sizes: Vec<usize> = candidates.iter().filter_map(sizes).collect();
    let mut places = room.gate.enter(sizes.into_iter())?.into_iter();
    drop(arriving);
    let mut refused = Vec::new();
    let good = candidates
        .into_iter()
        .enumerate()
        .filter_map(|(at, read)| match read {
            Ok(candidate) => Some((places.next()?, candidate)),
            Err(refusal) => {
                refused.push((at, refusal));
                None
            }
        });
    let awaited = enqueue(&room.queue, good);
    let mut verdicts = Vec::with_capacity(awaited.len());
    for verdict in awaited {
        verdicts.push(match verdict {
            Ok(verdict) => verdict.await.unwrap_or(Err(SubmitRefusal::Unavailable)),
            Err(refusal) => Err(refusal),
        });
    }
    // Ascending, so each stands where it stood in the call.
    for (at, refusal) in refused {
        verdicts.insert(at, Err(refusal));
    }
    Ok(verdicts)
}

/// The size of the body, known before any of it is read.
fn announced(headers: &HeaderMap, bytes_max: usize) -> Result<usize, CallRefusal> {
    let length = headers.get(header::CONTENT_LENGTH);
    let bytes: Option<u64> = length.and_then(|value| value.to_str().ok()?.parse().ok());
    let bytes = bytes.ok_or(CallRefusal::Length)?;
    let fits = usize::try_from(bytes)
        .ok()
        .filter(|bytes| *bytes <= bytes_max);
    fits.ok_or(CallRefusal::TooLarge { bytes, bytes_max })
}

/// The entries of a call, which has as many as a bundle and never more than the queue.
fn parse_call(body: &Bytes, queue_max: usize) -> Result<Vec<Bytes>, CallRefusal> {
    let entries = bundle::parse_all(body).map_err(CallRefusal::Malformed)?;
    let entries_max = queue_max.min(CALL_ENTRIES_MAX);
    if entries.len() > entries_max {
        return Err(CallRefusal::TooMany { entries_max });
    }
    Ok(entries
        .into_iter()
        .map(|entry| body.slice_ref(entry))
        .collect())
}

/// Reads entries on all cores; the order stays.
async fn read_all(
    room: &Room,
    entries: Vec<Bytes>,
) -> Result<Vec<Result<Candidate, SubmitRefusal>>, CallRefusal> {
    let mut chunks = Vec::new();
    for chunk in entries.chunks(CHUNK_ENTRIES) {
        let chunk = chunk.to_vec();
        let core = Arc::clone(&room.cores).acquire_owned().await;
        let shared = Arc::clone(&room.shared);
        chunks.push(room.shared.surroundings.threads.begin(move || {
            let _core = core;
            let read = |entry: Bytes| Candidate::read(entry.to_vec(), &shared);
            chunk.into_iter().map(read).collect::<Vec<_>>()
        }));
    }
    let mut read = Vec::with_capacity(entries.len());
    for chunk in chunks {
        read.extend(chunk.ended().await.map_err(|error| {
            tracing::error!(%error, "reading entries ended by a defect");
            CallRefusal::Unavailable
        })?);
    }
    Ok(read)
}
