//! The issuer's daemon: requests, and keys beside them, until told to stop.

use std::sync::Arc;
use std::time::Duration;

use ::serve::{Clock, Metrics, ReadyFile, ServerConfig};
use tokio::task::JoinSet;

use super::{Issuer, IssuerConfig, issuer_router};
use crate::error::{CenterError, chain};
use crate::limits::ISSUER_BODY_BYTES_MAX;

/// Runs an issuer until `shutdown` completes or a stop signal arrives. Its address is in the file `url` of its directory while it
/// listens.
///
/// # Errors
/// Configuration, keys, directory, database or address cannot be used.
pub async fn serve_issuer(
    config: IssuerConfig,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), CenterError> {
    serve_issuer_by(config, Clock::of_this_machine(), shutdown).await
}

/// [`serve_issuer`] by another clock.
///
/// # Errors
/// As [`serve_issuer`].
pub async fn serve_issuer_by(
    config: IssuerConfig,
    clock: Clock,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), CenterError> {
    let issuer = Arc::new(Issuer::open(config, clock).await?);
    let config = &issuer.config;
    ReadyFile::clear(&config.dir)?;
    let metrics = Metrics::new();
    let mut duties = JoinSet::new();
    duties.spawn(keep_keys(Arc::clone(&issuer), metrics.clone()));
    let server = ServerConfig {
        body_bytes_max: ISSUER_BODY_BYTES_MAX,
        ..config.server.clone()
    };
    let listener = ::serve::bind(server.listen).await?;
    let _ready = ReadyFile::write(&config.dir, &::serve::bound_url(&listener)?)?;
    let routes = issuer_router(Arc::clone(&issuer));
    let served = ::serve::run_with(listener, routes, &server, &metrics, shutdown).await;
    duties.shutdown().await;
    issuer.db.close().await;
    Ok(served?)
}

async fn keep_keys(issuer: Arc<Issuer>, metrics: Metrics) {
    let pause = Duration::from_millis(issuer.config.poll_ms);
    loop {
        let done = issuer.keep_keys().await;
        metrics.set_failing("keys", done.is_err());
        if let Err(error) = done {
            tracing::warn!(cause = chain(&error), "this round kept no keys");
        }
        tokio::time::sleep(pause).await;
    }
}
