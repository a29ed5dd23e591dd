//! Passphrases, read from an environment variable or a file, cleared from memory when dropped.

use std::path::Path;

use zeroize::Zeroizing;

use crate::limits::PASSPHRASE_BYTES_MAX;
use crate::{KeyError, file};

/// The passphrase of a key file. Has no `Debug` and no `Display`.
pub struct Passphrase(Zeroizing<Vec<u8>>);

impl Passphrase {
    /// Takes the bytes as they are; `origin` names their source in errors.
    ///
    /// # Errors
    /// [`KeyError::PassphraseSize`] when empty or longer than 1,024 bytes.
    pub fn new(bytes: Vec<u8>, origin: &str) -> Result<Self, KeyError> {
        let bytes = Zeroizing::new(bytes);
        let count = bytes.len() as u64;
        if count == 0 || count > PASSPHRASE_BYTES_MAX {
            return Err(KeyError::PassphraseSize {
                origin: origin.to_owned(),
                bytes: count,
                bytes_max: PASSPHRASE_BYTES_MAX,
            });
        }
        Ok(Self(bytes))
    }

    /// Reads the environment variable `name`.
    ///
    /// # Errors
    /// Unset, empty or too long.
    pub fn from_env(name: &str) -> Result<Self, KeyError> {
        use std::os::unix::ffi::OsStringExt;
        let value = std::env::var_os(name).ok_or_else(|| KeyError::PassphraseUnset {
            name: name.to_owned(),
        })?;
        Self::new(value.into_vec(), name)
    }

    /// Reads the file at `path`, which only its owner may be able to use. One line end at the
    /// end of the file is not part of the passphrase.
    ///
    /// # Errors
    /// As for a key file; empty or too long.
    pub fn from_file(path: &Path) -> Result<Self, KeyError> {
        // Two more than the limit for the line end.
        let mut bytes = file::read_private(path, PASSPHRASE_BYTES_MAX + 2)?;
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
            if bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
        }
        Self::new(std::mem::take(&mut *bytes), &path.display().to_string())
    }

    /// Reads from where `origin` says: `env:NAME` or `file:PATH`, the form used in
    /// configuration files and flags.
    ///
    /// # Errors
    /// Any other form, or what the named place answers.
    pub fn from_origin(origin: &str) -> Result<Self, KeyError> {
        match origin.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Self::from_env(name),
            Some(("file", path)) if !path.is_empty() => Self::from_file(Path::new(path)),
            _ => Err(KeyError::PassphraseOrigin {
                given: origin.chars().take(40).collect(),
            }),
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
