//! The private key of an issuer of admission tokens, in a file like every other key.

use std::path::Path;

use token::{TokenError, TokenKey, TokenRequest, TokenSecret, limits::MODULUS_BYTES};

use crate::limits::KEY_FILE_BYTES_MAX;
use crate::{KeyError, file, random_bytes};

/// An RSA key that signs blindly for one home and one day, and nothing else. No `Debug`, no `Clone`; cleared from memory when
/// dropped.
pub struct IssuerKey(TokenSecret);

impl IssuerKey {
    /// A new key from the operating system's randomness. Takes about a second.
    ///
    /// # Errors
    /// [`KeyError::Random`] or [`KeyError::Token`].
    pub fn generate() -> Result<Self, KeyError> {
        Ok(Self(TokenSecret::from_seed(&*random_bytes()?)?))
    }

    /// Reads the key file at `path` (PKCS#8 in PEM, mode 0600 or stricter, no passphrase: it is made for a day by the process that
    /// uses it).
    ///
    /// # Errors
    /// The file is open to others, or holds no such key; see [`KeyError`].
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let bytes = file::read_private(path, KEY_FILE_BYTES_MAX)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| TokenError::SecretKey)?;
        Ok(Self(TokenSecret::from_pem(text)?))
    }

    /// Writes the key to a new file of mode 0600 and returns when it is durable. An existing file is never touched.
    ///
    /// # Errors
    /// [`KeyError::Exists`], or what the operating system answered.
    pub fn save_new(&self, path: &Path) -> Result<(), KeyError> {
        file::create_private(path, self.0.to_pem()?.as_bytes())
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> &TokenKey {
        self.0.public()
    }

    /// Signs what a request holds without learning what it is; the same request always gives the same bytes.
    ///
    /// # Errors
    /// [`KeyError::Random`], or [`KeyError::Token`] for a request of another key.
    pub fn sign(&self, request: &TokenRequest) -> Result<[u8; MODULUS_BYTES], KeyError> {
        Ok(self.0.sign(request, &*random_bytes()?)?)
    }
}
