//! What stands between a stranger's request and a room's handler.
//!
//! From the outside in: count it, give every refusal one form, survive a panic, refuse when
//! full, stop when too slow, stop when too large.

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::Semaphore;
use tokio::time::{Sleep, sleep};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;

use crate::limits::{PLAIN_REFUSAL_BYTES_MAX, RETRY_AFTER_SECONDS};
use crate::{Metrics, Problem, ServerConfig};

/// The room's router behind all limits, with `/healthz` and `/metrics` beside it. Those two are
/// outside of the limits, so that a full daemon still answers them.
pub(crate) fn shield(router: Router, config: &ServerConfig, metrics: &Metrics) -> Router {
    let slots = Arc::new(Semaphore::new(config.concurrent_max));
    let patience = Patience {
        whole: Duration::from_millis(config.request_timeout_ms),
        stall: Duration::from_millis(config.stall_timeout_ms),
    };
    let shielded = router
        .layer(DefaultBodyLimit::max(config.body_bytes_max))
        .layer(RequestBodyLimitLayer::new(config.body_bytes_max))
        .layer(from_fn_with_state(patience, bound_time))
        .layer(from_fn_with_state(slots, bound_concurrency))
        .layer(CatchPanicLayer::custom(say_panic))
        .layer(from_fn(say_no_in_one_form));
    let shown = metrics.clone();
    let alarms = metrics.clone();
    Router::new()
        .route("/healthz", get(async move || health(&alarms)))
        .route(
            "/metrics",
            get(async move || {
                let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
                (kind, shown.render())
            }),
        )
        .merge(shielded)
        .layer(from_fn_with_state(metrics.clone(), observe))
}

/// `ok`, or 503 with what fails: one line per duty.
fn health(metrics: &Metrics) -> (StatusCode, String) {
    let failing = metrics.failing();
    if failing.is_empty() {
        return (StatusCode::OK, "ok\n".to_owned());
    }
    let lines = failing.iter().map(|duty| format!("failing: {duty}\n"));
    (StatusCode::SERVICE_UNAVAILABLE, lines.collect())
}

async fn observe(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let _in_flight = metrics.start();
    let start = Instant::now();
    let method = method_name(request.method());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned());
    let response = next.run(request).await;
    let status = response.status();
    let time = start.elapsed();
    metrics.count(method, &route, status.as_u16(), time);
    let time_ms = time.as_millis();
    if status.is_server_error() {
        tracing::warn!(method, route, status = status.as_u16(), time_ms, "request");
    } else {
        tracing::debug!(method, route, status = status.as_u16(), time_ms, "request");
    }
    response
}

/// Known methods only: the name becomes a label, and a stranger chooses it.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

/// Gives plain refusals (of axum, tower-http, or a handler that returned a bare status) the form
/// of a [`Problem`]. A refusal with a content type of its own, such as the answers that C2SP
/// prescribes for witnesses, is left alone.
async fn say_no_in_one_form(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || !is_plain(response.headers()) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let text = to_bytes(body, PLAIN_REFUSAL_BYTES_MAX)
        .await
        .unwrap_or_default();
    let (code, title) = words(status);
    let detail = String::from_utf8_lossy(&text);
    let problem = Problem::new(status, code, title, detail.trim_end()).into_response();
    let (problem_parts, body) = problem.into_parts();
    // Other headers stay, such as `Allow` of a 405.
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.extend(problem_parts.headers);
    Response::from_parts(parts, body)
}

fn is_plain(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"))
}

fn words(status: StatusCode) -> (&'static str, &'static str) {
    match status {
        StatusCode::BAD_REQUEST => ("bad_request", "the request is malformed"),
        StatusCode::NOT_FOUND => ("not_found", "there is nothing here"),
        StatusCode::METHOD_NOT_ALLOWED => ("method_not_allowed", "this method is not for here"),
        StatusCode::PAYLOAD_TOO_LARGE => ("body_too_large", "the request body is too large"),
        StatusCode::PRECONDITION_FAILED => (
            "precondition_failed",
            "what is here is not what was asked for",
        ),
        StatusCode::RANGE_NOT_SATISFIABLE => ("range", "there are no such bytes"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            ("unsupported_media_type", "the content type is not accepted")
        }
        StatusCode::UNPROCESSABLE_ENTITY => ("unprocessable", "the request makes no sense"),
        _ if status.is_server_error() => ("internal", "the server failed"),
        _ => ("refused", "the request was refused"),
    }
}

/// The panic's words go to the log, not to the stranger.
fn say_panic(panic: Box<dyn Any + Send>) -> Response {
    let words = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    tracing::error!(panic = words, "a handler panicked");
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "the server failed",
        "A defect of the server; its log says more.",
    )
    .into_response()
}

async fn bound_concurrency(
    State(slots): State<Arc<Semaphore>>,
    request: Request,
    next: Next,
) -> Response {
    let Ok(_slot) = slots.try_acquire() else {
        return Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "the server is full",
            "Try again later.",
        )
        .retry_after(RETRY_AFTER_SECONDS)
        .into_response();
    };
    next.run(request).await
}

/// How long a request may take.
#[derive(Clone, Copy)]
struct Patience {
    /// Altogether.
    whole: Duration,
    /// Between two pieces of its body.
    stall: Duration,
}

async fn bound_time(State(patience): State<Patience>, request: Request, next: Next) -> Response {
    let progress = Arc::new(Progress::default());
    let has_none = request.body().is_end_stream();
    progress.arrived.store(has_none, Ordering::Relaxed);
    let seen = Arc::clone(&progress);
    let request = request.map(|inner| {
        Body::new(Arriving {
            inner,
            seen,
            stall: patience.stall,
            waiting: None,
        })
    });
    let done = tokio::time::timeout(patience.whole, next.run(request)).await;
    let is_stalled = progress.stalled.load(Ordering::Relaxed);
    match done {
        Ok(response) if !is_stalled => return response,
        Err(_) if progress.arrived.load(Ordering::Relaxed) => {
            return Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "too_slow",
                "the server took too long",
                "Whether the request took effect is not known; ask before repeating it.",
            )
            .retry_after(RETRY_AFTER_SECONDS)
            .into_response();
        }
        _ => {}
    }
    let mut response = Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        "request_timeout",
        "the request took too long to arrive",
        "Nothing was done.",
    )
    .into_response();
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}

/// What became of a body, for who waits for the answer.
#[derive(Default)]
struct Progress {
    /// All of it is here.
    arrived: AtomicBool,
    /// It stopped arriving.
    stalled: AtomicBool,
}

/// A request body that remembers whether all of it arrived, and ends by an error when nothing comes
/// for too long.
struct Arriving {
    inner: Body,
    seen: Arc<Progress>,
    stall: Duration,
    /// While the reader waits for the next piece.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        if self.inner.is_end_stream() || matches!(polled, Poll::Ready(None)) {
            self.seen.arrived.store(true, Ordering::Relaxed);
        }
        if polled.is_ready() {
            self.waiting = None;
            return polled;
        }
        let stall = self.stall;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(stall)));
        if waiting.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        self.seen.stalled.store(true, Ordering::Relaxed);
        let error = std::io::Error::from(std::io::ErrorKind::TimedOut);
        Poll::Ready(Some(Err(axum::Error::new(error))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
