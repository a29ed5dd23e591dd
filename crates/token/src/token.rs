//! `Token` (RFC 9577 section 2.2): what is shown to a cell, once.

use tlog::{Hash, sha256};

use crate::challenge::Challenge;
use crate::key::TokenKey;
use crate::limits::{MODULUS_BYTES, TOKEN_BYTES};
use crate::rsabssa;
use crate::{TOKEN_TYPE, TokenError};

/// A token that may be anything, until [`Token::admit`] looked at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    nonce: [u8; 32],
    challenge: Hash,
    key: Hash,
    authenticator: [u8; MODULUS_BYTES],
}

/// A token that verified under a key for a challenge. Made only by [`Token::admit`]; whether it was spent is for the cell to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted {
    /// SHA-256 of everything that is signed: the name under which it is spent. The signature is left out, since there are as many
    /// as salts.
    name: Hash,
}

impl Admitted {
    /// The name under which it is spent.
    #[must_use]
    pub const fn name(&self) -> &Hash {
        &self.name
    }
}

/// What the issuer signs without seeing it.
pub(crate) fn input_of(nonce: &[u8; 32], challenge: &Hash, key: &Hash) -> Vec<u8> {
    let mut input = TOKEN_TYPE.to_be_bytes().to_vec();
    for part in [nonce, challenge.as_bytes(), key.as_bytes()] {
        input.extend(part);
    }
    input
}

impl Token {
    pub(crate) const fn new(
        nonce: [u8; 32],
        challenge: Hash,
        key: Hash,
        authenticator: [u8; MODULUS_BYTES],
    ) -> Self {
        Self {
            nonce,
            challenge,
            key,
            authenticator,
        }
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`TokenError::Length`] or [`TokenError::Type`].
    pub fn parse(bytes: &[u8]) -> Result<Self, TokenError> {
        let what = "a token";
        let bytes: &[u8; TOKEN_BYTES] = bytes.try_into().map_err(|_| TokenError::Length {
            what,
            found: bytes.len(),
            expected: TOKEN_BYTES,
        })?;
        let found = u16::from_be_bytes([bytes[0], bytes[1]]);
        if found != TOKEN_TYPE {
            return Err(TokenError::Type { what, found });
        }
        let hash = |from: usize| {
            let mut hash = [0; 32];
            hash.copy_from_slice(&bytes[from..from + 32]);
            hash
        };
        let mut authenticator = [0; MODULUS_BYTES];
        authenticator.copy_from_slice(&bytes[98..]);
        let (challenge, key) = (Hash::from_bytes(hash(34)), Hash::from_bytes(hash(66)));
        Ok(Self::new(hash(2), challenge, key, authenticator))
    }

    /// As it travels.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = input_of(&self.nonce, &self.challenge, &self.key);
        bytes.extend(self.authenticator);
        bytes
    }

    /// The id of the key that it says it is of.
    #[must_use]
    pub const fn key_id(&self) -> &Hash {
        &self.key
    }

    /// The random number that makes it one of its own.
    #[must_use]
    pub const fn nonce(&self) -> &[u8; 32] {
        &self.nonce
    }

    /// Verifies it under the key for the challenge (RFC 9578 section 6.4).
    ///
    /// # Errors
    /// [`TokenError::NotAdmitted`].
    pub fn admit(&self, key: &TokenKey, challenge: &Challenge) -> Result<Admitted, TokenError> {
        self.admit_by_digest(key, &challenge.digest())
    }

    pub(crate) fn admit_by_digest(
        &self,
        key: &TokenKey,
        challenge: &Hash,
    ) -> Result<Admitted, TokenError> {
        if self.key != *key.id() || self.challenge != *challenge {
            return Err(TokenError::NotAdmitted);
        }
        let input = input_of(&self.nonce, challenge, key.id());
        if !rsabssa::verify(&key.inner, &input, &self.authenticator) {
            return Err(TokenError::NotAdmitted);
        }
        let name = sha256(&input);
        Ok(Admitted { name })
    }
}
