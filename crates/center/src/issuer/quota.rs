//! One request: who asks, how many it had, and the signature. Counted durably before it is signed.

use ::keys::IssuerKey;
use statement::StatementDigest;
use std::sync::Arc;
use store::tables::{Write, query};
use tlog::{Hash, sha256};
use token::{Installation, Licence, TokenRequest, limits::MODULUS_BYTES, signature_from_text};

use super::Issuer;
use super::refusal::IssuerRefusal;
use crate::ciphertexts::blocking;

impl Issuer {
    /// Signs a request of an installation. The same request again gets the same answer and is not counted again, so that an endpoint
    /// whose answer was lost loses no token.
    pub(super) async fn issue(
        &self,
        licence: &str,
        signature: &str,
        body: &[u8],
    ) -> Result<[u8; MODULUS_BYTES], IssuerRefusal> {
        let request = TokenRequest::parse(body).map_err(IssuerRefusal::Request)?;
        let now = self.now();
        let licence = Licence::from_text(licence).map_err(IssuerRefusal::Unknown)?;
        let signature = signature_from_text(signature).map_err(IssuerRefusal::Unknown)?;
        let asked = (&self.config.issuer, &request);
        let installation = licence
            .check(&self.licence_keys, asked, &signature, now)
            .map_err(IssuerRefusal::Unknown)?;
        let truncated = request.truncated_id();
        let mut signing = self.signing().await?.into_iter();
        let signing = signing
            .find(|signing| signing.key.public().truncated_id() == truncated)
            .ok_or(IssuerRefusal::NoKey { truncated })?;
        if !self
            .count(signing.admission, &installation, &sha256(body))
            .await?
        {
            return Err(IssuerRefusal::Quota {
                tokens: self.config.tokens_per_day,
                wait_seconds: signing.wait_seconds(now),
            });
        }
        sign(signing.key, request).await
    }

    /// Counts a request, unless it was counted; `false` when the installation has no room left.
    async fn count(
        &self,
        admission: StatementDigest,
        installation: &Installation,
        request: &Hash,
    ) -> Result<bool, IssuerRefusal> {
        let admission = admission.to_string();
        let installation = Hash::from_bytes(*installation.key()).to_hex();
        let mut write = self.db.begin().await?;
        let counted = query(
            "INSERT INTO issued (admission, installation, request) VALUES ($1, $2, $3)
             ON CONFLICT (admission, installation, request) DO NOTHING",
        )
        .bind(&admission)
        .bind(&installation)
        .bind(request.to_hex())
        .execute(&mut *write)
        .await
        .map_err(|e| self.db.sort(e))?;
        if counted.rows_affected() == 0 {
            return Ok(true);
        }
        let had = self.had(&mut write, &admission, &installation).await?;
        if had > i64::from(self.config.tokens_per_day) {
            // Rolled back with the transaction.
            return Ok(false);
        }
        self.db.commit(write).await?;
        Ok(true)
    }

    async fn had(
        &self,
        write: &mut Write,
        admission: &str,
        installation: &str,
    ) -> Result<i64, IssuerRefusal> {
        let row = query("SELECT COUNT(*) FROM issued WHERE admission = $1 AND installation = $2")
            .bind(admission)
            .bind(installation)
            .fetch_one(&mut **write)
            .await
            .map_err(|e| self.db.sort(e))?;
        Ok(row.get(0))
    }
}

async fn sign(
    key: Arc<IssuerKey>,
    request: TokenRequest,
) -> Result<[u8; MODULUS_BYTES], IssuerRefusal> {
    let signed = blocking(move || Ok(key.sign(&request))).await?;
    match signed {
        Err(::keys::KeyError::Token(error)) => Err(IssuerRefusal::Request(error)),
        other => Ok(other?),
    }
}
