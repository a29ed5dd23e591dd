//! Public blobs (`spec/blobs.md`): put by a rostered key, got by anybody.
//!
//! ```text
//! PUT /blob/2cf24dba5fb0a30e...9824
//! authorization: Limpid keyid=5f1c...,sig=wZb0...==
//! content-length: 5
//!
//! hello
//! ```

use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, VerifyingKey};
use law::Code;
use serve::Problem;
use statement::{FileDigest, KeyId, Role};
use store::StoreError;
use tlog::{Hash, Sha256Stream};
use tokio::sync::mpsc;
use tower_http::services::ServeFile;

use crate::error::{BlobRefusal, chain};
use crate::http::Room;
use crate::limits::UPLOAD_PIECES_MAX;
use crate::remote;
use crate::shared::Shared;

/// Gives a blob to anybody.
pub(crate) async fn get(
    State(room): State<Room>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let digest = match name.parse::<FileDigest>() {
        Ok(digest) => digest,
        Err(error) => return refuse(&BlobRefusal::Name(error), &name).into_response(),
    };
    let path = room.shared.blobs.path(digest.hash());
    match ServeFile::new(path).try_call(request).await {
        Ok(response) if response.status().is_success() => {
            let mut response = response.map(Body::new);
            let headers = response.headers_mut();
            for (name, value) in [
                (header::CONTENT_TYPE, "application/octet-stream"),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ] {
                headers.insert(name, HeaderValue::from_static(value));
            }
            response
        }
        Ok(response) if response.status() == StatusCode::NOT_FOUND => {
            absent(&room.shared, &digest).await
        }
        Ok(response) => response.status().into_response(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            absent(&room.shared, &digest).await
        }
        Err(error) => {
            tracing::error!(%digest, %error, "the blob cannot be read");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

/// Takes a blob from a rostered key.
pub(crate) async fn put(
    State(room): State<Room>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match take(&room.shared, &name, &headers, body).await {
        Ok(()) => StatusCode::CREATED.into_response(),
        Err(refusal) => refuse(&refusal, &name).into_response(),
    }
}

async fn take(
    shared: &Arc<Shared>,
    name: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<(), BlobRefusal> {
    let digest: FileDigest = name.parse().map_err(BlobRefusal::Name)?;
    let length = headers.get(header::CONTENT_LENGTH);
    let bytes = length.and_then(|value| value.to_str().ok()?.parse().ok());
    let bytes: u64 = bytes.ok_or(BlobRefusal::Length)?;
    let bytes_max = shared.config.blob_bytes_max;
    if bytes > bytes_max {
        return Err(BlobRefusal::TooLarge { bytes, bytes_max });
    }
    check_authorization(shared, headers, &digest, bytes)?;
    // Known already: nothing has to be read, and a damaged copy shows itself to readers.
    if is_kept(shared, &digest).await? {
        return Ok(());
    }
    match shared.config.remote {
        None => store(shared, &digest, bytes, body).await,
        Some(_) => remote::blobs::keep(shared, &digest, bytes, body).await,
    }
}

/// Whether the blob is there, durably.
async fn is_kept(shared: &Arc<Shared>, digest: &FileDigest) -> Result<bool, BlobRefusal> {
    let (keeper, name) = (Arc::clone(shared), *digest.hash());
    let kept = tokio::task::spawn_blocking(move || keeper.blobs.keep(&name));
    match kept.await {
        Ok(Ok(kept)) => Ok(kept),
        Ok(Err(error)) => {
            tracing::error!(%digest, error = %chain(&error), "the blob cannot be kept");
            Err(BlobRefusal::Unavailable)
        }
        Err(error) => {
            tracing::error!(%digest, %error, "keeping a blob ended by a defect");
            Err(BlobRefusal::Unavailable)
        }
    }
}

/// A blob that is not on this machine's disk: another process may have taken it.
async fn absent(shared: &Shared, digest: &FileDigest) -> Response {
    match shared.config.remote {
        None => StatusCode::NOT_FOUND.into_response(),
        Some(_) => {
            let bytes_max = shared.config.blob_bytes_max;
            remote::blobs::give(&*shared.shelf, digest, bytes_max).await
        }
    }
}

/// The exact text that the uploader signs with Ed25519.
fn signed_text(shared: &Shared, digest: &FileDigest, bytes: u64) -> String {
    format!("limpid blob put v1\n{}\n{digest}\n{bytes}\n", shared.origin)
}

/// A key that may sign statements, of the roster in force and in time, signed for these bytes.
fn check_authorization(
    shared: &Shared,
    headers: &HeaderMap,
    digest: &FileDigest,
    bytes: u64,
) -> Result<(), BlobRefusal> {
    let value = headers.get(header::AUTHORIZATION);
    let parsed = value.and_then(|value| parse_authorization(value.to_str().ok()?));
    let (key_id, signature) = parsed.ok_or(BlobRefusal::Authorization)?;
    let raw = rostered_key(shared, key_id)?;
    let text = signed_text(shared, digest, bytes);
    let verified = VerifyingKey::from_bytes(&raw)
        .and_then(|key| key.verify_strict(text.as_bytes(), &Signature::from_bytes(&signature)));
    verified.map_err(|_| BlobRefusal::Key {
        code: Code::EntrySignature,
        key: key_id,
    })
}

/// `Limpid keyid=<64 hex>,sig=<base64 of 64 bytes>`, exactly.
fn parse_authorization(value: &str) -> Option<(KeyId, [u8; 64])> {
    let (key_id, signature) = value.strip_prefix("Limpid keyid=")?.split_once(",sig=")?;
    let signature = STANDARD.decode(signature).ok()?;
    Some((key_id.parse().ok()?, signature.try_into().ok()?))
}

fn rostered_key(shared: &Shared, id: KeyId) -> Result<[u8; 32], BlobRefusal> {
    let refused = |code| BlobRefusal::Key { code, key: id };
    let law = shared.law();
    let constitution = law
        .constitution()
        .ok_or_else(|| refused(Code::EntryNoConstitution))?;
    let found = constitution.find_key(id);
    let (_, key) = found.ok_or_else(|| refused(Code::EntryKeyUnknown))?;
    if matches!(key.role, Role::Tuf | Role::Log | Role::Witness) {
        return Err(refused(Code::EntryRole));
    }
    if shared.surroundings.posix_seconds() > key.not_after {
        return Err(refused(Code::EntryKeyExpired));
    }
    if law.is_revoked(id) {
        return Err(refused(Code::EntryKeyRevoked));
    }
    let raw = key.raw().ok().and_then(|raw| raw.try_into().ok());
    raw.ok_or_else(|| refused(Code::EntryKeyUnknown))
}

/// Streams the body to disk; nothing is kept unless the digest and the length are right.
async fn store(
    shared: &Arc<Shared>,
    digest: &FileDigest,
    bytes: u64,
    body: Body,
) -> Result<(), BlobRefusal> {
    let (pieces, received) = mpsc::channel(UPLOAD_PIECES_MAX);
    let reader = Received {
        pieces: received,
        piece: Bytes::new(),
        digest: Some(Sha256Stream::new()),
        expected: *digest.hash(),
    };
    let writer = Arc::clone(shared);
    let written = tokio::task::spawn_blocking(move || writer.blobs.put_reader(reader, bytes));
    send_pieces(body, pieces).await;
    match written.await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error @ (StoreError::Stream(_) | StoreError::TooLarge { .. }))) => {
            Err(BlobRefusal::Body(error))
        }
        Ok(Err(error)) => {
            tracing::error!(%digest, error = %chain(&error), "the blob cannot be stored");
            Err(BlobRefusal::Unavailable)
        }
        Err(error) => {
            tracing::error!(%digest, %error, "storing a blob ended by a defect");
            Err(BlobRefusal::Unavailable)
        }
    }
}

/// Which refusal has which status.
fn refuse(refusal: &BlobRefusal, name: &str) -> Problem {
    let detail = std::error::Error::source(refusal)
        .map(chain)
        .unwrap_or_default();
    let problem = |status, code| Problem::new(status, code, refusal.to_string(), detail.as_str());
    match refusal {
        BlobRefusal::Name(_) => problem(StatusCode::BAD_REQUEST, "blob.name").about("digest", name),
        BlobRefusal::Length => problem(StatusCode::LENGTH_REQUIRED, "blob.length"),
        BlobRefusal::TooLarge { bytes, .. } => {
            problem(StatusCode::PAYLOAD_TOO_LARGE, "blob.too_large")
                .about("content-length", &bytes.to_string())
        }
        BlobRefusal::Authorization => problem(StatusCode::UNAUTHORIZED, "blob.authorization"),
        BlobRefusal::Key { code, key } => {
            let status = match code {
                Code::EntryNoConstitution => StatusCode::CONFLICT,
                _ => StatusCode::FORBIDDEN,
            };
            problem(status, code.as_str()).about("keyid", &key.to_string())
        }
        BlobRefusal::Body(_) => {
            problem(StatusCode::BAD_REQUEST, "blob.digest").about("digest", name)
        }
        BlobRefusal::Unavailable => {
            problem(StatusCode::SERVICE_UNAVAILABLE, "blob.unavailable").retry_after(1)
        }
    }
}

async fn send_pieces(mut body: Body, pieces: mpsc::Sender<io::Result<Bytes>>) {
    loop {
        let frame = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
        let piece = match frame {
            None => return,
            Some(Ok(frame)) => match frame.into_data() {
                Ok(piece) => Ok(piece),
                // Trailers mean nothing here.
                Err(_) => continue,
            },
            Some(Err(error)) => Err(io::Error::other(error)),
        };
        let last = piece.is_err();
        if pieces.send(piece).await.is_err() || last {
            return;
        }
    }
}

/// The body as it arrives, for a thread that may block. Its end is an error unless the digest is
/// the announced one.
struct Received {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
    digest: Option<Sha256Stream>,
    expected: Hash,
}

impl Read for Received {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.piece = piece?,
                None => {
                    let found = self.digest.take().map(Sha256Stream::finish);
                    return match found {
                        Some(found) if found != self.expected => Err(io::Error::new(
                            io::ErrorKind::InvalidData,
                            format!("its SHA-256 is {}", found.to_hex()),
                        )),
                        _ => Ok(0),
                    };
                }
            }
            if let Some(digest) = &mut self.digest {
                digest.update(&self.piece);
            }
        }
        let count = buffer.len().min(self.piece.len());
        buffer[..count].copy_from_slice(&self.piece.split_to(count));
        Ok(count)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn print(key: &KeyId, signature: &[u8]) -> String {
        format!("Limpid keyid={key},sig={}", STANDARD.encode(signature))
    }

    proptest! {
        #[test]
        fn an_authorization_is_read_back_as_it_is_printed(seed: [u8; 8], signature: [u8; 32]) {
            let key = KeyId::of(&seed);
            let signature = [signature, signature].concat();
            let (read, bytes) = parse_authorization(&print(&key, &signature)).unwrap();
            prop_assert_eq!(read, key);
            prop_assert_eq!(bytes.as_slice(), signature);
        }

        #[test]
        fn an_authorization_has_one_spelling(value in "Limpid keyid=[0-9a-f]{62,65},sig=[A-Za-z0-9+/=]{86,89}") {
            if let Some((key, signature)) = parse_authorization(&value) {
                prop_assert_eq!(print(&key, &signature), value);
            }
        }

        #[test]
        fn no_text_makes_it_panic(value in ".{0,200}") {
            let _ = parse_authorization(&value);
        }
    }
}
