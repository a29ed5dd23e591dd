//! The endpoint's side: from a seed, three epoch keys and a file to a front, a ciphertext and their name.

use statement::{EpochPurpose, SealDigest};
use tlog::Hash;

use crate::{
    content::{ContentSealer, ciphertext_bytes},
    derive::{ContentKey, Seed, Side},
    epochs::EpochKeys,
    error::SealError,
    front::{Front, Wraps},
    header::{Address, Header},
    kem::Wrap,
    limits::WRAP_RANDOMNESS_BYTES,
};

/// Seals one sample, chunk by chunk.
pub struct Sealer {
    front: Front,
    content: ContentSealer,
}

/// What sealing gave, beside the ciphertext.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Header and wraps.
    pub front: Front,
    /// SHA-256 of the whole ciphertext.
    pub ciphertext: Hash,
    /// The name of the sealed sample.
    pub seal: SealDigest,
}

impl Sealer {
    /// Derives the keys, makes the header and wraps the secrets. `randomness` is for the analysis wrap; it, the seed and
    /// everything in `address` that is fresh must be used once.
    ///
    /// # Errors
    /// [`SealError::Size`], [`SealError::EpochHome`].
    pub fn start(
        address: Address,
        keys: &EpochKeys,
        seed: &Seed,
        randomness: &[u8; WRAP_RANDOMNESS_BYTES],
    ) -> Result<Self, SealError> {
        let header = Header::new(address, keys, seed)?;
        let analysis = EpochPurpose::Analysis;
        let wraps = Wraps {
            analysis: keys.key(analysis).wrap_key().seal(
                &header.info(analysis),
                seed.expose(),
                randomness,
            ),
            center: rest_wrap(&header, keys, seed, Side::Center),
            supervisor: rest_wrap(&header, keys, seed, Side::Supervisor),
        };
        let [center, supervisor] = Side::BOTH.map(|side| seed.share(side));
        let key = ContentKey::of(&center, &supervisor, &header.address().sample);
        let content = ContentSealer::new(&header, &key);
        let front = Front::new(header, wraps);
        Ok(Self { front, content })
    }

    /// Header and wraps: what is sent first.
    #[must_use]
    pub fn front(&self) -> &Front {
        &self.front
    }

    /// Bytes of the file that belong into the next chunk; 0 after the last.
    #[must_use]
    pub fn next_bytes(&self) -> usize {
        self.content.next_bytes()
    }

    /// Encrypts the next chunk in place; it grows by its tag.
    ///
    /// # Errors
    /// [`SealError::ChunkLength`] when it has not [`Sealer::next_bytes`].
    pub fn seal_chunk(&mut self, chunk: &mut Vec<u8>) -> Result<(), SealError> {
        self.content.seal(chunk, 0)
    }

    /// The name of the sealed sample, after the last chunk.
    ///
    /// # Errors
    /// [`SealError::Unfinished`].
    pub fn finish(self) -> Result<Sealed, SealError> {
        let ciphertext = self.content.finish()?;
        let seal = self.front.header().seal_digest(&ciphertext);
        Ok(Sealed {
            front: self.front,
            ciphertext,
            seal,
        })
    }

    /// Seals a whole file.
    ///
    /// # Errors
    /// [`SealError::ChunkLength`] and [`SealError::Unfinished`] when it has not the size of the header.
    pub fn seal_all(self, file: &[u8]) -> Result<(Sealed, Vec<u8>), SealError> {
        let mut ciphertext = Vec::new();
        let sealed = self.seal_onto(file, &mut ciphertext)?;
        Ok((sealed, ciphertext))
    }

    /// Seals a whole file behind what `out` has already, such as [`Sealer::front`]: each byte is copied once.
    ///
    /// # Errors
    /// [`SealError::ChunkLength`] and [`SealError::Unfinished`] when it has not the size of the header; `out` is
    /// worth nothing then.
    pub fn seal_onto(mut self, file: &[u8], out: &mut Vec<u8>) -> Result<Sealed, SealError> {
        let bytes = usize::try_from(ciphertext_bytes(file.len() as u64));
        out.reserve(bytes.unwrap_or(file.len()));
        let mut rest = file;
        while !rest.is_empty() {
            let next_bytes = match self.next_bytes() {
                0 => rest.len(),
                bytes => bytes.min(rest.len()),
            };
            let (next, after) = rest.split_at(next_bytes);
            let from = out.len();
            out.extend_from_slice(next);
            self.content.seal(out, from)?;
            rest = after;
        }
        self.finish()
    }
}

/// The wrap of a share at rest. A pure function of seed, header and key: this is what the worker makes again.
pub(crate) fn rest_wrap(header: &Header, keys: &EpochKeys, seed: &Seed, side: Side) -> Wrap {
    keys.of_side(side).seal(
        &header.info(side.purpose()),
        seed.share(side).expose(),
        &seed.wrap_randomness(side),
    )
}
