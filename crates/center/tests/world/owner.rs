//! An owner: a file sealed for one cell, and the key that speaks for it. `spec/sealing.md`, `spec/intake.md`.

use ed25519_dalek::{Signer as _, SigningKey};
use seal::{
    Address, EpochKeys, Front, Sealer, Seed, UploadKey, disclosure_message, erasure_message,
    limits::WRAP_BYTES, upload_message,
};
use serde_json::Value;
use serve::{ClientError, Reply};
use statement::{SampleId, SealDigest, StatementDigest};
use token::Token;
use zeroize::Zeroizing;

use super::{PATIENCE, http, text, wait_for};

/// What is wrong with a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tweak {
    Nothing,
    /// Sealed under a policy that is not the newest.
    OtherPolicy,
    /// The supervisor's wrap is garbage.
    GarbageWrap,
}

#[derive(Clone)]
pub struct Owner {
    pub key: SigningKey,
    pub sample: SampleId,
    pub seal: SealDigest,
    pub front: Vec<u8>,
    pub ciphertext: Vec<u8>,
}

fn random<const N: usize>() -> Zeroizing<[u8; N]> {
    keys::random_bytes().unwrap()
}

/// An owner's key, and the seal on a file of theirs before its first byte.
fn start(
    sample: SampleId,
    file: &[u8],
    keys: &EpochKeys,
    policy: StatementDigest,
) -> (SigningKey, Sealer) {
    let key = SigningKey::from_bytes(&random());
    let address = Address {
        sample,
        upload_key: UploadKey::from_raw(&key.verifying_key().to_bytes()).unwrap(),
        home: keys.home().clone(),
        region: "europe".parse().unwrap(),
        policy,
        size_bytes: file.len() as u64,
    };
    let sealer = Sealer::start(address, keys, &Seed::new(random()), &random()).unwrap();
    (key, sealer)
}

/// What somebody sends who keeps nothing of it: front, ciphertext and signature, made in one place.
pub fn sealed_body(file: &[u8], keys: &EpochKeys, policy: StatementDigest) -> Vec<u8> {
    let (key, sealer) = start(SampleId::new(*random()), file, keys, policy);
    let mut body = sealer.front().to_bytes();
    let sealed = sealer.seal_onto(file, &mut body).unwrap();
    let message = upload_message(&sealed.seal, &sealed.front.wraps().digest());
    body.extend_from_slice(&key.sign(&message).to_bytes());
    body
}

impl Owner {
    pub fn of(file: &[u8], keys: &EpochKeys, policy: StatementDigest) -> Self {
        Self::with(file, keys, policy, Tweak::Nothing)
    }

    pub fn with(file: &[u8], keys: &EpochKeys, policy: StatementDigest, tweak: Tweak) -> Self {
        Self::named(SampleId::new(*random()), file, (keys, policy), tweak)
    }

    /// Sealed under an id that is given.
    pub fn named(
        sample: SampleId,
        file: &[u8],
        (keys, policy): (&EpochKeys, StatementDigest),
        tweak: Tweak,
    ) -> Self {
        let policy = match tweak {
            Tweak::OtherPolicy => StatementDigest::of(b"another policy"),
            _ => policy,
        };
        let (key, sealer) = start(sample.clone(), file, keys, policy);
        let (sealed, ciphertext) = sealer.seal_all(file).unwrap();
        let mut front = sealed.front.to_bytes();
        if tweak == Tweak::GarbageWrap {
            let last = front.len() - WRAP_BYTES / 2;
            front[last] ^= 1;
        }
        Self {
            key,
            sample,
            seal: sealed.seal,
            front,
            ciphertext,
        }
    }

    pub fn upload_signature(&self) -> Vec<u8> {
        let wraps = Front::parse(&self.front).unwrap().wraps().digest();
        let message = upload_message(&self.seal, &wraps);
        self.key.sign(&message).to_bytes().to_vec()
    }

    pub fn disclosure_signature(&self) -> Vec<u8> {
        let message = disclosure_message(&self.sample, &self.seal);
        self.key.sign(&message).to_bytes().to_vec()
    }

    pub fn erasure_signature(&self) -> Vec<u8> {
        let message = erasure_message(&self.sample, &self.seal);
        self.key.sign(&message).to_bytes().to_vec()
    }

    /// All of it in one call.
    pub async fn send(&self, cell: &str) -> Result<Value, ClientError> {
        let signature = self.upload_signature();
        let body = [&self.front, &self.ciphertext, &signature].map(|part| part.as_slice());
        json(post(&format!("{cell}/samples"), body.concat()).await)
    }

    /// The same with a token.
    pub async fn send_with(&self, cell: &str, token: &Token) -> Result<Value, ClientError> {
        let signature = self.upload_signature();
        let body = [&self.front, &self.ciphertext, &signature].map(|part| part.as_slice());
        let url = format!("{cell}/samples");
        json(show(&url, token, body.concat()).await)
    }

    pub async fn begin_with(&self, cell: &str, token: &Token) -> Result<Value, ClientError> {
        let url = format!("{cell}/uploads");
        json(show(&url, token, self.front.clone()).await)
    }

    pub async fn begin(&self, cell: &str) -> Result<Value, ClientError> {
        json(post(&format!("{cell}/uploads"), self.front.clone()).await)
    }

    /// Appends from `offset`, at most `bytes` of the ciphertext.
    pub async fn append(
        &self,
        cell: &str,
        offset: usize,
        bytes: usize,
    ) -> Result<Value, ClientError> {
        let end = self.ciphertext.len().min(offset + bytes);
        let headers = vec![
            ("upload-offset", offset.to_string()),
            ("content-type", "application/partial-upload".to_owned()),
        ];
        let url = format!("{cell}/uploads/{}", self.sample);
        let piece = self.ciphertext[offset..end].to_vec();
        json(http().patch(&url, headers, piece, 1 << 20, PATIENCE).await)
    }

    pub async fn complete(&self, cell: &str) -> Result<Value, ClientError> {
        let url = format!("{cell}/uploads/{}/complete", self.sample);
        json(post(&url, self.upload_signature()).await)
    }

    pub async fn disclosure(&self, cell: &str) -> Result<Value, ClientError> {
        let url = format!("{cell}/samples/{}/disclosure", self.sample);
        json(post(&url, self.disclosure_signature()).await)
    }

    pub async fn erase(&self, cell: &str) -> Result<Value, ClientError> {
        let url = format!("{cell}/samples/{}/erase", self.sample);
        json(post(&url, self.erasure_signature()).await)
    }

    /// The disclosure once it is in this state and `field` is witnessed.
    pub async fn wait(&self, cell: &str, state: &str, field: &str) -> Value {
        wait_for(&format!("{state} with {field}"), async || {
            let shown = self.disclosure(cell).await.ok()?;
            (text(&shown["state"]) == state && !shown[field].is_null()).then_some(shown)
        })
        .await
    }
}

async fn show(url: &str, token: &Token, body: Vec<u8>) -> Result<Reply, ClientError> {
    let headers = vec![
        ("content-type", "application/octet-stream".to_owned()),
        ("authorization", token.to_header()),
    ];
    http()
        .post_with(url, headers, body, 1 << 20, PATIENCE)
        .await
}

async fn post(url: &str, body: Vec<u8>) -> Result<Reply, ClientError> {
    let kind = "application/octet-stream";
    http().post(url, kind, body, 1 << 20, PATIENCE).await
}

fn json(reply: Result<Reply, ClientError>) -> Result<Value, ClientError> {
    reply.map(|reply| serde_json::from_slice(&reply.body).unwrap())
}
