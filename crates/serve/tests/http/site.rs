//! A running server for the tests.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use serve::{Client, ClientConfig, ServeError, ServerConfig, bind, run};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    pub(crate) url: String,
    pub(crate) client: Client,
    stop: Arc<Notify>,
    pub(crate) task: JoinHandle<Result<(), ServeError>>,
}

impl Site {
    pub(crate) async fn start(router: Router, config: ServerConfig) -> Self {
        let listener = bind(config.listen).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            run(listener, router, &config, async move {
                stopped.notified().await
            })
            .await
        });
        let client = Client::new(&ClientConfig::default()).unwrap();
        Self {
            address,
            url: format!("http://{address}"),
            client,
            stop,
            task,
        }
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Asks it to stop, without waiting.
    pub(crate) fn stop(&self) {
        self.stop.notify_one();
    }

    /// Sends a request without a body, with header lines that end in CRLF; reads the whole answer:
    /// its head as text, and the bytes behind it.
    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &str) -> (String, Vec<u8>) {
        let head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
        let request = format!("{head}{headers}\r\n");
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
        let body = answer.split_off(end);
        (String::from_utf8(answer).unwrap(), body)
    }

    /// Sends bytes as they are and reads until the server closes the connection.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}
