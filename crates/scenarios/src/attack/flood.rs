//! A mirror that answers below one path with a stream that never ends.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::{Context as _, Result};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Longest request head that is read.
const HEAD_BYTES_MAX: usize = 16 << 10;
static PIECE: [u8; 64 << 10] = [b' '; 64 << 10];

/// The mirror; it stops when it is dropped.
pub(super) struct Flood {
    address: std::net::SocketAddr,
    sent: Arc<AtomicU64>,
    server: JoinHandle<()>,
}

impl Flood {
    /// Serves `directory`, but floods whoever asks for something below `prefix`.
    pub(super) fn start(directory: &Path, prefix: &str) -> Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").context("no port is free")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = TcpListener::from_std(listener)?;
        let sent = Arc::new(AtomicU64::new(0));
        let serving = Serving {
            directory: directory.to_owned(),
            prefix: prefix.to_owned(),
            sent: Arc::clone(&sent),
        };
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = serving.clone();
                // A reader that hangs up is what this is about.
                tokio::spawn(async move { serving.answer(stream).await.ok() });
            }
        });
        Ok(Self {
            address,
            sent,
            server,
        })
    }

    /// Where it listens.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How much of its floods was taken from it, so far.
    pub(super) fn bytes_sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[derive(Clone)]
struct Serving {
    directory: PathBuf,
    prefix: String,
    sent: Arc<AtomicU64>,
}

impl Serving {
    /// One request per connection.
    async fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD_BYTES_MAX {
            if stream.read_buf(&mut head).await? == 0 {
                return Ok(());
            }
        }
        let head = String::from_utf8_lossy(&head);
        let path = head
            .split(' ')
            .nth(1)
            .unwrap_or_default()
            .trim_start_matches('/');
        // The root of the next version must be absent, or the flood would be one of roots.
        let next_root = path.ends_with(".root.json");
        if path.starts_with(&self.prefix) && !next_root {
            let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\nconnection: close\r\n\r\n";
            stream.write_all(head).await?;
            loop {
                stream.write_all(&PIECE).await?;
                self.sent.fetch_add(PIECE.len() as u64, Ordering::Relaxed);
            }
        }
        let file = if path.split('/').any(|part| part == "..") {
            None
        } else {
            tokio::fs::read(self.directory.join(path)).await.ok()
        };
        let (status, body) = file.map_or(("404 Not Found", Vec::new()), |body| ("200 OK", body));
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(&body).await
    }
}
