//! A secret key as the signer of statements and of TUF metadata, and as a roster lists it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use statement::{KeyId, PartyKey, Role, StatementSigner};
use tuf::TufSigner;

use crate::{Algorithm, KeyError, SecretKey};

impl SecretKey {
    /// The key as the constitution lists it; `not_after` in POSIX seconds.
    pub fn party_key(&self, role: Role, not_after: u64) -> PartyKey {
        PartyKey {
            role,
            algorithm: match self.algorithm() {
                Algorithm::Ed25519 => statement::Algorithm::Ed25519,
                Algorithm::MlDsa44 => statement::Algorithm::MlDsa44,
            },
            public: STANDARD.encode(self.public_key()),
            not_after,
        }
    }
}

/// An Ed25519 key that signs statements (DSSE).
pub struct StatementKey {
    secret: SecretKey,
    id: KeyId,
}

impl StatementKey {
    /// Takes a key for statements.
    ///
    /// # Errors
    /// [`KeyError::NotEd25519`] when it has another algorithm.
    pub fn new(secret: SecretKey) -> Result<Self, KeyError> {
        ed25519(&secret)?;
        let id = KeyId::of(&secret.public_key());
        Ok(Self { secret, id })
    }
}

impl StatementSigner for StatementKey {
    fn key(&self) -> KeyId {
        self.id
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.secret
            .sign(message)
            .try_into()
            .expect("Ed25519 signatures have 64 bytes")
    }
}

/// An Ed25519 key that signs TUF metadata.
pub struct TufKey {
    secret: SecretKey,
    key: tuf::Key,
}

impl TufKey {
    /// Takes a key for TUF metadata.
    ///
    /// # Errors
    /// [`KeyError::NotEd25519`] when it has another algorithm.
    pub fn new(secret: SecretKey) -> Result<Self, KeyError> {
        let raw = ed25519(&secret)?;
        let wrong = |_| KeyError::NotEd25519 {
            algorithm: secret.algorithm(),
        };
        let key = tuf::Key::from_raw(raw).map_err(wrong)?;
        Ok(Self { secret, key })
    }
}

impl TufSigner for TufKey {
    fn key(&self) -> &tuf::Key {
        &self.key
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.secret.sign(message)
    }
}

fn ed25519(secret: &SecretKey) -> Result<[u8; 32], KeyError> {
    let wrong = || KeyError::NotEd25519 {
        algorithm: secret.algorithm(),
    };
    if secret.algorithm() != Algorithm::Ed25519 {
        return Err(wrong());
    }
    secret.public_key().try_into().map_err(|_| wrong())
}
