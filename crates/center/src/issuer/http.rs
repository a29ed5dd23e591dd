//! The issuer over HTTP: RFC 9578, and one switch from refusals to statuses.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use serde_json::{Value, json};
use serve::Problem;
use token::{
    DIRECTORY_CONTENT_TYPE, DIRECTORY_PATH, LICENCE_HEADER, RESPONSE_CONTENT_TYPE,
    SIGNATURE_HEADER, TOKEN_TYPE,
};

use super::Issuer;
use super::refusal::IssuerRefusal;
use crate::error::chain;
use crate::limits::RETRY_AFTER_SECONDS;

/// The routes of an issuer.
pub fn issuer_router(issuer: Arc<Issuer>) -> Router {
    Router::new()
        .route(DIRECTORY_PATH, get(directory))
        .route("/token-request", post(issue))
        .with_state(issuer)
}

/// RFC 9578 section 4. Only for whoever looks: an endpoint takes no key from here.
async fn directory(State(issuer): State<Arc<Issuer>>) -> Result<Response, Problem> {
    let signing = issuer.signing().await;
    let signing = signing.map_err(|error| problem(&error.into()))?;
    let keys: Vec<Value> = signing
        .iter()
        .map(|signing| {
            json!({"token-type": TOKEN_TYPE, "token-key": URL_SAFE.encode(signing.key.public().spki()),
                   "not-before": signing.said.valid_from})
        })
        .collect();
    let kind = [(header::CONTENT_TYPE, DIRECTORY_CONTENT_TYPE)];
    let body = json!({"issuer-request-uri": "/token-request", "token-keys": keys});
    Ok((kind, Json(body).into_response().into_body()).into_response())
}

async fn issue(State(issuer): State<Arc<Issuer>>, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name: &'static str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.ok_or(IssuerRefusal::Header { name })
    };
    let (licence, signature) = match (text(LICENCE_HEADER), text(SIGNATURE_HEADER)) {
        (Ok(licence), Ok(signature)) => (licence.to_owned(), signature.to_owned()),
        (Err(refusal), _) | (_, Err(refusal)) => return problem(&refusal).into_response(),
    };
    // Goes on to its end even when the caller hangs up.
    let done = tokio::spawn(async move { issuer.issue(&licence, &signature, &body).await }).await;
    let ended = || Err(IssuerRefusal::Internal(crate::error::CenterError::Ended));
    match done.unwrap_or_else(|_| ended()) {
        Ok(signed) => {
            let headers = [
                (header::CONTENT_TYPE, RESPONSE_CONTENT_TYPE),
                (header::CACHE_CONTROL, "no-store"),
            ];
            (headers, signed.to_vec()).into_response()
        }
        Err(refusal) => problem(&refusal).into_response(),
    }
}

/// The one place where a refusal becomes a status.
fn problem(refusal: &IssuerRefusal) -> Problem {
    let title = "no token is issued";
    let (status, code) = match refusal {
        IssuerRefusal::Request(_) => (StatusCode::UNPROCESSABLE_ENTITY, "issuer.request"),
        IssuerRefusal::NoKey { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "issuer.key"),
        IssuerRefusal::Header { .. } | IssuerRefusal::Unknown(_) => {
            (StatusCode::UNAUTHORIZED, "issuer.licence")
        }
        IssuerRefusal::Quota { .. } => (StatusCode::TOO_MANY_REQUESTS, "issuer.quota"),
        IssuerRefusal::Internal(error) => {
            // Paths and addresses of ours are nobody's business.
            tracing::error!(cause = chain(error), "the issuer could not do it");
            let problem = Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "issuer.unavailable",
                "the issuer cannot do it at the moment",
                "",
            );
            return problem.retry_after(RETRY_AFTER_SECONDS);
        }
    };
    let problem = Problem::new(status, code, title, chain(refusal));
    match refusal {
        IssuerRefusal::Quota { wait_seconds, .. } => {
            problem.retry_after(u32::try_from(*wait_seconds).unwrap_or(u32::MAX))
        }
        _ => problem,
    }
}
