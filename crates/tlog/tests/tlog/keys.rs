//! Test signers with fixed seeds, and a small world of one log and two witnesses.

use std::sync::OnceLock;

use ed25519_dalek::Signer as _;
use ml_dsa::Keypair as _;
use tlog::{
    Checkpoint, Hash, KeyName, KeyType, Note, NoteSigner, Policy, SignatureLine, VerifierKey,
    cosign, sha256, sign_checkpoint,
};

pub enum Secret {
    Ed25519(Box<ed25519_dalek::SigningKey>),
    MlDsa44(Box<ml_dsa::SigningKey<ml_dsa::MlDsa44>>),
}

pub struct TestSigner {
    vkey: VerifierKey,
    secret: Secret,
    pub seed: [u8; 32],
}

impl TestSigner {
    pub fn new(name: &str, key_type: KeyType, label: &str) -> Self {
        Self::from_seed(name, key_type, *sha256(label.as_bytes()).as_bytes())
    }

    pub fn from_seed(name: &str, key_type: KeyType, seed: [u8; 32]) -> Self {
        let name: KeyName = name.parse().unwrap();
        let (secret, public) = match key_type {
            KeyType::CosignatureMlDsa44 => {
                let key = ml_dsa::SigningKey::<ml_dsa::MlDsa44>::from_seed(&seed.into());
                let public = key.verifying_key().encode().to_vec();
                (Secret::MlDsa44(Box::new(key)), public)
            }
            _ => {
                let key = ed25519_dalek::SigningKey::from_bytes(&seed);
                let public = key.verifying_key().to_bytes().to_vec();
                (Secret::Ed25519(Box::new(key)), public)
            }
        };
        let vkey = VerifierKey::new(name, key_type, &public).unwrap();
        Self { vkey, secret, seed }
    }
}

impl NoteSigner for TestSigner {
    fn vkey(&self) -> &VerifierKey {
        &self.vkey
    }

    fn sign_raw(&self, message: &[u8]) -> Vec<u8> {
        match &self.secret {
            Secret::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
            Secret::MlDsa44(key) => key.sign(message).encode().to_vec(),
        }
    }
}

pub const ORIGIN: &str = "log.example/a";

/// One log and two witnesses, each with an Ed25519 and an ML-DSA-44 key.
pub struct World {
    pub log: TestSigner,
    pub log_pq: TestSigner,
    pub w1: TestSigner,
    pub w1_pq: TestSigner,
    pub w2: TestSigner,
    pub w2_pq: TestSigner,
}

impl World {
    pub fn get() -> &'static Self {
        static WORLD: OnceLock<World> = OnceLock::new();
        WORLD.get_or_init(|| Self {
            log: TestSigner::new(ORIGIN, KeyType::Ed25519, "log"),
            log_pq: TestSigner::new(ORIGIN, KeyType::CosignatureMlDsa44, "log pq"),
            w1: TestSigner::new("w1.example", KeyType::CosignatureEd25519, "w1"),
            w1_pq: TestSigner::new("w1.example", KeyType::CosignatureMlDsa44, "w1 pq"),
            w2: TestSigner::new("w2.example", KeyType::CosignatureEd25519, "w2"),
            w2_pq: TestSigner::new("w2.example", KeyType::CosignatureMlDsa44, "w2 pq"),
        })
    }

    /// Both log keys, both witnesses with both keys.
    pub fn strict_policy_text(&self) -> String {
        format!(
            "log {}\nlog {}\nwitness w1-ed {}\nwitness w1-pq {}\nwitness w2-ed {}\nwitness w2-pq {}\n\
             group w1 all w1-ed w1-pq\ngroup w2 all w2-ed w2-pq\ngroup both all w1 w2\nquorum both\n",
            self.log.vkey(),
            self.log_pq.vkey(),
            self.w1.vkey(),
            self.w1_pq.vkey(),
            self.w2.vkey(),
            self.w2_pq.vkey(),
        )
    }

    pub fn strict_policy(&self) -> Policy {
        Policy::parse(&self.strict_policy_text()).unwrap()
    }

    /// One Ed25519 log key and both witnesses' Ed25519 keys.
    pub fn ed_policy(&self) -> Policy {
        Policy::parse(&format!(
            "log {}\nwitness w1 {}\nwitness w2 {}\ngroup both all w1 w2\nquorum both\n",
            self.log.vkey(),
            self.w1.vkey(),
            self.w2.vkey(),
        ))
        .unwrap()
    }

    /// The log's lines (Ed25519, ML-DSA-44), then w1's and w2's two lines each, at times 100 / 110.
    pub fn all_lines(&self, checkpoint: &Checkpoint) -> Vec<SignatureLine> {
        vec![
            sign_checkpoint(&checkpoint.to_string(), &self.log).unwrap(),
            cosign(checkpoint, 90, &self.log_pq).unwrap(),
            cosign(checkpoint, 100, &self.w1).unwrap(),
            cosign(checkpoint, 101, &self.w1_pq).unwrap(),
            cosign(checkpoint, 111, &self.w2).unwrap(),
            cosign(checkpoint, 110, &self.w2_pq).unwrap(),
        ]
    }

    pub fn full_note(&self, checkpoint: &Checkpoint) -> Vec<u8> {
        note(checkpoint, self.all_lines(checkpoint))
    }

    /// Ed25519 lines only: small, for tests that flip every byte.
    pub fn ed_note(&self, checkpoint: &Checkpoint) -> Vec<u8> {
        let lines = vec![
            sign_checkpoint(&checkpoint.to_string(), &self.log).unwrap(),
            cosign(checkpoint, 100, &self.w1).unwrap(),
            cosign(checkpoint, 110, &self.w2).unwrap(),
        ];
        note(checkpoint, lines)
    }
}

pub fn note(checkpoint: &Checkpoint, lines: Vec<SignatureLine>) -> Vec<u8> {
    Note::new(checkpoint.to_string(), lines)
        .unwrap()
        .to_string()
        .into_bytes()
}

pub fn checkpoint(size: u64, root: Hash) -> Checkpoint {
    Checkpoint::new(ORIGIN.parse().unwrap(), size, root).unwrap()
}
