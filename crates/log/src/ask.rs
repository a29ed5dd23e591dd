//! One request to one witness (tlog-witness, `add-checkpoint`), as the peers really answer it.
//!
//! The specification says more than every witness does, so only this is relied on: a 2xx answer
//! with lines among which a cosignature may be, and a 409 whose body is a number. Seen at peers, and
//! taken: other lines beside the cosignatures, one cosignature or several, a 409 without its content
//! type or its final newline, a 409 where the specification now says 422 (the same size with another
//! root), 403 for an unknown origin, 500 for a signature they do not like.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serve::{Client, ClientError};
use tlog::{AddCheckpoint, Checkpoint, Note, SignatureLine, parse_cosignatures};

use crate::error::{LogError, chain};
use crate::files::prove_growth;
use crate::lane::{Asked, Outcome};
use crate::limits::{WITNESS_ANSWER_BYTES_MAX, WITNESS_LINES_MAX};
use crate::memory::{Recall, find_contradiction};
use crate::shared::Shared;

/// A checkpoint with the log's own signatures and no others, as it is sent to witnesses: they need
/// no others, and some read no more than 16 KiB.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) note: Note,
}

impl NoCosignature {
    /// What this says about the witness.
    pub(crate) const fn outcome(&self) -> Outcome {
        match self {
            Self::Overtaken { .. } => Outcome::Overtaken,
            _ => Outcome::Failed,
        }
    }
}

/// What it takes to ask a witness.
#[derive(Clone)]
pub(crate) struct Asker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) client: Client,
    pub(crate) recall: Arc<Recall>,
    pub(crate) timeout: Duration,
}

/// What became of asking a witness.
pub(crate) struct Answer {
    pub(crate) lines: Result<Vec<SignatureLine>, NoCosignature>,
    /// What it cosigned last, if it said so.
    pub(crate) size: Option<u64>,
    /// Requests it took.
    pub(crate) requests: u32,
}

/// Why one witness did not cosign.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoCosignature {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("its answer holds no cosignature")]
    Empty,
    #[error("it says it cosigned a tree of {theirs} entries, here are {ours}; it shows no proof")]
    Ahead { theirs: u64, ours: u64 },
    #[error("it does not say what it cosigned last, so nothing is offered to it")]
    Silent(#[source] ClientError),
    #[error("it was asked before what this builds on, and is at {theirs} entries")]
    Overtaken { theirs: u64 },
    #[error("it is still being asked what it cosigned last")]
    Recalling,
    #[error("it remembers another history")]
    Contradicted,
    #[error(transparent)]
    Log(#[from] LogError),
}

impl Asker {
    /// Asks one witness, again if it names another size.
    pub(crate) async fn ask(&self, asked: &Asked, signed: &Signed) -> Answer {
        let mut answer = Answer {
            lines: Ok(Vec::new()),
            size: None,
            requests: 0,
        };
        answer.lines = self.offer(asked, signed, &mut answer).await;
        if answer.lines.is_ok() {
            answer.size = Some(signed.checkpoint.size());
        }
        answer
    }

    async fn offer(
        &self,
        asked: &Asked,
        signed: &Signed,
        answer: &mut Answer,
    ) -> Result<Vec<SignatureLine>, NoCosignature> {
        if !asked.heard.load(Ordering::Relaxed) {
            self.recall(asked, signed).await?;
        }
        let ours = signed.checkpoint.size();
        let mut old = asked.size;
        loop {
            if old > ours {
                // A bare number is no evidence; what it shows with our signature is.
                self.recall(asked, signed).await?;
                return Err(NoCosignature::Ahead { theirs: old, ours });
            }
            answer.requests += 1;
            let error = match self.post(&asked.url, signed, old).await? {
                Ok(body) => return cosignatures(&body),
                Err(error) => error,
            };
            match conflict(&error) {
                // What this builds on is still on its way, or was lost: that is seen when it is answered.
                Some(theirs) if asked.is_built_on && theirs < old => {
                    answer.size = Some(theirs);
                    return Err(NoCosignature::Overtaken { theirs });
                }
                // Once: a witness that names a third size has others who ask it, or plays with us.
                Some(theirs) if theirs != old && answer.requests == 1 => {
                    answer.size = Some(theirs).filter(|size| *size <= ours);
                    old = theirs;
                }
                _ => {
                    // It disagrees about the past (409), or our proof does not verify (422).
                    if matches!(error.status(), Some(409 | 422)) {
                        self.recall(asked, signed).await?;
                    }
                    return Err(error.into());
                }
            }
        }
    }

    async fn post(
        &self,
        url: &str,
        signed: &Signed,
        old: u64,
    ) -> Result<Result<Vec<u8>, ClientError>, LogError> {
        let ours = signed.checkpoint.size();
        let request = AddCheckpoint {
            old_size: old,
            proof: prove_growth(Arc::clone(&self.shared), old, ours).await?,
            checkpoint: signed.note.to_string().into_bytes(),
        };
        let url = format!("{url}/add-checkpoint");
        let kind = "text/plain; charset=utf-8";
        let reply = self.client.post(
            &url,
            kind,
            request.to_bytes(),
            WITNESS_ANSWER_BYTES_MAX,
            self.timeout,
        );
        Ok(reply.await.map(|reply| reply.body.to_vec()))
    }

    /// Has a witness say what it cosigned last, and stops the log if it does not have that.
    async fn recall(&self, asked: &Asked, signed: &Signed) -> Result<(), NoCosignature> {
        let (asker, asked, signed) = (self.clone(), asked.clone(), signed.clone());
        // A task of its own: that the log stops asking ends the asking, but not this.
        let recalled = tokio::spawn(async move {
            let Ok(_once) = asked.recalling.try_lock() else {
                return Err(NoCosignature::Recalling);
            };
            let seen = asker.recall.ask(&asked.url).await;
            if let Some(seen) = seen.map_err(NoCosignature::Silent)? {
                let found = find_contradiction(&asker.shared, &signed.checkpoint, seen).await?;
                if let Some(error) = found {
                    asker.shared.contradict(error);
                    return Err(NoCosignature::Contradicted);
                }
            }
            asked.heard.store(true, Ordering::Relaxed);
            Ok(())
        });
        let ended = LogError::Ended { part: "recall" };
        recalled.await.unwrap_or(Err(ended.into()))
    }
}

/// The signature lines of an answer, whatever else is in it. What they are worth is for
/// [`crate::lane::Lane::take_valid`] to say.
fn cosignatures(body: &[u8]) -> Result<Vec<SignatureLine>, NoCosignature> {
    let lines = body.split_inclusive(|byte| *byte == b'\n');
    let lines: Vec<SignatureLine> = lines
        .take(WITNESS_LINES_MAX)
        .filter_map(|line| parse_cosignatures(line).ok())
        .flatten()
        .collect();
    match lines.is_empty() {
        true => Err(NoCosignature::Empty),
        false => Ok(lines),
    }
}

/// The size in a 409.
fn conflict(error: &ClientError) -> Option<u64> {
    let reply = error.refused().filter(|reply| reply.status == 409)?;
    parse_conflict(&reply.body)
}

/// Digits without leading zeros, and at most one newline.
fn parse_conflict(body: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(body).ok()?;
    let digits = text.strip_suffix('\n').unwrap_or(text);
    let canonical = digits == "0" || !digits.starts_with(['0', '+']);
    digits.parse().ok().filter(|_| canonical)
}

/// An answer without a cosignature, as one line for the operator.
pub(crate) fn explain(error: &NoCosignature) -> String {
    chain(error)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_conflict_is_a_number_with_or_without_its_newline() {
        for (body, size) in [
            (&b"0\n"[..], Some(0)),
            (b"0", Some(0)),
            (b"20852014\n", Some(20_852_014)),
            (b"20852014", Some(20_852_014)),
            (b"", None),
            (b"\n", None),
            (b"7\n\n", None),
            (b"07\n", None),
            (b"+7\n", None),
            (b" 7\n", None),
            (b"7\r\n", None),
            (b"18446744073709551616\n", None),
            (b"another root\n", None),
        ] {
            assert_eq!(parse_conflict(body), size, "{body:?}");
        }
    }

    #[test]
    fn cosignatures_are_found_among_other_lines() {
        // Four bytes of key id, then anything.
        let line = "\u{2014} w1.example AAAAAAECAw==\n";
        let read = |body: String| cosignatures(body.as_bytes()).map(|lines| lines.len());
        assert_eq!(read(line.to_owned()).unwrap(), 1);
        assert_eq!(read(line.repeat(2)).unwrap(), 2);
        let chatty = format!("\nthank you\n{line}\n# end\n{line}");
        assert_eq!(read(chatty).unwrap(), 2);
        assert!(read("thank you\n".to_owned()).is_err());
        assert!(read(String::new()).is_err());
        let buried = "x\n".repeat(WITNESS_LINES_MAX) + line;
        assert!(read(buried).is_err(), "an answer is read to a limit");
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(body: Vec<u8>) {
            let _ = (cosignatures(&body), parse_conflict(&body));
        }
    }
}
