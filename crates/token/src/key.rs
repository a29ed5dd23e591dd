//! The issuer's key of one home and day: RSA with 2048 bits.

use std::fmt;

use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, LineEnding};
use rsa::traits::PublicKeyParts as _;
use rsa::{BoxedUint, RsaPrivateKey, RsaPublicKey};
use tlog::{Hash, sha256};
use zeroize::Zeroizing;

use crate::TokenError;
use crate::limits::{MODULUS_BYTES, SECRET_BYTES_MAX};
use crate::randomness::Stretched;
use crate::request::TokenRequest;
use crate::rsabssa;

/// Everything before the modulus of a `SubjectPublicKeyInfo` of 2048 bits: id-RSASSA-PSS, SHA-384, MGF1 with SHA-384, 48 bytes of salt
/// (RFC 9578 section 6.5).
const BEFORE: [u8; 81] = [
    0x30, 0x82, 0x01, 0x52, 0x30, 0x3d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01,
    0x0a, 0x30, 0x30, 0xa0, 0x0d, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
    0x02, 0x02, 0xa1, 0x1a, 0x30, 0x18, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01,
    0x08, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0xa2, 0x03,
    0x02, 0x01, 0x30, 0x03, 0x82, 0x01, 0x0f, 0x00, 0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01,
    0x00,
];
/// Everything after it: the exponent 65537.
const AFTER: [u8; 5] = [0x02, 0x03, 0x01, 0x00, 0x01];
const EXPONENT: u32 = 65_537;

/// A public key that tokens verify under.
#[derive(Clone)]
pub struct TokenKey {
    pub(crate) inner: RsaPublicKey,
    spki: Vec<u8>,
    id: Hash,
}

impl TokenKey {
    /// Reads a `SubjectPublicKeyInfo` in DER, in its one spelling.
    ///
    /// # Errors
    /// [`TokenError::PublicKey`].
    pub fn from_spki(spki: &[u8]) -> Result<Self, TokenError> {
        let modulus = spki
            .strip_prefix(&BEFORE)
            .and_then(|rest| rest.strip_suffix(&AFTER))
            .filter(|modulus| modulus.len() == MODULUS_BYTES)
            .ok_or(TokenError::PublicKey)?;
        let modulus = BoxedUint::from_be_slice(modulus, 8 * 256);
        let modulus = modulus.map_err(|_| TokenError::PublicKey)?;
        let inner = RsaPublicKey::new(modulus, BoxedUint::from(EXPONENT));
        Self::new(inner.map_err(|_| TokenError::PublicKey)?)
    }

    fn new(inner: RsaPublicKey) -> Result<Self, TokenError> {
        let modulus = inner.n_bytes();
        let is_whole = modulus.len() == MODULUS_BYTES && modulus[0] >= 0x80;
        if !is_whole || *inner.e_bytes() != EXPONENT.to_be_bytes()[1..] {
            return Err(TokenError::PublicKey);
        }
        let spki = [&BEFORE, &*modulus, &AFTER].concat();
        let id = sha256(&spki);
        Ok(Self { inner, spki, id })
    }

    /// The key in DER.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// `token_key_id`: SHA-256 of the key in DER.
    #[must_use]
    pub const fn id(&self) -> &Hash {
        &self.id
    }

    /// The last byte of the id, which is all that a request names.
    #[must_use]
    pub const fn truncated_id(&self) -> u8 {
        self.id.as_bytes()[31]
    }
}

impl PartialEq for TokenKey {
    fn eq(&self, other: &Self) -> bool {
        self.spki == other.spki
    }
}

impl Eq for TokenKey {}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKey({})", self.id.to_hex())
    }
}

/// The private key of an issuer. No `Debug`, no `Clone`; its numbers are cleared when dropped.
pub struct TokenSecret {
    inner: RsaPrivateKey,
    public: TokenKey,
}

impl TokenSecret {
    /// Makes the key that a seed stands for. Takes about a second.
    ///
    /// # Errors
    /// [`TokenError::SecretKey`], which no seed is known for.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, TokenError> {
        let mut rng = Stretched::from_seed(seed, "limpid token key v1");
        let made = RsaPrivateKey::new(&mut rng, 8 * MODULUS_BYTES);
        Self::new(made.map_err(|_| TokenError::SecretKey)?)
    }

    /// Reads PKCS#8 in PEM.
    ///
    /// # Errors
    /// [`TokenError::SecretKey`].
    pub fn from_pem(pem: &str) -> Result<Self, TokenError> {
        if pem.len() > SECRET_BYTES_MAX {
            return Err(TokenError::SecretKey);
        }
        let inner = RsaPrivateKey::from_pkcs8_pem(pem).map_err(|_| TokenError::SecretKey)?;
        inner.validate().map_err(|_| TokenError::SecretKey)?;
        Self::new(inner)
    }

    fn new(inner: RsaPrivateKey) -> Result<Self, TokenError> {
        let public = TokenKey::new(inner.to_public_key()).map_err(|_| TokenError::SecretKey)?;
        Ok(Self { inner, public })
    }

    /// PKCS#8 in PEM, to be kept in a file.
    ///
    /// # Errors
    /// [`TokenError::SecretKey`], if it cannot be written.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, TokenError> {
        let pem = self.inner.to_pkcs8_pem(LineEnding::LF);
        pem.map_err(|_| TokenError::SecretKey)
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> &TokenKey {
        &self.public
    }

    /// Signs what a request holds, without learning what it is. The number is multiplied by a power of another random one before the
    /// private key touches it, so that the time it takes tells nothing of the key. `seed` is drawn for this call alone.
    ///
    /// # Errors
    /// [`TokenError::OtherKey`] or [`TokenError::Number`].
    pub fn sign(
        &self,
        request: &TokenRequest,
        seed: &[u8; 32],
    ) -> Result<[u8; MODULUS_BYTES], TokenError> {
        let (found, here) = (request.truncated_id(), self.public.truncated_id());
        if found != here {
            return Err(TokenError::OtherKey { found, here });
        }
        let mut rng = Stretched::from_seed(seed, "limpid token signing v1");
        rsabssa::sign(&self.inner, request.blinded(), &mut rng).ok_or(TokenError::Number)
    }
}
