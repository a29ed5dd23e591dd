//! The intake over HTTP: one switch from refusals to statuses. `spec/intake.md` is the page of this file.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;
use serde_json::json;
use serve::Problem;
use statement::{FileDigest, SampleId, SamplingRule, StatementDigest};

use crate::cell::Cell;
use crate::config::AdmissionRule;
use crate::disclosure::Disclosure;
use crate::error::{CenterError, Refusal, chain};
use crate::intake::{Accepted, Held};
use crate::limits::{PIECE_BYTES_MAX, RETRY_AFTER_SECONDS};
use crate::whole::Whole;

const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const LENGTH: HeaderName = HeaderName::from_static("upload-length");

type Room = State<Arc<Cell>>;

/// The routes of a cell.
pub fn router(cell: Arc<Cell>) -> Router {
    Router::new()
        .route("/where", get(here))
        .route("/where/bundle", get(bundle))
        .route("/uploads", post(begin))
        .route("/uploads/{sample}", get(state).patch(append))
        .route("/uploads/{sample}/complete", post(complete))
        .route("/samples", post(whole))
        .route("/samples/{sample}/receipt", post(receipt))
        .route("/samples/{sample}/disclosure", post(disclose))
        .route("/samples/{sample}/erase", post(erase))
        .with_state(cell)
}

#[derive(Serialize)]
struct Where {
    home: String,
    log: String,
    declaration: Option<StatementDigest>,
    policy: Option<StatementDigest>,
    epochs: Vec<Shown>,
    /// Keys of the issuer whose tokens are taken; null where none is asked for.
    admission: Option<Vec<ShownKey>>,
    piece_bytes_max: usize,
    sample_bytes_max: u64,
    sampling: Sampling,
}

#[derive(Serialize)]
struct Sampling {
    steps: SamplingRule,
    /// Of what comes now, one in so many is taken.
    one_in: u64,
    /// SHA-256 of the key of today's draw.
    draw: FileDigest,
}

#[derive(Serialize)]
struct Shown {
    purpose: &'static str,
    epoch: StatementDigest,
    valid_from: u64,
    valid_until: u64,
}

#[derive(Serialize)]
struct ShownKey {
    admission: StatementDigest,
    issuer: String,
    valid_from: u64,
    valid_until: u64,
}

async fn here(State(cell): Room) -> Result<Json<Where>, Problem> {
    let ground = cell.ground().ok_or_else(|| problem(&Refusal::Closed))?;
    let sampling = cell.sampling_now().await;
    let (one_in, key) = sampling.map_err(|error| problem(&Refusal::Internal(error)))?;
    let shown = ground.shown(cell.now()).into_iter().map(|epoch| Shown {
        purpose: epoch.said.purpose.as_str(),
        epoch: epoch.digest,
        valid_from: epoch.said.valid_from,
        valid_until: epoch.said.valid_until,
    });
    let keys = ground.admissions.iter().map(|it| ShownKey {
        admission: it.digest,
        issuer: it.said.issuer.to_string(),
        valid_from: it.said.valid_from,
        valid_until: it.said.valid_until,
    });
    let asks = cell.config.admission == AdmissionRule::Tokens;
    Ok(Json(Where {
        admission: asks.then(|| keys.collect()),
        home: cell.home().to_string(),
        log: cell.config.origin.to_string(),
        declaration: ground
            .residence
            .as_ref()
            .map(|it| it.declaration().digest()),
        policy: ground.residence.as_ref().map(|it| it.policy().digest()),
        epochs: shown.collect(),
        piece_bytes_max: PIECE_BYTES_MAX,
        sample_bytes_max: cell.config.sample_bytes_max,
        sampling: Sampling {
            steps: cell.config.sampling.clone(),
            one_in,
            draw: FileDigest::of(key.hash().as_bytes()),
        },
    }))
}

async fn bundle(State(cell): Room) -> Result<Response, Problem> {
    let bytes = cell
        .where_bundle()
        .await
        .map_err(|refusal| problem(&refusal))?;
    let kind = [(header::CONTENT_TYPE, "application/octet-stream")];
    Ok((kind, bytes).into_response())
}

/// The header that a token comes in.
fn authorization(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?;
    // What is no text is no token.
    Some(value.to_str().unwrap_or_default().to_owned())
}

async fn begin(State(cell): Room, headers: HeaderMap, body: Bytes) -> Response {
    let status = |held: &Held| match held.is_new {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    };
    let (shown, intake) = (authorization(&headers), Arc::clone(&cell));
    match finish(async move { intake.begin_upload(&body, shown.as_deref()).await }).await {
        Ok(held) => progress(status(&held), &held),
        Err(refusal) => ask_for_token(&cell, refuse(&refusal)),
    }
}

async fn state(State(cell): Room, Path(sample): Path<String>) -> Response {
    let Some(sample) = id(&sample) else {
        return refuse(&Refusal::Unknown);
    };
    match cell.upload_state(&sample).await {
        Ok(held) => progress(StatusCode::OK, &held),
        Err(refusal) => refuse(&refusal),
    }
}

async fn append(
    State(cell): Room,
    Path(sample): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(sample) = id(&sample) else {
        return refuse(&Refusal::Unknown);
    };
    let offset = headers.get(OFFSET).and_then(|value| value.to_str().ok());
    let Some(offset) = offset.and_then(strict_number) else {
        return refuse(&Refusal::Headers {
            name: "upload-offset",
        });
    };
    match finish(async move { cell.append(&sample, offset, body.to_vec()).await }).await {
        Ok(held) => progress(StatusCode::OK, &held),
        Err(refusal) => refuse(&refusal),
    }
}

async fn complete(State(cell): Room, Path(sample): Path<String>, body: Bytes) -> Response {
    let Some(sample) = id(&sample) else {
        return refuse(&Refusal::Unknown);
    };
    accepted(finish(async move { cell.complete(&sample, &body).await }).await)
}

async fn whole(State(cell): Room, headers: HeaderMap, body: Body) -> Response {
    let (shown, intake) = (authorization(&headers), Arc::clone(&cell));
    let whole = match Whole::receive(body).await {
        Ok(whole) => whole,
        Err(refusal) => return refuse(&refusal),
    };
    let done = finish(async move { intake.take_whole(whole, shown.as_deref()).await });
    ask_for_token(&cell, accepted(done.await))
}

/// A 401 says what is asked for (RFC 9577 section 2.1).
fn ask_for_token(cell: &Cell, mut response: Response) -> Response {
    if response.status() == StatusCode::UNAUTHORIZED
        && let Some(asked) = cell.challenges()
        && let Ok(value) = HeaderValue::from_str(&asked)
    {
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, value);
    }
    response
}

async fn receipt(State(cell): Room, Path(sample): Path<String>, body: Bytes) -> Response {
    let Some(sample) = id(&sample) else {
        return refuse(&Refusal::NoSample);
    };
    match cell.receipt(&sample, &body).await {
        Ok(Some(logged)) => private(Json(logged)),
        Ok(None) => (StatusCode::ACCEPTED, Json(json!({"state": "waiting"}))).into_response(),
        Err(refusal) => refuse(&refusal),
    }
}

async fn disclose(State(cell): Room, Path(sample): Path<String>, body: Bytes) -> Response {
    let Some(sample) = id(&sample) else {
        return refuse(&Refusal::NoSample);
    };
    match cell.disclose(&sample, &body).await {
        Ok(disclosure) => private(Json::<Disclosure>(disclosure)),
        Err(refusal) => refuse(&refusal),
    }
}

async fn erase(State(cell): Room, Path(sample): Path<String>, body: Bytes) -> Response {
    let Some(sample) = id(&sample) else {
        return refuse(&Refusal::NoSample);
    };
    match finish(async move { cell.erase(&sample, &body).await }).await {
        Ok(()) => (StatusCode::ACCEPTED, Json(json!({"state": "erased"}))).into_response(),
        Err(refusal) => refuse(&refusal),
    }
}

/// What changes something goes on to its end even when the caller hangs up.
async fn finish<T: Send + 'static>(
    work: impl Future<Output = Result<T, Refusal>> + Send + 'static,
) -> Result<T, Refusal> {
    let done = tokio::spawn(work).await;
    done.unwrap_or(Err(Refusal::Internal(CenterError::Ended)))
}

fn id(text: &str) -> Option<SampleId> {
    text.parse().ok()
}

/// A number without sign, blanks or leading zeros.
fn strict_number(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

fn number(value: u64) -> HeaderValue {
    HeaderValue::from(value)
}

fn progress(status: StatusCode, held: &Held) -> Response {
    let body = json!({"sample": held.sample, "offset": held.offset, "length": held.length});
    let mut response = (status, Json(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(OFFSET, number(held.offset));
    headers.insert(LENGTH, number(held.length));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(location) = HeaderValue::from_str(&format!("/uploads/{}", held.sample)) {
        headers.insert(header::LOCATION, location);
    }
    response
}

fn accepted(done: Result<Accepted, Refusal>) -> Response {
    match done {
        Ok(Accepted {
            sample,
            seal,
            received,
        }) => {
            let body = json!({"sample": sample, "seal": seal, "received": received});
            (StatusCode::ACCEPTED, Json(body)).into_response()
        }
        Err(refusal) => refuse(&refusal),
    }
}

/// For its owner, and for no cache.
fn private(body: impl IntoResponse) -> Response {
    let headers = [(header::CACHE_CONTROL, "no-store")];
    (headers, body).into_response()
}

fn refuse(refusal: &Refusal) -> Response {
    let mut response = problem(refusal).into_response();
    if let Refusal::Offset { held } | Refusal::Incomplete { held, .. } = refusal {
        response.headers_mut().insert(OFFSET, number(*held));
    }
    response
}

/// The one place where a refusal becomes a status.
fn problem(refusal: &Refusal) -> Problem {
    let (status, code) = status_and_code(refusal);
    if let Refusal::Internal(error) = refusal {
        // Paths and addresses of ours are nobody's business.
        tracing::error!(cause = chain(error), "the cell could not do it");
        let title = "the cell cannot do it at the moment";
        return Problem::new(status, code, title, "").retry_after(RETRY_AFTER_SECONDS);
    }
    let problem = Problem::new(status, code, title(code), chain(refusal));
    match refusal {
        Refusal::Home { found, .. } => problem.about("home", found),
        Refusal::Policy { found, .. } => problem.about("policy", found),
        Refusal::Epoch { purpose, epoch } => problem.about(format!("epoch_{purpose}"), epoch),
        Refusal::Offset { held } | Refusal::Incomplete { held, .. } => {
            problem.about("upload-offset", &held.to_string())
        }
        Refusal::Sampled { one_in } => problem.about("one_in", &one_in.to_string()),
        Refusal::Size { found, .. } => problem.about("size", &found.to_string()),
        Refusal::Front(seal::SealError::Header(statement::LineError::Value {
            key, value, ..
        })) => problem.about(*key, value),
        Refusal::Rate | Refusal::Full | Refusal::Closed | Refusal::NoIssuer | Refusal::Busy => {
            problem.retry_after(RETRY_AFTER_SECONDS)
        }
        _ => problem,
    }
}

fn status_and_code(refusal: &Refusal) -> (StatusCode, &'static str) {
    match refusal {
        Refusal::Front(_) => (StatusCode::BAD_REQUEST, "intake.front"),
        Refusal::SignatureLength { .. } => (StatusCode::BAD_REQUEST, "intake.signature_length"),
        Refusal::Headers { .. } => (StatusCode::BAD_REQUEST, "intake.headers"),
        Refusal::Broken => (StatusCode::BAD_REQUEST, "intake.broken"),
        Refusal::Home { .. } => (StatusCode::FORBIDDEN, "intake.home"),
        Refusal::Policy { .. } => (StatusCode::FORBIDDEN, "intake.policy"),
        Refusal::Epoch { .. } => (StatusCode::FORBIDDEN, "intake.epoch"),
        Refusal::Signature => (StatusCode::FORBIDDEN, "intake.signature"),
        Refusal::Unknown => (StatusCode::NOT_FOUND, "intake.unknown"),
        Refusal::Replayed => (StatusCode::CONFLICT, "intake.replayed"),
        Refusal::Busy => (StatusCode::CONFLICT, "intake.busy"),
        Refusal::Offset { .. } => (StatusCode::CONFLICT, "intake.offset"),
        Refusal::Incomplete { .. } => (StatusCode::CONFLICT, "intake.incomplete"),
        Refusal::Size { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "intake.size"),
        // The same sample is told the same again, so it is no 429 or 503.
        Refusal::Sampled { .. } => (StatusCode::FORBIDDEN, "intake.sampled"),
        Refusal::Rate => (StatusCode::TOO_MANY_REQUESTS, "intake.rate"),
        Refusal::Full => (StatusCode::SERVICE_UNAVAILABLE, "intake.full"),
        Refusal::Closed => (StatusCode::SERVICE_UNAVAILABLE, "intake.closed"),
        Refusal::NoIssuer => (StatusCode::SERVICE_UNAVAILABLE, "intake.no_issuer"),
        Refusal::TokenMissing => (StatusCode::UNAUTHORIZED, "intake.token_missing"),
        Refusal::Token(_) => (StatusCode::UNAUTHORIZED, "intake.token"),
        Refusal::TokenSpent => (StatusCode::CONFLICT, "intake.token_spent"),
        Refusal::NoSample => (StatusCode::NOT_FOUND, "sample.unknown"),
        Refusal::NotOwner => (StatusCode::FORBIDDEN, "sample.signature"),
        Refusal::Erased => (StatusCode::GONE, "sample.erased"),
        Refusal::Internal(error) if is_disk(error) => {
            (StatusCode::INSUFFICIENT_STORAGE, "intake.disk")
        }
        Refusal::Internal(_) => (StatusCode::SERVICE_UNAVAILABLE, "intake.unavailable"),
    }
}

fn is_disk(error: &CenterError) -> bool {
    use store::{DbError, StoreError};
    match error {
        CenterError::Db(DbError::DiskFull { .. })
        | CenterError::Store(StoreError::DiskFull { .. }) => true,
        CenterError::File { source, .. } => matches!(
            source.kind(),
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded
        ),
        _ => false,
    }
}

/// What happened, the same for every occurrence.
fn title(code: &'static str) -> &'static str {
    match code.split_once('.') {
        Some(("sample", _)) => "this is not shown",
        Some((_, "offset" | "incomplete" | "busy")) => "the upload goes on elsewhere",
        Some((_, "sampled")) => "the cell samples, and this one is not needed",
        Some((_, "rate" | "full" | "closed" | "no_issuer")) => "the cell takes no samples now",
        _ => "the sample is not taken",
    }
}
