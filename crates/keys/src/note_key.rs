//! A secret key under a name: what logs and witnesses sign notes with.

use tlog::{KeyName, KeyType, NoteSigner, VerifierKey};

use crate::{Algorithm, KeyError, SecretKey};

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
}

impl NoteSigner for NoteKey {
    fn vkey(&self) -> &VerifierKey {
        &self.vkey
    }

    fn sign_raw(&self, message: &[u8]) -> Vec<u8> {
        self.secret.sign(message)
    }
}
