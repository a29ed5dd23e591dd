//! A witness that claims to have cosigned a huge tree, whatever it is offered.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use serve::{ReadyFile, ServerConfig};
use tlog::{CONFLICT_CONTENT_TYPE, ConflictSize};
use tokio::sync::oneshot;

use super::Daemon;

/// What it claims.
pub const HUGE: u64 = 1 << 40;

/// What it shows as its newest checkpoint, and how often it was asked for that and for cosignatures.
#[derive(Default)]
pub struct Lies {
    pub note: Mutex<String>,
    pub shown: AtomicUsize,
    pub refused: AtomicUsize,
}

async fn refuse(State(lies): State<Arc<Lies>>) -> impl IntoResponse {
    lies.refused.fetch_add(1, Ordering::SeqCst);
    let kind = [(header::CONTENT_TYPE, CONFLICT_CONTENT_TYPE)];
    (StatusCode::CONFLICT, kind, ConflictSize(HUGE).to_string())
}

async fn show(State(lies): State<Arc<Lies>>) -> String {
    lies.shown.fetch_add(1, Ordering::SeqCst);
    lies.note.lock().unwrap().clone()
}

/// Starts it; its address file is in `dir`.
pub async fn start(dir: &Path, lies: Arc<Lies>) -> Daemon<serve::ServeError> {
    let router = Router::new()
        .route("/add-checkpoint", post(refuse))
        .route("/{origin}/checkpoint", get(show))
        .with_state(lies);
    let config = ServerConfig::default();
    let listener = serve::bind(config.listen).await.unwrap();
    let ready = ReadyFile::write(dir, &serve::bound_url(&listener).unwrap()).unwrap();
    let run = move |stopped: oneshot::Receiver<()>| async move {
        let stop = async {
            stopped.await.ok();
        };
        let metrics = serve::Metrics::new();
        let served = serve::run_with(listener, router, &config, &metrics, stop).await;
        drop(ready);
        served
    };
    Daemon::run(dir.to_owned(), run).await
}
