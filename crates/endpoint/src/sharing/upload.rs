//! The endpoint's side of `spec/intake.md`: all in one call where it fits, else front, pieces, completion; from wherever the
//! last attempt ended.

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    time::Duration,
};

use bytes::Bytes;
use seal::{Front, upload_message};
use serde::{Deserialize, de::DeserializeOwned};
use serve::{Client, ClientError};
use statement::{SampleId, limits::ONE_IN_MAX};
use token::Token;

use super::{
    config::{Center, Config},
    consent::Consents,
    error::SharingError,
    queue::{Completed, Sample},
    step::{ShareStep, WatchShare, done},
};
use crate::limits::{ANSWER_BYTES_MAX, PIECE_BYTES_MAX, RESUMES_MAX, SIGNATURE_BYTES};

const BINARY: &str = "application/octet-stream";
const PIECE: &str = "application/partial-upload";

/// How far the center is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Progress {
    sample: SampleId,
    offset: u64,
    length: u64,
}

/// Sends one sample to one center.
pub(super) struct Upload<'a> {
    pub(super) config: &'a Config,
    pub(super) consents: &'a Consents,
    pub(super) http: &'a Client,
    pub(super) center: &'a Center,
    pub(super) sample: &'a Sample<'a>,
    /// Shown when it begins, where the home asks for one.
    pub(super) token: Option<Token>,
    pub(super) watch: WatchShare<'a>,
}

/// Reads an answer, strictly.
pub(super) fn answer<T: DeserializeOwned>(
    what: &'static str,
    body: &[u8],
) -> Result<T, SharingError> {
    serde_json::from_slice(body).map_err(|error| SharingError::Answer {
        what,
        wrong: error.to_string(),
    })
}

pub(super) fn failed(what: &str) -> impl FnOnce(ClientError) -> SharingError {
    let what = what.to_owned();
    move |source| SharingError::Http { what, source }
}

impl Upload<'_> {
    /// Sends what is missing, and returns the center's word that it has all of it.
    pub(super) async fn run(&self) -> Result<Completed, SharingError> {
        let front = self.sample.front()?;
        self.consents.check_still()?;
        self.sample.begin_to_send()?;
        done(self.watch, ShareStep::Began)?;
        if let Some(completed) = self.in_one_call(&front).await? {
            done(self.watch, ShareStep::Completed)?;
            return Ok(completed);
        }
        let began = self.begin(&front).await?;
        let mut progress = self.check(answer("an upload", &began)?)?;
        done(self.watch, ShareStep::SentFront)?;
        let mut resumes = 0;
        while progress.offset < progress.length {
            self.consents.check_still()?;
            let before = progress.offset;
            progress = match self.piece(before).await {
                Ok(progress) => progress,
                Err(error) if code_of(&error) == Some("intake.offset") && resumes < RESUMES_MAX => {
                    resumes += 1;
                    self.ask().await?
                }
                Err(error) => return Err(error),
            };
            done(self.watch, ShareStep::SentPiece)?;
        }
        self.consents.check_still()?;
        let completed = self.complete(&front).await?;
        done(self.watch, ShareStep::Completed)?;
        Ok(completed)
    }

    fn url(&self, path: &str) -> String {
        self.center.at(path)
    }

    fn timeout(&self) -> Duration {
        Duration::from_millis(self.config.client.total_timeout_ms)
    }

    async fn post(&self, path: &str, body: Vec<u8>, what: &str) -> Result<Bytes, SharingError> {
        let url = self.url(path);
        let sent = self
            .http
            .post(&url, BINARY, body, ANSWER_BYTES_MAX, self.timeout());
        Ok(sent.await.map_err(failed(what))?.body)
    }

    /// Sends everything at once; nothing when it is too long for that, or when the center has a part of it already.
    async fn in_one_call(&self, front: &Front) -> Result<Option<Completed>, SharingError> {
        let mut body = front.to_bytes();
        let around = (body.len() + SIGNATURE_BYTES) as u64;
        if self.sample.record.ciphertext_bytes > PIECE_BYTES_MAX as u64 - around {
            return Ok(None);
        }
        let path = self.sample.path("ciphertext");
        let opened = File::open(&path).and_then(|mut file| file.read_to_end(&mut body));
        opened.map_err(SharingError::io("read", &path))?;
        body.extend(self.signature(front)?);
        match self.show("samples", body, "place for a sample").await {
            Err(error) if code_of(&error) == Some("intake.offset") => Ok(None),
            answered => self.completed(&answered?).map(Some),
        }
    }

    async fn begin(&self, front: &Front) -> Result<Bytes, SharingError> {
        self.show("uploads", front.to_bytes(), "place for a sample")
            .await
    }

    /// Posts what a token is asked for.
    async fn show(&self, path: &str, body: Vec<u8>, what: &str) -> Result<Bytes, SharingError> {
        let mut headers = vec![("content-type", BINARY.to_owned())];
        let token = self.token.as_ref().map(Token::to_header);
        headers.extend(token.map(|token| ("authorization", token)));
        let (url, timeout) = (self.url(path), self.timeout());
        let sent = self
            .http
            .post_with(&url, headers, body, ANSWER_BYTES_MAX, timeout);
        Ok(sent.await.map_err(failed(what))?.body)
    }

    /// The next bytes, as many as fit into one piece.
    async fn piece(&self, offset: u64) -> Result<Progress, SharingError> {
        let path = self.sample.path("ciphertext");
        let read = || -> std::io::Result<Vec<u8>> {
            let mut file = File::open(&path)?;
            file.seek(SeekFrom::Start(offset))?;
            let mut piece = Vec::new();
            file.take(PIECE_BYTES_MAX as u64).read_to_end(&mut piece)?;
            Ok(piece)
        };
        let piece = read().map_err(SharingError::io("read", &path))?;
        let headers = vec![
            ("content-type", PIECE.to_owned()),
            ("upload-offset", offset.to_string()),
        ];
        let url = self.url(&format!("uploads/{}", self.sample.record.sample));
        let sent = self
            .http
            .patch(&url, headers, piece, ANSWER_BYTES_MAX, self.timeout());
        let body = sent.await.map_err(failed("room for the next piece"))?.body;
        let progress = self.check(answer("a piece", &body)?)?;
        if progress.offset > offset {
            return Ok(progress);
        }
        Err(SharingError::Answer {
            what: "a piece",
            wrong: format!(
                "it took the piece at {offset} and is at {}",
                progress.offset
            ),
        })
    }

    async fn ask(&self) -> Result<Progress, SharingError> {
        let url = self.url(&format!("uploads/{}", self.sample.record.sample));
        let body = self.http.get(&url, ANSWER_BYTES_MAX).await;
        let body = body.map_err(failed("word on how far an upload is"))?;
        self.check(answer("an upload", &body)?)
    }

    /// Whether the center speaks of this sample and of its length.
    fn check(&self, progress: Progress) -> Result<Progress, SharingError> {
        let record = &self.sample.record;
        if progress.sample == record.sample
            && progress.length == record.ciphertext_bytes
            && progress.offset <= progress.length
        {
            return Ok(progress);
        }
        Err(SharingError::Answer {
            what: "an upload",
            wrong: format!(
                "it speaks of {} at {} of {} bytes",
                progress.sample, progress.offset, progress.length
            ),
        })
    }

    /// The upload demand, signed.
    fn signature(&self, front: &Front) -> Result<Vec<u8>, SharingError> {
        let message = upload_message(&self.sample.record.seal, &front.wraps().digest());
        Ok(self.sample.key()?.sign(&message))
    }

    async fn complete(&self, front: &Front) -> Result<Completed, SharingError> {
        let path = format!("uploads/{}/complete", self.sample.record.sample);
        let signature = self.signature(front)?;
        let body = self.post(&path, signature, "word that it has the sample");
        self.completed(&body.await?)
    }

    /// Whether the center has what was sent.
    fn completed(&self, body: &[u8]) -> Result<Completed, SharingError> {
        let record = &self.sample.record;
        let completed: Completed = answer("a completion", body)?;
        if completed.sample != record.sample || completed.seal != record.seal {
            return Err(SharingError::OtherSeal {
                found: completed.seal,
                sent: record.seal,
            });
        }
        Ok(completed)
    }
}

/// One in how many the center takes, if it said so. A claim: the census of the day shows the draw.
pub(super) fn one_in_of(error: &SharingError) -> Option<u64> {
    let SharingError::Http { source, .. } = error else {
        return None;
    };
    let problem = source.refused()?.problem.as_ref()?;
    let value = problem
        .value
        .as_ref()
        .filter(|_| problem.field.as_deref() == Some("one_in"))?;
    let one_in = value.parse().ok()?;
    (2..=ONE_IN_MAX).contains(&one_in).then_some(one_in)
}

/// The code that the center gave, if it refused.
pub(super) fn code_of(error: &SharingError) -> Option<&str> {
    match error {
        SharingError::Http { source, .. } => source.code(),
        _ => None,
    }
}
