//! Many entries in one call (`spec/submit.md`, `POST /submit-batch`).

use serde::Deserialize;
use statement::Envelope;
use tlog::{ParseError, bundle};

use crate::{
    client::LogClient,
    error::LogClientError,
    limits::{BATCH_REPLY_BYTES_MAX, SUBMIT_TIMEOUT},
};

/// What became of the entries of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchReply {
    /// Entries below this index are in a checkpoint that the log says is witnessed; verify it before
    /// relying on it.
    pub witnessed: u64,
    /// For each entry, in the order of the call, its index or why it was not taken.
    pub answers: Vec<Result<u64, BatchRefusal>>,
}

/// Why one entry of a call was not taken. The others are not touched by it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, thiserror::Error)]
#[error("{title}: {detail} ({code})")]
pub struct BatchRefusal {
    /// The HTTP status that it would have had alone.
    pub status: u16,
    /// Stable name of the failed check.
    pub code: String,
    /// What happened.
    pub title: String,
    /// What happened this time and what to do.
    #[serde(default)]
    pub detail: String,
    /// When to try again, if that helps.
    #[serde(default)]
    pub retry_after_seconds: Option<u32>,
}

#[derive(Deserialize)]
struct Wire {
    witnessed: u64,
    answers: Vec<OneAnswer>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneAnswer {
    Taken { index: u64 },
    Refused(BatchRefusal),
}

impl LogClient {
    /// Submits 1 to 256 entries in one call, and has the log wait for witnesses.
    ///
    /// # Errors
    /// The whole call was refused and nothing of it taken, or the log cannot be reached; then what
    /// was taken is not known, and submitting again finds out.
    pub async fn submit_batch(&self, entries: &[Envelope]) -> Result<BatchReply, LogClientError> {
        self.submit_batch_at("submit-batch", entries).await
    }

    /// The same, answered as soon as the entries are durable.
    ///
    /// # Errors
    /// As [`LogClient::submit_batch`].
    pub async fn submit_batch_without_waiting(
        &self,
        entries: &[Envelope],
    ) -> Result<BatchReply, LogClientError> {
        self.submit_batch_at("submit-batch?wait=0", entries).await
    }

    async fn submit_batch_at(
        &self,
        path: &str,
        entries: &[Envelope],
    ) -> Result<BatchReply, LogClientError> {
        let url = format!("{}/{path}", self.url());
        let bytes: Vec<Vec<u8>> = entries.iter().map(Envelope::to_bytes).collect();
        let malformed = |source| LogClientError::Malformed {
            url: url.clone(),
            source,
        };
        let body = bundle::encode(&bytes).map_err(malformed)?;
        let kind = "application/octet-stream";
        let sent = self
            .http()
            .post(&url, kind, body, BATCH_REPLY_BYTES_MAX, SUBMIT_TIMEOUT);
        let reply = sent.await.map_err(|source| LogClientError::Http {
            url: url.clone(),
            source,
        })?;
        parse_reply(&reply.body, entries.len()).map_err(malformed)
    }
}

fn parse_reply(body: &[u8], entries: usize) -> Result<BatchReply, ParseError> {
    let wrong = || ParseError::Malformed {
        what: "answer to a batch",
        value: String::from_utf8_lossy(body).chars().take(80).collect(),
        expected: "a JSON object with `witnessed` and as many `answers` as there were entries",
    };
    let wire: Wire = serde_json::from_slice(body).map_err(|_| wrong())?;
    if wire.answers.len() != entries {
        return Err(wrong());
    }
    let answers = wire.answers.into_iter().map(|answer| match answer {
        OneAnswer::Taken { index } => Ok(index),
        OneAnswer::Refused(refusal) => Err(refusal),
    });
    Ok(BatchReply {
        witnessed: wire.witnessed,
        answers: answers.collect(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_entry_has_its_own_answer() {
        let body = br#"{"witnessed":40,"answers":[{"index":41},{"status":429,"code":"submit.quota","title":"t","detail":"d","retry_after_seconds":3}]}"#;
        let reply = parse_reply(body, 2).unwrap();
        assert_eq!(reply.witnessed, 40);
        assert_eq!(reply.answers[0], Ok(41));
        let refusal = reply.answers[1].clone().unwrap_err();
        assert_eq!(refusal.retry_after_seconds, Some(3));
        assert_eq!(refusal.to_string(), "t: d (submit.quota)");
        for entries in [0, 1, 3] {
            assert!(parse_reply(body, entries).is_err(), "{entries}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(body: Vec<u8>, entries in 0usize..4) {
            let _ = parse_reply(&body, entries);
        }
    }
}
