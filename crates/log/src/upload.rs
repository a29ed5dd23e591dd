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

use crate::clock::posix_seconds;
use crate::error::chain;
use crate::http::Room;
use crate::limits::UPLOAD_PIECES_MAX;
use crate::shared::Shared;

/// Gives a blob to anybody.
pub(crate) async fn get(
    State(room): State<Room>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let Ok(digest) = name.parse::<FileDigest>() else {
        return bad_name(&name).into_response();
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
        Ok(response) => response.status().into_response(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            StatusCode::NOT_FOUND.into_response()
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
        Err(problem) => problem.into_response(),
    }
}

async fn take(
    shared: &Arc<Shared>,
    name: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<(), Problem> {
    let digest: FileDigest = name.parse().map_err(|_| bad_name(name))?;
    let bytes = announced_bytes(headers)?;
    if bytes > shared.config.blob_bytes_max {
        let max = shared.config.blob_bytes_max;
        let detail = format!("At most {max} bytes are taken.");
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        return Err(
            Problem::new(status, "blob.too_large", "the blob is too large", detail)
                .about("content-length", &bytes.to_string()),
        );
    }
    check_authorization(shared, headers, &digest, bytes)?;
    // Known already: nothing has to be read, and a damaged copy shows itself to readers.
    if shared.blobs.contains(digest.hash()) {
        return Ok(());
    }
    store(shared, &digest, bytes, body).await
}

/// The exact text that the uploader signs with Ed25519.
fn signed_text(shared: &Shared, digest: &FileDigest, bytes: u64) -> String {
    format!("limpid blob put v1\n{}\n{digest}\n{bytes}\n", shared.origin)
}

fn bad_name(name: &str) -> Problem {
    let status = StatusCode::BAD_REQUEST;
    let title = "a blob is named by its SHA-256 in lower-case hex";
    Problem::new(status, "blob.name", title, "").about("digest", name)
}

fn announced_bytes(headers: &HeaderMap) -> Result<u64, Problem> {
    let value = headers.get(header::CONTENT_LENGTH);
    let parsed = value.and_then(|value| value.to_str().ok()?.parse().ok());
    parsed.ok_or_else(|| {
        let status = StatusCode::LENGTH_REQUIRED;
        Problem::new(
            status,
            "blob.length",
            "the request lacks its content-length",
            "",
        )
    })
}

fn forbidden(code: &'static str, title: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, code, title, "")
}

/// A key that may sign statements, of the roster in force and in time, signed for these bytes.
fn check_authorization(
    shared: &Shared,
    headers: &HeaderMap,
    digest: &FileDigest,
    bytes: u64,
) -> Result<(), Problem> {
    let (key_id, signature) = parse_authorization(headers).ok_or_else(|| {
        let title = "the request lacks `authorization: Limpid keyid=...,sig=...`";
        Problem::new(StatusCode::UNAUTHORIZED, "blob.authorization", title, "")
    })?;
    let raw = rostered_key(shared, key_id)?;
    let text = signed_text(shared, digest, bytes);
    let verified = VerifyingKey::from_bytes(&raw)
        .and_then(|key| key.verify_strict(text.as_bytes(), &Signature::from_bytes(&signature)));
    verified.map_err(|_| {
        forbidden(
            Code::EntrySignature.as_str(),
            Code::EntrySignature.meaning(),
        )
    })
}

/// `Limpid keyid=<64 hex>,sig=<base64 of 64 bytes>`, exactly.
fn parse_authorization(headers: &HeaderMap) -> Option<(KeyId, [u8; 64])> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (key_id, signature) = value.strip_prefix("Limpid keyid=")?.split_once(",sig=")?;
    let signature = STANDARD.decode(signature).ok()?;
    Some((key_id.parse().ok()?, signature.try_into().ok()?))
}

fn rostered_key(shared: &Shared, id: KeyId) -> Result<[u8; 32], Problem> {
    let law = shared.law();
    let constitution = law.constitution().ok_or_else(|| {
        let (code, status) = (Code::EntryNoConstitution, StatusCode::CONFLICT);
        Problem::new(status, code.as_str(), code.meaning(), "")
    })?;
    let unknown = || {
        forbidden(
            Code::EntryKeyUnknown.as_str(),
            Code::EntryKeyUnknown.meaning(),
        )
        .about("keyid", &id.to_string())
    };
    let (_, key) = constitution.find_key(id).ok_or_else(unknown)?;
    if matches!(key.role, Role::Tuf | Role::Log | Role::Witness) {
        return Err(forbidden(
            Code::EntryRole.as_str(),
            "the key's role signs no statements, so it puts no blobs",
        ));
    }
    if posix_seconds() > key.not_after || law.is_revoked(id) {
        let code = Code::EntryKeyExpired;
        return Err(forbidden(code.as_str(), "the key expired or was revoked"));
    }
    let raw = key.raw().map_err(|_| unknown())?;
    raw.try_into().map_err(|_| unknown())
}

/// Streams the body to disk; nothing is kept unless the digest and the length are right.
async fn store(
    shared: &Arc<Shared>,
    digest: &FileDigest,
    bytes: u64,
    body: Body,
) -> Result<(), Problem> {
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
            let status = StatusCode::BAD_REQUEST;
            let title = "the body is not the blob that was announced";
            Err(Problem::new(status, "blob.digest", title, chain(&error))
                .about("digest", &digest.to_string()))
        }
        Ok(Err(error)) => {
            tracing::error!(%digest, error = %chain(&error), "the blob cannot be stored");
            Err(unavailable())
        }
        Err(error) => {
            tracing::error!(%digest, %error, "storing a blob ended by a defect");
            Err(unavailable())
        }
    }
}

fn unavailable() -> Problem {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    Problem::new(
        status,
        "blob.unavailable",
        "the log cannot store blobs now",
        "",
    )
    .retry_after(1)
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
