//! The endpoint's side: blind, have it signed, unblind (RFC 9578 sections 6.1 and 6.3).

use rsa::rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::TokenError;
use crate::challenge::Challenge;
use crate::key::TokenKey;
use crate::limits::MODULUS_BYTES;
use crate::randomness::Stretched;
use crate::request::TokenRequest;
use crate::rsabssa;
use crate::token::{Token, input_of};

/// What an endpoint keeps to itself until the issuer answered.
pub struct Blinding {
    nonce: [u8; 32],
    blinded: [u8; MODULUS_BYTES],
    unblinder: Zeroizing<[u8; MODULUS_BYTES]>,
}

/// Bytes of a kept blinding: nonce, blinded message, unblinder.
const KEPT_BYTES: usize = 32 + 2 * MODULUS_BYTES;

impl Blinding {
    /// Blinds a token to be. The same arguments give the same request, so both seeds are drawn for it alone.
    ///
    /// # Errors
    /// [`TokenError::Number`], which no seed is known for.
    pub fn start(
        key: &TokenKey,
        challenge: &Challenge,
        nonce: [u8; 32],
        seed: &[u8; 32],
    ) -> Result<Self, TokenError> {
        let rng = &mut Stretched::from_seed(seed, "limpid token blinding v1");
        Self::draw(key, &challenge.digest(), nonce, rng)
    }

    pub(crate) fn draw(
        key: &TokenKey,
        challenge: &tlog::Hash,
        nonce: [u8; 32],
        rng: &mut impl CryptoRng,
    ) -> Result<Self, TokenError> {
        let input = input_of(&nonce, challenge, key.id());
        let made = rsabssa::blind(&key.inner, &input, rng).ok_or(TokenError::Number)?;
        Ok(Self {
            nonce,
            blinded: made.message,
            unblinder: made.inverse,
        })
    }

    /// What is sent to the issuer.
    #[must_use]
    pub fn request(&self, key: &TokenKey) -> TokenRequest {
        TokenRequest::new(key.truncated_id(), self.blinded)
    }

    /// The random number that the token will carry.
    #[must_use]
    pub const fn nonce(&self) -> &[u8; 32] {
        &self.nonce
    }

    /// Unblinds the issuer's answer. What comes out verifies, or nothing does.
    ///
    /// # Errors
    /// [`TokenError::Length`], or [`TokenError::NotSigned`] when another key signed.
    pub fn finish(
        &self,
        key: &TokenKey,
        challenge: &Challenge,
        answer: &[u8],
    ) -> Result<Token, TokenError> {
        self.unblind(key, &challenge.digest(), answer)
    }

    pub(crate) fn unblind(
        &self,
        key: &TokenKey,
        challenge: &tlog::Hash,
        answer: &[u8],
    ) -> Result<Token, TokenError> {
        let answer = answer.try_into().map_err(|_| TokenError::Length {
            what: "a token response",
            found: answer.len(),
            expected: MODULUS_BYTES,
        })?;
        let input = input_of(&self.nonce, challenge, key.id());
        let signature = rsabssa::unblind(&key.inner, &input, answer, &self.unblinder);
        let signature = signature.ok_or(TokenError::NotSigned)?;
        Ok(Token::new(self.nonce, *challenge, *key.id(), signature))
    }

    /// Everything of it, to be kept in a private file.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let parts: [&[u8]; 3] = [&self.nonce, &self.blinded, &*self.unblinder];
        Zeroizing::new(parts.concat())
    }

    /// Reads what was kept.
    ///
    /// # Errors
    /// [`TokenError::Length`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TokenError> {
        let length = || TokenError::Length {
            what: "a kept blinding",
            found: bytes.len(),
            expected: KEPT_BYTES,
        };
        let (nonce, rest) = bytes.split_first_chunk().ok_or_else(length)?;
        let (blinded, rest) = rest.split_first_chunk().ok_or_else(length)?;
        let unblinder = rest.try_into().map_err(|_| length())?;
        Ok(Self {
            nonce: *nonce,
            blinded: *blinded,
            unblinder: Zeroizing::new(unblinder),
        })
    }
}
