//! Secret keys: made, kept, used.

use std::fmt;
use std::path::Path;

use ml_dsa::MlDsa44;
use zeroize::Zeroizing;

use crate::limits::KEY_FILE_BYTES_MAX;
use crate::{KeyError, Passphrase, file, pem, random_bytes};

/// The signature algorithms in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Ed25519 (RFC 8032): public key 32 bytes, signature 64 bytes.
    Ed25519,
    /// ML-DSA-44 (FIPS 204): public key 1,312 bytes, signature 2,420 bytes.
    MlDsa44,
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ed25519 => "Ed25519",
            Self::MlDsa44 => "ML-DSA-44",
        })
    }
}

/// A signing key. No `Debug`, no `Display`, no `Clone`; cleared from memory when dropped.
pub struct SecretKey(Inner);

enum Inner {
    // Boxed, so that moving a `SecretKey` leaves no copies of the secret on the stack.
    Ed25519(Box<ed25519_dalek::SigningKey>),
    MlDsa44(Box<ml_dsa::SigningKey<MlDsa44>>),
}

impl SecretKey {
    /// A new key from the operating system's randomness.
    ///
    /// # Errors
    /// [`KeyError::Random`].
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        Ok(Self::from_zeroizing(algorithm, &random_bytes()?))
    }

    /// The key that a 32-byte seed stands for (RFC 8032 section 5.1.5; FIPS 204 algorithm 6).
    #[must_use]
    pub fn from_seed(algorithm: Algorithm, seed: [u8; 32]) -> Self {
        Self::from_zeroizing(algorithm, &Zeroizing::new(seed))
    }

    fn from_zeroizing(algorithm: Algorithm, seed: &Zeroizing<[u8; 32]>) -> Self {
        Self(match algorithm {
            Algorithm::Ed25519 => {
                Inner::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(seed)))
            }
            Algorithm::MlDsa44 => {
                let seed: Zeroizing<ml_dsa::Seed> = Zeroizing::new((**seed).into());
                Inner::MlDsa44(Box::new(ml_dsa::SigningKey::from_seed(&seed)))
            }
        })
    }

    /// Reads the key file at `path` (PKCS#8 in PEM, mode 0600 or stricter).
    ///
    /// # Errors
    /// The file is open to others, malformed, of another algorithm, or the passphrase does not
    /// fit; see [`KeyError`].
    pub fn load(path: &Path, passphrase: Option<&Passphrase>) -> Result<Self, KeyError> {
        let bytes = file::read_private(path, KEY_FILE_BYTES_MAX)?;
        match pem::decode(path, &bytes, passphrase)? {
            (pem::Form::Signing(algorithm), seed) => Ok(Self::from_zeroizing(algorithm, &seed)),
            (pem::Form::XWing, _) => Err(KeyError::OpensOnly {
                path: path.to_owned(),
            }),
        }
    }

    /// Writes the key to a new file of mode 0600 and returns when it is durable. An existing
    /// file is never touched.
    ///
    /// # Errors
    /// [`KeyError::Exists`], or what the operating system answered.
    pub fn save_new(&self, path: &Path, passphrase: Option<&Passphrase>) -> Result<(), KeyError> {
        let form = pem::Form::Signing(self.algorithm());
        let text = pem::encode(form, &self.seed(), passphrase)?;
        file::create_private(path, text.as_bytes())
    }

    /// The key's algorithm.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self.0 {
            Inner::Ed25519(_) => Algorithm::Ed25519,
            Inner::MlDsa44(_) => Algorithm::MlDsa44,
        }
    }

    /// The raw public key: 32 bytes for Ed25519, 1,312 for ML-DSA-44.
    #[must_use]
    pub fn public_key(&self) -> Vec<u8> {
        match &self.0 {
            Inner::Ed25519(key) => key.verifying_key().to_bytes().to_vec(),
            Inner::MlDsa44(key) => key.expanded_key().verifying_key().encode().to_vec(),
        }
    }

    /// The raw signature over `message`: Ed25519 (RFC 8032), or ML-DSA-44 in its deterministic
    /// form with the empty context (FIPS 204 section 5.2). The same message always gives the
    /// same bytes.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.0 {
            Inner::Ed25519(key) => ed25519_dalek::Signer::sign(&**key, message)
                .to_bytes()
                .to_vec(),
            Inner::MlDsa44(key) => key
                .expanded_key()
                .sign_deterministic(message, &[])
                .expect("FIPS 204 signing fails only for a context above 255 bytes")
                .encode()
                .to_vec(),
        }
    }

    /// The id under which statements name this key: SHA-256 of the raw public key, in
    /// lower-case hex.
    #[must_use]
    pub fn statement_key_id(&self) -> String {
        tlog::sha256(&self.public_key()).to_hex()
    }

    fn seed(&self) -> Zeroizing<[u8; 32]> {
        match &self.0 {
            Inner::Ed25519(key) => Zeroizing::new(key.to_bytes()),
            Inner::MlDsa44(key) => Zeroizing::new((*key.as_seed()).into()),
        }
    }
}
