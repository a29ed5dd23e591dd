//! Public blobs of a log beyond one machine: in the bucket before they count.
//!
//! `blob/2c/2cf24dba...` in the bucket is the blob; the copy on this machine's disk says that this
//! process saw it there, which is what a statement that names it needs. A process that begins to
//! lead has no copies: who submits such a statement is told to put the blob, and putting it again
//! stores nothing twice.

use std::io;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use statement::FileDigest;
use store::StoreError;
use tlog::Hash;
use tokio::sync::Semaphore;

use super::public::headers;
use crate::error::{BlobRefusal, chain};
use crate::shared::Shared;
use crate::shelf::Shelf;

/// Blobs that are in memory on their way to the bucket or from it.
const IN_MEMORY_MAX: usize = 4;
static IN_MEMORY: Semaphore = Semaphore::const_new(IN_MEMORY_MAX);

fn path(digest: &Hash) -> String {
    let hex = digest.to_hex();
    format!("blob/{}/{hex}", &hex[..2])
}

/// Puts a blob of `size` bytes into the bucket, then on this machine's disk.
pub(crate) async fn keep(
    shared: &Arc<Shared>,
    digest: &FileDigest,
    size: u64,
    body: Body,
) -> Result<(), BlobRefusal> {
    let _room = IN_MEMORY.acquire().await;
    let limit = usize::try_from(size).unwrap_or(usize::MAX);
    let bytes = to_bytes(body, limit).await;
    let bytes = bytes.map_err(|error| other_bytes(error.to_string()))?;
    if bytes.len() as u64 != size || tlog::sha256(&bytes) != *digest.hash() {
        return Err(other_bytes("its digest or length is another".to_owned()));
    }
    let stored = async {
        let file = (path(digest.hash()), bytes.to_vec());
        shared.shelf.create_many(vec![file]).await?;
        let shared = Arc::clone(shared);
        let copied = tokio::task::spawn_blocking(move || shared.blobs.put(&bytes));
        match copied.await {
            Ok(copied) => copied.map(drop),
            Err(error) => Err(StoreError::Stream(io::Error::other(error))),
        }
    };
    stored.await.map_err(|error| {
        tracing::error!(%digest, error = %chain(&error), "the blob cannot be stored");
        BlobRefusal::Unavailable
    })
}

fn other_bytes(what: String) -> BlobRefusal {
    BlobRefusal::Body(StoreError::Stream(io::Error::other(what)))
}

/// Gives a blob that another process took.
pub(crate) async fn give(shelf: &dyn Shelf, digest: &FileDigest, bytes_max: u64) -> Response {
    let _room = IN_MEMORY.acquire().await;
    let path = path(digest.hash());
    match shelf.read(&path, bytes_max).await {
        Ok(bytes) if tlog::sha256(&bytes) == *digest.hash() => {
            let (caching, kind) = headers(&path);
            let headers = [
                (header::CACHE_CONTROL, caching),
                (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
                (
                    header::X_CONTENT_TYPE_OPTIONS,
                    HeaderValue::from_static("nosniff"),
                ),
            ];
            (headers, bytes).into_response()
        }
        Ok(_) => {
            tracing::error!(%digest, "the bucket has other bytes");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        Err(StoreError::NotFound { .. }) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => {
            tracing::error!(%digest, error = %chain(&error), "the blob cannot be read");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}
