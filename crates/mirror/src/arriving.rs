//! A request body as it arrives: in pieces, unpacked, and not for ever.

use std::io::Write as _;
use std::pin::Pin;

use axum::body::{Body, Bytes, HttpBody as _};
use flate2::write::MultiGzDecoder;
use tokio::time::{Instant, timeout_at};

use crate::error::Refusal;
use crate::limits::GZIP_PIECE_BYTES;

/// The rest of a body.
pub(crate) struct Arriving {
    body: Body,
    /// What was received and not unpacked yet.
    packed: Bytes,
    gzip: Option<MultiGzDecoder<Vec<u8>>>,
    deadline: Instant,
    has_ended: bool,
}

impl Arriving {
    pub(crate) fn new(body: Body, is_gzip: bool, deadline: Instant) -> Self {
        Self {
            body,
            packed: Bytes::new(),
            gzip: is_gzip.then(|| MultiGzDecoder::new(Vec::new())),
            deadline,
            has_ended: false,
        }
    }

    /// The next piece; `None` when there is no more, because it ended, broke off or took too long.
    /// In all three cases what came before is as good.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, Refusal> {
        loop {
            while self.packed.is_empty() {
                match self.receive().await {
                    Some(piece) => self.packed = piece,
                    None => return Ok(None),
                }
            }
            let Some(gzip) = &mut self.gzip else {
                return Ok(Some(std::mem::take(&mut self.packed).into()));
            };
            let piece = self
                .packed
                .split_to(GZIP_PIECE_BYTES.min(self.packed.len()));
            gzip.write_all(&piece).map_err(|_| Refusal::Gzip)?;
            gzip.flush().map_err(|_| Refusal::Gzip)?;
            let unpacked = std::mem::take(gzip.get_mut());
            if !unpacked.is_empty() {
                return Ok(Some(unpacked));
            }
        }
    }

    async fn receive(&mut self) -> Option<Bytes> {
        while !self.has_ended {
            let body = &mut self.body;
            let frame = std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context));
            let Ok(Some(Ok(frame))) = timeout_at(self.deadline, frame).await else {
                self.has_ended = true;
                break;
            };
            if let Ok(piece) = frame.into_data() {
                return Some(piece);
            }
        }
        None
    }
}
