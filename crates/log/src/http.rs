//! The daemon: its parts, its routes, its end.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use serve::{Caching, ReadyFile, ServerConfig, published_caching, static_dir};
use store::DirLock;
use tlog::ENTRY_BYTES_MAX;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::error::{LogError, chain};
use crate::gate::{Gate, Shown};
use crate::limits::CALLS_BYTES_MAX;
use crate::sequence::{self, Submission};
use crate::shared::Shared;
use crate::{remote, start, submit, submit_batch, upload};

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
    fn new(shared: Arc<Shared>, queue: mpsc::Sender<Submission>) -> Self {
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
    let start::Parts {
        shared,
        publisher,
        sequencer,
        integrator,
    } = parts;
    let config = &shared.config;
    let (stop, stopping) = watch::channel(false);
    let (queue, submissions) = mpsc::channel(config.queue_max.max(1));
    let mut ended = stop.subscribe();
    let sequencer = part(&stop, sequence::run(sequencer, submissions));
    let integrator = part(&stop, integrator.run());
    let publisher = part(&stop, publisher.run(stopping));
    let sizes = part(&stop, show_sizes(Arc::clone(&shared), stop.subscribe()));

    let server = ServerConfig {
        body_bytes_max: largest_body(config),
        ..config.server.clone()
    };
    let listener = serve::bind(server.listen).await?;
    let ready = ReadyFile::write(&config.dir, &serve::bound_url(&listener)?)?;
    let router = router(Room::new(Arc::clone(&shared), queue));
    let either = async {
        tokio::select! {
            () = shutdown => {}
            // A part that failed takes the daemon with it.
            _ = ended.wait_for(|ended| *ended) => {}
        }
    };
    let served = serve::run_with(listener, router, &server, &shared.meters.metrics, either).await;
    drop(ready);
    // The router and with it the last sender are gone: the sequencer finishes its queue and ends.
    let sequenced = join(sequencer, "sequencer").await;
    // And with it the integrator, which puts on the shelf what was sequenced.
    let integrated = join(integrator, "integrator").await;
    stop.send_replace(true);
    let published = join(publisher, "publisher").await;
    let shown = join(sizes, "metrics").await;
    shared.table.close().await;
    // Why a part ended says more than how the server did.
    sequenced.and(integrated).and(published).and(shown)?;
    Ok(served?)
}

/// Spawns a part of the log; if it ends by an error the others are told.
fn part(
    stop: &watch::Sender<bool>,
    work: impl Future<Output = Result<(), LogError>> + Send + 'static,
) -> JoinHandle<Result<(), LogError>> {
    let stop = stop.clone();
    tokio::spawn(async move {
        // A guard, so that a panic is told too.
        struct Tell(watch::Sender<bool>, bool);
        impl Drop for Tell {
            fn drop(&mut self) {
                if self.1 {
                    self.0.send_replace(true);
                }
            }
        }
        let mut tell = Tell(stop, true);
        let done = work.await;
        if let Err(error) = &done {
            tracing::error!(error = %chain(error), "the log stops");
        }
        tell.1 = done.is_err();
        done
    })
}

async fn join(part: JoinHandle<Result<(), LogError>>, name: &'static str) -> Result<(), LogError> {
    part.await.unwrap_or(Err(LogError::Ended { part: name }))
}

fn largest_body(config: &Config) -> usize {
    let blob = usize::try_from(config.blob_bytes_max).unwrap_or(usize::MAX);
    config.server.body_bytes_max.max(ENTRY_BYTES_MAX).max(blob)
}

fn router(room: Room) -> Router {
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

/// Keeps the three sizes of the invariant in `/metrics`.
async fn show_sizes(shared: Arc<Shared>, mut stop: watch::Receiver<bool>) -> Result<(), LogError> {
    let (sequenced, published) = (&shared.meters.sequenced, &shared.meters.published);
    let (mut rows, mut shown) = (shared.sequenced.subscribe(), shared.published.subscribe());
    loop {
        sequenced.set((*rows.borrow_and_update()).cast_signed());
        let size = shown.borrow_and_update().as_ref().map_or(0, |p| p.size);
        published.set(size.cast_signed());
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
            changed = rows.changed() => if changed.is_err() { return Ok(()) },
            changed = shown.changed() => if changed.is_err() { return Ok(()) },
        }
    }
}
