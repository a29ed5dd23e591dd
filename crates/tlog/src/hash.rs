//! SHA-256 and the two domain-separated hashes of an RFC 6962 tree.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::ascii;
use crate::errors::ParseError;
use crate::limits::HASH_BYTES;

/// A SHA-256 value. `Display` is standard base64 (as in C2SP texts), `Debug` is hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; HASH_BYTES]);

impl Hash {
    /// The root of the empty tree: SHA-256 of no bytes (RFC 6962 section 2.1).
    pub const EMPTY_ROOT: Self = Self([
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9,
        0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52,
        0xb8, 0x55,
    ]);

    /// Wraps 32 bytes that already are a digest.
    pub const fn from_bytes(bytes: [u8; HASH_BYTES]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; HASH_BYTES] {
        &self.0
    }

    /// 64 lower-case hex digits.
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }

    /// Reads exactly 64 lower-case hex digits.
    ///
    /// # Errors
    /// [`ParseError::Malformed`] for any other spelling.
    pub fn from_hex(value: &str) -> Result<Self, ParseError> {
        let mut bytes = [0; HASH_BYTES];
        let lower = value
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if lower && hex::decode_to_slice(value, &mut bytes).is_ok() {
            return Ok(Self(bytes));
        }
        Err(ParseError::Malformed {
            what: "hash",
            value: ascii::excerpt(value),
            expected: "64 lower-case hex digits",
        })
    }

    /// Reads exactly 44 characters of canonical standard base64.
    ///
    /// # Errors
    /// [`ParseError::Malformed`] for any other spelling or length.
    pub fn from_base64(value: &str) -> Result<Self, ParseError> {
        let bytes = ascii::parse_base64("hash", value)?;
        <[u8; HASH_BYTES]>::try_from(bytes)
            .map(Self)
            .map_err(|_| ParseError::Malformed {
                what: "hash",
                value: ascii::excerpt(value),
                expected: "the base64 of 32 bytes",
            })
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&ascii::to_base64(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> Hash {
    Hash(Sha256::digest(bytes).into())
}

/// Hash of a leaf: `SHA-256(0x00 || entry)` (RFC 6962 section 2.1).
pub fn leaf_hash(entry: &[u8]) -> Hash {
    let mut stream = Sha256Stream::new();
    stream.update(&[0]);
    stream.update(entry);
    stream.finish()
}

/// Hash of an inner node: `SHA-256(0x01 || left || right)` (RFC 6962 section 2.1).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut stream = Sha256Stream::new();
    stream.update(&[1]);
    stream.update(&left.0);
    stream.update(&right.0);
    stream.finish()
}

/// SHA-256 of bytes that arrive in pieces.
#[derive(Clone, Default)]
pub struct Sha256Stream(Sha256);

impl Sha256Stream {
    /// A stream that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of everything added.
    pub fn finish(self) -> Hash {
        Hash(self.0.finalize().into())
    }
}

impl fmt::Debug for Sha256Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sha256Stream")
    }
}
