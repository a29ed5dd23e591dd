//! The witness protocol over HTTP: one switch from refusals to statuses, and the daemon.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serve::{Clock, Problem, ReadyFile, ServerConfig};
use tlog::{CONFLICT_CONTENT_TYPE, ConflictSize, SignatureLine, cosignatures_to_bytes};

use crate::config::Config;
use crate::error::{Refusal, WitnessError};
use crate::limits::BODY_BYTES_MAX;
use crate::witness::Witness;

const TEXT: &str = "text/plain; charset=utf-8";

/// Runs a witness until `shutdown` completes or a stop signal arrives. Its address is in the file
/// `url` of its directory while it listens.
///
/// # Errors
/// Configuration, keys, directory, database or address cannot be used.
pub async fn serve(
    config: Config,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), WitnessError> {
    let witness = Arc::new(Witness::open(&config).await?);
    ReadyFile::clear(&config.dir)?;
    let server = ServerConfig {
        body_bytes_max: config.server.body_bytes_max.min(BODY_BYTES_MAX),
        ..config.server
    };
    let listener = serve::bind(server.listen).await?;
    let _ready = ReadyFile::write(&config.dir, &serve::bound_url(&listener)?)?;
    let router = router(witness, Clock::of_this_machine());
    serve::run(listener, router, &server, shutdown).await?;
    Ok(())
}

/// What handlers need.
#[derive(Clone)]
struct Room {
    witness: Arc<Witness>,
    clock: Clock,
}

/// The routes of a witness that states the time of `clock`.
pub fn router(witness: Arc<Witness>, clock: Clock) -> Router {
    Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/sign-subtree", post(sign_subtree))
        .route("/faults", get(faults))
        .route("/{origin}/checkpoint", get(checkpoint))
        .with_state(Room { witness, clock })
}

async fn add_checkpoint(State(room): State<Room>, body: Bytes) -> Response {
    let now = room.clock.posix_seconds();
    answer(room.witness.add_checkpoint(&body, now).await)
}

async fn sign_subtree(State(room): State<Room>, body: Bytes) -> Response {
    answer(room.witness.sign_subtree(&body))
}

fn answer(lines: Result<Vec<SignatureLine>, Refusal>) -> Response {
    match lines {
        Ok(lines) => {
            let kind = [(header::CONTENT_TYPE, TEXT)];
            (kind, cosignatures_to_bytes(&lines)).into_response()
        }
        Err(refusal) => refuse(&refusal),
    }
}

async fn checkpoint(State(room): State<Room>, Path(origin): Path<String>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, TEXT),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    match room.witness.latest_note(&origin).await {
        Ok(Some(note)) => (headers, note).into_response(),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => refuse(&Refusal::Internal(error)),
    }
}

async fn faults(State(room): State<Room>) -> Response {
    match room.witness.faults().await {
        Ok(faults) => {
            let text: String = faults.iter().map(ToString::to_string).collect();
            ([(header::CONTENT_TYPE, TEXT)], text).into_response()
        }
        Err(error) => refuse(&Refusal::Internal(error)),
    }
}

/// tlog-witness, "add-checkpoint" and "sign-subtree": which refusal has which status.
fn refuse(refusal: &Refusal) -> Response {
    let (status, code) = match refusal {
        Refusal::Malformed(_) => (StatusCode::BAD_REQUEST, "checkpoint.malformed"),
        Refusal::OldAboveSize { .. } => (StatusCode::BAD_REQUEST, "checkpoint.old_above_size"),
        Refusal::EndAboveSize { .. } => (StatusCode::BAD_REQUEST, "subtree.end_above_size"),
        Refusal::NotCosigned => (StatusCode::FORBIDDEN, "subtree.not_cosigned"),
        Refusal::UnknownOrigin { .. } => (StatusCode::NOT_FOUND, "checkpoint.origin"),
        Refusal::Signature(_) => (StatusCode::FORBIDDEN, "checkpoint.signature"),
        Refusal::Conflict { latest, .. } => {
            let kind = [(header::CONTENT_TYPE, CONFLICT_CONTENT_TYPE)];
            let body = ConflictSize(*latest).to_string();
            return (StatusCode::CONFLICT, kind, body).into_response();
        }
        Refusal::Inconsistent(_) => (StatusCode::UNPROCESSABLE_ENTITY, "checkpoint.inconsistent"),
        Refusal::Internal(error) => {
            tracing::error!(error = %chain(error), "cannot answer");
            (StatusCode::SERVICE_UNAVAILABLE, "witness.unavailable")
        }
    };
    // What went wrong inside is for the operator's log, not for strangers.
    let detail = std::error::Error::source(refusal)
        .filter(|_| status != StatusCode::SERVICE_UNAVAILABLE)
        .map(chain)
        .unwrap_or_default();
    Problem::new(status, code, refusal.to_string(), detail).into_response()
}

/// An error with its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}
