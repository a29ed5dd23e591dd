//! The daemon: rounds and HTTP side by side, until told to stop.

use std::sync::Arc;
use std::time::Duration;

use ::serve::ReadyFile;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch as signal};

use crate::{
    config::Config,
    error::SupervisorError,
    http::router,
    log_access::{FollowedLog, OwnLog},
    remote::{RemoteLog, RemoteOwnLog},
    room::{Room, system_clock},
};

/// A room that rounds and requests take turns with.
pub type Shared<L, O> = Arc<Mutex<Room<L, O>>>;

/// The daemon as configured: binds, writes its address to `<dir>/url`, and works until `shutdown`
/// completes.
///
/// # Errors
/// The address is taken, a key cannot be read, or another process works on the directory.
pub async fn serve(
    config: Config,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), SupervisorError> {
    let (log, own_log) = (RemoteLog::new(&config)?, RemoteOwnLog::new(&config)?);
    let directory = config.dir.clone();
    let listen = config.server.listen;
    let room = Room::open(config, log, own_log, system_clock)?;
    ReadyFile::clear(&directory)?;
    let listener = ::serve::bind(listen).await?;
    let _ready = ReadyFile::write(&directory, &::serve::bound_url(&listener)?)?;
    watch(room, listener, shutdown).await
}

/// Follows the center's log and answers HTTP on `listener` until `shutdown` completes. A round that
/// fails is logged and tried again; nothing is decided by it.
///
/// # Errors
/// The HTTP shell cannot run.
pub async fn watch<L, O>(
    room: Room<L, O>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), SupervisorError>
where
    L: FollowedLog + 'static,
    O: OwnLog + 'static,
{
    let config = room.config.clone();
    let shared: Shared<L, O> = Arc::new(Mutex::new(room));
    let router = router(Arc::clone(&shared)).await;
    let (stop, stopped) = signal::channel(false);
    let pause = Duration::from_millis(config.poll_ms);
    let rounds = tokio::spawn(run_rounds(shared, pause, stopped));
    let served = ::serve::run(listener, router, &config.server, shutdown).await;
    // The receiver is gone only when the rounds ended by themselves.
    let _ended = stop.send(true);
    if let Err(error) = rounds.await {
        tracing::error!(%error, "the rounds ended badly");
    }
    Ok(served?)
}

async fn run_rounds<L, O>(shared: Shared<L, O>, pause: Duration, mut stop: signal::Receiver<bool>)
where
    L: FollowedLog + 'static,
    O: OwnLog + 'static,
{
    while !*stop.borrow() {
        let round = shared.lock().await.round().await;
        if let Err(error) = round {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(%error, cause, "this round did nothing");
        }
        tokio::select! {
            _ = stop.changed() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}
