//! The daemon: one call over HTTP.

use std::sync::Arc;

use ::serve::{Clock, Metrics, Problem, ReadyFile, ServerConfig};
use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use seal::{REQUEST_BYTES_MAX, ShareRequest};

use crate::config::Config;
use crate::error::{OpenerError, Refused, chain};
use crate::limits::RETRY_AFTER_SECONDS;
use crate::opener::Opener;

/// Runs an opener until `shutdown` completes or a stop signal arrives. Its address is in the file `url` of its directory
/// while it listens.
///
/// # Errors
/// Configuration, keys, directory or address cannot be used.
pub async fn serve(
    config: Config,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), OpenerError> {
    let opener = Arc::new(Opener::open(config, Clock::of_this_machine())?);
    let config = opener.config();
    ReadyFile::clear(&config.dir)?;
    let server = ServerConfig {
        body_bytes_max: REQUEST_BYTES_MAX,
        ..config.server.clone()
    };
    let listener = ::serve::bind(server.listen).await?;
    let _ready = ReadyFile::write(&config.dir, &::serve::bound_url(&listener)?)?;
    let routes = Router::new()
        .route("/reanalyse", post(reanalyse))
        .with_state(Arc::clone(&opener));
    let served = ::serve::run_with(listener, routes, &server, &Metrics::new(), shutdown).await;
    Ok(served?)
}

async fn reanalyse(State(opener): State<Arc<Opener>>, body: Bytes) -> Result<Vec<u8>, Problem> {
    let request = ShareRequest::parse(&body).map_err(|error| problem(&Refused::Seal(error)))?;
    let (grant, seal) = (request.grant, request.seal());
    // What is spent is answered, even to a caller who hangs up meanwhile.
    let asked = tokio::spawn(async move { opener.reanalyse(request).await });
    let answer = match asked.await {
        Ok(answer) => answer,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    };
    match answer {
        Ok(share) => {
            tracing::info!(%grant, %seal, "a share was given away");
            Ok(share.to_bytes().to_vec())
        }
        Err(refused) => {
            tracing::warn!(%grant, %seal, cause = chain(&refused), "no share was given away");
            Err(problem(&refused))
        }
    }
}

/// The one place where a refusal becomes a status.
fn problem(refused: &Refused) -> Problem {
    let code = refused.code();
    match refused {
        // Paths and addresses of ours are nobody's business.
        Refused::Internal(_) => {
            let title = "the opener cannot do it at the moment";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, title, "")
                .retry_after(RETRY_AFTER_SECONDS)
        }
        _ => {
            let title = "the share is not given away";
            Problem::new(StatusCode::FORBIDDEN, code, title, chain(refused))
        }
    }
}
