//! Starting and stopping.
use std::sync::Arc;
use std::time::Duration;

use crate::site::Site;
use axum::Router;
use axum::routing::get;
use serve::{
    ClientError, Metrics, ReadyFile, ServeError, ServerConfig, bind, bound_url, read_url, run_with,
    wait_url,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

#[tokio::test]
async fn a_stopping_server_finishes_what_it_began_and_takes_nothing_new() {
    let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (inside, released) = (Arc::clone(&entered), Arc::clone(&leave));
    let slow = get(async move || {
        inside.notify_one();
        released.notified().await;
        "finished"
    });
    let mut site = Site::start(Router::new().route("/slow", slow), ServerConfig::default()).await;
    let mut idle = TcpStream::connect(site.address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    idle.read_exact(&mut [0; 20]).await.unwrap();
    let (client, url) = (site.client.clone(), site.at("/slow"));
    let began = tokio::spawn(async move { client.get(&url, 100).await });
    entered.notified().await;
    site.stop();
    // The idle connection is closed, so the server is stopping: nothing new gets in.
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    assert!(TcpStream::connect(site.address).await.is_err());
    assert!(!site.task.is_finished());
    leave.notify_one();
    assert_eq!(began.await.unwrap().unwrap(), "finished");
    (&mut site.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_request_without_end_does_not_keep_a_server_from_stopping() {
    let entered = Arc::new(Notify::new());
    let inside = Arc::clone(&entered);
    let stuck = get(async move || {
        inside.notify_one();
        std::future::pending::<&str>().await
    });
    let config = ServerConfig {
        request_timeout_ms: 200,
        ..ServerConfig::default()
    };
    let mut site = Site::start(Router::new().route("/stuck", stuck), config).await;
    let (client, url) = (site.client.clone(), site.at("/stuck"));
    let asked = tokio::spawn(async move { client.get(&url, 100).await });
    entered.notified().await;
    site.stop();
    (&mut site.task).await.unwrap().unwrap();
    assert!(matches!(
        asked.await.unwrap(),
        Err(ClientError::Refused(_) | ClientError::Broken { .. })
    ));
}

#[tokio::test]
async fn a_listener_that_is_taken_and_a_limit_of_zero_are_refused_by_name() {
    let first = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = first.local_addr().unwrap();
    let error = bind(address).await.unwrap_err();
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    let config = ServerConfig {
        concurrent_max: 0,
        ..ServerConfig::default()
    };
    let stop = std::future::pending();
    let error = run_with(first, Router::new(), &config, &Metrics::new(), stop)
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        ServeError::ZeroLimit {
            field: "concurrent_max"
        }
    ));
}

#[tokio::test]
async fn a_room_shows_its_own_numbers() {
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let url = bound_url(&listener).unwrap();
    let metrics = Metrics::new();
    let size = metrics.gauge("log_size", "Entries.");
    size.set(40);
    metrics.gauge("log_size", "Entries.").add(2);
    assert_eq!(size.get(), 42);
    let served = tokio::spawn(async move {
        let config = ServerConfig::default();
        run_with(
            listener,
            Router::new(),
            &config,
            &metrics,
            std::future::pending(),
        )
        .await
    });
    let client = serve::Client::new(&serve::ClientConfig::default()).unwrap();
    let shown = client.get(&format!("{url}/metrics"), 10_000).await.unwrap();
    let shown = String::from_utf8(shown.to_vec()).unwrap();
    assert!(
        shown.contains("# HELP log_size Entries.\n# TYPE log_size gauge\nlog_size 42\n"),
        "{shown}"
    );
    served.abort();
}

#[tokio::test]
async fn an_address_is_told_while_the_daemon_lives() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(read_url(dir.path()), None);
    let error = wait_url(dir.path(), Duration::ZERO).await.unwrap_err();
    assert!(matches!(error, ServeError::NotReady { .. }));
    let path = dir.path().to_owned();
    let waiting = tokio::spawn(async move { wait_url(&path, Duration::from_secs(20)).await });
    let ready = ReadyFile::write(dir.path(), "http://127.0.0.1:4000").unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), "http://127.0.0.1:4000");
    drop(ready);
    assert_eq!(read_url(dir.path()), None);
    std::fs::write(dir.path().join("url"), "http://127.0.0.1:1\n").unwrap();
    ReadyFile::clear(dir.path()).unwrap();
    ReadyFile::clear(dir.path()).unwrap();
    assert_eq!(read_url(dir.path()), None);
    // Half a line is not an address yet.
    std::fs::write(dir.path().join("url"), "http://127").unwrap();
    assert_eq!(read_url(dir.path()), None);
}
