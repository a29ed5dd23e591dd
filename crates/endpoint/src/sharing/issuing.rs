//! Asking the issuer of a home for tokens, ahead of need. `spec/admission.md`.
//!
//! Which key signs is never taken from the issuer: it is the one that the log names for everybody on this day. What was signed with
//! another key is no token, so an issuer that gave each endpoint a key of its own would give nothing.

use std::{fs, time::Duration};

use keys::{SecretKey, random_bytes};
use law::{AdmissionKey, Code};
use serve::Client;
use token::{
    Blinding, Challenge, LICENCE_HEADER, REQUEST_CONTENT_TYPE, SIGNATURE_HEADER, Token,
    limits::MODULUS_BYTES, request_message, signature_to_text,
};

use super::{
    config::{Center, Config},
    consent::Consents,
    error::SharingError,
    evidence::{Archive, Evidence},
    upload::failed,
    wallet::{Wallet, key_of},
};

/// What an issuer knows this installation by.
struct Known {
    key: SecretKey,
    licence: String,
}

/// One endpoint at the counter.
pub(super) struct Counter<'a> {
    pub(super) archive: &'a Archive<'a>,
    pub(super) consents: &'a Consents,
    pub(super) http: &'a Client,
    pub(super) now: u64,
}

impl Counter<'_> {
    const fn config(&self) -> &Config {
        self.archive.config
    }

    /// Asks until as many tokens of the newest key of a home are here as `wanted`; how many came. Nothing where the home asks for none.
    pub(super) async fn top_up(
        &self,
        center: &Center,
        wanted: usize,
    ) -> Result<usize, SharingError> {
        let Some(issuer_url) = &center.issuer_url else {
            return Ok(0);
        };
        let Some(evidence) = self.evidence(center).await? else {
            return Ok(0);
        };
        let key = AdmissionKey::check(evidence.open.view(), &center.home, self.now)?;
        let wallet = Wallet::new(self.archive.files);
        let missing = wanted.saturating_sub(wallet.count(&key)?);
        if missing == 0 {
            return Ok(0);
        }
        let known = self.known(center)?;
        let mut asked = wallet.asked(&key)?;
        let mut came = 0;
        while came < missing {
            self.consents.check_still()?;
            let blinding = match asked.pop() {
                Some(blinding) => blinding,
                None => self.blind(&wallet, &key)?,
            };
            let made = self.one(issuer_url, &known, &key, &blinding).await;
            let token = match made {
                Ok(token) => token,
                Err(error) => {
                    // An answer that was lost is asked for again; a refusal would be repeated.
                    if !error.is_transient() || error.code() == "issuer.quota" {
                        wallet.give_up(&key, &blinding)?;
                    }
                    return Err(error);
                }
            };
            wallet.finish(&key, &token)?;
            came += 1;
        }
        Ok(came)
    }

    /// What the center shows about today's key: what is kept if that is enough, else what it shows now. Nothing when it asks for no tokens.
    async fn evidence(&self, center: &Center) -> Result<Option<Evidence>, SharingError> {
        let is_enough = |evidence: &Evidence| {
            let key = AdmissionKey::check(evidence.open.view(), &center.home, self.now);
            key.is_ok_and(|key| self.now < key.admission().issued_until())
        };
        if let Some(kept) = self.archive.kept(&center.home)?.filter(is_enough) {
            return Ok(Some(kept));
        }
        let shown = self.archive.fetch(self.http, center, self.now).await?;
        match AdmissionKey::check(shown.open.view(), &center.home, self.now) {
            Err(refusal) if refusal.code() == Code::AdmissionMissing => Ok(None),
            Err(refusal) => Err(refusal.into()),
            Ok(_) => Ok(Some(shown)),
        }
    }

    fn known(&self, center: &Center) -> Result<Known, SharingError> {
        let config = self.config();
        let (Some(key), Some(licence)) = (&config.installation, &config.licence) else {
            let home = center.home.clone();
            return Err(SharingError::NoInstallation { home });
        };
        let text = fs::read_to_string(licence).map_err(SharingError::io("read", licence))?;
        Ok(Known {
            key: SecretKey::load(key, None)?,
            licence: text.trim().to_owned(),
        })
    }

    /// Blinds a new token, and keeps how before anybody hears of it.
    fn blind(&self, wallet: &Wallet<'_>, key: &AdmissionKey) -> Result<Blinding, SharingError> {
        let (token_key, challenge) = (key_of(key.admission())?, Challenge::of(key.admission()));
        let (nonce, seed) = (random_bytes()?, random_bytes()?);
        let blinding = Blinding::start(&token_key, &challenge, *nonce, &seed)?;
        wallet.begin(key, &blinding)?;
        Ok(blinding)
    }

    /// Has one blinding signed, and unblinds it.
    async fn one(
        &self,
        issuer_url: &str,
        known: &Known,
        key: &AdmissionKey,
        blinding: &Blinding,
    ) -> Result<Token, SharingError> {
        let admission = key.admission();
        let token_key = key_of(admission)?;
        let request = blinding.request(&token_key);
        let message = request_message(&admission.issuer, &request);
        let headers = vec![
            ("content-type", REQUEST_CONTENT_TYPE.to_owned()),
            (LICENCE_HEADER, known.licence.clone()),
            (
                SIGNATURE_HEADER,
                signature_to_text(&known.key.sign(&message)),
            ),
        ];
        let url = format!("{}/token-request", issuer_url.trim_end_matches('/'));
        let timeout = Duration::from_millis(self.config().client.total_timeout_ms);
        let body = request.to_bytes();
        let sent = self
            .http
            .post_with(&url, headers, body, MODULUS_BYTES, timeout);
        let answer = sent.await.map_err(failed("admission token"))?.body;
        Ok(blinding.finish(&token_key, &Challenge::of(admission), &answer)?)
    }
}
