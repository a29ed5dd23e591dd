//! The replay at a start: every entry, from the first on.
//!
//! Reading entries and verifying their signatures is done on all cores, bundle by bundle; what
//! follows from them in order, by one.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use law::{InForce, Opened, Refusal};
use statement::KeyId;
use tlog::open_witnessed;

use crate::batch::Batch;
use crate::entries::Entries;
use crate::error::LogError;
use crate::growth::Growth;
use crate::identities::{Identities, Identity};
use crate::limits::WRITE_BYTES_MAX;
use crate::shelf::{File, Shelf};
use crate::start::Claims;
use crate::surroundings::Threads;
use crate::table::{Mark, State};

/// Feeds the entries to the law and to the tree, comparing at each size with what was signed, and
/// makes the files that are not known to be there.
pub(crate) struct Replay<'a> {
    pub(crate) law: InForce,
    pub(crate) growth: Growth,
    pub(crate) identities: Identities,
    pub(crate) archive: BTreeMap<u64, &'a str>,
    pub(crate) claims: Claims,
    /// The size whose full tiles and bundles are known to be there, so they need not be made again.
    pub(crate) on_shelf: u64,
    /// Size of the checkpoint that is shown, whose partial files must be there.
    pub(crate) shown: Option<u64>,
    /// The newest tree of which all entries are in full bundles.
    pub(crate) full: Mark,
    pub(crate) files: Vec<File>,
    pub(crate) threads: Threads,
}

/// What came of it.
pub(crate) struct Replayed {
    pub(crate) law: InForce,
    pub(crate) growth: Growth,
    pub(crate) identities: Identities,
    pub(crate) full: Mark,
}

impl Replay<'_> {
    pub(crate) async fn run(
        mut self,
        entries: &Entries,
        shelf: &dyn Shelf,
        state: &State,
    ) -> Result<Replayed, LogError> {
        // The empty tree may have been signed too.
        self.compare_at(0)?;
        while self.growth.size() < state.sequenced {
            let start = self.growth.size();
            let batch = Arc::new(entries.replay_from(start, state).await?);
            let opened = open_all(&batch, start, self.keys(), self.threads).await?;
            for (index, opened) in (start..).zip(opened) {
                self.feed(index, opened, &batch)?;
            }
            self.grow(&batch);
            let bytes: usize = self.files.iter().map(|(_, bytes)| bytes.len()).sum();
            if bytes > WRITE_BYTES_MAX {
                shelf.create_many(std::mem::take(&mut self.files)).await?;
            }
        }
        shelf.create_many(self.files).await?;
        Ok(Replayed {
            law: self.law,
            growth: self.growth,
            identities: self.identities,
            full: self.full,
        })
    }

    /// The keys that may have signed what comes next.
    fn keys(&self) -> HashMap<KeyId, [u8; 32]> {
        let parties = self
            .law
            .constitution()
            .map(|constitution| &constitution.parties);
        let keys = parties.into_iter().flatten().flat_map(|party| &party.keys);
        keys.filter_map(|key| {
            let raw = key.raw().ok()?;
            Some((KeyId::of(&raw), raw.try_into().ok()?))
        })
        .collect()
    }

    fn feed(&mut self, index: u64, opened: Option<Opened>, batch: &Batch) -> Result<(), LogError> {
        let fed = match opened {
            Some(opened) => {
                let identity = Identity::of(&opened.digest(), &opened.key());
                self.identities.insert(identity, index);
                self.law.feed_opened(index, opened)
            }
            // It has no effect, and no identity by which it would be found again.
            None => self.law.feed(index, batch.get(index).unwrap_or_default()),
        };
        fed.map_err(|error| LogError::Row {
            table: "tail",
            what: error.to_string(),
        })?;
        self.compare_at(index + 1)
    }

    fn grow(&mut self, batch: &Batch) {
        let mut files = Vec::new();
        if let Some(shown) = self.shown
            && (self.growth.size() + 1..=batch.end()).contains(&shown)
        {
            self.full = self
                .growth
                .append_to(shown, batch, &mut files)
                .unwrap_or(self.full);
            self.files.extend(self.growth.partial());
        }
        self.full = self.growth.append(batch, &mut files).unwrap_or(self.full);
        if batch.end() > self.on_shelf {
            self.files.extend(files);
        }
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

/// Reads the entries of a batch from `start` on and verifies their signatures, on all cores. `None`
/// for those that are no statements.
async fn open_all(
    batch: &Arc<Batch>,
    start: u64,
    keys: HashMap<KeyId, [u8; 32]>,
    threads: Threads,
) -> Result<Vec<Option<Opened>>, LogError> {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let share = (batch.end() - start).div_ceil(cores).max(1);
    let keys = Arc::new(keys);
    let mut shares = Vec::new();
    for first in (start..batch.end()).step_by(share as usize) {
        let (batch, keys) = (Arc::clone(batch), Arc::clone(&keys));
        shares.push(threads.begin(move || {
            let end = batch.end().min(first + share);
            let open = |index| {
                let mut opened = Opened::read(batch.get(index)?).ok()?;
                if let Some(key) = keys.get(&opened.key()) {
                    opened.verify(key);
                }
                Some(opened)
            };
            (first..end).map(open).collect::<Vec<_>>()
        }));
    }
    let mut all = Vec::with_capacity((batch.end() - start) as usize);
    for share in shares {
        let opened = share.ended().await;
        all.extend(opened.map_err(|_| LogError::Ended { part: "replay" })?);
    }
    Ok(all)
}
