//! What went over a socket, put together into HTTP/1.1 messages.

use std::collections::VecDeque;

use anyhow::{Context as _, Result, ensure};

/// A request to the daemon with its answer, or a request of the daemon to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Whether the daemon answered; else it asked, and what it heard is not recorded.
    pub is_answer: bool,
    /// For example `POST`.
    pub method: String,
    /// For example `/submit?wait=0`.
    pub path: String,
    /// Body of the request.
    pub request: Vec<u8>,
    /// Status of the answer; 0 for what the daemon asked.
    pub status: u16,
    /// Body of the answer.
    pub answer: Vec<u8>,
}

/// One connection.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    is_server: bool,
    received: Vec<u8>,
    sent: Vec<u8>,
    asked: VecDeque<Message>,
}

#[derive(Debug)]
struct Message {
    /// Words of the first line.
    first: Vec<String>,
    body: Vec<u8>,
}

impl Talk {
    pub(crate) fn new(is_server: bool) -> Self {
        Self {
            is_server,
            ..Self::default()
        }
    }

    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Result<()> {
        if !self.is_server {
            return Ok(());
        }
        self.received.extend_from_slice(bytes);
        while let Some(message) = take(&mut self.received)? {
            self.asked.push_back(message);
        }
        Ok(())
    }

    /// The exchanges that these bytes complete.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<Vec<Exchange>> {
        self.sent.extend_from_slice(bytes);
        let mut done = Vec::new();
        while let Some(message) = take(&mut self.sent)? {
            let word = |message: &Message, at: usize| message.first.get(at).cloned();
            let (request, answer) = if self.is_server {
                let request = self.asked.pop_front().context("an answer to nothing")?;
                (request, Some(message))
            } else {
                (message, None)
            };
            let status = answer.as_ref().and_then(|a| word(a, 1)?.parse().ok());
            done.push(Exchange {
                is_answer: answer.is_some(),
                method: word(&request, 0).unwrap_or_default(),
                path: word(&request, 1).unwrap_or_default(),
                request: request.body,
                status: status.unwrap_or(0),
                answer: answer.map(|a| a.body).unwrap_or_default(),
            });
        }
        Ok(done)
    }
}

/// Takes a whole message from the front, if there is one.
fn take(bytes: &mut Vec<u8>) -> Result<Option<Message>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let mut size = 0;
    for line in lines {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        match name.to_ascii_lowercase().as_str() {
            "content-length" => size = value.trim().parse().context("content-length")?,
            "transfer-encoding" => ensure!(false, "a chunked message cannot be followed"),
            _ => {}
        }
    }
    let whole = end + 4 + size;
    if bytes.len() < whole {
        return Ok(None);
    }
    let message = Message {
        first: first.split(' ').map(str::to_owned).collect(),
        body: bytes[end + 4..whole].to_vec(),
    };
    bytes.drain(..whole);
    Ok(Some(message))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_when_its_last_byte_leaves() {
        let mut talk = Talk::new(true);
        talk.receive(b"POST /submit HTTP/1.1\r\nContent-Length: 2\r\n\r\nh")
            .unwrap();
        talk.receive(b"iGET / HTTP/1.1\r\n\r\n").unwrap();
        let head = b"HTTP/1.1 202 Accepted\r\ncontent-length: 3\r\n\r\nab";
        assert_eq!(talk.send(head).unwrap(), []);
        let done = talk.send(b"cHTTP/1.1 404 Not Found\r\n\r\n").unwrap();
        assert_eq!(done.len(), 2);
        assert_eq!((done[0].status, done[1].status), (202, 404));
        assert_eq!(
            (&*done[0].request, &*done[0].answer),
            (&b"hi"[..], &b"abc"[..])
        );
    }

    #[test]
    fn a_question_of_the_daemon_counts_when_it_leaves() {
        let mut talk = Talk::new(false);
        let asked = talk.send(b"POST /add HTTP/1.1\r\nContent-Length: 1\r\n\r\nx");
        let asked = asked.unwrap();
        assert_eq!((asked[0].is_answer, &*asked[0].path), (false, "/add"));
    }
}
