//! The decision: cosign or not. Everything a witness is for is in [`Witness::add_checkpoint`].

use std::collections::BTreeMap;

use keys::NoteKey;
use store::{Db, DirLock};
use tlog::{
    AddCheckpoint, Checkpoint, Note, NoteError, NoteSigner as _, Origin, ProofError, SignatureLine,
    Verified, VerifierKey, cosign, open_checkpoint, verify_consistency,
};

use crate::config::Config;
use crate::error::{Refusal, WitnessError};
use crate::evidence::{Fault, FaultKind};
use crate::state::{self, Latest};

/// A witness: two keys, the logs it follows, and what it cosigned last of each.
pub struct Witness {
    keys: [NoteKey; 2],
    logs: BTreeMap<Origin, Vec<VerifierKey>>,
    db: Db,
    // Two witnesses with one key on copies of one state could cosign two histories.
    _lock: DirLock,
}

impl Witness {
    /// Opens the state in the configured directory and reads the keys.
    ///
    /// # Errors
    /// A field of the configuration, a key file, the directory or the database is wrong.
    pub async fn open(config: &Config) -> Result<Self, WitnessError> {
        let keys = config.load_keys()?;
        let logs = config.log_keys()?;
        let lock = DirLock::take(&config.dir)?;
        let db = Db::open(&config.dir.join("witness.sqlite3"), state::MIGRATIONS).await?;
        Ok(Self {
            keys,
            logs,
            db,
            _lock: lock,
        })
    }

    /// The verifier keys to put into policies: Ed25519, then ML-DSA-44.
    pub fn vkeys(&self) -> [&VerifierKey; 2] {
        [self.keys[0].vkey(), self.keys[1].vkey()]
    }

    pub(crate) const fn keys(&self) -> &[NoteKey; 2] {
        &self.keys
    }

    pub(crate) fn follows(&self, origin: &Origin) -> bool {
        self.logs.contains_key(origin)
    }

    /// Judges the body of an `add-checkpoint` request at `now` (POSIX seconds) and cosigns.
    ///
    /// # Errors
    /// [`Refusal`], each with its own status in the specification. Evidence of two histories is
    /// kept before the refusal is returned.
    pub async fn add_checkpoint(
        &self,
        body: &[u8],
        now: u64,
    ) -> Result<Vec<SignatureLine>, Refusal> {
        let request = AddCheckpoint::parse(body).map_err(Refusal::Malformed)?;
        let (checkpoint, note) = self.open_signed(&request.checkpoint)?;
        let (old, size) = (request.old_size, checkpoint.size());
        if old > size {
            return Err(Refusal::OldAboveSize { old, size });
        }
        let internal = |error| Refusal::Internal(error);
        // From here to the commit nobody else can decide: the transaction is the lock.
        let mut transaction = self.db.begin().await.map_err(|e| internal(e.into()))?;
        let latest = state::latest(&self.db, &mut transaction, checkpoint.origin())
            .await
            .map_err(internal)?;
        let judged = check_follows(&request, &checkpoint, &latest);
        // A clock that was set back must not make a larger tree look older than a smaller one.
        let time = now.max(latest.time).max(1);
        match &judged {
            Ok(()) => {
                state::advance(&self.db, &mut transaction, &checkpoint, time, &note)
                    .await
                    .map_err(internal)?;
            }
            Err(refusal) => {
                let Some(fault) = fault_of(refusal, &checkpoint, &latest, note, now) else {
                    return judged.map(|()| Vec::new());
                };
                let (kind, origin) = (fault.kind.as_str(), &fault.origin);
                tracing::error!(kind, %origin, size, "the log signed what does not follow");
                state::keep_fault(&self.db, &mut transaction, &checkpoint, &fault)
                    .await
                    .map_err(internal)?;
            }
        }
        self.db
            .commit(transaction)
            .await
            .map_err(|e| internal(e.into()))?;
        judged?;
        self.sign(&checkpoint, time).map_err(internal)
    }

    /// The log's newest cosigned checkpoint as a note with its and our signatures; `None` if there
    /// is none. `origin_digest` is SHA-256 of the origin in hex (tlog-witness, "monitoring").
    ///
    /// # Errors
    /// The database refuses.
    pub async fn latest_note(&self, origin_digest: &str) -> Result<Option<String>, WitnessError> {
        let named =
            |origin: &&Origin| tlog::sha256(origin.as_str().as_bytes()).to_hex() == origin_digest;
        let Some(origin) = self.logs.keys().find(named) else {
            return Ok(None);
        };
        let Some(latest) = state::read_latest(&self.db, origin).await? else {
            return Ok(None);
        };
        let checkpoint =
            Checkpoint::new(origin.clone(), latest.size, latest.root).map_err(|_| {
                WitnessError::Row {
                    table: "latest",
                    what: "a size above the limit",
                }
            })?;
        let lines = self.sign(&checkpoint, latest.time)?;
        let cosignatures: String = lines.iter().map(|line| format!("{line}\n")).collect();
        Ok(Some(latest.note + &cosignatures))
    }

    /// The evidence kept, proofs of two histories first.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn faults(&self) -> Result<Vec<Fault>, WitnessError> {
        state::faults(&self.db).await
    }

    /// Opens the checkpoint with the keys of the log it names. Returns it with the note as it is
    /// kept: the log's own signatures only, so that nobody can fill our disk with others.
    fn open_signed(&self, bytes: &[u8]) -> Result<(Verified<Checkpoint>, String), Refusal> {
        let note = Note::parse(bytes).map_err(Refusal::Malformed)?;
        let claimed = Checkpoint::parse(note.text()).map_err(Refusal::Malformed)?;
        let Some(keys) = self.logs.get(claimed.origin()) else {
            let origin = claimed.origin().to_string();
            return Err(Refusal::UnknownOrigin { origin });
        };
        let checkpoint = open_checkpoint(bytes, keys).map_err(|error| match error {
            NoteError::Parse(source) => Refusal::Malformed(source),
            other => Refusal::Signature(other),
        })?;
        let by_log = |line: &&SignatureLine| keys.iter().any(|key| line.is_by(key));
        let lines = note.signatures().iter().filter(by_log).cloned().collect();
        let kept = Note::new(note.text().to_owned(), lines).map_err(Refusal::Malformed)?;
        Ok((checkpoint, kept.to_string()))
    }

    /// Both cosignatures over one checkpoint and one time. The keys are deterministic, so asking
    /// again gives the same bytes.
    fn sign(&self, checkpoint: &Checkpoint, time: u64) -> Result<Vec<SignatureLine>, WitnessError> {
        self.keys
            .iter()
            .map(|key| cosign(checkpoint, time, key).map_err(WitnessError::Sign))
            .collect()
    }
}

/// The rule: the request starts from what was cosigned last, and the proof leads from there to
/// the checkpoint. The same size again is fine and gets a fresh time.
fn check_follows(
    request: &AddCheckpoint,
    checkpoint: &Checkpoint,
    latest: &Latest,
) -> Result<(), Refusal> {
    if request.old_size != latest.size {
        return Err(Refusal::Conflict {
            old: request.old_size,
            latest: latest.size,
        });
    }
    verify_consistency(
        latest.size,
        &latest.root,
        checkpoint.size(),
        checkpoint.root(),
        &request.proof,
    )
    .map_err(Refusal::Inconsistent)
}

/// What a refusal says about the log, if anything: everything here was signed by it.
fn fault_of(
    refusal: &Refusal,
    checkpoint: &Checkpoint,
    latest: &Latest,
    offered: String,
    now: u64,
) -> Option<Fault> {
    let two_roots = checkpoint.size() == latest.size && *checkpoint.root() != latest.root;
    let kind = match refusal {
        // With nothing cosigned before there is nothing to contradict.
        _ if latest.note.is_empty() => return None,
        Refusal::Inconsistent(_) | Refusal::Conflict { .. } if two_roots => FaultKind::Split,
        Refusal::Inconsistent(ProofError::RootMismatch { .. }) => FaultKind::Unproven,
        _ => return None,
    };
    Some(Fault {
        kind,
        origin: checkpoint.origin().to_string(),
        size: checkpoint.size(),
        seen_at: now,
        known: latest.note.clone(),
        offered,
    })
}
