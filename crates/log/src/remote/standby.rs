//! A process that does not lead: it answers readers, tells submitters who leads, and waits.
//!
//! ```text
//! POST /submit          503, Retry-After: 1
//! {"title":"this process does not lead the log","status":503,"code":"log.not_leading",
//!  "detail":"Nothing was taken; submit to the leader.","field":"leader","value":"http://..."}
//! ```
//!
//! It takes nothing and forwards nothing: a submission that a go-between accepted and lost would be
//! hard to tell from one that the log lost. The address is the last leader's; when that one is
//! gone, this process or another leads a moment later, and the submitter tries again.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use serve::{Metrics, Problem, ReadyFile};
use statement::FileDigest;
use store::SecretError;

use super::public::public;
use super::{PostgresTable, RemoteConfig, RemoteError, S3Shelf, Secret, blobs};
use crate::config::Config;
use crate::error::{LogError, chain};
use crate::shelf::Shelf;
use crate::start::{self, Parts};
use crate::surroundings::Surroundings;
use crate::table::Table;

/// What the handlers of a process that waits need.
#[derive(Clone)]
struct Waiting {
    table: Arc<PostgresTable>,
    shelf: Arc<dyn Shelf>,
    blob_bytes_max: u64,
}

/// Answers readers until this process leads and has read everything; `None` if it was stopped
/// before.
pub(super) async fn wait_to_lead(
    mut config: Config,
    remote: &RemoteConfig,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<Option<Parts>, LogError> {
    let listener = serve::bind(config.server.listen).await?;
    let url = serve::bound_url(&listener)?;
    // The port that was given is kept when this process leads.
    config.server.listen = listener.local_addr().unwrap_or(config.server.listen);
    let address = remote.public_url.clone().unwrap_or_else(|| url.clone());
    let secret = Secret::from_origin(&remote.postgres).map_err(no_secret)?;
    let table = Arc::new(PostgresTable::open(&secret, &remote.schema, &address).await?);
    let shelf: Arc<dyn Shelf> = Arc::new(S3Shelf::open(&remote.s3)?);
    let router = router(Waiting {
        table: Arc::clone(&table),
        shelf: Arc::clone(&shelf),
        blob_bytes_max: config.blob_bytes_max,
    });
    let ready = ReadyFile::write(&config.dir, &url)?;
    let server = config.server.clone();
    let rows: Arc<dyn Table> = table.clone();
    let surroundings = Surroundings::of_this_machine();
    let mut opened = None;
    let led = async {
        tokio::select! {
            () = shutdown => {}
            parts = start::open_on(config, rows, shelf, surroundings) => opened = Some(parts),
        }
    };
    serve::run_with(listener, router, &server, &Metrics::new(), led).await?;
    drop(ready);
    if opened.is_none() {
        table.close().await;
    }
    opened.transpose()
}

fn no_secret(source: SecretError) -> LogError {
    LogError::Remote {
        action: "use `postgres` in section `[remote]`".to_owned(),
        source: Box::new(RemoteError::from(source)),
    }
}

fn router(waiting: Waiting) -> Router {
    let shelf = Arc::clone(&waiting.shelf);
    Router::new()
        .route("/submit", any(point_at_leader))
        .route("/submit-batch", any(point_at_leader))
        .route("/blob/{digest}", get(give_blob).put(point_at_leader))
        .with_state(waiting)
        .merge(public(shelf))
}

async fn point_at_leader(State(waiting): State<Waiting>) -> Response {
    let leader = match waiting.table.leader().await {
        Ok(leader) => leader,
        Err(error) => {
            tracing::warn!(error = %chain(&error), "the database does not say who leads");
            None
        }
    };
    let title = "this process does not lead the log";
    let detail = match leader {
        Some(_) => "Nothing was taken; submit to the leader.",
        None => "Nothing was taken; submit again.",
    };
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let problem = Problem::new(status, "log.not_leading", title, detail).retry_after(1);
    match leader {
        Some(address) => problem.about("leader", &address).into_response(),
        None => problem.into_response(),
    }
}

async fn give_blob(State(waiting): State<Waiting>, Path(name): Path<String>) -> Response {
    match name.parse::<FileDigest>() {
        Ok(digest) => blobs::give(&*waiting.shelf, &digest, waiting.blob_bytes_max).await,
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}
