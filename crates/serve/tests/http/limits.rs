//! What a stranger cannot make a daemon do.
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::site::Site;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use serve::{ClientError, Problem, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, Semaphore};

const PATIENCE: Duration = Duration::from_secs(20);

fn small() -> ServerConfig {
    ServerConfig {
        body_bytes_max: 1000,
        ..ServerConfig::default()
    }
}

fn echo() -> Router {
    Router::new().route("/echo", post(|body: Bytes| async move { body }))
}

#[tokio::test]
async fn a_body_over_the_limit_is_answered_413_as_a_problem() {
    let site = Site::start(echo(), small()).await;
    let client = &site.client;
    let fits = client
        .post(&site.at("/echo"), "x/y", vec![1; 1000], 2000, PATIENCE)
        .await
        .unwrap();
    assert_eq!(fits.body.len(), 1000);
    let error = client
        .post(&site.at("/echo"), "x/y", vec![1; 1001], 2000, PATIENCE)
        .await
        .unwrap_err();
    assert_eq!(
        (error.status(), error.code()),
        (Some(413), Some("body_too_large")),
        "{error}"
    );
}

#[tokio::test]
async fn a_body_far_over_the_limit_still_gets_its_answer() {
    let site = Site::start(echo(), small()).await;
    for _ in 0..50 {
        let body = vec![1; 8 << 20];
        let sent = site
            .client
            .post(&site.at("/echo"), "x/y", body, 2000, PATIENCE)
            .await;
        let error = sent.unwrap_err();
        assert_eq!(error.status(), Some(413), "{error:?}");
    }
}

#[tokio::test]
async fn a_body_that_hides_its_size_is_cut_at_the_limit() {
    let site = Site::start(echo(), small()).await;
    let head =
        "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    let body = format!("{:x}\r\n{}\r\n0\r\n\r\n", 1001, "a".repeat(1001));
    let answer = site.raw(format!("{head}{body}").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("application/problem+json"), "{answer}");
}

#[tokio::test]
async fn a_head_over_the_limit_is_refused() {
    let site = Site::start(echo(), small()).await;
    let answer = site
        .raw(format!("GET /{} HTTP/1.1\r\n", "a".repeat(100_000)).as_bytes())
        .await;
    assert!(
        answer.starts_with("HTTP/1.1 431 ") || answer.starts_with("HTTP/1.1 414 "),
        "{answer}"
    );
}

#[tokio::test]
async fn an_unknown_route_and_a_wrong_method_are_problems() {
    let site = Site::start(echo(), small()).await;
    let error = site
        .client
        .get(&site.at("/nowhere"), 1000)
        .await
        .unwrap_err();
    assert_eq!(
        (error.status(), error.code()),
        (Some(404), Some("not_found"))
    );
    let refused = error.refused().unwrap();
    assert_eq!(
        refused.content_type.as_deref(),
        Some("application/problem+json")
    );
    assert!(
        error.to_string().contains("there is nothing here"),
        "{error}"
    );
    let answer = site
        .raw(b"GET /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    assert!(
        answer.contains("allow: POST") && answer.contains("method_not_allowed"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_request_whose_body_does_not_arrive_ends_in_408() {
    let config = ServerConfig {
        request_timeout_ms: 100,
        ..small()
    };
    let site = Site::start(echo(), config).await;
    let answer = site
        .raw(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc")
        .await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("request_timeout"), "{answer}");
}

#[tokio::test]
async fn a_body_that_stops_arriving_ends_in_408_long_before_the_request_may() {
    let config = ServerConfig {
        stall_timeout_ms: 50,
        request_timeout_ms: 3_600_000,
        ..small()
    };
    let site = Site::start(echo(), config).await;
    let head = "POST /echo HTTP/1.1\r\nhost: x\r\n";
    for begun in [
        "content-length: 10\r\n\r\nabc",
        "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ] {
        let answer = site.raw(format!("{head}{begun}").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(
            answer.contains("request_timeout") && answer.contains("connection: close"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_body_that_arrives_slowly_but_steadily_is_taken() {
    let config = ServerConfig {
        stall_timeout_ms: 2_000,
        ..small()
    };
    let site = Site::start(echo(), config).await;
    let mut stream = TcpStream::connect(site.address).await.unwrap();
    let head = "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 40\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..40 {
        stream.write_all(b"a").await.unwrap();
        stream.flush().await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(&"a".repeat(40)),
        "{answer}"
    );
}

#[tokio::test]
async fn connections_that_say_nothing_do_not_keep_others_out() {
    let config = ServerConfig {
        concurrent_max: 2,
        ..small()
    };
    let site = Site::start(echo(), config).await;
    // Half-open: no request, or half a head. They hold no slot of those that are worked on.
    let mut silent = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(site.address).await.unwrap();
        stream.write_all(b"POST /echo HTT").await.unwrap();
        silent.push(stream);
    }
    let sent = site
        .client
        .post(&site.at("/echo"), "x/y", "abc", 100, PATIENCE)
        .await;
    assert_eq!(&sent.unwrap().body[..], b"abc");
}

#[tokio::test]
async fn more_connections_than_allowed_wait_and_are_served_when_others_leave() {
    let config = ServerConfig {
        connections_max: 2,
        ..small()
    };
    let site = Site::start(echo(), config).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(site.address).await.unwrap();
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        stream.read_exact(&mut [0; 15]).await.unwrap();
        held.push(stream);
    }
    let mut third = TcpStream::connect(site.address).await.unwrap();
    let request = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    third.write_all(request).await.unwrap();
    let mut byte = [0];
    let early = tokio::time::timeout(Duration::from_millis(100), third.read_exact(&mut byte)).await;
    assert!(early.is_err(), "it is not accepted yet");
    held.pop();
    third.read_exact(&mut byte).await.unwrap();
}

#[tokio::test]
async fn a_handler_without_end_is_answered_503() {
    let config = ServerConfig {
        request_timeout_ms: 100,
        ..small()
    };
    let stuck = post(|_body: Bytes| async { std::future::pending::<&str>().await });
    let site = Site::start(Router::new().route("/stuck", stuck), config).await;
    let start = Instant::now();
    let error = site
        .client
        .post(&site.at("/stuck"), "x/y", "abc", 1000, PATIENCE)
        .await
        .unwrap_err();
    assert_eq!(
        (error.status(), error.code()),
        (Some(503), Some("too_slow"))
    );
    assert!(error.is_transient());
    assert!(start.elapsed() < PATIENCE);
}

#[tokio::test]
async fn a_panic_is_answered_500_without_its_words_and_the_server_lives() {
    let router = echo().route(
        "/panic",
        get(async || -> &'static str { panic!("secret detail") }),
    );
    let site = Site::start(router, small()).await;
    let error = site.client.get(&site.at("/panic"), 1000).await.unwrap_err();
    assert_eq!(
        (error.status(), error.code()),
        (Some(500), Some("internal"))
    );
    assert!(!error.to_string().contains("secret detail"), "{error}");
    assert_eq!(
        site.client.get(&site.at("/healthz"), 10).await.unwrap(),
        "ok\n"
    );
}

#[tokio::test]
async fn a_full_server_answers_503_with_retry_after_and_stays_healthy() {
    let entered = Arc::new(Semaphore::new(0));
    let leave = Arc::new(Notify::new());
    let (inside, released) = (Arc::clone(&entered), Arc::clone(&leave));
    let slow = get(async move || {
        inside.add_permits(1);
        released.notified().await;
        "done"
    });
    let config = ServerConfig {
        concurrent_max: 2,
        ..small()
    };
    let site = Site::start(Router::new().route("/slow", slow), config).await;
    let first: Vec<_> = (0..2)
        .map(|_| {
            let (client, url) = (site.client.clone(), site.at("/slow"));
            tokio::spawn(async move { client.get(&url, 100).await })
        })
        .collect();
    let _entered = entered.acquire_many(2).await.unwrap();
    let answer = site
        .raw(b"GET /slow HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(
        answer.contains("retry-after: 1") && answer.contains("\"busy\""),
        "{answer}"
    );
    assert_eq!(
        site.client.get(&site.at("/healthz"), 10).await.unwrap(),
        "ok\n"
    );
    let metrics = site.client.get(&site.at("/metrics"), 10_000).await.unwrap();
    let metrics = String::from_utf8(metrics.to_vec()).unwrap();
    assert!(metrics.contains("http_requests_in_flight 3\n"), "{metrics}");
    leave.notify_waiters();
    for answer in first {
        assert_eq!(answer.await.unwrap().unwrap(), "done");
    }
}

#[tokio::test]
async fn requests_are_counted_by_pattern_so_strangers_cannot_grow_the_table() {
    let router = Router::new().route("/item/{id}", get(async || "x"));
    let site = Site::start(router, small()).await;
    for path in ["/item/1", "/item/2", "/item/3"] {
        site.client.get(&site.at(path), 10).await.unwrap();
    }
    for path in ["/a", "/b"] {
        site.client.get(&site.at(path), 10).await.unwrap_err();
    }
    let metrics = site.client.get(&site.at("/metrics"), 10_000).await.unwrap();
    let metrics = String::from_utf8(metrics.to_vec()).unwrap();
    let count = "http_request_duration_seconds_count";
    let items = format!("{count}{{method=\"GET\",route=\"/item/{{id}}\",status=\"200\"}} 3\n");
    let others = format!("{count}{{method=\"GET\",route=\"other\",status=\"404\"}} 2\n");
    assert!(
        metrics.contains(&items) && metrics.contains(&others),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_refusal_with_its_own_content_type_is_left_alone() {
    let conflict = get(async || {
        (
            StatusCode::CONFLICT,
            [(header::CONTENT_TYPE, "text/x.tlog.size")],
            "42\n",
        )
            .into_response()
    });
    let problem = get(async || {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "origin.unknown",
            "unknown origin",
            "Ask another log.",
        )
        .about("origin", "log.example/9")
    });
    let router = Router::new()
        .route("/conflict", conflict)
        .route("/problem", problem);
    let site = Site::start(router, small()).await;
    let error = site
        .client
        .get(&site.at("/conflict"), 100)
        .await
        .unwrap_err();
    let refused = error.refused().unwrap();
    assert_eq!(refused.content_type.as_deref(), Some("text/x.tlog.size"));
    assert_eq!((refused.status, &refused.body[..]), (409, &b"42\n"[..]));
    let error = site
        .client
        .get(&site.at("/problem"), 1000)
        .await
        .unwrap_err();
    let problem = error.refused().unwrap().problem.as_ref().unwrap();
    assert_eq!(problem.code, "origin.unknown");
    assert_eq!(problem.field.as_deref(), Some("origin"));
    assert_eq!(problem.value.as_deref(), Some("log.example/9"));
}

#[tokio::test]
async fn the_client_stops_reading_at_its_limit() {
    let endless = get(async || Body::new(endless_body()));
    let router = Router::new()
        .route("/endless", endless)
        .route("/ten", get(async || "0123456789"));
    let site = Site::start(router, small()).await;
    let error = site
        .client
        .get(&site.at("/endless"), 100_000)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            ClientError::TooLarge {
                bytes_max: 100_000,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(
        site.client.get(&site.at("/ten"), 10).await.unwrap(),
        "0123456789"
    );
    let error = site.client.get(&site.at("/ten"), 9).await.unwrap_err();
    assert!(
        matches!(error, ClientError::TooLarge { bytes_max: 9, .. }),
        "{error}"
    );
}

/// A body without end.
fn endless_body() -> impl http_body::Body<Data = Bytes, Error = std::io::Error> + Send + 'static {
    struct Endless;
    impl http_body::Body for Endless {
        type Data = Bytes;
        type Error = std::io::Error;
        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, std::io::Error>>> {
            let piece = http_body::Frame::data(Bytes::from_static(&[7; 4096]));
            std::task::Poll::Ready(Some(Ok(piece)))
        }
    }
    Endless
}

#[tokio::test]
async fn the_client_gives_up_in_time_follows_nothing_and_tells_absent_from_refused() {
    let silent = get(async || std::future::pending::<&str>().await);
    let moved = get(async || (StatusCode::FOUND, [(header::LOCATION, "/ten")]));
    let router = Router::new()
        .route("/silent", silent)
        .route("/moved", moved);
    let site = Site::start(router, small()).await;
    let short = Duration::from_millis(100);
    let error = site
        .client
        .post(&site.at("/moved"), "x/y", "", 10, short)
        .await
        .unwrap_err();
    assert_eq!(error.status(), Some(405));
    let config = serve::ClientConfig {
        total_timeout_ms: 100,
        ..Default::default()
    };
    let hasty = serve::Client::new(&config).unwrap();
    let error = hasty.get(&site.at("/silent"), 10).await.unwrap_err();
    assert!(matches!(error, ClientError::Timeout { .. }), "{error}");
    assert_eq!(
        site.client
            .get(&site.at("/moved"), 10)
            .await
            .unwrap_err()
            .status(),
        Some(302)
    );
    assert_eq!(
        site.client
            .get_optional(&site.at("/absent"), 10)
            .await
            .unwrap(),
        None
    );
    let error = site
        .client
        .get_optional(&site.at("/moved"), 10)
        .await
        .unwrap_err();
    assert_eq!(error.status(), Some(302));
    let error = site.client.get("not a url", 10).await.unwrap_err();
    assert!(matches!(error, ClientError::Url { .. }), "{error:?}");
    // A port that was just free has no listener.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let error = site
        .client
        .get(&format!("http://{free}/"), 10)
        .await
        .unwrap_err();
    assert!(
        matches!(error, ClientError::Unreachable { .. }),
        "{error:?}"
    );
    assert!(error.is_transient());
}
