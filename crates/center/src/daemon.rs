//! The daemon: intake, workers, batches, epochs and the log side by side, until told to stop.
//!
//! No duty waits for another: a log that cannot be reached leaves intake and analysis at work, and receipts wait.

use std::sync::Arc;
use std::time::Duration;

use ::serve::{Clock, Metrics, ReadyFile, ServerConfig};
use tokio::task::JoinSet;

use crate::cell::{CachedBundle, Cell};
use crate::config::Config;
use crate::error::{CenterError, Refusal, chain};
use crate::http::router;
use crate::limits::PIECE_BYTES_MAX;
use crate::outbox::submit;
use crate::workshop::Workshop;

/// Runs a cell until `shutdown` completes or a stop signal arrives. Its address is in the file `url` of its directory
/// while it listens.
///
/// # Errors
/// Configuration, keys, directory, database, sandbox or address cannot be used.
pub async fn serve(
    config: Config,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), CenterError> {
    serve_by(config, Clock::of_this_machine(), shutdown).await
}

/// [`serve()`] by another clock.
///
/// # Errors
/// As [`serve()`].
pub async fn serve_by(
    config: Config,
    clock: Clock,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), CenterError> {
    let cell = Arc::new(Cell::open(config, clock).await?);
    let config = &cell.config;
    ReadyFile::clear(&config.dir)?;
    cell.take_place().await?;
    let mut duties = JoinSet::new();
    let metrics = Metrics::new();
    if let Some(equipment) = &cell.equipment {
        let workshop = Arc::new(Workshop::open(config, &equipment.database)?);
        for _ in 0..config.workers {
            duties.spawn(Arc::clone(&cell).work(Arc::clone(&workshop)));
        }
    }
    duties.spawn(follow(Arc::clone(&cell), metrics.clone()));
    duties.spawn(make_batches(Arc::clone(&cell), metrics.clone()));
    duties.spawn(speak(Arc::clone(&cell), metrics.clone()));
    let server = ServerConfig {
        body_bytes_max: PIECE_BYTES_MAX,
        ..config.server.clone()
    };
    let listener = ::serve::bind(server.listen).await?;
    let _ready = ReadyFile::write(&config.dir, &::serve::bound_url(&listener)?)?;
    let routes = router(Arc::clone(&cell));
    let served = ::serve::run_with(listener, routes, &server, &metrics, shutdown).await;
    // What they were at is in the tables; the next start goes on with it.
    duties.shutdown().await;
    cell.db.close().await;
    Ok(served?)
}

/// Says in the log and in `/healthz` what does not work.
fn tell(metrics: &Metrics, duty: &'static str, done: Result<(), CenterError>) {
    metrics.set_failing(duty, done.is_err());
    if let Err(error) = done {
        tracing::warn!(duty, cause = chain(&error), "this round did nothing");
    }
}

/// Reads the log, and looks after epochs, old uploads and the census.
async fn follow(cell: Arc<Cell>, metrics: Metrics) {
    let pause = Duration::from_millis(cell.config.poll_ms);
    loop {
        tell(&metrics, "lead", cell.take_place().await);
        tell(&metrics, "log", cell.read_on().await);
        tell(&metrics, "tools", cell.tools_refused());
        tell(&metrics, "erasing", cell.finish_erasing().await);
        cell.keyring.forget_destroyed();
        if cell.lead.leads() {
            tell(&metrics, "epochs", cell.keep_epochs().await);
            tell(&metrics, "grants", cell.queue_granted().await.map(drop));
            tell(&metrics, "uploads", cell.forget_uploads().await);
            tell(&metrics, "tokens", cell.forget_spent().await);
            tell(&metrics, "census", cell.take_census().await.map(drop));
        }
        tokio::time::sleep(pause).await;
    }
}

/// Makes batches when their time is over, or as many wait as one may have.
async fn make_batches(cell: Arc<Cell>, metrics: Metrics) {
    let whole = Duration::from_millis(cell.config.batch_ms);
    let look = (whole / 10).clamp(Duration::from_millis(10), Duration::from_secs(1));
    let mut made = tokio::time::Instant::now();
    loop {
        tokio::time::sleep(look).await;
        if !cell.lead.leads() {
            continue;
        }
        let is_full = cell.batch_is_full().await.unwrap_or(false);
        if !is_full && made.elapsed() < whole {
            continue;
        }
        made = tokio::time::Instant::now();
        tell(&metrics, "receipts", cell.make_receipts().await.map(drop));
        tell(&metrics, "verdicts", cell.make_verdicts().await.map(drop));
        tell(
            &metrics,
            "reanalyses",
            cell.make_reanalyses().await.map(drop),
        );
        tell(&metrics, "anomalies", cell.make_anomalies().await.map(drop));
    }
}

/// Submits what was signed.
async fn speak(cell: Arc<Cell>, metrics: Metrics) {
    let pause = Duration::from_millis((cell.config.batch_ms / 10).clamp(10, 1_000));
    loop {
        let policy = cell.read.lock().await.policy();
        // Before the log is readable nothing is known of its witnesses.
        let policy = match policy {
            Some(policy) if cell.lead.leads() => policy,
            _ => {
                tokio::time::sleep(pause).await;
                continue;
            }
        };
        let submitted = submit(&cell.db, &cell.log, &policy).await;
        let is_idle = !matches!(submitted, Ok(count) if count > 0);
        tell(&metrics, "submit", submitted.map(drop));
        if is_idle {
            tokio::time::sleep(pause).await;
        }
    }
}

impl Cell {
    /// Sees to this process's place among those of the cell. Who leads says by which rule the cell samples, and ends what
    /// others began that are gone.
    async fn take_place(&self) -> Result<(), CenterError> {
        let now = self.now();
        if self.lead.take(now).await? {
            tracing::info!("this process leads the cell");
            self.keyring.remove_untold().await?;
        }
        if !self.lead.leads() {
            return Ok(());
        }
        self.declare_sampling().await?;
        self.lead.bury(now).await
    }

    /// What `/where` rests on, as a bundle. Made once for each checkpoint, since it is many requests to the log.
    pub(crate) async fn where_bundle(&self) -> Result<Vec<u8>, Refusal> {
        let ground = self.ground().ok_or(Refusal::Closed)?;
        let indices = ground.indices(self.now());
        let mut cached = self.bundle.lock().await;
        let read = self.read.lock().await;
        let size = read.follower.checkpoint().map_or(0, |newest| newest.size());
        let fits = |made: &&CachedBundle| made.size == size && made.indices == indices;
        if let Some(made) = cached.as_ref().filter(fits) {
            return Ok(made.bytes.clone());
        }
        let bundle = read.follower.bundle(&indices).await?;
        drop(read);
        let malformed = |_| Refusal::Internal(CenterError::Ended);
        let bytes = bundle.to_bytes().map_err(malformed)?;
        *cached = Some(CachedBundle {
            size,
            indices,
            bytes: bytes.clone(),
        });
        Ok(bytes)
    }
}
