//! Reads xz through the decoder's own buffers.
//!
//! The decoder's `Read` is generic, so its inner loops would be compiled here, without optimisation in the
//! development profile: twenty times slower than this.

use std::io::{self, Read};

use lzma_rust2::{Action, Status, XzStream};

use crate::limits::{CHUNK_BYTES, DECODER_KIB_MAX};

/// One xz stream. What follows its end is not read.
pub(super) struct XzRead<R> {
    inner: R,
    decoder: XzStream,
    input: Vec<u8>,
    /// What of `input` is not decoded yet.
    waiting: std::ops::Range<usize>,
    is_read: bool,
    is_done: bool,
}

impl<R: Read> XzRead<R> {
    pub(super) fn new(inner: R) -> Self {
        Self {
            inner,
            decoder: XzStream::new_mem_limit(false, DECODER_KIB_MAX),
            input: vec![0; CHUNK_BYTES],
            waiting: 0..0,
            is_read: false,
            is_done: false,
        }
    }
}

impl<R: Read> Read for XzRead<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while !self.is_done && !out.is_empty() {
            if self.waiting.is_empty() && !self.is_read {
                let count = self.inner.read(&mut self.input)?;
                self.waiting = 0..count;
                self.is_read = count == 0;
            }
            let action = if self.is_read {
                Action::Finish
            } else {
                Action::Run
            };
            let input = &self.input[self.waiting.clone()];
            let step = self.decoder.process(input, out, action)?;
            self.waiting.start += step.bytes_consumed;
            self.is_done = matches!(step.status, Status::StreamEnd);
            if step.bytes_produced > 0 {
                return Ok(step.bytes_produced);
            }
            if self.is_read && !self.is_done && step.bytes_consumed == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(0)
    }
}
