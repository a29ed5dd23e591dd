//! SIGTERM stops a daemon in good order. Alone in its file: the signal reaches the whole process.
#![allow(clippy::unwrap_used, missing_docs)]

use axum::Router;
use serve::{Client, ClientConfig, ServerConfig, bind, bound_url, run};

#[tokio::test]
async fn sigterm_stops_the_server() {
    let config = ServerConfig::default();
    let listener = bind(config.listen).await.unwrap();
    let url = bound_url(&listener).unwrap();
    let address = listener.local_addr().unwrap();
    let server =
        tokio::spawn(
            async move { run(listener, Router::new(), &config, std::future::pending()).await },
        );
    // Once it answers, it listens for signals too.
    let client = Client::new(&ClientConfig::default()).unwrap();
    assert_eq!(
        client.get(&format!("{url}/healthz"), 10).await.unwrap(),
        "ok\n"
    );
    let pid = std::process::id().to_string();
    let sent = std::process::Command::new("sh")
        .args(["-c", "kill -TERM \"$1\"", "sh", &pid])
        .status()
        .unwrap();
    assert!(sent.success());
    server.await.unwrap().unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
