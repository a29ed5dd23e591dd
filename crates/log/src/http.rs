//! The daemon: its parts, its routes, its end.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use serve::{Caching, ReadyFile, ServerConfig, published_caching, static_dir};
use store::DirLock;
use tlog::ENTRY_BYTES_MAX;
use tokio::sync::{Semaphore, mpsc};

use crate::config::Config;
use crate::error::LogError;
use crate::gate::{Gate, Shown};
use crate::limits::CALLS_BYTES_MAX;
use crate::running::Running;
use crate::sequence::Submission;
use crate::shared::Shared;
use crate::{remote, submit, submit_batch, upload};

/// What handlers need.
#[derive(Clone)]
pub(crate) struct Room {
    pub(crate) shared: Arc<Shared>,
    pub(crate) queue: mpsc::Sender<Submission>,
    /// Bounds what is in the queue.
    pub(crate) gate: Arc<Gate>,
    /// Bounds batch calls that are not in the queue yet, by their bytes.
    pub(crate) arriving: Arc<Gate>,
    /// Bounds how many wait for witnesses.
    pub(crate) waiting: Arc<Semaphore>,
    /// Bounds how many threads read the entries of batch calls.
    pub(crate) cores: Arc<Semaphore>,
}

impl Room {
    pub(crate) fn new(shared: Arc<Shared>, queue: mpsc::Sender<Submission>) -> Self {
        let (config, clock) = (&shared.config, shared.clock);
        let entries_max = config.queue_max.max(1);
        // The longest entry must fit, or it is refused for ever.
        let bytes_max = config.queue_bytes_max.max(ENTRY_BYTES_MAX);
        let shown = shared.meters.gate();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            gate: Gate::new(entries_max, bytes_max, clock, shown),
            arriving: Gate::new(usize::MAX, CALLS_BYTES_MAX, clock, Shown::default()),
            // The other half answers at once.
            waiting: Arc::new(Semaphore::new(config.server.concurrent_max / 2)),
            cores: Arc::new(Semaphore::new(cores)),
            queue,
            shared,
        }
    }
}

/// Runs a log until `shutdown` completes or a stop signal arrives. Its address is in the file
/// `url` of its directory while it listens.
///
/// # Errors
/// Configuration, keys, directory, database or address cannot be used; or something this log
/// signed contradicts what it has: said before anything is listened to, or when a witness that
/// was away shows it. Then nothing is acknowledged any more.
pub async fn serve(
    config: Config,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), LogError> {
    let _lock = DirLock::take(&config.dir)?;
    ReadyFile::clear(&config.dir)?;
    let mut shutdown = std::pin::pin!(shutdown);
    let Some(parts) = remote::open(config, shutdown.as_mut()).await? else {
        return Ok(());
    };
    let running = Running::begin(parts);
    let shared = Arc::clone(running.shared());
    let config = &shared.config;
    let server = ServerConfig {
        body_bytes_max: largest_body(config),
        ..config.server.clone()
    };
    let listener = serve::bind(server.listen).await?;
    let ready = ReadyFile::write(&config.dir, &serve::bound_url(&listener)?)?;
    let either = async {
        tokio::select! {
            () = shutdown => {}
            // A part that failed takes the daemon with it.
            () = running.failed() => {}
        }
    };
    let router = running.router();
    let served = serve::run_with(listener, router, &server, &shared.meters.metrics, either).await;
    drop(ready);
    running.end().await?;
    Ok(served?)
}

fn largest_body(config: &Config) -> usize {
    let blob = usize::try_from(config.blob_bytes_max).unwrap_or(usize::MAX);
    config.server.body_bytes_max.max(ENTRY_BYTES_MAX).max(blob)
}

pub(crate) fn router(room: Room) -> Router {
    let public = match room.shared.config.remote {
        Some(_) => remote::public(Arc::clone(&room.shared.shelf)),
        None => static_dir(&room.shared.config.public_dir(), |path| match path {
            // The one file of the archive that grows.
            "archive/index" => Caching::Never,
            other => published_caching(other),
        }),
    };
    let entry = DefaultBodyLimit::max(ENTRY_BYTES_MAX);
    Router::new()
        .route("/submit", post(submit::submit).layer(entry))
        .route("/submit-batch", post(submit_batch::submit_batch))
        .route("/blob/{digest}", get(upload::get).put(upload::put))
        .with_state(room)
        .merge(public)
}
