//! A secret key under a name: what logs and witnesses sign notes with.

use std::path::Path;

use tlog::{KeyName, KeyType, NoteSigner, VerifierKey};

use crate::{Algorithm, KeyError, Passphrase, SecretKey};

/// A [`SecretKey`] together with its verifier key (C2SP signed-note).
pub struct NoteKey {
    secret: SecretKey,
    vkey: VerifierKey,
}

impl NoteKey {
    /// Puts `secret` under `name` for signatures of `key_type`.
    ///
    /// # Errors
    /// [`KeyError::WrongKeyType`] when the algorithm does not make that type.
    pub fn new(secret: SecretKey, name: KeyName, key_type: KeyType) -> Result<Self, KeyError> {
        let fits = match key_type {
            KeyType::Ed25519 | KeyType::CosignatureEd25519 => Algorithm::Ed25519,
            KeyType::CosignatureMlDsa44 => Algorithm::MlDsa44,
        };
        if secret.algorithm() != fits {
            return Err(KeyError::WrongKeyType {
                algorithm: secret.algorithm(),
                key_type,
            });
        }
        let shown = name.to_string();
        let vkey = VerifierKey::new(name, key_type, &secret.public_key()).map_err(|source| {
            KeyError::Vkey {
                name: shown,
                source: Box::new(source),
            }
        })?;
        Ok(Self { secret, vkey })
    }

    /// The key of this seed, of the algorithm that the type asks for: for vectors and simulations, where a name alone
    /// must give the same key again.
    ///
    /// # Errors
    /// As [`NoteKey::new`].
    pub fn from_seed(name: KeyName, key_type: KeyType, seed: [u8; 32]) -> Result<Self, KeyError> {
        let algorithm = match key_type {
            KeyType::CosignatureMlDsa44 => Algorithm::MlDsa44,
            _ => Algorithm::Ed25519,
        };
        Self::new(SecretKey::from_seed(algorithm, seed), name, key_type)
    }

    /// Reads the two keys of one signer from their files, both under `name`. `passphrase` says where that of both
    /// files is: `env:NAME` or `file:PATH`.
    ///
    /// # Errors
    /// The passphrase or a file cannot be read; a key does not fit its type ([`NoteKey::new`]).
    pub fn load_pair(
        name: &KeyName,
        files: [(&Path, KeyType); 2],
        passphrase: Option<&str>,
    ) -> Result<[Self; 2], KeyError> {
        let passphrase = passphrase.map(Passphrase::from_origin).transpose()?;
        let load = |(path, key_type)| {
            let secret = SecretKey::load(path, passphrase.as_ref())?;
            Self::new(secret, name.clone(), key_type)
        };
        let [first, second] = files;
        Ok([load(first)?, load(second)?])
    }
}

impl NoteSigner for NoteKey {
    fn vkey(&self) -> &VerifierKey {
        &self.vkey
    }

    fn sign_raw(&self, message: &[u8]) -> Vec<u8> {
        self.secret.sign(message)
    }
}
