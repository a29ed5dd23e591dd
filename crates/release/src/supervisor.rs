//! Asking the supervisor: for its signature under metadata, and for its reasons when it says no.

use std::time::Duration;

use serde::Deserialize;
use serve::{Client, ClientConfig, ClientError};

use crate::{
    error::ReleaseError,
    limits::{COSIGN_ANSWER_BYTES_MAX, COSIGN_TIMEOUT_MS, REFUSALS_BYTES_MAX},
    metadata_role::MetadataRole,
};

/// The supervisor over HTTP.
#[derive(Debug, Clone)]
pub struct SupervisorClient {
    url: String,
    client: Client,
}

/// A signature under metadata (`spec/tuf-repository.md`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    /// TUF key id.
    pub keyid: String,
    /// Raw Ed25519 signature.
    pub sig: [u8; 64],
}

/// One line of the supervisor's `GET /refusals`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SupervisorRefusal {
    /// Build, release or metadata file, by digest.
    pub subject: String,
    /// The condition that does not hold.
    pub code: String,
    /// What was seen.
    pub detail: String,
    /// Size of the log it was judged at.
    pub size: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    keyid: String,
    sig: String,
}

impl SupervisorClient {
    /// The supervisor at `url`.
    ///
    /// # Errors
    /// The HTTP client cannot be set up.
    pub fn new(url: &str, config: &ClientConfig) -> Result<Self, ClientError> {
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            client: Client::new(config)?,
        })
    }

    /// Asks for a signature under a candidate that the center signed.
    ///
    /// # Errors
    /// [`ReleaseError::Refused`] with the supervisor's code, or why it could not be asked.
    pub async fn cosign(
        &self,
        role: MetadataRole,
        candidate: &[u8],
    ) -> Result<Cosignature, ReleaseError> {
        let url = format!("{}/cosign/{role}", self.url);
        let reply = self
            .client
            .post(
                &url,
                "application/json",
                candidate.to_vec(),
                COSIGN_ANSWER_BYTES_MAX,
                Duration::from_millis(COSIGN_TIMEOUT_MS),
            )
            .await
            .map_err(|source| refused(url, role, source))?;
        let wrong = |field, value: &str| ReleaseError::SupervisorAnswer {
            field,
            value: value.chars().take(80).collect(),
        };
        let answer: Answer = serde_json::from_slice(&reply.body)
            .map_err(|_| wrong("body", &String::from_utf8_lossy(&reply.body)))?;
        let mut sig = [0; 64];
        hex::decode_to_slice(&answer.sig, &mut sig).map_err(|_| wrong("sig", &answer.sig))?;
        Ok(Cosignature {
            keyid: answer.keyid,
            sig,
        })
    }

    /// The file of a version that both signed, as the supervisor keeps it.
    ///
    /// # Errors
    /// It could not be asked.
    pub async fn cosigned(
        &self,
        role: MetadataRole,
        version: u64,
    ) -> Result<Option<Vec<u8>>, ReleaseError> {
        let url = format!("{}/cosigned/{role}/{version}", self.url);
        let found = self
            .client
            .get_optional(&url, tuf::limits::TARGETS_BYTES_MAX)
            .await;
        let found = found.map_err(|source| ReleaseError::Supervisor { url, source })?;
        Ok(found.map(|bytes| bytes.to_vec()))
    }

    /// What the supervisor refuses at the moment.
    ///
    /// # Errors
    /// It could not be asked, or did not answer with a list.
    pub async fn refusals(&self) -> Result<Vec<SupervisorRefusal>, ReleaseError> {
        let url = format!("{}/refusals", self.url);
        let body = self.client.get(&url, REFUSALS_BYTES_MAX).await;
        let body = body.map_err(|source| ReleaseError::Supervisor { url, source })?;
        serde_json::from_slice(&body).map_err(|error| ReleaseError::SupervisorAnswer {
            field: "refusals",
            value: error.to_string().chars().take(80).collect(),
        })
    }
}

fn refused(url: String, role: MetadataRole, source: ClientError) -> ReleaseError {
    let problem = source.refused().and_then(|reply| reply.problem.as_ref());
    match problem {
        Some(problem) if !problem.code.is_empty() && !source.is_transient() => {
            ReleaseError::Refused {
                subject: format!("metadata of `{role}`"),
                code: problem.code.clone(),
                detail: problem.detail.clone(),
            }
        }
        _ => ReleaseError::Supervisor { url, source },
    }
}
