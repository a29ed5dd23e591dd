//! Starting: replay everything, and refuse to go on if anything this log ever signed says that the
//! rows are not what they were.
//!
//! Such *claims* are the last signed checkpoint and the archive (database), `public/checkpoint`,
//! and what each reachable witness cosigned last: the latter also catch a directory that was
//! restored as a whole from an older copy. A claim counts only under the log's own signature.
//! Witnesses that are away are asked later (`gather`).

use std::collections::BTreeMap;
use std::sync::Arc;

use law::{InForce, Refusal};
use store::{Blobs, Files, StoreError};
use tlog::{Checkpoint, Hash, NoteSigner as _, VerifierKey, open_checkpoint, open_witnessed};
use tokio::task::JoinSet;

use crate::config::{Config, LogKeys};
use crate::error::{LogError, chain};
use crate::gather::Witnesses;
use crate::limits::{REPLAY_ROWS, START_WITNESS_TIMEOUT_MS};
use crate::memory::Recall;
use crate::publish::{Publisher, blocking, write_archive};
use crate::rows::Rows;
use crate::shared::{Published, Shared};
use tlog::tree::Edge;

/// What the log signed, by size: the root, and who remembers it.
type Claims = BTreeMap<u64, Vec<(Hash, String)>>;

/// Opens the directory of a log; returns what its parts share and the publisher.
pub(crate) async fn open(config: Config) -> Result<(Arc<Shared>, Publisher), LogError> {
    let origin = config.origin()?;
    let keys = config.load_keys(&origin)?;
    let rows = Rows::open(&config.dir.join("log.sqlite3")).await?;
    let files = Files::open(&config.dir.join("public"))?;
    let blobs = Blobs::open(&config.dir.join("blobs"))?;

    let archive = rows.archived().await?;
    let shown = shown_checkpoint(&files, &own_keys(&keys))?;
    let mut claims = Claims::new();
    if let Some((size, root)) = rows.signed().await? {
        claim(&mut claims, size, root, "the table `signed`".to_owned());
    }
    if let Some((checkpoint, _)) = &shown {
        let by = "`public/checkpoint`".to_owned();
        claim(&mut claims, checkpoint.size(), *checkpoint.root(), by);
    }
    let recall = Recall::new(&origin, own_keys(&keys), START_WITNESS_TIMEOUT_MS)?;
    let heard = ask_witnesses(&config, recall, &mut claims).await;
    let rows_count = rows.count().await?;
    check_none_ahead(&claims, &archive, rows_count)?;

    let mut replay = Replay {
        law: InForce::replay(origin.clone(), config.anchor),
        edge: Edge::default(),
        archive: archive
            .iter()
            .map(|(size, note)| (*size, note.as_str()))
            .collect(),
        // Without a checkpoint in it `public/` may be gone; then all of it is made again.
        integrated: match shown {
            Some(_) => claims.keys().next_back().copied().unwrap_or(0),
            None => 0,
        },
        claims,
    };
    replay.run(&rows, rows_count).await?;
    let (law, edge) = (replay.law, replay.edge);

    let published = newest(shown, &archive);
    let shared = Shared::new(config, origin, (rows, files, blobs), law, published);
    let shared = Arc::new(shared);
    let archived: Vec<u64> = archive.iter().map(|(size, _)| *size).collect();
    let witnesses = Witnesses::new(&shared, own_keys(&keys), &heard)?;
    let mut publisher = Publisher {
        shared: Arc::clone(&shared),
        keys,
        edge,
        archived: archived.clone(),
        witnesses,
    };
    publisher.integrate_archived().await?;
    repair(&shared, archive, archived).await?;
    Ok((shared, publisher))
}

fn own_keys(keys: &LogKeys) -> [VerifierKey; 2] {
    [keys.ed25519.vkey().clone(), keys.ml_dsa.vkey().clone()]
}

fn claim(claims: &mut Claims, size: u64, root: Hash, by: String) {
    claims.entry(size).or_default().push((root, by));
}

/// `public/checkpoint`, if there is one. It is ours, so a bad one is a damaged disk.
fn shown_checkpoint(
    files: &Files,
    keys: &[VerifierKey],
) -> Result<Option<(Checkpoint, String)>, LogError> {
    let bytes = match files.read("checkpoint", tlog::limits::NOTE_BYTES_MAX as u64) {
        Err(StoreError::NotFound { .. }) => return Ok(None),
        other => other?,
    };
    let opened = open_checkpoint(&bytes, keys).map_err(|source| LogError::Checkpoint {
        claim: "`public/checkpoint`".to_owned(),
        source: Box::new(source),
    })?;
    let note = String::from_utf8_lossy(opened.note()).into_owned();
    Ok(Some((opened.into_inner(), note)))
}

/// Adds what each witness cosigned last; returns which of them answered. One that does not, or
/// answers something we never signed, is no reason not to start.
async fn ask_witnesses(config: &Config, recall: Recall, claims: &mut Claims) -> Vec<bool> {
    let recall = Arc::new(recall);
    let mut answers = JoinSet::new();
    for (at, witness) in config.witnesses.iter().cloned().enumerate() {
        let recall = Arc::clone(&recall);
        answers.spawn(async move {
            let answer = recall.ask(&witness.url).await;
            (at, witness.url, answer)
        });
    }
    let mut heard = vec![false; config.witnesses.len()];
    while let Some(answer) = answers.join_next().await {
        match answer {
            Ok((at, _, Ok(seen))) => {
                heard[at] = true;
                if let Some(seen) = seen {
                    let (size, root) = (seen.checkpoint.size(), *seen.checkpoint.root());
                    claim(claims, size, root, seen.by);
                }
            }
            Ok((_, url, Err(error))) => {
                tracing::warn!(url, error = %chain(&error), "the witness does not say what it saw");
            }
            Err(error) => tracing::error!(%error, "asking a witness ended by a defect"),
        }
    }
    heard
}

fn check_none_ahead(claims: &Claims, archive: &[(u64, String)], rows: u64) -> Result<(), LogError> {
    let claimed = claims.iter().next_back();
    let claimed = claimed.map(|(size, by)| (*size, by[0].1.clone()));
    let archived = archive.last();
    let archived = archived.map(|(size, _)| (*size, "the table `archived`".to_owned()));
    match claimed.max(archived) {
        Some((signed, claim)) if signed > rows => Err(LogError::Behind {
            claim,
            signed,
            rows,
        }),
        _ => Ok(()),
    }
}

/// Feeds the rows to the law and to the tree, comparing at each size with what was signed.
struct Replay<'a> {
    law: InForce,
    edge: Edge,
    archive: BTreeMap<u64, &'a str>,
    claims: Claims,
    /// The largest size whose tiles are known to be on disk, so they need not be made again.
    integrated: u64,
}

impl Replay<'_> {
    async fn run(&mut self, rows: &Rows, count: u64) -> Result<(), LogError> {
        let mut start = 0;
        // The empty tree may have been signed too.
        self.compare_at(0)?;
        while start < count {
            let end = count.min(start + REPLAY_ROWS);
            for (index, entry) in (start..).zip(rows.read(start, end).await?) {
                self.feed(index, &entry)?;
            }
            start = end;
        }
        Ok(())
    }

    fn feed(&mut self, index: u64, entry: &[u8]) -> Result<(), LogError> {
        self.law.feed(index, entry).map_err(|error| LogError::Row {
            table: "entries",
            what: error.to_string(),
        })?;
        if index < self.integrated {
            // Full tiles that come out are on disk already.
            self.edge.append(entry, &mut Vec::new());
        }
        self.compare_at(index + 1)
    }

    fn compare_at(&mut self, size: u64) -> Result<(), LogError> {
        let note = self.archive.get(&size).copied();
        let claims = self.claims.get(&size);
        if note.is_none() && claims.is_none() {
            return Ok(());
        }
        let (_, found) = self.law.mark();
        for (signed, by) in claims.into_iter().flatten() {
            if *signed != found {
                return Err(LogError::OtherHistory {
                    claim: by.clone(),
                    size,
                    signed: *signed,
                    found,
                });
            }
        }
        match note {
            Some(note) => self.settle(size, note),
            None => Ok(()),
        }
    }

    /// Archived checkpoints give entries their time, as they do for every other reader.
    fn settle(&mut self, size: u64, note: &str) -> Result<(), LogError> {
        let refused = |source: Box<dyn std::error::Error + Send + Sync>| LogError::Checkpoint {
            claim: format!("archived checkpoint {size}"),
            source,
        };
        let policy = self.law.policy().ok_or_else(|| {
            let detail = format!("at size {size}");
            refused(Box::new(Refusal::new(
                law::Code::EntryNoConstitution,
                detail,
            )))
        })?;
        let witnessed =
            open_witnessed(note.as_bytes(), policy).map_err(|error| refused(Box::new(error)))?;
        self.law
            .settle_marked(&witnessed)
            .map_err(|error| refused(Box::new(error)))
    }
}

/// The newest witnessed checkpoint that is known: the file, unless a crash kept it behind.
fn newest(shown: Option<(Checkpoint, String)>, archive: &[(u64, String)]) -> Option<Published> {
    let shown = shown.map(|(checkpoint, note)| (checkpoint.size(), note));
    let archived = archive.last().cloned();
    let newer = match (shown, archived) {
        (Some(shown), Some(archived)) if archived.0 > shown.0 => Some(archived),
        (None, archived) => archived,
        (shown, _) => shown,
    };
    newer.map(|(size, note)| Published {
        size,
        note: note.into(),
    })
}

/// Makes the files of the archive and the checkpoint what the database says, after a crash in
/// between.
async fn repair(
    shared: &Arc<Shared>,
    archive: Vec<(u64, String)>,
    sizes: Vec<u64>,
) -> Result<(), LogError> {
    let shared = Arc::clone(shared);
    blocking(move || {
        write_archive(&shared, &archive, &sizes)?;
        let published = shared.published.borrow().clone();
        match published {
            Some(published) => shared
                .files
                .replace("checkpoint", published.note.as_bytes()),
            None => Ok(()),
        }
    })
    .await
}
