//! Public files from a shelf that is not a directory, as they are asked for.
//!
//! For a log of some traffic the bucket itself, or a cache in front of it, serves better: every
//! object has its headers. This is so that the address of a log answers whatever it is asked.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serve::{Caching, Problem, published_caching};
use store::StoreError;

use crate::error::chain;
use crate::limits::FILE_BYTES_MAX;
use crate::shelf::Shelf;

/// The routes of the public files.
pub(crate) fn public(shelf: Arc<dyn Shelf>) -> Router {
    Router::new()
        .route("/checkpoint", get(give))
        .route("/tile/{*path}", get(give))
        .route("/archive/{*path}", get(give))
        .with_state(shelf)
}

async fn give(State(shelf): State<Arc<dyn Shelf>>, request: Request) -> Response {
    let path = request.uri().path().trim_start_matches('/');
    match shelf.read(path, FILE_BYTES_MAX).await {
        Ok(bytes) => {
            let (caching, kind) = headers(path);
            let nosniff = HeaderValue::from_static("nosniff");
            let headers = [
                (header::CACHE_CONTROL, caching),
                (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
                (header::X_CONTENT_TYPE_OPTIONS, nosniff),
            ];
            (headers, bytes).into_response()
        }
        Err(StoreError::NotFound { .. } | StoreError::Path(_)) => {
            StatusCode::NOT_FOUND.into_response()
        }
        Err(error) => {
            tracing::warn!(path, error = %chain(&error), "a public file cannot be read");
            let title = "the public file cannot be read now";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "log.shelf", title, "")
                .retry_after(1)
                .into_response()
        }
    }
}

/// How long a file may be kept by who read it, and what it is.
pub(super) fn headers(path: &str) -> (HeaderValue, &'static str) {
    let caching = match path {
        // The one file of the archive that grows.
        "archive/index" => Caching::Never,
        other => published_caching(other),
    };
    let caching = match caching {
        // A blob is named by its digest.
        _ if path.starts_with("blob/") => IMMUTABLE,
        Caching::Immutable => IMMUTABLE,
        // The checkpoint is the one file that may be old for a moment.
        Caching::Seconds(_) => HeaderValue::from_static("public, max-age=5"),
        Caching::Never => HeaderValue::from_static("no-cache"),
    };
    let kind = match path.starts_with("tile/") || path.starts_with("blob/") {
        true => "application/octet-stream",
        false => "text/plain; charset=utf-8",
    };
    (caching, kind)
}

const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_changes_may_be_kept_for_ever() {
        for (path, caching, kind) in [
            ("tile/0/x001/067", "immutable", "application/octet-stream"),
            (
                "tile/entries/000.p/3",
                "immutable",
                "application/octet-stream",
            ),
            ("blob/2c/2cf2", "immutable", "application/octet-stream"),
            ("archive/41", "immutable", "text/plain; charset=utf-8"),
            ("archive/index", "no-cache", "text/plain; charset=utf-8"),
            ("checkpoint", "max-age=5", "text/plain; charset=utf-8"),
        ] {
            let (header, found) = headers(path);
            let header = header.to_str().unwrap_or_default();
            assert!(header.ends_with(caching), "{path}: {header}");
            assert_eq!(found, kind, "{path}");
        }
    }
}
