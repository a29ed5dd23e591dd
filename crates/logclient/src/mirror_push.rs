//! Brings a log to a mirror (tlog-mirror). Anybody may: the mirror believes nothing but the log's
//! signatures and proofs, and the pusher nothing but the mirror's.
//!
//! ```text
//! POST /add-checkpoint   the newest checkpoint     -> 200, or 409 with the size to prove from
//! POST /add-entries      no entries: where are we? -> 409 with the first entry that is lacking
//! POST /add-entries      32 packages, gzip         -> 202 with the next one
//! POST /add-entries      the last packages         -> 200 with the cosignatures
//! ```

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use serve::{Client, ClientError};
use tlog::limits::PACKAGES_PER_REQUEST;
use tlog::{
    AddCheckpoint, AddEntries, BundleId, Checkpoint, ConflictSize, EntryPackage, MirrorInfo, Note,
    NoteError, PackageSpan, ParseError, ProveError, SignatureLine, TileId, Verified, VerifierKey,
    open_checkpoint, parse_cosignatures, prove_consistency, prove_subtree_consistency,
    root_from_tiles, verify_cosignature,
};

use crate::follower::{FetchedTiles, NotHere, with_causes};
use crate::limits::{
    MIRROR_ANSWER_BYTES_MAX, MIRROR_IDLE_ROUNDS_MAX, MIRROR_TIMEOUT, UPLOAD_BYTES,
};
use crate::{LogClient, LogClientError};

/// A mirror, and the log that is brought to it.
#[derive(Debug)]
pub struct MirrorPush {
    log: LogClient,
    log_keys: Vec<VerifierKey>,
    http: Client,
    url: String,
    keys: Vec<VerifierKey>,
    /// Size of the pending checkpoint, as far as we know.
    pending: u64,
    ticket: Vec<u8>,
}

/// A checkpoint that a mirror holds.
#[derive(Debug, Clone)]
pub struct Mirrored {
    /// What the log signed.
    pub checkpoint: Verified<Checkpoint>,
    /// The mirror's cosignatures over it; each was verified.
    pub cosignatures: Vec<SignatureLine>,
    /// Entries that were sent to get there.
    pub entries_sent: u64,
}

impl Mirrored {
    /// The checkpoint with the signatures the log shows and the mirror's cosignatures.
    ///
    /// # Errors
    /// [`ParseError`] if together they are more than one note can have.
    pub fn note(&self) -> Result<Note, ParseError> {
        let note = Note::parse(self.checkpoint.note())?;
        let mut lines = note.signatures().to_vec();
        let ours = |line: &SignatureLine, other: &SignatureLine| {
            line.name() == other.name() && line.id() == other.id()
        };
        // The log may show older cosignatures of this mirror; the new ones stand for them.
        lines.retain(|line| !self.cosignatures.iter().any(|new| ours(line, new)));
        lines.extend(self.cosignatures.iter().cloned());
        Note::new(note.text().to_owned(), lines)
    }
}

/// Why a mirror does not hold the log now. Trying again is right for the transient ones only.
#[derive(Debug, thiserror::Error)]
pub enum MirrorPushError {
    /// The log cannot be read.
    #[error("the log cannot be read")]
    Log(#[from] LogClientError),
    /// The log's checkpoint is not signed by one of its keys.
    #[error("the log's checkpoint is not acceptable")]
    Checkpoint(#[source] NoteError),
    /// The mirror could not be reached or refused.
    #[error("the mirror at {url} did not do what was asked")]
    Mirror {
        /// Where it was asked.
        url: String,
        /// The answer.
        #[source]
        source: ClientError,
    },
    /// The mirror's answer is not what the specification says.
    #[error("the mirror's answer to {url} is malformed")]
    Malformed {
        /// Where it was asked.
        url: String,
        /// What is wrong.
        #[source]
        source: ParseError,
    },
    /// The log's files cannot be sent.
    #[error("what the log serves cannot be sent")]
    Unsendable(#[source] ParseError),
    /// The log's tiles give no proof.
    #[error("the log's tiles give no proof: {detail}")]
    Proof {
        /// Why.
        detail: String,
    },
    /// The mirror has seen a larger tree than the log shows.
    #[error(
        "the mirror has a checkpoint of {mirror} entries where the log shows {log}; if the log does not catch up, it lost entries: keep both checkpoints as evidence"
    )]
    MirrorAhead {
        /// Entries by the mirror.
        mirror: u64,
        /// Entries by the log.
        log: u64,
    },
    /// The mirror asks again and again for the same.
    #[error("the mirror asks for entry {next} again and again; ask who runs it")]
    Stuck {
        /// First entry it lacks.
        next: u64,
    },
    /// A cosignature by a key of the mirror does not verify.
    #[error("a cosignature of the mirror does not verify")]
    Cosignature(#[source] NoteError),
    /// The answer bears no cosignature by a key that is known.
    #[error("the mirror cosigned with none of the keys given; check its vkeys")]
    NotCosigned,
    /// A body could not be compressed; a defect of this program.
    #[error("an upload could not be compressed")]
    Compress(#[source] std::io::Error),
}

impl MirrorPushError {
    /// Whether the same may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Mirror { source, .. } => source.is_transient(),
            Self::Log(LogClientError::Http { source, .. }) => source.is_transient(),
            Self::Log(LogClientError::Nothing { .. }) | Self::MirrorAhead { .. } => true,
            _ => false,
        }
    }
}

/// What the mirror says to an upload.
enum Answer {
    Cosigned(Vec<SignatureLine>),
    GoOn(MirrorInfo),
}

impl MirrorPush {
    /// Brings `log`, whose checkpoints one of `log_keys` signs, to the mirror whose submission prefix
    /// is `url` and whose cosignatures are by `keys`.
    pub fn new(
        log: LogClient,
        log_keys: Vec<VerifierKey>,
        http: Client,
        url: &str,
        keys: Vec<VerifierKey>,
    ) -> Self {
        Self {
            log,
            log_keys,
            http,
            url: url.trim_end_matches('/').to_owned(),
            keys,
            pending: 0,
            ticket: Vec::new(),
        }
    }

    /// Takes up what the mirror said last to a process before this one.
    #[must_use]
    pub fn resume(mut self, info: MirrorInfo) -> Self {
        self.pending = info.tree_size;
        self.ticket = info.ticket;
        self
    }

    /// What to give to [`MirrorPush::resume`] another time; the mirror corrects it where it is old.
    pub fn progress(&self, held: u64) -> MirrorInfo {
        MirrorInfo {
            tree_size: self.pending,
            next_entry: held,
            ticket: self.ticket.clone(),
        }
    }

    /// Brings the newest checkpoint and all entries that the mirror lacks, and has it cosigned. If the
    /// mirror has it already, it is cosigned afresh.
    ///
    /// # Errors
    /// [`MirrorPushError`]; what the mirror took until then it keeps.
    pub async fn push(&mut self) -> Result<Mirrored, MirrorPushError> {
        let note = self.log.checkpoint().await?;
        let checkpoint =
            open_checkpoint(&note, &self.log_keys).map_err(MirrorPushError::Checkpoint)?;
        let mut tiles = FetchedTiles::default();
        self.offer(&checkpoint, &mut tiles).await?;
        let size = checkpoint.size();
        // Without entries first: the answer says where to begin, or is all there is to get.
        let (mut start, mut end) = (size, size);
        let (mut sent, mut idle) = (0, 0);
        loop {
            let (count, answer) = self.upload(start, end, &mut tiles).await?;
            sent += count;
            let info = match answer {
                Answer::Cosigned(lines) if end == size => {
                    let cosignatures = self.verify(&checkpoint, lines)?;
                    return Ok(Mirrored {
                        checkpoint,
                        cosignatures,
                        entries_sent: sent,
                    });
                }
                // An older checkpoint is complete; on to ours.
                Answer::Cosigned(lines) => {
                    let root = self
                        .prove(&mut tiles, |tiles| root_from_tiles(tiles, end))
                        .await?;
                    let older = Checkpoint::new(checkpoint.origin().clone(), end, root);
                    self.verify(&older.map_err(MirrorPushError::Unsendable)?, lines)?;
                    (start, end) = (size, size);
                    continue;
                }
                Answer::GoOn(info) => info,
            };
            if info.tree_size > size || info.next_entry > info.tree_size {
                return Err(MirrorPushError::MirrorAhead {
                    mirror: info.tree_size.max(info.next_entry),
                    log: size,
                });
            }
            // More than a few rounds without a new entry are no progress.
            idle = if info.next_entry > start || count == 0 && idle == 0 {
                1
            } else {
                idle + 1
            };
            if idle > MIRROR_IDLE_ROUNDS_MAX {
                return Err(MirrorPushError::Stuck {
                    next: info.next_entry,
                });
            }
            (start, end) = (info.next_entry, info.tree_size);
            self.ticket = info.ticket;
        }
    }

    /// Makes the checkpoint pending at the mirror.
    async fn offer(
        &mut self,
        checkpoint: &Verified<Checkpoint>,
        tiles: &mut FetchedTiles,
    ) -> Result<(), MirrorPushError> {
        let size = checkpoint.size();
        let mut old = self.pending.min(size);
        let url = format!("{}/add-checkpoint", self.url);
        for _ in 0..MIRROR_IDLE_ROUNDS_MAX {
            let request = AddCheckpoint {
                old_size: old,
                proof: self
                    .prove(tiles, |tiles| prove_consistency(tiles, old, size))
                    .await?,
                checkpoint: self.signed_by_log(checkpoint)?,
            };
            let sent = self.http.post(
                &url,
                "text/plain; charset=utf-8",
                request.to_bytes(),
                MIRROR_ANSWER_BYTES_MAX,
                MIRROR_TIMEOUT,
            );
            let source = match sent.await {
                // A mirror that is a witness too may answer with other cosignatures, or with none.
                Ok(_) => {
                    self.pending = size;
                    return Ok(());
                }
                Err(source) => source,
            };
            let conflict = source
                .refused()
                .filter(|reply| reply.status == 409)
                .map(|reply| reply.body.clone());
            let Some(body) = conflict else {
                return Err(MirrorPushError::Mirror { url, source });
            };
            let told = size_of(&body).map_err(|source| MirrorPushError::Malformed {
                url: url.clone(),
                source,
            })?;
            self.pending = told.0;
            old = told.retry_from(size).ok_or(MirrorPushError::MirrorAhead {
                mirror: told.0,
                log: size,
            })?;
        }
        Err(MirrorPushError::Stuck { next: old })
    }

    /// The checkpoint with the log's own signatures: others only make the request longer.
    fn signed_by_log(&self, checkpoint: &Verified<Checkpoint>) -> Result<Vec<u8>, MirrorPushError> {
        let note = Note::parse(checkpoint.note()).map_err(MirrorPushError::Unsendable)?;
        let by_log = |line: &&SignatureLine| self.log_keys.iter().any(|key| line.is_by(key));
        let lines = note.signatures().iter().filter(by_log).cloned().collect();
        let note = Note::new(note.text().to_owned(), lines).map_err(MirrorPushError::Unsendable)?;
        Ok(note.to_string().into_bytes())
    }

    /// One `add-entries` request from `start` on; how many entries it carried, and the answer.
    async fn upload(
        &mut self,
        start: u64,
        end: u64,
        tiles: &mut FetchedTiles,
    ) -> Result<(u64, Answer), MirrorPushError> {
        let head = AddEntries {
            origin: self.log.origin().to_string(),
            start,
            end,
            ticket: self.ticket.clone(),
        };
        let unsendable = MirrorPushError::Unsendable;
        let mut body = head.to_bytes().map_err(unsendable)?;
        let mut count = 0;
        for span in head.packages().take(PACKAGES_PER_REQUEST) {
            let package = self.package(span, end, tiles).await?;
            body.extend(package.to_bytes().map_err(unsendable)?);
            count += u64::from(span.entries());
            if body.len() >= UPLOAD_BYTES {
                break;
            }
        }
        let url = format!("{}/add-entries", self.url);
        let sent = self.http.post_gzip(
            &url,
            "application/octet-stream",
            gzip(&body).map_err(MirrorPushError::Compress)?,
            MIRROR_ANSWER_BYTES_MAX,
            MIRROR_TIMEOUT,
        );
        let malformed = |source| MirrorPushError::Malformed {
            url: url.clone(),
            source,
        };
        let go_on = |body: &[u8]| MirrorInfo::parse(body).map(Answer::GoOn).map_err(malformed);
        let answer = match sent.await {
            Ok(reply) if reply.status == 202 => go_on(&reply.body)?,
            Ok(reply) => Answer::Cosigned(parse_cosignatures(&reply.body).map_err(malformed)?),
            Err(source) => match source.refused().filter(|reply| reply.status == 409) {
                Some(reply) => go_on(&reply.body)?,
                None => return Err(MirrorPushError::Mirror { url, source }),
            },
        };
        Ok((count, answer))
    }

    /// Entries of a package from the log's bundle, with their proof. The log's files are believed
    /// here: the mirror proves them.
    async fn package(
        &self,
        span: PackageSpan,
        end: u64,
        tiles: &mut FetchedTiles,
    ) -> Result<EntryPackage, MirrorPushError> {
        let subtree = span.subtree();
        let width = u16::try_from(subtree.leaves()).unwrap_or(u16::MAX);
        let id =
            BundleId::new(subtree.start() / 256, width).map_err(MirrorPushError::Unsendable)?;
        let entries = self.log.entries(id).await?;
        let known = usize::from(width - span.entries());
        Ok(EntryPackage {
            entries: entries.into_iter().skip(known).collect(),
            proof: self
                .prove(tiles, |tiles| {
                    prove_subtree_consistency(tiles, subtree, end)
                })
                .await?,
        })
    }

    /// Computes something from the log's tiles, fetching each one that turns out to be needed.
    async fn prove<T>(
        &self,
        tiles: &mut FetchedTiles,
        compute: impl Fn(&FetchedTiles) -> Result<T, ProveError<NotHere>>,
    ) -> Result<T, MirrorPushError> {
        loop {
            let error = match compute(tiles) {
                Ok(computed) => return Ok(computed),
                Err(error) => error,
            };
            let missing: Option<TileId> = tiles.missing.take();
            let Some(missing) = missing else {
                let detail = with_causes(&error);
                return Err(MirrorPushError::Proof { detail });
            };
            let tile = self.log.tile(missing).await?;
            tiles.held.insert(missing.path(), tile);
        }
    }

    /// The cosignatures by the mirror's keys; others are ignored (tlog-mirror, "Processing").
    fn verify(
        &self,
        checkpoint: &Checkpoint,
        lines: Vec<SignatureLine>,
    ) -> Result<Vec<SignatureLine>, MirrorPushError> {
        let mut cosignatures = Vec::new();
        for line in lines {
            if let Some(key) = self.keys.iter().find(|key| line.is_by(key)) {
                verify_cosignature(checkpoint, &line, key).map_err(MirrorPushError::Cosignature)?;
                cosignatures.push(line);
            }
        }
        if cosignatures.is_empty() {
            return Err(MirrorPushError::NotCosigned);
        }
        Ok(cosignatures)
    }
}

fn size_of(body: &[u8]) -> Result<ConflictSize, ParseError> {
    let what = "conflict size";
    std::str::from_utf8(body)
        .map_err(|_| ParseError::NotUtf8 { what })?
        .parse()
}

fn gzip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(body)?;
    gzip.finish()
}
