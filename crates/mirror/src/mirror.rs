//! A mirror: its keys, its logs, and how a checkpoint becomes pending.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use keys::NoteKey;
use store::{Db, DirLock, Files, Write};
use tlog::tree::Edge;
use tlog::{
    AddCheckpoint, Checkpoint, Fork, Note, NoteError, NoteSigner as _, Origin, SignatureLine,
    Verified, VerifierKey, cosign, open_checkpoint, verify_consistency, verify_cosignature,
};
use tokio::sync::{Mutex, Semaphore};

use crate::config::Config;
use crate::error::{MirrorError, Refusal};
use crate::limits::{NOTE_BYTES_MAX, UPLOADS_MAX};
use crate::place::Place;
use crate::state::{self, Book, Known, Mirrored};

/// The newest checkpoint of a log with its cosignatures, in the log's folder.
pub(crate) const CHECKPOINT: &str = "checkpoint";
/// Evidence that a log signed two histories, in the log's folder.
pub(crate) const FORK_EVIDENCE: &str = "fork-evidence";

/// A mirror: two keys, the logs it holds, and how far it has come with each.
pub struct Mirror {
    pub(crate) keys: [NoteKey; 2],
    pub(crate) logs: BTreeMap<Origin, Log>,
    pub(crate) db: Db,
    /// Bounds uploads, each of which may hold much memory.
    pub(crate) uploads: Arc<Semaphore>,
    // Two mirrors with one key on copies of one state could cosign two histories.
    _lock: DirLock,
}

/// One mirrored log.
pub(crate) struct Log {
    pub(crate) keys: Vec<VerifierKey>,
    pub(crate) bytes_max: u64,
    pub(crate) place: Place,
    /// The tree of the held entries. Whoever writes files of this log holds it; nobody waits for the
    /// network meanwhile.
    pub(crate) edge: Mutex<Edge>,
}

impl Mirror {
    /// Opens the state in the configured directory, reads the keys, and compares the newest
    /// checkpoints with the files.
    ///
    /// # Errors
    /// A field of the configuration, a key file, the directory or the database is wrong, or the
    /// files do not hold what was cosigned.
    pub async fn open(config: &Config) -> Result<Self, MirrorError> {
        let keys = config.load_keys()?;
        let terms = config.log_terms(&keys)?;
        let lock = DirLock::take(&config.dir)?;
        let files = Arc::new(Files::open(&public_dir(&config.dir))?);
        let db = Db::open(&config.dir.join("mirror.sqlite3"), state::MIGRATIONS).await?;
        let mut mirror = Self {
            keys,
            logs: BTreeMap::new(),
            db,
            uploads: Arc::new(Semaphore::new(UPLOADS_MAX)),
            _lock: lock,
        };
        for (origin, terms) in terms {
            let place = Place::new(Arc::clone(&files), origin.clone());
            let edge = mirror.take_up(&origin, &terms.keys, &place).await?;
            let log = Log {
                keys: terms.keys,
                bytes_max: terms.bytes_max,
                place,
                edge: Mutex::new(edge),
            };
            mirror.logs.insert(origin, log);
        }
        Ok(mirror)
    }

    /// Ends the work on the database, so that its file is whole by itself.
    pub async fn close(&self) {
        self.db.close().await;
    }

    /// The verifier keys to put into policies: Ed25519, then ML-DSA-44.
    pub fn vkeys(&self) -> [&VerifierKey; 2] {
        [self.keys[0].vkey(), self.keys[1].vkey()]
    }

    /// Goes on with a log where the last process stopped. What was decided and not yet published is
    /// published now; what contradicts the files stops the mirror.
    async fn take_up(
        &self,
        origin: &Origin,
        keys: &[VerifierKey],
        place: &Place,
    ) -> Result<Edge, MirrorError> {
        let mut transaction = self.db.begin().await?;
        let book = Book::read(&self.db, &mut transaction, origin).await?;
        drop(transaction);
        let published = self.published_size(origin, place)?;
        if published > book.mirrored_size() {
            return Err(MirrorError::WentBack {
                path: place.path(CHECKPOINT).into(),
                published,
                known: book.mirrored_size(),
            });
        }
        let edge = place.tree(book.held, book.held)?;
        if let Some(mirrored) = &book.mirrored {
            place.check(mirrored.tree, book.held)?;
            // Read with today's keys of the log: a note of a key that is trusted no more is not shown.
            if open_checkpoint(mirrored.note.as_bytes(), keys).is_ok() {
                self.publish(origin, place, mirrored)?;
            }
        }
        // The edge comes from full tiles below those that a root needs: both have to be right.
        let signed = book.mirrored.iter().map(|mirrored| mirrored.tree);
        for tree in signed.chain(book.pending) {
            if tree.size == book.held && edge.root() != tree.root {
                return Err(place.other_tree(tree.size));
            }
        }
        if let Some(evidence) = &book.fork {
            place.make(&[(FORK_EVIDENCE.to_owned(), evidence.clone())])?;
        }
        Ok(edge)
    }

    /// Size of the checkpoint in the log's folder, if it bears a cosignature of this mirror.
    fn published_size(&self, origin: &Origin, place: &Place) -> Result<u64, MirrorError> {
        let Some(bytes) = place.read(CHECKPOINT)? else {
            return Ok(0);
        };
        if bytes.len() as u64 > NOTE_BYTES_MAX {
            return Ok(0);
        }
        let cosigned = Note::parse(&bytes).ok().and_then(|note| {
            let checkpoint = Checkpoint::parse(note.text()).ok()?;
            let is_ours = self.keys.iter().any(|key| {
                let mut lines = note.signatures().iter();
                lines.any(|line| verify_cosignature(&checkpoint, line, key.vkey()).is_ok())
            });
            (is_ours && checkpoint.origin() == origin).then(|| checkpoint.size())
        });
        Ok(cosigned.unwrap_or(0))
    }

    /// Judges the body of an `add-checkpoint` request; the checkpoint becomes the pending one.
    /// Nothing is cosigned here.
    ///
    /// # Errors
    /// [`Refusal`]. When the log signed two histories, the evidence is durable and public before the
    /// refusal is returned, and this log is stopped for ever.
    pub async fn add_checkpoint(&self, body: &[u8], now: u64) -> Result<(), Refusal> {
        let request = AddCheckpoint::parse(body).map_err(Refusal::Malformed)?;
        let (checkpoint, note) = self.open_signed(&request.checkpoint)?;
        let (old, size) = (request.old_size, checkpoint.size());
        if old > size {
            return Err(Refusal::OldAboveSize { old, size });
        }
        let origin = checkpoint.origin();
        let log = self.log(origin.as_str())?;
        // From here to the commit nobody else can decide: the transaction is the lock.
        let mut transaction = self.db.begin().await?;
        let book = self.open_book(&mut transaction, origin).await?;
        let fork = self
            .find_fork(&mut transaction, log, &book, &checkpoint)
            .await?;
        if let Some(fork) = fork {
            let evidence = fork.to_evidence().to_bytes();
            tracing::error!(%origin, size, "the log signed two histories");
            state::keep_fork(&self.db, &mut transaction, origin, &evidence, now).await?;
            self.db.commit(transaction).await?;
            log.place.make(&[(FORK_EVIDENCE.to_owned(), evidence)])?;
            let origin = origin.to_string();
            return Err(Refusal::Stopped { origin });
        }
        let pending = book.pending.unwrap_or(Known::EMPTY);
        if old != pending.size {
            let pending = pending.size;
            return Err(Refusal::Conflict { old, pending });
        }
        verify_consistency(old, &pending.root, size, checkpoint.root(), &request.proof)
            .map_err(Refusal::Inconsistent)?;
        let tree = Known {
            size,
            root: *checkpoint.root(),
        };
        state::add_pending(&self.db, &mut transaction, origin, tree, &note).await?;
        self.db.commit(transaction).await?;
        Ok(())
    }

    /// The log with this origin.
    pub(crate) fn log(&self, origin: &str) -> Result<&Log, Refusal> {
        let known = origin
            .parse()
            .ok()
            .and_then(|origin: Origin| self.logs.get(&origin));
        known.ok_or_else(|| Refusal::UnknownOrigin {
            origin: origin.chars().take(200).collect(),
        })
    }

    /// How far a log has come; a stopped one is refused.
    pub(crate) async fn open_book(
        &self,
        transaction: &mut Write,
        origin: &Origin,
    ) -> Result<Book, Refusal> {
        let book = Book::read(&self.db, transaction, origin).await?;
        if book.fork.is_some() {
            let origin = origin.to_string();
            return Err(Refusal::Stopped { origin });
        }
        Ok(book)
    }

    /// Opens the checkpoint with the keys of the log it names. Returns it with the note as it is
    /// kept: the log's own signatures only, so that nobody can fill our disk with others.
    fn open_signed(&self, bytes: &[u8]) -> Result<(Verified<Checkpoint>, String), Refusal> {
        let note = Note::parse(bytes).map_err(Refusal::Malformed)?;
        let claimed = Checkpoint::parse(note.text()).map_err(Refusal::Malformed)?;
        let keys = &self.log(claimed.origin().as_str())?.keys;
        let by_log = |line: &&SignatureLine| keys.iter().any(|key| line.is_by(key));
        let lines = note.signatures().iter().filter(by_log).cloned().collect();
        let kept = Note::new(note.text().to_owned(), lines)
            .map_err(|_| {
                let origin = claimed.origin().to_string();
                Refusal::Signature(NoteError::NoTrustedSignature { origin })
            })?
            .to_string();
        let checkpoint = open_checkpoint(kept.as_bytes(), keys).map_err(|error| match error {
            NoteError::Parse(source) => Refusal::Malformed(source),
            other => Refusal::Signature(other),
        })?;
        Ok((checkpoint, kept))
    }

    /// Whether what the log signed now contradicts what it signed before. Two trees of one size do
    /// by themselves; of a smaller one the mirror's own tiles tell.
    async fn find_fork(
        &self,
        transaction: &mut Write,
        log: &Log,
        book: &Book,
        offered: &Verified<Checkpoint>,
    ) -> Result<Option<Fork>, Refusal> {
        let reopen = |note: &str| open_checkpoint(note.as_bytes(), &log.keys).ok();
        let (origin, size) = (offered.origin(), offered.size());
        let same_size = match state::pending_at(&self.db, transaction, origin, size).await? {
            Some((_, note)) => reopen(&note),
            None => None,
        };
        if let Some(known) = same_size {
            return Ok(Fork::of_equal_size(known, offered.clone()).ok());
        }
        let Some(mirrored) = &book.mirrored else {
            return Ok(None);
        };
        if size > mirrored.tree.size {
            return Ok(None);
        }
        let (place, held, offered) = (log.place.clone(), book.held, offered.clone());
        let Some(known) = reopen(&mirrored.note) else {
            return Ok(None);
        };
        // Tiles that were damaged here prove nothing against anybody; `prove` sees to that.
        blocking(move || Ok(Fork::prove(known, offered, &place.tiles(held)).ok())).await
    }

    /// Shows a cosigned checkpoint to everybody. Its cosignatures are made here: they were decided
    /// when the row was committed, and the keys are deterministic, so doing it again is the same.
    pub(crate) fn publish(
        &self,
        origin: &Origin,
        place: &Place,
        mirrored: &Mirrored,
    ) -> Result<Vec<SignatureLine>, MirrorError> {
        let Known { size, root } = mirrored.tree;
        let checkpoint =
            Checkpoint::new(origin.clone(), size, root).map_err(|_| MirrorError::Row {
                table: "mirrored",
                what: "a size above the limit",
            })?;
        let lines = self.sign(&checkpoint, mirrored.time)?;
        let cosignatures: String = lines.iter().map(|line| format!("{line}\n")).collect();
        place.replace(
            CHECKPOINT,
            (mirrored.note.clone() + &cosignatures).as_bytes(),
        )?;
        Ok(lines)
    }

    /// Both cosignatures over one checkpoint and one time.
    fn sign(&self, checkpoint: &Checkpoint, time: u64) -> Result<Vec<SignatureLine>, MirrorError> {
        self.keys
            .iter()
            .map(|key| cosign(checkpoint, time, key).map_err(MirrorError::Sign))
            .collect()
    }
}

/// What everybody may read; any web server can serve it.
pub(crate) fn public_dir(dir: &Path) -> std::path::PathBuf {
    dir.join("public")
}

/// Runs file work where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, MirrorError> + Send + 'static,
) -> Result<T, Refusal> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(Refusal::Internal(MirrorError::Ended)),
    }
}
