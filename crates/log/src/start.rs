//! Starting: replay everything, and refuse to go on if anything this log ever signed says that the
//! rows are not what they were.
//!
//! Such *claims* are the last signed checkpoint and the archive (database), `public/checkpoint`,
//! the tree up to which the database left its entries to the bundles, and what each reachable witness cosigned last: the latter also catch a directory that was
//! restored as a whole from an older copy. A claim counts only under the log's own signature.
//! Witnesses that are away are asked later (`gather`).

use std::collections::BTreeMap;
use std::sync::Arc;

use law::InForce;
use store::{Blobs, StoreError};
use tlog::{Checkpoint, Hash, VerifierKey, open_checkpoint};
use tokio::task::JoinSet;

use crate::announce::Announcer;
use crate::archive::Archive;
use crate::config::{Config, Pruning};
use crate::directory::Directory;
use crate::entries::Entries;
use crate::error::{LogError, chain};
use crate::gather::Witnesses;
use crate::growth::{Growth, outgrown};
use crate::identities::Identities;
use crate::limits::START_WITNESS_TIMEOUT_MS;
use crate::make::Maker;
use crate::memory::Recall;
use crate::prune::prune;
use crate::publish::Publisher;
use crate::replay::Replay;
use crate::sequence::Sequencer;
use crate::shared::{Published, Shared};
use crate::shelf::Shelf;
use crate::sqlite::SqliteTable;
use crate::surroundings::Surroundings;
use crate::table::{Fence, State, Table};
use crate::write::{Integrator, writing_side};

/// What the log signed, by size: the root, and who remembers it.
pub(crate) type Claims = BTreeMap<u64, Vec<(Hash, String)>>;

/// A log that is ready to run.
pub(crate) struct Parts {
    pub(crate) shared: Arc<Shared>,
    /// The number under which this process leads.
    pub(crate) fence: Fence,
    pub(crate) publisher: Publisher,
    pub(crate) sequencer: Sequencer,
    pub(crate) integrator: Integrator,
}

/// Opens the directory of a log, with a database and public files in it.
pub(crate) async fn open(config: Config) -> Result<Parts, LogError> {
    // Before anything is made: a configuration that is wrong leaves no traces.
    config.load_keys(&config.origin()?)?;
    let table = SqliteTable::open(&config.dir.join("log.sqlite3")).await?;
    let withholds = config.pruning == Pruning::Withhold;
    let shelf =
        Directory::open(&config.public_dir())?.with_withheld(&config.withheld_dir(), withholds)?;
    let surroundings = Surroundings::of_this_machine();
    let on_shelf = Arc::new(shelf.clone());
    let parts = open_on(config, Arc::new(table), on_shelf, surroundings).await?;
    if withholds {
        prune(&parts.shared, &shelf).await?;
    }
    Ok(parts)
}

/// Opens a log on back ends.
pub(crate) async fn open_on(
    config: Config,
    table: Arc<dyn Table>,
    shelf: Arc<dyn Shelf>,
    surroundings: Surroundings,
) -> Result<Parts, LogError> {
    check_pruning(&config)?;
    let origin = config.origin()?;
    let keys = config.load_keys(&origin)?;
    let blobs = Blobs::open(&config.dir.join("blobs"))?;
    let identities = Identities::make(config.dir.join("identities")).map_err(LogError::Index)?;

    // From here on nobody else writes: what is read stays true.
    let fence = table.lead().await?;
    let recall = Recall::new(&surroundings, &origin, keys.all(), START_WITNESS_TIMEOUT_MS)?;
    let told = told(&config, (&*table, &*shelf), &keys.all(), recall).await?;
    let (state, archive, shown) = (told.state, told.archive, told.shown);

    let published = newest(shown.clone(), &archive);
    let archived = archive.iter().map(|(size, note)| (*size, note.as_str()));
    let replay = Replay {
        law: InForce::replay(origin.clone(), config.anchor),
        growth: Growth::default(),
        identities,
        archive: archived.collect(),
        claims: told.claims,
        // Without a checkpoint in it, what follows from the bundles may be gone.
        on_shelf: shown.map_or(0, |_| state.integrated.size),
        shown: published.as_ref().map(|published| published.size),
        full: state.integrated,
        files: Vec::new(),
        threads: surroundings.threads,
    };
    let entries = Entries::new(Arc::clone(&table), Arc::clone(&shelf));
    let replayed = replay.run(&entries, &*shelf, &state).await?;

    let stores = (Arc::clone(&table), Arc::clone(&shelf), blobs);
    let settings = (config, surroundings);
    let (law, growth, full) = (replayed.law, replayed.growth, replayed.full);
    let shared = Arc::new(Shared::new(settings, origin, stores, law, published));
    let archive = repair(&shared, &archive).await?;
    let (writer, integrator, wishes) = writing_side((table, shelf), fence, growth, full);
    let witnesses = Witnesses::new(&shared, keys.all(), &told.heard)?;
    let maker = Maker {
        shared: Arc::clone(&shared),
        keys,
        fence,
        wishes,
        signed: state.signed.map(|signed| signed.mark),
    };
    let sequencer = Sequencer {
        shared: Arc::clone(&shared),
        writer,
        identities: replayed.identities,
    };
    let announcer = Announcer {
        shared: Arc::clone(&shared),
        fence,
        archive,
    };
    Ok(Parts {
        fence,
        publisher: Publisher::new(maker, witnesses, announcer),
        sequencer,
        integrator,
        shared,
    })
}

/// Only a directory can keep aside what is withheld.
const fn check_pruning(config: &Config) -> Result<(), LogError> {
    match (&config.remote, config.pruning) {
        (Some(_), Pruning::Withhold) => Err(LogError::PruneRemote),
        _ => Ok(()),
    }
}

/// What table, shelf and witnesses say of the log, before any of it is read again.
struct Told {
    state: State,
    archive: Vec<(u64, String)>,
    shown: Option<(Checkpoint, String)>,
    claims: Claims,
    /// Which witnesses answered.
    heard: Vec<bool>,
}

async fn told(
    config: &Config,
    (table, shelf): (&dyn Table, &dyn Shelf),
    keys: &[VerifierKey],
    recall: Recall,
) -> Result<Told, LogError> {
    let state = table.state().await?;
    let archive = table.archived().await?;
    let shown = shown_checkpoint(shelf, keys).await?;
    let mut claims = claims_of(&state, shown.as_ref());
    let heard = ask_witnesses(config, recall, &mut claims).await;
    check_none_ahead(&claims, &archive, state.sequenced)?;
    Ok(Told {
        state,
        archive,
        shown,
        claims,
        heard,
    })
}

fn claim(claims: &mut Claims, size: u64, root: Hash, by: String) {
    claims.entry(size).or_default().push((root, by));
}

/// What the table and the shelf say was signed.
fn claims_of(state: &State, shown: Option<&(Checkpoint, String)>) -> Claims {
    let mut claims = Claims::new();
    // Not signed, but kept beside what was: bundles are checked by it before they are signed over.
    if state.integrated.size > 0 {
        let (size, root) = (state.integrated.size, state.integrated.root);
        claim(&mut claims, size, root, "the table `state`".to_owned());
    }
    if let Some(signed) = &state.signed {
        let (size, root) = (signed.mark.size, signed.mark.root);
        claim(&mut claims, size, root, "the table `signed`".to_owned());
    }
    if let Some((checkpoint, _)) = shown {
        let by = "`public/checkpoint`".to_owned();
        claim(&mut claims, checkpoint.size(), *checkpoint.root(), by);
    }
    claims
}

/// `public/checkpoint`, if there is one. It is ours, so a bad one is a damaged disk.
async fn shown_checkpoint(
    shelf: &dyn Shelf,
    keys: &[VerifierKey],
) -> Result<Option<(Checkpoint, String)>, LogError> {
    let bytes_max = tlog::limits::NOTE_BYTES_MAX as u64;
    let bytes = match shelf.read("checkpoint", bytes_max).await {
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
/// between; and forgets partial files that nobody needs, all of them, after one in between that.
async fn repair(shared: &Shared, archive: &[(u64, String)]) -> Result<Archive, LogError> {
    let shelf = &*shared.shelf;
    let archive = Archive::restore(shelf, archive).await?;
    let published = shared.published.borrow().clone();
    if let Some(published) = published {
        let note = published.note.as_bytes().to_vec();
        shelf.replace("checkpoint", note).await?;
        let outgrown = outgrown(0, published.size).collect();
        shelf.forget_partials(outgrown).await?;
    }
    Ok(archive)
}
