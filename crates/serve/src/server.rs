//! Listening, answering, and stopping without dropping anybody.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use crate::limits::{ACCEPT_PAUSE, HEAD_BYTES_MAX, HEAD_TIMEOUT, READ_BYTES_MAX, STOP_GRACE};
use crate::shield::shield;
use crate::{Metrics, ServeError, ServerConfig};

/// Listens on `address`; port 0 lets the system choose.
///
/// # Errors
/// The address is taken or not ours.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| ServeError::Bind { address, source })
}

/// The base URL of a listener, such as `http://127.0.0.1:41234`.
///
/// # Errors
/// The socket is broken.
pub fn bound_url(listener: &TcpListener) -> Result<String, ServeError> {
    let address = listener.local_addr().map_err(ServeError::Listener)?;
    Ok(format!("http://{address}"))
}

/// Completes at SIGTERM or SIGINT.
///
/// # Errors
/// The signals cannot be received.
pub fn stop_signal() -> Result<impl Future<Output = ()> + Send, ServeError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Signals)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Serves `router` behind the limits of `config` until `shutdown` completes or SIGTERM or
/// SIGINT arrives; then takes no new requests, finishes those in flight, and returns.
/// `GET /healthz` and `GET /metrics` are added. `config.listen` is not used here: the listener
/// is given.
///
/// # Errors
/// A limit is zero, or signals cannot be received.
pub async fn run(
    listener: TcpListener,
    router: Router,
    config: &ServerConfig,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    run_with(listener, router, config, &Metrics::new(), shutdown).await
}

/// [`run`] with numbers of the room's own in `/metrics`.
///
/// # Errors
/// As for [`run`].
pub async fn run_with(
    listener: TcpListener,
    router: Router,
    config: &ServerConfig,
    metrics: &Metrics,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    config.check()?;
    let signals = stop_signal()?;
    let service = TowerToHyperService::new(shield(router, config, metrics));
    let slots = Arc::new(Semaphore::new(config.connections_max));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_header_size(HEAD_BYTES_MAX)
        .max_buf_size(READ_BYTES_MAX);
    tokio::pin!(shutdown, signals);
    tracing::info!(address = ?listener.local_addr().ok(), "listening");
    loop {
        let (stream, slot) = tokio::select! {
            () = &mut shutdown => break,
            () = &mut signals => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        while connections.try_join_next().is_some() {}
        let connection = http.serve_connection(TokioIo::new(stream), service.clone());
        let watched = graceful.watch(connection);
        connections.spawn(async move {
            if let Err(error) = watched.await {
                tracing::debug!(%error, "connection ended");
            }
            drop(slot);
        });
    }
    // From here on the system refuses new connections.
    drop(listener);
    let patience = Duration::from_millis(config.request_timeout_ms) + STOP_GRACE;
    if tokio::time::timeout(patience, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("connections that did not end in time are cut");
    }
    connections.shutdown().await;
    tracing::info!("stopped");
    Ok(())
}

/// The next connection, once there is a slot for it. Errors of single connections and of a
/// system that is out of descriptors pass; a pause keeps the latter from spinning.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> (TcpStream, OwnedSemaphorePermit) {
    let slot = Arc::clone(slots)
        .acquire_owned()
        .await
        .expect("this semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Small answers go out at once; a failure here only costs time.
                let _slower = stream.set_nodelay(true);
                return (stream, slot);
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
