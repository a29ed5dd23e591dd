//! The private key of an epoch, in a file like every other key.

use std::path::Path;

use seal::{Wrap, WrapKey, WrapOpener, WrapSecret};
use zeroize::Zeroizing;

use crate::limits::KEY_FILE_BYTES_MAX;
use crate::{KeyError, Passphrase, file, pem, random_bytes};

/// An X-Wing key that opens wraps of sealed samples and signs nothing. No `Debug`, no `Clone`; cleared from memory when
/// dropped.
///
/// Destroying an epoch is removing this file and every copy of it. What a disk or a backup kept is out of reach of any
/// program, which is why an epoch's end is a promise (`spec/epoch.md`).
pub struct OpeningKey(WrapSecret);

impl OpeningKey {
    /// A new key from the operating system's randomness.
    ///
    /// # Errors
    /// [`KeyError::Random`].
    pub fn generate() -> Result<Self, KeyError> {
        Ok(Self::from_seed(&*random_bytes()?))
    }

    /// The key that a 32-byte seed stands for (X-Wing, `GenerateKeyPairDerand`).
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(WrapSecret::from_seed(seed))
    }

    /// Reads the key file at `path` (PKCS#8 in PEM, mode 0600 or stricter).
    ///
    /// # Errors
    /// The file is open to others, malformed, a signing key, or the passphrase does not fit; see [`KeyError`].
    pub fn load(path: &Path, passphrase: Option<&Passphrase>) -> Result<Self, KeyError> {
        let bytes = file::read_private(path, KEY_FILE_BYTES_MAX)?;
        match pem::decode(path, &bytes, passphrase)? {
            (pem::Form::XWing, seed) => Ok(Self::from_seed(&seed)),
            (pem::Form::Signing(algorithm), _) => Err(KeyError::SignsOnly {
                path: path.to_owned(),
                algorithm,
            }),
        }
    }

    /// Writes the key to a new file of mode 0600 and returns when it is durable. An existing file is never touched.
    ///
    /// # Errors
    /// [`KeyError::Exists`], or what the operating system answered.
    pub fn save_new(&self, path: &Path, passphrase: Option<&Passphrase>) -> Result<(), KeyError> {
        let text = pem::encode(pem::Form::XWing, &self.0.seed(), passphrase)?;
        file::create_private(path, text.as_bytes())
    }
}

impl WrapOpener for OpeningKey {
    fn wrap_key(&self) -> &WrapKey {
        self.0.wrap_key()
    }

    fn open_wrap(&self, info: &[u8], wrap: &Wrap) -> Option<Zeroizing<[u8; 32]>> {
        self.0.open_wrap(info, wrap)
    }
}
