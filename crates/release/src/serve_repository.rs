//! Handing the repository out over HTTP. Any static web server does as well.

use std::path::Path;

use serve::{Metrics, ServeError, ServerConfig, published_caching, static_dir};
use tokio::net::TcpListener;

/// Serves the repository directory on `listener` until `shutdown` completes.
///
/// # Errors
/// The HTTP shell cannot run.
pub async fn serve_repository(
    directory: &Path,
    listener: TcpListener,
    config: &ServerConfig,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    serve_kept_repository(directory, listener, config, &Metrics::new(), shutdown).await
}

/// The same with the numbers and the health of a keeper, which shares `metrics`.
///
/// # Errors
/// The HTTP shell cannot run.
pub async fn serve_kept_repository(
    directory: &Path,
    listener: TcpListener,
    config: &ServerConfig,
    metrics: &Metrics,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let files = static_dir(directory, published_caching);
    serve::run_with(listener, files, config, metrics, shutdown).await
}
