//! A small sample that comes in one call: front, ciphertext, signature. `spec/intake.md`.
//!
//! Each piece is digested when it comes, while it is still in the processor's cache. Nothing is written here.

use std::pin::Pin;

use axum::body::{Body, HttpBody as _};
use bytes::{Bytes, BytesMut};
use seal::{Ciphertext, Front};
use statement::SealDigest;

use crate::error::Refusal;
use crate::limits::{PIECE_BYTES_MAX, SIGNATURE_BYTES};

/// All of a sample, as its sender has it.
pub(crate) struct Whole {
    pub(crate) front: Front,
    /// The front as it came.
    pub(crate) front_bytes: Bytes,
    pub(crate) ciphertext: Bytes,
    /// The name of what came.
    pub(crate) seal: SealDigest,
    pub(crate) signature: [u8; SIGNATURE_BYTES],
}

impl Whole {
    /// Reads a body to its end, even one that is refused: its sender would otherwise see a connection that breaks
    /// instead of a reason. The server bounds its bytes and its time.
    pub(crate) async fn receive(mut body: Body) -> Result<Self, Refusal> {
        let (mut coming, mut refused) = (Coming::default(), None);
        loop {
            let frame = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context));
            let piece = match frame.await {
                None => break,
                Some(Err(_)) => return Err(Refusal::Broken),
                // Trailers mean nothing here.
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            };
            if refused.is_none() {
                refused = coming.take(&piece).err();
            }
        }
        match refused {
            Some(refusal) => Err(refusal),
            None => coming.finish(),
        }
    }
}

/// What came so far.
#[derive(Default)]
struct Coming {
    bytes: BytesMut,
    /// Once all of the front is here.
    begun: Option<Begun>,
}

struct Begun {
    front: Front,
    front_bytes: usize,
    /// Where the ciphertext ends that the front announces.
    content_end: usize,
    digest: Ciphertext,
    /// Up to here `bytes` are in it.
    digested: usize,
}

impl Coming {
    fn take(&mut self, piece: &[u8]) -> Result<(), Refusal> {
        self.bytes.extend_from_slice(piece);
        if self.begun.is_none() {
            self.begun = self.begin()?;
        }
        let Some(begun) = &mut self.begun else {
            return Ok(());
        };
        let end = self.bytes.len().min(begun.content_end);
        let next = self.bytes.get(begun.digested..end).unwrap_or_default();
        begun.digest.update(next).map_err(Refusal::Front)?;
        begun.digested = end;
        Ok(())
    }

    /// Nothing before all of the front came.
    fn begin(&mut self) -> Result<Option<Begun>, Refusal> {
        let Some(first) = self.bytes.first_chunk() else {
            return Ok(None);
        };
        let front_bytes = Front::bytes_in_all(*first).map_err(Refusal::Front)?;
        let Some(front) = self.bytes.get(..front_bytes) else {
            return Ok(None);
        };
        let front = Front::parse(front).map_err(Refusal::Front)?;
        let announced = usize::try_from(front.header().ciphertext_bytes()).unwrap_or(usize::MAX);
        let content_end = front_bytes.saturating_add(announced);
        let in_all = content_end.saturating_add(SIGNATURE_BYTES);
        // A header can announce anything; one call brings no more than this.
        let missing = in_all.min(PIECE_BYTES_MAX).saturating_sub(self.bytes.len());
        self.bytes.reserve(missing);
        Ok(Some(Begun {
            digest: Ciphertext::new(front.header()),
            front,
            front_bytes,
            content_end,
            digested: front_bytes,
        }))
    }

    fn finish(self) -> Result<Whole, Refusal> {
        let short = |found| Refusal::SignatureLength { found };
        let mut rest = self.bytes.freeze();
        let begun = self.begun.ok_or_else(|| short(rest.len()))?;
        let front_bytes = rest.split_to(begun.front_bytes);
        let (ciphertext, signature) = rest
            .split_last_chunk::<SIGNATURE_BYTES>()
            .ok_or_else(|| short(rest.len()))?;
        let length = begun.front.header().ciphertext_bytes();
        let held = ciphertext.len() as u64;
        if held > length {
            let bytes_max = length;
            return Err(Refusal::Size {
                found: held,
                bytes_max,
            });
        }
        let (ciphertext, signature) = (rest.slice_ref(ciphertext), *signature);
        // The last bytes of a body that is too short were digested as ciphertext, and are its signature.
        let seal = begun.digest.finish();
        let seal = match seal {
            Ok(seal) if held == length => seal,
            _ => return Err(Refusal::Incomplete { held, length }),
        };
        Ok(Whole {
            front: begun.front,
            front_bytes,
            ciphertext,
            seal,
            signature,
        })
    }
}
