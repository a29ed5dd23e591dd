//! The calls of a log over HTTP.

use std::time::{Duration, Instant};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serve::{Client, ClientError};
use statement::{Envelope, FileDigest, Statement, StatementSigner};
use tlog::{ArchiveIndex, BundleId, Origin, ParseError, TileId, TlogProof};

use crate::{
    error::LogClientError,
    limits::{
        ARCHIVE_INDEX_BYTES_MAX, ARCHIVE_PAGE_BYTES_MAX, BLOB_TIMEOUT, BUNDLE_BYTES_MAX,
        MINIMUM_BYTES_MAX, NOTE_BYTES_MAX, PROOF_BYTES_MAX, REPLY_BYTES_MAX, RETRY_PAUSE,
        SUBMIT_TIMEOUT, TILE_BYTES_MAX,
    },
    minimum::{MINIMUM_PATH, Minimum},
};

/// What became of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submitted {
    /// It stands in a witnessed checkpoint; the proof is not verified here.
    Witnessed(TlogProof),
    /// It is durable at this index and not witnessed yet.
    Durable {
        /// Its index.
        index: u64,
    },
}

#[derive(Deserialize)]
struct Accepted {
    index: u64,
}

/// One log at one address.
#[derive(Debug, Clone)]
pub struct LogClient {
    http: Client,
    url: String,
    origin: Origin,
    /// Prefixes under which tiles and bundles are looked for that are not served.
    also: Vec<String>,
}

impl LogClient {
    /// A client for the log `origin`, reached at `url`.
    pub fn new(http: Client, url: &str, origin: Origin) -> Self {
        Self {
            http,
            url: url.trim_end_matches('/').to_owned(),
            origin,
            also: Vec::new(),
        }
    }

    /// Looks for tiles and bundles under these prefixes too if the log does not serve them: a mirror has what a log
    /// serves no more. Nothing from anywhere is believed unverified.
    #[must_use]
    pub fn also(mut self, prefixes: impl IntoIterator<Item = String>) -> Self {
        let trimmed = prefixes.into_iter();
        self.also
            .extend(trimmed.map(|prefix| prefix.trim_end_matches('/').to_owned()));
        self
    }

    /// Its origin.
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Where it is reached, without a final slash.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub(crate) const fn http(&self) -> &Client {
        &self.http
    }

    fn at(&self, path: &str) -> String {
        format!("{}/{path}", self.url)
    }

    /// Submits an entry once.
    ///
    /// # Errors
    /// The log's refusal, with its code, or that it cannot be reached.
    pub async fn submit(&self, envelope: &Envelope) -> Result<Submitted, LogClientError> {
        self.submit_at(self.at("submit"), envelope).await
    }

    /// Submits an entry once and does not wait for witnesses: the founding of a log, whose first entries
    /// cannot be witnessed before the last party's signature is in.
    ///
    /// # Errors
    /// As [`LogClient::submit`].
    pub async fn submit_without_waiting(
        &self,
        envelope: &Envelope,
    ) -> Result<Submitted, LogClientError> {
        self.submit_at(self.at("submit?wait=0"), envelope).await
    }

    async fn submit_at(
        &self,
        url: String,
        envelope: &Envelope,
    ) -> Result<Submitted, LogClientError> {
        let reply = self
            .http
            .post(
                &url,
                "application/vnd.dsse.envelope+json",
                envelope.to_bytes(),
                PROOF_BYTES_MAX,
                SUBMIT_TIMEOUT,
            )
            .await
            .map_err(|source| LogClientError::Http {
                url: url.clone(),
                source,
            })?;
        if reply.status == 202 {
            let accepted: Accepted =
                serde_json::from_slice(&reply.body).map_err(|_| LogClientError::Malformed {
                    url,
                    source: malformed("answer 202", &reply.body),
                })?;
            return Ok(Submitted::Durable {
                index: accepted.index,
            });
        }
        let proof = TlogProof::parse(&reply.body)
            .map_err(|source| LogClientError::Malformed { url, source })?;
        Ok(Submitted::Witnessed(proof))
    }

    /// Submits until the entry is witnessed. Submitting again returns the same leaf.
    ///
    /// # Errors
    /// [`LogClientError::NotWitnessed`] after `patience`, or as [`LogClient::submit`].
    pub async fn submit_until_witnessed(
        &self,
        envelope: &Envelope,
        patience: Duration,
    ) -> Result<TlogProof, LogClientError> {
        let started = Instant::now();
        loop {
            let index = match self.submit(envelope).await {
                Ok(Submitted::Witnessed(proof)) => return Ok(proof),
                Ok(Submitted::Durable { index }) => index,
                Err(error) if is_transient(&error) && started.elapsed() < patience => {
                    tokio::time::sleep(RETRY_PAUSE).await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            if started.elapsed() >= patience {
                return Err(LogClientError::NotWitnessed {
                    index,
                    waited_ms: started.elapsed().as_millis(),
                });
            }
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    }

    /// The newest published checkpoint as a note; unverified.
    ///
    /// # Errors
    /// [`LogClientError::Nothing`] when there is none yet.
    pub async fn checkpoint(&self) -> Result<Vec<u8>, LogClientError> {
        let found = self.get_optional("checkpoint", NOTE_BYTES_MAX).await?;
        found.ok_or_else(|| LogClientError::Nothing {
            origin: self.origin.to_string(),
        })
    }

    /// Sizes of the archived checkpoints, ascending.
    ///
    /// # Errors
    /// When the list is malformed or cannot be had.
    pub async fn archived_sizes(&self) -> Result<Vec<u64>, LogClientError> {
        self.archived_sizes_above(0).await
    }

    /// The same, of which those up to `seen` may be left out: only the pages that hold larger ones are asked for.
    ///
    /// # Errors
    /// As [`LogClient::archived_sizes`].
    pub async fn archived_sizes_above(&self, seen: u64) -> Result<Vec<u64>, LogClientError> {
        let malformed = |path: &str| {
            let url = self.at(path);
            move |source| LogClientError::Malformed { url, source }
        };
        let path = ArchiveIndex::PATH;
        let bytes = self.get_optional(path, ARCHIVE_INDEX_BYTES_MAX).await?;
        let index = ArchiveIndex::parse(&bytes.unwrap_or_default()).map_err(malformed(path))?;
        // The newest first.
        let mut lists = vec![index.open().to_vec()];
        for number in (0..index.pages()).rev() {
            let (path, later) = (ArchiveIndex::page_path(number), lists.last());
            let later = later.and_then(|sizes| sizes.first().copied());
            if later.is_some_and(|first| first <= seen) {
                break;
            }
            let bytes = self.get(&path, ARCHIVE_PAGE_BYTES_MAX).await?;
            let page = ArchiveIndex::parse_page(&bytes).map_err(malformed(&path))?;
            if let (Some(last), Some(later)) = (page.last(), later)
                && *last >= later
            {
                let value = later.to_string();
                return Err(LogClientError::ArchiveIndex { value });
            }
            lists.push(page);
        }
        lists.reverse();
        Ok(lists.concat())
    }

    /// An archived checkpoint as a note; unverified.
    ///
    /// # Errors
    /// When it cannot be had.
    pub async fn archived(&self, size: u64) -> Result<Vec<u8>, LogClientError> {
        self.get(&format!("archive/{size}"), NOTE_BYTES_MAX).await
    }

    /// A tile; the full one when the partial one is gone.
    ///
    /// # Errors
    /// When it cannot be had.
    pub async fn tile(&self, id: TileId) -> Result<Vec<u8>, LogClientError> {
        match self.get_optional(&id.path(), TILE_BYTES_MAX).await? {
            Some(tile) => Ok(tile),
            None => self.get_full(&id.to_full().path(), TILE_BYTES_MAX).await,
        }
    }

    /// The first `id.width()` entries of a bundle; unverified.
    ///
    /// # Errors
    /// When it cannot be had or is malformed.
    pub async fn entries(&self, id: BundleId) -> Result<Vec<Vec<u8>>, LogClientError> {
        let (bytes, width) = match self.get_optional(&id.path(), BUNDLE_BYTES_MAX).await? {
            Some(bytes) => (bytes, id.width()),
            None => (
                self.get_full(&id.to_full().path(), BUNDLE_BYTES_MAX)
                    .await?,
                id.to_full().width(),
            ),
        };
        let entries =
            tlog::bundle::parse(&bytes, width).map_err(|source| LogClientError::Malformed {
                url: self.at(&id.path()),
                source,
            })?;
        Ok(entries
            .into_iter()
            .take(usize::from(id.width()))
            .map(<[u8]>::to_vec)
            .collect())
    }

    /// A public blob, its digest verified.
    ///
    /// # Errors
    /// [`LogClientError::BlobDigest`] when the bytes are others.
    pub async fn blob(
        &self,
        digest: FileDigest,
        bytes_max: u64,
    ) -> Result<Vec<u8>, LogClientError> {
        let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        let bytes = self.get(&format!("blob/{digest}"), bytes_max).await?;
        if FileDigest::of(&bytes) == digest {
            return Ok(bytes);
        }
        Err(LogClientError::BlobDigest {
            digest: digest.to_string(),
        })
    }

    /// Stores a public blob; needed before an entry may name it (`spec/blobs.md`).
    ///
    /// # Errors
    /// The log's refusal: the key is not rostered, or the blob is too large.
    pub fn put_blob(
        &self,
        bytes: Vec<u8>,
        signer: &dyn StatementSigner,
    ) -> impl Future<Output = Result<FileDigest, LogClientError>> + Send {
        let digest = FileDigest::of(&bytes);
        let message = blob_put_message(&self.origin, digest, bytes.len() as u64);
        let signature = STANDARD.encode(signer.sign(message.as_bytes()));
        let authorization = format!("Limpid keyid={},sig={signature}", signer.key());
        let url = self.at(&format!("blob/{digest}"));
        async move {
            let kind = "application/octet-stream";
            let put = self.http.put_authorized(
                &url,
                kind,
                &authorization,
                bytes,
                REPLY_BYTES_MAX,
                BLOB_TIMEOUT,
            );
            match put.await {
                Ok(_) => Ok(digest),
                Err(source) => Err(LogClientError::Http { url, source }),
            }
        }
    }

    /// Signs a statement and submits it until it is witnessed; returns its envelope and proof. The
    /// signer is asked before anything is sent, so it need not be `Sync`.
    ///
    /// # Errors
    /// [`LogClientError::Statement`] or [`LogClientError::Envelope`] when the statement cannot be
    /// an entry, or as [`LogClient::submit_until_witnessed`].
    pub fn sign_and_submit(
        &self,
        statement: &Statement,
        signer: &dyn StatementSigner,
        patience: Duration,
    ) -> impl Future<Output = Result<(Envelope, TlogProof), LogClientError>> + Send {
        let signed = statement
            .to_payload()
            .map_err(LogClientError::Statement)
            .and_then(|payload| Envelope::sign(payload, signer).map_err(LogClientError::Envelope));
        async move {
            let envelope = signed?;
            let proof = self.submit_until_witnessed(&envelope, patience).await?;
            Ok((envelope, proof))
        }
    }

    async fn get(&self, path: &str, bytes_max: usize) -> Result<Vec<u8>, LogClientError> {
        let url = self.at(path);
        let found = self.http.get(&url, bytes_max).await;
        found
            .map(Into::into)
            .map_err(|source| LogClientError::Http { url, source })
    }

    /// A full tile or bundle, which the log may have announced to serve no more.
    async fn get_full(&self, path: &str, bytes_max: usize) -> Result<Vec<u8>, LogClientError> {
        let missing = match self.get(path, bytes_max).await {
            Err(LogClientError::Http { url, source }) if source.status() == Some(404) => {
                LogClientError::Http { url, source }
            }
            other => return other,
        };
        for prefix in &self.also {
            let url = format!("{prefix}/{path}");
            match self.http.get_optional(&url, bytes_max).await {
                Ok(Some(bytes)) => return Ok(bytes.into()),
                Ok(None) => {}
                Err(source) => return Err(LogClientError::Http { url, source }),
            }
        }
        let announced = self.get_optional(MINIMUM_PATH, MINIMUM_BYTES_MAX).await;
        let minimum = announced.ok().flatten();
        let minimum = minimum.and_then(|bytes| Minimum::claimed(&bytes).ok());
        let is_freed = |it: &Minimum| {
            let bundle = BundleId::parse(path).is_ok_and(|id| it.frees_bundle(id));
            bundle || TileId::parse(path).is_ok_and(|id| it.frees_tile(id))
        };
        Err(match minimum.filter(is_freed) {
            Some(minimum) => LogClientError::Withheld {
                origin: self.origin.to_string(),
                minimum: Box::new(minimum),
            },
            None => missing,
        })
    }

    async fn get_optional(
        &self,
        path: &str,
        bytes_max: usize,
    ) -> Result<Option<Vec<u8>>, LogClientError> {
        let url = self.at(path);
        let found = self.http.get_optional(&url, bytes_max).await;
        found
            .map(|bytes| bytes.map(Into::into))
            .map_err(|source| LogClientError::Http { url, source })
    }
}

/// What the holder of a rostered key signs to store a blob (`spec/blobs.md`).
pub fn blob_put_message(origin: &Origin, digest: FileDigest, bytes: u64) -> String {
    format!("limpid blob put v1\n{origin}\n{digest}\n{bytes}\n")
}

/// Unreachable, or asked to come back: worth another try.
fn is_transient(error: &LogClientError) -> bool {
    matches!(error, LogClientError::Http { source, .. } if ClientError::is_transient(source))
}

fn malformed(what: &'static str, bytes: &[u8]) -> ParseError {
    let value = String::from_utf8_lossy(bytes).chars().take(80).collect();
    ParseError::Malformed {
        what,
        value,
        expected: "a JSON object with `index`",
    }
}
