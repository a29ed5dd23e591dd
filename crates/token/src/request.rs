//! `TokenRequest` (RFC 9578 section 6.1): what an endpoint sends to the issuer.

use crate::limits::{MODULUS_BYTES, REQUEST_BYTES};
use crate::{TOKEN_TYPE, TokenError};

/// A blinded message and the last byte of the id of the key that shall sign it.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenRequest {
    truncated_id: u8,
    blinded: [u8; MODULUS_BYTES],
}

impl TokenRequest {
    pub(crate) const fn new(truncated_id: u8, blinded: [u8; MODULUS_BYTES]) -> Self {
        Self {
            truncated_id,
            blinded,
        }
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`TokenError::Length`] or [`TokenError::Type`].
    pub fn parse(bytes: &[u8]) -> Result<Self, TokenError> {
        let what = "a token request";
        let bytes: &[u8; REQUEST_BYTES] = bytes.try_into().map_err(|_| TokenError::Length {
            what,
            found: bytes.len(),
            expected: REQUEST_BYTES,
        })?;
        let found = u16::from_be_bytes([bytes[0], bytes[1]]);
        if found != TOKEN_TYPE {
            return Err(TokenError::Type { what, found });
        }
        let mut blinded = [0; MODULUS_BYTES];
        blinded.copy_from_slice(&bytes[3..]);
        Ok(Self::new(bytes[2], blinded))
    }

    /// As it travels.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = TOKEN_TYPE.to_be_bytes().to_vec();
        bytes.push(self.truncated_id);
        bytes.extend(self.blinded);
        bytes
    }

    /// The last byte of the id of the key.
    #[must_use]
    pub const fn truncated_id(&self) -> u8 {
        self.truncated_id
    }

    pub(crate) const fn blinded(&self) -> &[u8; MODULUS_BYTES] {
        &self.blinded
    }
}

impl std::fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenRequest({:#04x}, ..)", self.truncated_id)
    }
}
