//! An issuer of admission tokens, and installations that it knows.

use std::path::PathBuf;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use center::IssuerConfig;
use ed25519_dalek::{Signer as _, SigningKey};
use logclient::Follower;
use serve::{ClientError, Clock, wait_url};
use statement::{Admission, IssuerName, Predicate};
use token::{
    Blinding, Challenge, LICENCE_HEADER, Licence, REQUEST_CONTENT_TYPE, SIGNATURE_HEADER, Token,
    TokenKey, TokenRequest, licence_message, request_message, signature_to_text,
};

use super::{CENTER_LOG, PATIENCE, World, home, http, now, wait_for};

const ISSUER: &str = "issuer.vendor.example";

fn licence_key() -> SigningKey {
    SigningKey::from_bytes(&[77; 32])
}

/// A running issuer.
pub struct Issuer {
    pub url: String,
    pub dir: PathBuf,
    task: tokio::task::JoinHandle<()>,
}

impl Issuer {
    /// Drops it wherever it is, and waits until it let its directory go.
    pub async fn stop(self) {
        self.task.abort();
        drop(self.task.await);
        wait_for("the directory is free", async || {
            store::DirLock::take(&self.dir).ok().map(drop)
        })
        .await;
    }
}

impl World {
    pub fn issuer_config(&self) -> IssuerConfig {
        IssuerConfig {
            dir: self.path().join("issuer"),
            issuer: ISSUER.parse().unwrap(),
            homes: vec![home()],
            origin: CENTER_LOG.parse().unwrap(),
            log_url: self.log_url.clone(),
            key: self.key_path("vendor", "center"),
            passphrase: None,
            licence_keys: vec![STANDARD.encode(licence_key().verifying_key().to_bytes())],
            tokens_per_day: 100,
            valid_days: 3,
            lead_seconds: 0,
            poll_ms: 50,
            server: serve::ServerConfig::default(),
            client: serve::ClientConfig::default(),
        }
    }

    /// Starts it and waits until the key of its day is witnessed.
    pub async fn start_issuer(&self, config: IssuerConfig) -> Issuer {
        self.start_issuer_by(config, Clock::of_this_machine()).await
    }

    pub async fn start_issuer_by(&self, config: IssuerConfig, clock: Clock) -> Issuer {
        let dir = config.dir.clone();
        let task = tokio::spawn(async move {
            center::serve_issuer_by(config, clock, std::future::pending())
                .await
                .unwrap();
        });
        let url = wait_url(&dir, PATIENCE).await.unwrap();
        let issuer = Issuer { url, dir, task };
        wait_for("a key signs", async || {
            let url = format!("{}{}", issuer.url, token::DIRECTORY_PATH);
            let shown: serde_json::Value =
                serde_json::from_slice(&http().get(&url, 1 << 20).await.ok()?).unwrap();
            (!shown["token-keys"].as_array()?.is_empty()).then_some(())
        })
        .await;
        issuer
    }

    /// Every key that is announced in the log.
    pub async fn admissions(&self) -> Vec<Admission> {
        let mut follower = Follower::new(self.log.clone(), self.anchor)
            .keeping(|predicate| matches!(predicate, Predicate::Admission(_)));
        follower.sync().await.unwrap();
        let kept = follower.kept().iter();
        let said = kept.map(|kept| match &kept.statement.predicate {
            Predicate::Admission(said) => said.clone(),
            _ => unreachable!("only these are kept"),
        });
        said.collect()
    }

    /// A token that was never shown, of an installation of its own.
    pub async fn token(&self, issuer: &Issuer, seed: u8) -> Token {
        let said = self.admissions().await.pop().unwrap();
        let installation = Installation::new(seed);
        installation.token(&issuer.url, &said).await.unwrap()
    }
}

/// An endpoint as the issuer knows it.
pub struct Installation {
    key: SigningKey,
    pub licence: Licence,
}

impl Installation {
    pub fn new(seed: u8) -> Self {
        Self::licensed_by(&licence_key(), seed, now() + 1_000_000)
    }

    pub fn licensed_by(licence_key: &SigningKey, seed: u8, until: u64) -> Self {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let public = key.verifying_key().to_bytes();
        let signed = licence_key.sign(&licence_message(&public, until));
        Self {
            licence: Licence::new(public, until, signed.to_bytes()),
            key,
        }
    }

    /// Asks for a signature; the answer as it came.
    pub async fn ask(&self, issuer: &str, request: &TokenRequest) -> Result<Vec<u8>, ClientError> {
        let name: IssuerName = ISSUER.parse().unwrap();
        let signed = self.key.sign(&request_message(&name, request));
        let headers = vec![
            ("content-type", REQUEST_CONTENT_TYPE.to_owned()),
            (LICENCE_HEADER, self.licence.to_text()),
            (SIGNATURE_HEADER, signature_to_text(&signed.to_bytes())),
        ];
        let url = format!("{issuer}/token-request");
        let body = request.to_bytes();
        let http = http();
        let reply = http.post_with(&url, headers, body, 1 << 10, PATIENCE);
        Ok(reply.await?.body.to_vec())
    }

    pub async fn token(&self, issuer: &str, said: &Admission) -> Result<Token, ClientError> {
        let (key, challenge) = key_of(said);
        let blinding = blind(said);
        let answer = self.ask(issuer, &blinding.request(&key)).await?;
        Ok(blinding.finish(&key, &challenge, &answer).unwrap())
    }
}

pub fn key_of(said: &Admission) -> (TokenKey, Challenge) {
    let key = TokenKey::from_spki(&said.key_der().unwrap()).unwrap();
    (key, Challenge::of(said))
}

/// A token to be.
pub fn blind(said: &Admission) -> Blinding {
    let (key, challenge) = key_of(said);
    let [nonce, seed] = [0, 1].map(|_| *keys::random_bytes::<32>().unwrap());
    Blinding::start(&key, &challenge, nonce, &seed).unwrap()
}
