//! The mirror protocol over HTTP: one switch from refusals to statuses, and the daemon.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serve::{Caching, Clock, Problem, ReadyFile, ServerConfig, published_caching, static_dir};
use tlog::limits::PACKAGES_PER_REQUEST;
use tlog::{
    AddEntriesReader, CONFLICT_CONTENT_TYPE, ConflictSize, EntryPackage, MIRROR_INFO_CONTENT_TYPE,
    MirrorInfo, PackageSpan, SignatureLine, cosignatures_to_bytes,
};
use tokio::time::Instant;

use crate::arriving::Arriving;
use crate::config::Config;
use crate::error::{MirrorError, Refusal, chain};
use crate::limits::{
    GROUP_BYTES, NOTE_BODY_BYTES_MAX, RETRY_AFTER_SECONDS, UPLOAD_BYTES_MAX, UPLOAD_TIME_MAX,
};
use crate::mirror::{Mirror, public_dir};
use crate::upload::{Ended, Upload};

const TEXT: &str = "text/plain; charset=utf-8";

/// What handlers need.
#[derive(Clone)]
struct Room {
    mirror: Arc<Mirror>,
    /// An upload ends by then with what has arrived.
    upload_time: Duration,
    clock: Clock,
}

/// Runs a mirror until `shutdown` completes or a stop signal arrives. Its address is in the file
/// `url` of its directory while it listens.
///
/// # Errors
/// Configuration, keys, directory, database or address cannot be used, or the files do not hold what
/// was cosigned.
pub async fn serve(
    config: Config,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), MirrorError> {
    let mirror = Arc::new(Mirror::open(&config).await?);
    ReadyFile::clear(&config.dir)?;
    let server = ServerConfig {
        body_bytes_max: UPLOAD_BYTES_MAX,
        ..config.server
    };
    // Before the shell gives up on the request, so that the client hears how far it came.
    let upload_time = Duration::from_millis(server.request_timeout_ms / 4 * 3);
    let clock = Clock::of_this_machine();
    let router = router(Arc::clone(&mirror), &config.dir, upload_time, clock);
    let listener = serve::bind(server.listen).await?;
    let _ready = ReadyFile::write(&config.dir, &serve::bound_url(&listener)?)?;
    let served = serve::run(listener, router, &server, shutdown).await;
    mirror.close().await;
    Ok(served?)
}

/// The routes of a mirror that works in `dir`; uploads end after `upload_time`, and cosignatures
/// state the time of `clock`.
pub fn router(mirror: Arc<Mirror>, dir: &Path, upload_time: Duration, clock: Clock) -> Router {
    let room = Room {
        mirror,
        upload_time: upload_time.min(UPLOAD_TIME_MAX),
        clock,
    };
    let note_sized = DefaultBodyLimit::max(NOTE_BODY_BYTES_MAX);
    Router::new()
        .route("/add-checkpoint", post(add_checkpoint).layer(note_sized))
        .route("/sign-subtree", post(sign_subtree).layer(note_sized))
        .route("/add-entries", post(add_entries))
        .with_state(room)
        .merge(static_dir(&public_dir(dir), caching))
}

/// As for a log, below the folder of each.
fn caching(path: &str) -> Caching {
    let (_, name) = path.split_once('/').unwrap_or(("", path));
    published_caching(name)
}

async fn add_checkpoint(State(room): State<Room>, body: Bytes) -> Response {
    let now = room.clock.posix_seconds();
    match room.mirror.add_checkpoint(&body, now).await {
        // tlog-mirror: "updating the pending checkpoint and responding with an empty response body".
        Ok(()) => [(header::CONTENT_TYPE, TEXT)].into_response(),
        Err(refusal) => refuse(&refusal),
    }
}

async fn sign_subtree(State(room): State<Room>, body: Bytes) -> Response {
    match room.mirror.sign_subtree(&body).await {
        Ok(lines) => cosigned(&lines),
        Err(refusal) => refuse(&refusal),
    }
}

async fn add_entries(State(room): State<Room>, headers: HeaderMap, body: Body) -> Response {
    let mut response = match upload(&room, &headers, body).await {
        Ok(Ended::Mirrored(lines)) => cosigned(&lines),
        Ok(Ended::Partly(info)) => told(StatusCode::ACCEPTED, &info),
        Err(refusal) => refuse(&refusal),
    };
    let gzip = header::HeaderValue::from_static("gzip");
    response.headers_mut().insert(header::ACCEPT_ENCODING, gzip);
    response
}

/// Reads an upload to its end, its largest number of packages or its time, whatever comes first;
/// verified groups are written meanwhile.
async fn upload(room: &Room, headers: &HeaderMap, body: Body) -> Result<Ended, Refusal> {
    let mirror = &room.mirror;
    let is_gzip = check_kind(headers)?;
    let slot = mirror.uploads.try_acquire();
    let _slot = slot.map_err(|_| Refusal::Busy)?;
    let deadline = Instant::now() + room.upload_time;
    let mut arriving = Arriving::new(body, is_gzip, deadline);
    let mut reader = AddEntriesReader::new();
    let head = loop {
        if let Some(head) = reader.head().map_err(Refusal::Malformed)? {
            break head;
        }
        match arriving.next().await? {
            Some(piece) => reader.push(&piece),
            None => return Err(Refusal::NoPackage),
        }
    };
    let mut upload = mirror.begin_upload(&head).await?;
    if !upload.is_empty() {
        take_all(mirror, &mut upload, &mut reader, &mut arriving).await?;
    }
    let is_complete = reader.is_complete();
    mirror
        .end_upload(&upload, is_complete, room.clock.posix_seconds())
        .await
}

async fn take_all(
    mirror: &Mirror,
    upload: &mut Upload<'_>,
    reader: &mut AddEntriesReader,
    arriving: &mut Arriving,
) -> Result<(), Refusal> {
    let mut left = PACKAGES_PER_REQUEST;
    loop {
        let (group, ended) = read_group(reader, arriving, left).await;
        left -= group.len();
        if !group.is_empty() {
            mirror.take_packages(upload, group).await?;
        }
        // What is malformed ends the upload, after what came before it was kept.
        if let Some(ended) = ended {
            return ended;
        }
    }
}

/// Packages that are taken together, at most `left`, and how the body ended if it did.
async fn read_group(
    reader: &mut AddEntriesReader,
    arriving: &mut Arriving,
    left: usize,
) -> (
    Vec<(PackageSpan, EntryPackage)>,
    Option<Result<(), Refusal>>,
) {
    let (mut group, mut bytes) = (Vec::new(), 0);
    loop {
        match reader.package() {
            Ok(Some((span, package))) => {
                bytes += package.entries.iter().map(Vec::len).sum::<usize>();
                group.push((span, package));
                if group.len() == left || reader.is_complete() {
                    return (group, Some(Ok(())));
                }
                if bytes >= GROUP_BYTES {
                    return (group, None);
                }
            }
            Ok(None) => match arriving.next().await {
                Ok(Some(piece)) => reader.push(&piece),
                ended => return (group, Some(ended.map(|_| ()))),
            },
            Err(error) => return (group, Some(Err(Refusal::Malformed(error)))),
        }
    }
}

/// Whether the body is compressed.
fn check_kind(headers: &HeaderMap) -> Result<bool, Refusal> {
    let is = |name: header::HeaderName, value: &str| {
        headers.get(name).is_some_and(|found| found == value)
    };
    if !is(header::CONTENT_TYPE, "application/octet-stream") {
        return Err(Refusal::Encoding);
    }
    match headers.get(header::CONTENT_ENCODING) {
        None => Ok(false),
        Some(_) if is(header::CONTENT_ENCODING, "gzip") => Ok(true),
        Some(_) => Err(Refusal::Encoding),
    }
}

fn cosigned(lines: &[SignatureLine]) -> Response {
    ([(header::CONTENT_TYPE, TEXT)], cosignatures_to_bytes(lines)).into_response()
}

fn told(status: StatusCode, info: &MirrorInfo) -> Response {
    let kind = [(header::CONTENT_TYPE, MIRROR_INFO_CONTENT_TYPE)];
    (status, kind, info.to_bytes()).into_response()
}

/// tlog-mirror, "Processing", and tlog-witness: which refusal has which status.
fn refuse(refusal: &Refusal) -> Response {
    let (status, code) = match refusal {
        Refusal::Conflict { pending, .. } => {
            let kind = [(header::CONTENT_TYPE, CONFLICT_CONTENT_TYPE)];
            let body = ConflictSize(*pending).to_string();
            return (StatusCode::CONFLICT, kind, body).into_response();
        }
        Refusal::Elsewhere(info) => return told(StatusCode::CONFLICT, info),
        Refusal::Malformed(_) => (StatusCode::BAD_REQUEST, "mirror.malformed"),
        Refusal::OldAboveSize { .. } => (StatusCode::BAD_REQUEST, "mirror.old_above_size"),
        Refusal::Subtree(_) => (StatusCode::BAD_REQUEST, "mirror.subtree"),
        Refusal::NoPackage => (StatusCode::BAD_REQUEST, "mirror.no_package"),
        Refusal::Gzip => (StatusCode::BAD_REQUEST, "mirror.gzip"),
        Refusal::Encoding => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "mirror.encoding"),
        Refusal::UnknownOrigin { .. } => (StatusCode::NOT_FOUND, "mirror.origin"),
        Refusal::Signature(_) => (StatusCode::FORBIDDEN, "mirror.signature"),
        Refusal::NotCosigned => (StatusCode::FORBIDDEN, "mirror.not_cosigned"),
        Refusal::Inconsistent(_) => (StatusCode::UNPROCESSABLE_ENTITY, "mirror.inconsistent"),
        Refusal::Stopped { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "mirror.stopped"),
        Refusal::NothingPending { .. } => {
            (StatusCode::UNPROCESSABLE_ENTITY, "mirror.no_checkpoint")
        }
        Refusal::Package { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "mirror.package"),
        Refusal::Full { .. } => (StatusCode::INSUFFICIENT_STORAGE, "mirror.full"),
        Refusal::Busy => (StatusCode::SERVICE_UNAVAILABLE, "mirror.busy"),
        Refusal::Internal(error) => {
            tracing::error!(error = %chain(error), "cannot answer");
            (StatusCode::SERVICE_UNAVAILABLE, "mirror.unavailable")
        }
    };
    // What went wrong inside is for the operator's log, not for strangers.
    let detail = std::error::Error::source(refusal)
        .filter(|_| status != StatusCode::SERVICE_UNAVAILABLE)
        .map(chain)
        .unwrap_or_default();
    let problem = Problem::new(status, code, refusal.to_string(), detail);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        return problem.retry_after(RETRY_AFTER_SECONDS).into_response();
    }
    problem.into_response()
}
