//! The ciphertext: AES-256-GCM over chunks of 64 KiB, each bound to the header, to its place and to whether it is the last.
//!
//! Nonce: 11 bytes chunk index, big-endian, then 1 for the last chunk and 0 for every other. Associated data: the header
//! digest. The key is used for this sample only, so a counter is a nonce. The size in the header says how long the ciphertext is,
//! to the byte, before anything is decrypted.

use aes_gcm::{
    Aes256Gcm, KeyInit as _, Nonce, Tag,
    aead::{AeadInOut as _, consts::U12},
};
use statement::SealDigest;
use tlog::{Hash, Sha256Stream};
use zeroize::Zeroizing;

use crate::{
    derive::ContentKey,
    error::SealError,
    header::Header,
    limits::{CHUNK_BYTES, TAG_BYTES},
};

/// Bytes of the ciphertext of a sample of `size_bytes`.
pub(crate) fn ciphertext_bytes(size_bytes: u64) -> u64 {
    size_bytes + size_bytes.div_ceil(CHUNK_BYTES as u64) * TAG_BYTES as u64
}

/// Walks over the chunks of one sample, in either direction of the cipher.
struct Chunks {
    cipher: Aes256Gcm,
    header: Hash,
    index: u64,
    /// Plaintext bytes still to come.
    rest: u64,
    ciphertext: Sha256Stream,
}

impl Chunks {
    fn new(header: &Header, key: &ContentKey) -> Self {
        Self {
            cipher: Aes256Gcm::new(key.expose().into()),
            header: header.digest(),
            index: 0,
            rest: header.address().size_bytes,
            ciphertext: Sha256Stream::new(),
        }
    }

    /// Plaintext bytes of the next chunk; 0 after the last.
    fn next_bytes(&self) -> usize {
        usize::try_from(self.rest).map_or(CHUNK_BYTES, |rest| rest.min(CHUNK_BYTES))
    }

    fn nonce(&self) -> Nonce<U12> {
        let mut nonce = [0_u8; 12];
        nonce[3..11].copy_from_slice(&self.index.to_be_bytes());
        nonce[11] = u8::from(self.rest <= CHUNK_BYTES as u64);
        nonce.into()
    }

    /// Refuses a chunk of another length than the size leaves for it.
    fn check_length(&self, found: usize, expected: usize) -> Result<(), SealError> {
        if expected != 0 && found == expected {
            return Ok(());
        }
        Err(SealError::ChunkLength {
            index: self.index,
            found,
            expected,
        })
    }

    fn advance(&mut self, plain_bytes: usize) {
        self.index += 1;
        self.rest -= plain_bytes as u64;
    }

    /// SHA-256 of the whole ciphertext.
    fn finish(self) -> Result<Hash, SealError> {
        match self.rest {
            0 => Ok(self.ciphertext.finish()),
            missing => Err(SealError::Unfinished { missing }),
        }
    }
}

/// Encrypts the chunks of one sample, one after the other.
pub(crate) struct ContentSealer(Chunks);

impl ContentSealer {
    pub(crate) fn new(header: &Header, key: &ContentKey) -> Self {
        Self(Chunks::new(header, key))
    }

    pub(crate) fn next_bytes(&self) -> usize {
        self.0.next_bytes()
    }

    /// Encrypts the chunk that begins at `from`, in place; it grows by its tag. What is before it is left alone.
    pub(crate) fn seal(&mut self, out: &mut Vec<u8>, from: usize) -> Result<(), SealError> {
        let chunk = out.get_mut(from..).unwrap_or_default();
        let plain_bytes = chunk.len();
        self.0.check_length(plain_bytes, self.0.next_bytes())?;
        let tag = self
            .0
            .cipher
            .encrypt_inout_detached(&self.0.nonce(), self.0.header.as_bytes(), chunk.into())
            .expect("AES-256-GCM encrypts 64 KiB");
        out.extend_from_slice(&tag);
        self.0.ciphertext.update(&out[from..]);
        self.0.advance(plain_bytes);
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<Hash, SealError> {
        self.0.finish()
    }
}

/// Decrypts the chunks of one sample, one after the other.
pub struct ContentOpener {
    header: Header,
    chunks: Chunks,
}

impl ContentOpener {
    /// Begins at the first chunk.
    #[must_use]
    pub fn new(header: &Header, key: &ContentKey) -> Self {
        Self {
            chunks: Chunks::new(header, key),
            header: header.clone(),
        }
    }

    /// Ciphertext bytes of the next chunk; 0 after the last.
    #[must_use]
    pub fn next_bytes(&self) -> usize {
        match self.chunks.next_bytes() {
            0 => 0,
            plain_bytes => plain_bytes + TAG_BYTES,
        }
    }

    /// Decrypts in place; the chunk shrinks by its tag. A chunk that is refused is left as it came.
    ///
    /// # Errors
    /// [`SealError::ChunkLength`], [`SealError::Chunk`].
    pub fn open_chunk(&mut self, chunk: &mut Vec<u8>) -> Result<(), SealError> {
        let chunks = &mut self.chunks;
        let expected = match chunks.next_bytes() {
            0 => 0,
            plain_bytes => plain_bytes + TAG_BYTES,
        };
        chunks.check_length(chunk.len(), expected)?;
        let plain_bytes = expected - TAG_BYTES;
        let before = chunks.ciphertext.clone();
        chunks.ciphertext.update(chunk);
        let (content, tag) = chunk.split_at_mut(plain_bytes);
        let tag = Tag::try_from(&*tag).expect("the tag has the length it was split at");
        let (nonce, index) = (chunks.nonce(), chunks.index);
        let aad = chunks.header.as_bytes();
        let opened = chunks
            .cipher
            .decrypt_inout_detached(&nonce, aad, content.into(), &tag);
        if opened.is_err() {
            chunks.ciphertext = before;
            return Err(SealError::Chunk { index });
        }
        chunk.truncate(plain_bytes);
        chunks.advance(plain_bytes);
        Ok(())
    }

    /// Decrypts a whole ciphertext.
    ///
    /// # Errors
    /// Those of [`ContentOpener::open_chunk`] and [`ContentOpener::finish`].
    pub fn open_all(
        mut self,
        ciphertext: &[u8],
        expected: &SealDigest,
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let capacity = usize::try_from(self.chunks.rest).unwrap_or(0);
        // A header can claim any size; what is reserved is at most what came.
        let mut content = Zeroizing::new(Vec::with_capacity(capacity.min(ciphertext.len())));
        let mut rest = ciphertext;
        loop {
            let (next, after) = rest.split_at(self.next_bytes().min(rest.len()));
            if next.is_empty() {
                break;
            }
            let mut chunk = Zeroizing::new(next.to_vec());
            self.open_chunk(&mut chunk)?;
            content.extend_from_slice(&chunk);
            rest = after;
        }
        if !rest.is_empty() {
            self.chunks.check_length(rest.len(), 0)?;
        }
        self.finish(expected)?;
        Ok(content)
    }

    /// All chunks came, and together they are the sealed sample of this name.
    ///
    /// # Errors
    /// [`SealError::Unfinished`], [`SealError::OtherSeal`].
    pub fn finish(self, expected: &SealDigest) -> Result<(), SealError> {
        let found = self.header.seal_digest(&self.chunks.finish()?);
        if found == *expected {
            return Ok(());
        }
        let expected = *expected;
        Err(SealError::OtherSeal { found, expected })
    }
}

/// What an intake can tell about a ciphertext without any key: its length and its digest.
pub struct Ciphertext {
    header: Header,
    rest: u64,
    digest: Sha256Stream,
}

impl Ciphertext {
    /// Of a sample with this header.
    #[must_use]
    pub fn new(header: &Header) -> Self {
        Self {
            rest: header.ciphertext_bytes(),
            header: header.clone(),
            digest: Sha256Stream::new(),
        }
    }

    /// Takes the next bytes, as many as came.
    ///
    /// # Errors
    /// [`SealError::ChunkLength`] when more came than the header leaves room for.
    pub fn update(&mut self, bytes: &[u8]) -> Result<(), SealError> {
        self.rest =
            self.rest
                .checked_sub(bytes.len() as u64)
                .ok_or_else(|| SealError::ChunkLength {
                    index: self.header.address().size_bytes / CHUNK_BYTES as u64,
                    found: bytes.len(),
                    expected: usize::try_from(self.rest).unwrap_or(usize::MAX),
                })?;
        self.digest.update(bytes);
        Ok(())
    }

    /// The name of the sealed sample.
    ///
    /// # Errors
    /// [`SealError::Unfinished`].
    pub fn finish(self) -> Result<SealDigest, SealError> {
        match self.rest {
            0 => Ok(self.header.seal_digest(&self.digest.finish())),
            missing => Err(SealError::Unfinished { missing }),
        }
    }
}
