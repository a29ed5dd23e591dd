//! What the owner of a sample can say about it later: signed by a key that was made for this sample alone.

use std::{fmt, str::FromStr};

use ed25519_dalek::{Signature, VerifyingKey};
use statement::{SampleId, SealDigest};
use tlog::Hash;

use crate::error::SealError;

/// An Ed25519 public key, fresh for each sample, so that two samples of one owner have nothing in common.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UploadKey(VerifyingKey);

impl UploadKey {
    /// Reads a raw public key; nothing when it is no point, or one of small order.
    #[must_use]
    pub fn from_raw(raw: &[u8; 32]) -> Option<Self> {
        let key = VerifyingKey::from_bytes(raw).ok()?;
        (!key.is_weak()).then_some(Self(key))
    }

    /// Checks a signature strictly (RFC 8032, canonical, no small order).
    ///
    /// # Errors
    /// [`SealError::Signature`].
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> Result<(), SealError> {
        self.0
            .verify_strict(message, &Signature::from_bytes(signature))
            .map_err(|_| SealError::Signature)
    }
}

impl FromStr for UploadKey {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, &'static str> {
        Hash::from_hex(text)
            .ok()
            .and_then(|raw| Self::from_raw(raw.as_bytes()))
            .ok_or("no Ed25519 public key in lower-case hex")
    }
}

impl fmt::Display for UploadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Hash::from_bytes(self.0.to_bytes()).to_hex())
    }
}

impl fmt::Debug for UploadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UploadKey({self})")
    }
}

/// The message under an upload: this sample, with these wraps, is mine to send.
///
/// The wraps stand beside the seal digest because they are no part of it (a center re-wraps its share when it moves), and
/// without them nobody could say later who made a wrap of garbage.
#[must_use]
pub fn upload_message(seal: &SealDigest, wraps: &Hash) -> Vec<u8> {
    format!("limpid upload v1\n{seal}\n{}\n", wraps.to_hex()).into_bytes()
}

/// The message under a demand to erase.
#[must_use]
pub fn erasure_message(sample: &SampleId, seal: &SealDigest) -> Vec<u8> {
    format!("limpid erase v1\n{sample}\n{seal}\n").into_bytes()
}

/// The message under a demand to be shown what became of the sample.
#[must_use]
pub fn disclosure_message(sample: &SampleId, seal: &SealDigest) -> Vec<u8> {
    format!("limpid disclose v1\n{sample}\n{seal}\n").into_bytes()
}
