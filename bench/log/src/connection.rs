//! A kept-alive HTTP/1.1 connection that costs little.

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// See the module.
pub struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

/// An answer: its status and its body.
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Connection {
    pub async fn open(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            answer: Vec::new(),
        })
    }

    /// Posts a body.
    pub async fn call(&mut self, path: &str, body: &[u8]) -> anyhow::Result<Answer> {
        let mut request = format!(
            "POST {path} HTTP/1.1\r\nhost: log\r\ncontent-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.exchange(&request).await
    }

    /// Gets what is at a path.
    pub async fn get(&mut self, path: &str) -> anyhow::Result<Answer> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: log\r\n\r\n");
        self.exchange(request.as_bytes()).await
    }

    async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        self.stream.write_all(request).await?;
        loop {
            if let Some((head, end)) = whole(&self.answer)? {
                let text = std::str::from_utf8(&self.answer[..head])?;
                let status = text.get(9..12).context("no status")?.parse()?;
                let body = self.answer[head..end].to_vec();
                self.answer.drain(..end);
                return Ok(Answer { status, body });
            }
            let read = self.stream.read_buf(&mut self.answer).await?;
            ensure!(read > 0, "the server hung up");
        }
    }
}

/// Length of the head of the first message, and of all of it, once all of it is there.
pub fn whole(bytes: &[u8]) -> anyhow::Result<Option<(usize, usize)>> {
    let Some(head) = bytes.windows(4).position(|end| end == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..head])?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>())
    });
    let head = head + 4;
    let end = head + length.context("no content-length")??;
    Ok((bytes.len() >= end).then_some((head, end)))
}
