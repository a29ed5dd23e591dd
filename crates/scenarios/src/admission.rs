//! The issuer of admission tokens, installations that it knows, and a token fetched by hand.

use std::{fs, path::PathBuf, sync::PoisonError, time::Duration};

use anyhow::{Context as _, Result, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use keys::{Algorithm, SecretKey, random_bytes};
use logclient::Follower;
use serde_json::Value;
use statement::{Admission, IssuerName, Predicate, StatementDigest};
use token::{
    Blinding, Challenge, LICENCE_HEADER, Licence, REQUEST_CONTENT_TYPE, SIGNATURE_HEADER, Token,
    TokenKey, licence_message, request_message, signature_to_text,
};

use crate::{
    cells::HOMES,
    ceremony::{CENTER_LOG, key_path, load_key},
    world::{SERVER, World, url_of},
};

/// Name of the issuer.
const ISSUER: &str = "issuer.center.limpid.example";
/// How long licences last.
const LICENCE_DAYS: u64 = 365;
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Where the files of an installation lie.
pub(crate) struct Installed {
    pub(crate) key: PathBuf,
    pub(crate) licence: PathBuf,
}

impl World {
    /// Starts the issuer of tokens, unless it runs.
    pub(crate) fn start_issuer(&mut self) -> Result<()> {
        if self.issuer.is_some() {
            return Ok(());
        }
        let licence_key = key_path(&self.dir, "vendor", "licence");
        if !licence_key.exists() {
            SecretKey::generate(Algorithm::Ed25519)?.save_new(&licence_key, None)?;
        }
        let public = raw_key(&load_key(&self.dir, "vendor", "licence")?)?;
        let config = format!(
            "dir = {:?}\nissuer = \"{ISSUER}\"\nhomes = {HOMES:?}\norigin = \"{CENTER_LOG}\"\nlog_url = \"{}\"\n\
             key = {:?}\nlicence_keys = [\"{}\"]\npoll_ms = 100\n{SERVER}",
            self.make_dir("vendor", "issuer")?,
            self.center_log_url(),
            // The cells sign with the other one.
            key_path(&self.dir, "vendor", "center-2"),
            STANDARD.encode(public),
        );
        let daemon = self.daemon("vendor", "issuer", &["center", "issuer"], &config)?;
        self.issuer = Some(daemon);
        Ok(())
    }

    /// Address of the issuer.
    #[must_use]
    pub fn issuer_url(&self) -> String {
        url_of(self.issuer.as_ref())
    }

    /// A key for an endpoint and the vendor's licence for it, in files of that endpoint.
    pub(crate) fn install(&self, name: &str) -> Result<Installed> {
        let dir = fs::canonicalize(self.make_dir(name, "installation")?)?;
        let installed = Installed {
            key: dir.join("installation.pem"),
            licence: dir.join("licence"),
        };
        if installed.licence.exists() {
            return Ok(installed);
        }
        let key = SecretKey::generate(Algorithm::Ed25519)?;
        key.save_new(&installed.key, None)?;
        let licence = self.license(&key)?.to_text();
        fs::write(&installed.licence, licence).context("cannot write a licence")?;
        Ok(installed)
    }

    fn license(&self, installation: &SecretKey) -> Result<Licence> {
        let public = raw_key(installation)?;
        let until = release::system_clock() + LICENCE_DAYS * 86_400;
        let licence_key = load_key(&self.dir, "vendor", "licence")?;
        let signed = licence_key.sign(&licence_message(&public, until));
        let signed = signed.as_slice().try_into();
        Ok(Licence::new(
            public,
            until,
            signed.context("a signature has 64 bytes")?,
        ))
    }

    async fn shown_admission(&self, home: &str) -> Result<Value> {
        let url = format!("{}/where", self.cell_url(home));
        let shown = self.http.get(&url, ANSWER_BYTES_MAX).await?;
        let shown: Value = serde_json::from_slice(&shown)?;
        Ok(shown["admission"].clone())
    }

    /// Whether the cell of a home takes samples with a token only.
    pub(crate) async fn asks_for_tokens(&self, home: &str) -> Result<bool> {
        Ok(!self.shown_admission(home).await?.is_null())
    }

    /// The newest key whose tokens the cell of a home takes, as the log has it.
    pub(crate) async fn admission(&self, home: &str) -> Result<Admission> {
        let shown = self.shown_admission(home).await?;
        let newest = shown.as_array().and_then(|keys| keys.last());
        let digest = newest.and_then(|newest| newest["admission"].as_str());
        let digest: StatementDigest = digest.context("the cell takes no tokens")?.parse()?;
        let known = || {
            self.admissions
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(said) = known().get(&digest) {
            return Ok(said.clone());
        }
        let mut follower = Follower::new(self.center_client()?, self.anchor())
            .keeping(|predicate| matches!(predicate, Predicate::Admission(_)));
        follower.sync().await?;
        let kept = follower.kept().iter().find(|kept| kept.digest == digest);
        match kept.map(|kept| &kept.statement.predicate) {
            Some(Predicate::Admission(said)) => {
                known().insert(digest, said.clone());
                Ok(said.clone())
            }
            _ => bail!("admission {digest} is not in the log"),
        }
    }

    /// A token for a home, given to an installation that nobody saw before.
    pub(crate) async fn token(&self, home: &str) -> Result<Token> {
        let said = self.admission(home).await?;
        let (key, challenge) = (TokenKey::from_spki(&said.key_der()?)?, Challenge::of(&said));
        let (nonce, seed) = (random_bytes()?, random_bytes()?);
        let blinding = Blinding::start(&key, &challenge, *nonce, &seed)?;
        let request = blinding.request(&key);
        let installation = SecretKey::generate(Algorithm::Ed25519)?;
        let issuer: IssuerName = ISSUER.parse()?;
        let signed = installation.sign(&request_message(&issuer, &request));
        let headers = vec![
            ("content-type", REQUEST_CONTENT_TYPE.to_owned()),
            (LICENCE_HEADER, self.license(&installation)?.to_text()),
            (SIGNATURE_HEADER, signature_to_text(&signed)),
        ];
        let url = format!("{}/token-request", self.issuer_url());
        let (body, patience) = (request.to_bytes(), Duration::from_secs(30));
        let asked = self
            .http
            .post_with(&url, headers, body, ANSWER_BYTES_MAX, patience);
        Ok(blinding.finish(&key, &challenge, &asked.await?.body)?)
    }
}

fn raw_key(key: &SecretKey) -> Result<[u8; 32]> {
    let public = key.public_key();
    public
        .as_slice()
        .try_into()
        .context("Ed25519 keys have 32 bytes")
}
