//! Keys from fixed seeds: the seed is the digest of `<party>/<name>`, so nothing here is secret.

use ed25519_dalek::Signer as _;
use ml_dsa::Keypair as _;
use statement::{Algorithm, KeyId, StatementSigner};
use tlog::{KeyType, NoteSigner, VerifierKey, sha256};

fn seed(party: &str, name: &str) -> [u8; 32] {
    *sha256(format!("{party}/{name}").as_bytes()).as_bytes()
}

/// Signs statements, or TUF metadata.
#[derive(Clone)]
pub struct Key {
    secret: ed25519_dalek::SigningKey,
    tuf: tuf::Key,
}

impl Key {
    pub fn of(party: &str, name: &str) -> Self {
        let secret = ed25519_dalek::SigningKey::from_bytes(&seed(party, name));
        let tuf = tuf::Key::from_raw(secret.verifying_key().to_bytes()).unwrap();
        Self { secret, tuf }
    }

    pub fn public(&self) -> Vec<u8> {
        self.secret.verifying_key().to_bytes().to_vec()
    }

    pub fn id(&self) -> KeyId {
        KeyId::of(&self.public())
    }
}

impl StatementSigner for Key {
    fn key(&self) -> KeyId {
        self.id()
    }
    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.secret.sign(message).to_bytes()
    }
}

impl tuf::TufSigner for Key {
    fn key(&self) -> &tuf::Key {
        &self.tuf
    }
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.secret.sign(message).to_bytes().to_vec()
    }
}

enum NoteSecret {
    Ed25519(Box<ed25519_dalek::SigningKey>),
    MlDsa44(Box<ml_dsa::SigningKey<ml_dsa::MlDsa44>>),
}

/// Signs or cosigns checkpoints.
pub struct NoteKey {
    vkey: VerifierKey,
    secret: NoteSecret,
}

impl NoteKey {
    /// The key of this party and name, as `key_type` under the name `signer`.
    pub fn of(party: &str, name: &str, signer: &str, key_type: KeyType) -> Self {
        let seed = seed(party, name);
        let (secret, public) = match key_type {
            KeyType::CosignatureMlDsa44 => {
                let key = ml_dsa::SigningKey::<ml_dsa::MlDsa44>::from_seed(&seed.into());
                let public = key.verifying_key().encode().to_vec();
                (NoteSecret::MlDsa44(Box::new(key)), public)
            }
            KeyType::Ed25519 | KeyType::CosignatureEd25519 => {
                let key = ed25519_dalek::SigningKey::from_bytes(&seed);
                let public = key.verifying_key().to_bytes().to_vec();
                (NoteSecret::Ed25519(Box::new(key)), public)
            }
        };
        let vkey = VerifierKey::new(signer.parse().unwrap(), key_type, &public).unwrap();
        Self { vkey, secret }
    }
}

impl NoteSigner for NoteKey {
    fn vkey(&self) -> &VerifierKey {
        &self.vkey
    }
    fn sign_raw(&self, message: &[u8]) -> Vec<u8> {
        match &self.secret {
            NoteSecret::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
            NoteSecret::MlDsa44(key) => key.sign(message).encode().to_vec(),
        }
    }
}

/// Raw public key of any key of a party, as the roster lists it.
pub fn public(party: &str, name: &str, algorithm: Algorithm) -> Vec<u8> {
    match algorithm {
        Algorithm::Ed25519 => Key::of(party, name).public(),
        Algorithm::MlDsa44 => {
            let seed = seed(party, name);
            let key = ml_dsa::SigningKey::<ml_dsa::MlDsa44>::from_seed(&seed.into());
            key.verifying_key().encode().to_vec()
        }
    }
}
