//! How an issuer knows an installation: a licence that the vendor signed for its key, and a signature by that key over each request.
//!
//! ```text
//! licence    installation key (32) || end, POSIX seconds, big endian (8) || Ed25519 by the licence key (64)
//! request    Ed25519 by the installation key over  "limpid token request v1" LF issuer LF SHA-256 of the TokenRequest in hex LF
//! ```
//!
//! Both travel in headers, in base64url without padding: the body of a request is RFC 9578's and nothing else.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, VerifyingKey};
use statement::IssuerName;
use tlog::sha256;

use crate::TokenError;
use crate::limits::LICENCE_BYTES;
use crate::request::TokenRequest;

/// Header with the licence.
pub const LICENCE_HEADER: &str = "limpid-licence";
/// Header with the installation's signature.
pub const SIGNATURE_HEADER: &str = "limpid-signature";

/// What a licence key signs.
#[must_use]
pub fn licence_message(installation: &[u8; 32], valid_until: u64) -> Vec<u8> {
    let mut message = b"limpid licence v1\n".to_vec();
    message.extend(installation);
    message.extend(valid_until.to_be_bytes());
    message
}

/// What an installation key signs for one request to one issuer.
#[must_use]
pub fn request_message(issuer: &IssuerName, request: &TokenRequest) -> Vec<u8> {
    let digest = sha256(&request.to_bytes()).to_hex();
    format!("limpid token request v1\n{issuer}\n{digest}\n").into_bytes()
}

/// A licence that may be anybody's, until [`Licence::check`] looked at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Licence {
    installation: [u8; 32],
    valid_until: u64,
    signature: [u8; 64],
}

/// An installation whose licence was checked and that signed a request. Made only by [`Licence::check`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Installation {
    key: [u8; 32],
}

impl Installation {
    /// Its raw public key.
    #[must_use]
    pub const fn key(&self) -> &[u8; 32] {
        &self.key
    }
}

fn verify(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let signature = Signature::from_bytes(signature);
    VerifyingKey::from_bytes(key).is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
}

impl Licence {
    /// A licence with the signature that was made over [`licence_message`].
    #[must_use]
    pub const fn new(installation: [u8; 32], valid_until: u64, signature: [u8; 64]) -> Self {
        Self {
            installation,
            valid_until,
            signature,
        }
    }

    /// The installation key that it names, and nobody checked.
    #[must_use]
    pub const fn installation(&self) -> &[u8; 32] {
        &self.installation
    }

    /// Whether an installation that a known licence key signed for sent this request to this issuer at `now` (POSIX seconds).
    ///
    /// # Errors
    /// [`TokenError::Licence`], [`TokenError::LicenceEnded`], [`TokenError::Installation`].
    pub fn check(
        &self,
        licence_keys: &[[u8; 32]],
        (issuer, request): (&IssuerName, &TokenRequest),
        signature: &[u8; 64],
        now: u64,
    ) -> Result<Installation, TokenError> {
        let licensed = licence_message(&self.installation, self.valid_until);
        if !licence_keys
            .iter()
            .any(|key| verify(key, &licensed, &self.signature))
        {
            return Err(TokenError::Licence);
        }
        if now > self.valid_until {
            let ended = self.valid_until;
            return Err(TokenError::LicenceEnded { ended });
        }
        let message = request_message(issuer, request);
        if !verify(&self.installation, &message, signature) {
            return Err(TokenError::Installation);
        }
        Ok(Installation {
            key: self.installation,
        })
    }

    /// In base64url, as it travels and lies in a file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let end = self.valid_until.to_be_bytes();
        let parts: [&[u8]; 3] = [&self.installation, &end, &self.signature];
        URL_SAFE_NO_PAD.encode(parts.concat())
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`TokenError::Base64`] or [`TokenError::Length`].
    pub fn from_text(text: &str) -> Result<Self, TokenError> {
        let bytes: [u8; LICENCE_BYTES] = from_base64("a licence", text)?;
        let mut licence = Self::new([0; 32], 0, [0; 64]);
        let mut end = [0; 8];
        licence.installation.copy_from_slice(&bytes[..32]);
        end.copy_from_slice(&bytes[32..40]);
        licence.signature.copy_from_slice(&bytes[40..]);
        licence.valid_until = u64::from_be_bytes(end);
        Ok(licence)
    }
}

/// A signature of a request as it travels.
#[must_use]
pub fn signature_to_text(signature: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(signature)
}

/// Reads the signature of a request.
///
/// # Errors
/// [`TokenError::Base64`] or [`TokenError::Length`].
pub fn signature_from_text(text: &str) -> Result<[u8; 64], TokenError> {
    from_base64("a signature", text)
}

fn from_base64<const N: usize>(what: &'static str, text: &str) -> Result<[u8; N], TokenError> {
    // Four characters for three bytes; what is longer is not even looked at.
    if text.len() > 2 * N {
        return Err(TokenError::Base64 { what });
    }
    let decoded = URL_SAFE_NO_PAD.decode(text);
    let bytes = decoded.map_err(|_| TokenError::Base64 { what })?;
    let found = bytes.len();
    bytes.try_into().map_err(|_| TokenError::Length {
        what,
        found,
        expected: N,
    })
}
