//! What became of a sample: the center's disclosure, of which only what is proven is kept.

use std::time::Duration;

use seal::disclosure_message;
use serde::{Deserialize, Serialize};
use serve::Client;
use statement::{CountryCode, SampleId, SealDigest, StatementDigest};

use super::{
    again::{self, AgainText, KeptAgain},
    error::SharingError,
    evidence::Archive,
    proven::{Kept, Kind, LoggedText},
    queue::Sample,
    upload::{answer, code_of, failed},
};
use crate::limits::ANSWER_BYTES_MAX;

/// One try of a machine, as the center tells it: a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Touched {
    pub(super) attempt: u64,
    pub(super) worker: StatementDigest,
    pub(super) rules: StatementDigest,
    pub(super) scoring: StatementDigest,
    pub(super) started: u64,
    pub(super) ended: Option<u64>,
    pub(super) end: Option<String>,
    /// Of a second look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) grant: Option<StatementDigest>,
}

/// The answer to the disclose demand.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Disclosure {
    sample: SampleId,
    seal: SealDigest,
    home: CountryCode,
    state: String,
    #[serde(rename = "received")]
    _received: Option<u64>,
    receipt: Option<LoggedText>,
    verdict: Option<LoggedText>,
    anomaly: Option<LoggedText>,
    erasure: Option<LoggedText>,
    touched: Vec<Touched>,
    /// Releases that machines judged by.
    tools: Vec<LoggedText>,
    #[serde(default)]
    again: Vec<AgainText>,
}

/// What the center claims and does not prove; replaced with each answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Claims {
    pub(super) at: u64,
    pub(super) state: String,
    pub(super) touched: Vec<Touched>,
}

/// Asks for everything that is not proven here yet. Whether something new was kept.
pub(super) async fn ask(
    archive: &Archive<'_>,
    http: &Client,
    sample: &Sample<'_>,
    now: u64,
) -> Result<bool, SharingError> {
    if sample.has(Kind::Erasure.file())? {
        return Ok(false);
    }
    let center = archive.config.center_of(&sample.record.home)?;
    let Some(disclosure) = fetch(archive, http, sample).await? else {
        return Ok(false);
    };
    let record = &sample.record;
    if disclosure.sample != record.sample
        || disclosure.seal != record.seal
        || disclosure.home != record.home
    {
        return Err(SharingError::OtherSample {
            field: "sample",
            found: disclosure.sample.to_string(),
            expected: record.sample.to_string(),
        });
    }
    let claims = Claims {
        at: now,
        state: disclosure.state,
        touched: disclosure.touched,
    };
    sample.replace("claims.json", &claims)?;
    let demand = sample.demand()?.map(|demand| demand.digest);
    let shown = [
        (Kind::Receipt, disclosure.receipt),
        (Kind::Verdict, disclosure.verdict),
        (Kind::Anomaly, disclosure.anomaly),
        (Kind::Erasure, disclosure.erasure),
    ];
    let (mut chain, mut learned) = (None, false);
    for (kind, logged) in shown {
        let Some(logged) = logged.filter(|_| !sample.has(kind.file()).unwrap_or(true)) else {
            continue;
        };
        if chain.is_none() {
            // The chain of constitutions as it is now: the proof may be newer than the sealing.
            chain = Some(archive.fetch(http, center, now).await?);
        }
        let Some(chain) = &chain else { continue };
        let kept = Kept::new(chain, kind, logged, &disclosure.tools);
        kept.check(kind, archive, record, demand)?;
        sample.create(kind.file(), &kept)?;
        learned = true;
    }
    for told in again::unknown(sample, disclosure.again)? {
        if chain.is_none() {
            chain = Some(archive.fetch(http, center, now).await?);
        }
        let Some(chain) = &chain else { continue };
        if let Some(again) = KeptAgain::of(chain, told, &disclosure.tools) {
            again::keep(archive, sample, again)?;
            learned = true;
        }
    }
    Ok(learned)
}

/// Nothing when the center does not know the sample: one that was demanded back before it was whole.
async fn fetch(
    archive: &Archive<'_>,
    http: &Client,
    sample: &Sample<'_>,
) -> Result<Option<Disclosure>, SharingError> {
    let record = &sample.record;
    let center = archive.config.center_of(&record.home)?;
    let url = center.at(&format!("samples/{}/disclosure", record.sample));
    let message = disclosure_message(&record.sample, &record.seal);
    let signature = sample.key()?.sign(&message);
    let timeout = Duration::from_millis(archive.config.client.total_timeout_ms);
    let kind = "application/octet-stream";
    let sent = http.post(&url, kind, signature, ANSWER_BYTES_MAX, timeout);
    match sent
        .await
        .map_err(failed("word on what became of a sample"))
    {
        Ok(reply) => Ok(Some(answer("a disclosure", &reply.body)?)),
        Err(error)
            if code_of(&error) == Some("sample.unknown") && sample.completed()?.is_none() =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
