//! A log as it is served: its checkpoints, and its entries in order, taken apart on all cores.
//!
//! Memory is bounded by a few bundles, whatever the size of the log. What a log fails to serve, or serves
//! in a form that no log may, is a [`Fault`] of the log; that it cannot be reached is an [`AuditError`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use statement::Predicate;
use tlog::{
    ArchiveId, ArchiveIndex, BundleId, Checkpoint, Frontier, Hash, Note, Origin, TileId,
    full_tile_root,
};
use tokio::task::JoinHandle;

use crate::error::AuditError;
use crate::limits::{
    ARCHIVE_INDEX_BYTES_MAX, ARCHIVE_PAGE_BYTES_MAX, BUNDLE_BYTES_MAX, BUNDLES_AHEAD,
    NOTE_BYTES_MAX, NOTES_AHEAD, TILE_BYTES_MAX,
};
use crate::opened::{Keyring, Opened, chain};
use crate::read::Place;

/// Entries of a full bundle.
pub(crate) const WIDTH: u64 = 256;

/// Something that a log owes to everybody and does not serve as it must.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Which promise.
    pub(crate) code: &'static str,
    /// First entry that is touched.
    pub(crate) entry: Option<u64>,
    /// What was seen.
    pub(crate) what: String,
}

/// One log at one place.
#[derive(Debug, Clone)]
pub(crate) struct LogReader {
    pub(crate) origin: Origin,
    pub(crate) place: Arc<Place>,
    pub(crate) keys: Keyring,
}

/// A checkpoint as it is served; nobody's signature was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claimed {
    pub(crate) note: Vec<u8>,
    pub(crate) checkpoint: Checkpoint,
}

impl Claimed {
    /// Reads the text of a note.
    pub(crate) fn parse(note: Vec<u8>) -> Result<Self, tlog::ParseError> {
        let parsed = Note::parse(&note)?;
        let checkpoint = Checkpoint::parse(parsed.text())?;
        Ok(Self { note, checkpoint })
    }
}

/// The entries of one bundle, those that were asked for.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Index of the first.
    pub(crate) first: u64,
    /// Leaf hashes of the entries before it in the same bundle, as they are served now.
    pub(crate) before: Vec<Hash>,
    /// The entries.
    pub(crate) entries: Vec<Opened>,
    /// Root of the bundle's tile, when it is full.
    pub(crate) tile_root: Option<Hash>,
    /// What is wrong with the tile of hashes beside it.
    pub(crate) tile_fault: Option<Fault>,
}

impl LogReader {
    /// The newest checkpoint that is shown.
    ///
    /// # Errors
    /// The place cannot be read or shows none.
    pub(crate) async fn newest(&self) -> Result<Result<Claimed, Fault>, AuditError> {
        let Some(note) = self.place.get("checkpoint", NOTE_BYTES_MAX).await? else {
            return Err(AuditError::NoCheckpoint {
                place: self.place.to_string(),
            });
        };
        Ok(Claimed::parse(note).map_err(|error| Fault {
            code: "log.checkpoint_malformed",
            entry: None,
            what: format!("what is shown as the checkpoint is none: {error}"),
        }))
    }

    /// Sizes of the archived checkpoints, ascending.
    ///
    /// # Errors
    /// The place cannot be read.
    pub(crate) async fn archived_sizes(&self) -> Result<Result<Vec<u64>, Fault>, AuditError> {
        let place = &self.place;
        let index = place
            .get(ArchiveIndex::PATH, ARCHIVE_INDEX_BYTES_MAX)
            .await?;
        let index = match ArchiveIndex::parse(&index.unwrap_or_default()) {
            Ok(index) => index,
            Err(error) => return Ok(Err(index_fault(ArchiveIndex::PATH, chain(&error)))),
        };
        let mut all = Vec::new();
        for number in 0..index.pages() {
            let path = ArchiveIndex::page_path(number);
            let Some(bytes) = place.get(&path, ARCHIVE_PAGE_BYTES_MAX).await? else {
                return Ok(Err(index_fault(&path, "it is not served".to_owned())));
            };
            match ArchiveIndex::parse_page(&bytes) {
                Ok(page) => all.extend(page),
                Err(error) => return Ok(Err(index_fault(&path, chain(&error)))),
            }
        }
        all.extend(index.open());
        if let Some(pair) = all.windows(2).find(|pair| pair[0] >= pair[1]) {
            let what = format!("{} stands before {}", pair[0], pair[1]);
            return Ok(Err(index_fault(ArchiveIndex::PATH, what)));
        }
        Ok(Ok(all))
    }

    /// The archived checkpoints of these sizes, in order, fetched ahead.
    pub(crate) fn archived(&self, sizes: Vec<u64>) -> Notes {
        Notes {
            reader: self.clone(),
            sizes: sizes.into(),
            ahead: VecDeque::new(),
        }
    }

    /// The entries `from..to`, fetched and taken apart ahead.
    pub(crate) fn entries(&self, from: u64, to: u64) -> Entries {
        Entries {
            reader: self.clone(),
            next: from,
            to,
            ahead: VecDeque::new(),
        }
    }

    /// A tile of hashes; the full one when the partial one is gone.
    ///
    /// # Errors
    /// The place cannot be read.
    pub(crate) async fn tile(&self, id: TileId) -> Result<Result<Vec<u8>, Fault>, AuditError> {
        let mut found = self.place.get(&id.path(), TILE_BYTES_MAX).await?;
        if found.is_none() && !id.is_full() {
            found = self
                .place
                .get(&id.to_full().path(), TILE_BYTES_MAX)
                .await?
                .map(|bytes| bytes.into_iter().take(id.bytes()).collect());
        }
        Ok(found.ok_or_else(|| Fault {
            code: "log.tile",
            entry: None,
            what: format!("{id} is not served"),
        }))
    }

    /// Roots at these sizes, from the entries alone, up to where they can be read.
    ///
    /// # Errors
    /// The place cannot be read.
    pub(crate) async fn roots_at(
        &self,
        sizes: &BTreeSet<u64>,
        end: u64,
    ) -> Result<BTreeMap<u64, Hash>, AuditError> {
        let mut roots = BTreeMap::new();
        let mut frontier = Frontier::new();
        for id in BundleId::covering(end) {
            let Ok((bytes, width)) = self.bundle(id).await? else {
                break;
            };
            let Ok(entries) = tlog::bundle::parse(&bytes, width) else {
                break;
            };
            for entry in entries.into_iter().take(usize::from(id.width())) {
                frontier.append(tlog::leaf_hash(entry));
                if sizes.contains(&frontier.size()) {
                    roots.insert(frontier.size(), frontier.root());
                }
            }
        }
        Ok(roots)
    }

    /// The note that an `anchor` at this index carries.
    ///
    /// # Errors
    /// The place cannot be read.
    pub(crate) async fn kept_note(
        &self,
        index: u64,
        size: u64,
    ) -> Result<Option<Vec<u8>>, AuditError> {
        let first = index / WIDTH;
        let width = (size - first * WIDTH).min(WIDTH);
        let id = BundleId::new(first, u16::try_from(width).expect("at most 256"))
            .expect("an entry that was read has a bundle");
        let Ok((bytes, width)) = self.bundle(id).await? else {
            return Ok(None);
        };
        let entries = tlog::bundle::parse(&bytes, width).unwrap_or_default();
        let entry = entries.get(usize::try_from(index % WIDTH).expect("below 256"));
        let opened = entry.map(|entry| Opened::new(entry, &self.keys));
        Ok(
            opened.and_then(|opened| match &opened.statement()?.predicate {
                Predicate::Anchor(anchor) => Some(anchor.note.clone().into_bytes()),
                _ => None,
            }),
        )
    }

    async fn bundle(&self, id: BundleId) -> Result<Result<(Vec<u8>, u16), Fault>, AuditError> {
        let mut width = id.width();
        let mut found = self.place.get(&id.path(), BUNDLE_BYTES_MAX).await?;
        if found.is_none() && !id.is_full() {
            width = id.to_full().width();
            found = self
                .place
                .get(&id.to_full().path(), BUNDLE_BYTES_MAX)
                .await?;
        }
        Ok(found.map(|bytes| (bytes, width)).ok_or_else(|| Fault {
            code: "log.entries_missing",
            entry: Some(id.first_entry()),
            what: format!("{id} is not served, and with it {} entries", id.width()),
        }))
    }

    /// Fetches a bundle and its tile, then takes the entries apart away from the runtime.
    async fn batch(self, id: BundleId, from: u64) -> BatchResult {
        let (bytes, width) = match self.bundle(id).await? {
            Ok(found) => found,
            Err(fault) => return Ok(Err(fault)),
        };
        let tile_id = TileId::new(0, id.index(), id.width()).expect("a bundle names its tile");
        let tile = self.tile(tile_id).await?;
        let keys = self.keys;
        let opened =
            tokio::task::spawn_blocking(move || open_batch(id, from, (&bytes, width), tile, &keys));
        opened.await.map_err(|_| AuditError::Ended {
            part: "opening entries",
        })
    }
}

fn open_batch(
    id: BundleId,
    from: u64,
    (bytes, width): (&[u8], u16),
    tile: Result<Vec<u8>, Fault>,
    keys: &Keyring,
) -> Result<Batch, Fault> {
    let entries = tlog::bundle::parse(bytes, width).map_err(|error| Fault {
        code: "log.entries_malformed",
        entry: Some(id.first_entry()),
        what: format!("{id} is no entry bundle: {error}"),
    })?;
    let skipped = usize::try_from(from - id.first_entry()).expect("inside one bundle");
    let entries = &entries[..usize::from(id.width())];
    let before: Vec<Hash> = entries[..skipped]
        .iter()
        .map(|entry| tlog::leaf_hash(entry))
        .collect();
    let opened: Vec<Opened> = entries[skipped..]
        .iter()
        .map(|entry| Opened::new(entry, keys))
        .collect();
    let leaves = before
        .iter()
        .copied()
        .chain(opened.iter().map(Opened::leaf));
    let own: Vec<u8> = leaves.flat_map(|leaf| *leaf.as_bytes()).collect();
    Ok(Batch {
        first: from,
        before,
        entries: opened,
        tile_root: full_tile_root(&own).ok(),
        tile_fault: compare_tile(0, id.index(), &own, tile),
    })
}

/// Compares a tile with the hashes that the entries give.
pub(crate) fn compare_tile(
    level: u8,
    index: u64,
    own: &[u8],
    served: Result<Vec<u8>, Fault>,
) -> Option<Fault> {
    // Entries below one hash of this level.
    let span = WIDTH.checked_pow(level.into()).unwrap_or(u64::MAX);
    let first = index.saturating_mul(WIDTH).saturating_mul(span);
    match served {
        Ok(bytes) if bytes == own => None,
        Ok(bytes) => {
            let at = own.iter().zip(&bytes).take_while(|(a, b)| a == b).count() as u64 / 32;
            let entry = first.saturating_add(at.saturating_mul(span));
            Some(Fault {
                code: "log.tile",
                entry: Some(entry),
                what: format!(
                    "tile {index} of level {level} is not what the entries give, from entry {entry} on"
                ),
            })
        }
        Err(fault) => Some(Fault {
            entry: Some(first),
            ..fault
        }),
    }
}

/// A batch, the log's fault that there is none, or that the place cannot be read.
type BatchResult = Result<Result<Batch, Fault>, AuditError>;

/// Batches of entries in order.
#[derive(Debug)]
pub(crate) struct Entries {
    reader: LogReader,
    next: u64,
    to: u64,
    ahead: VecDeque<JoinHandle<BatchResult>>,
}

impl Entries {
    /// The next batch; `None` at the end.
    ///
    /// # Errors
    /// The place cannot be read.
    pub(crate) async fn next(&mut self) -> Result<Option<Result<Batch, Fault>>, AuditError> {
        while self.ahead.len() < BUNDLES_AHEAD && self.next < self.to {
            let index = self.next / WIDTH;
            let width = (self.to - index * WIDTH).min(WIDTH);
            let id = BundleId::new(index, u16::try_from(width).expect("at most 256"))
                .expect("a bundle of a tree of this size has a name");
            let batch = self.reader.clone().batch(id, self.next);
            self.ahead.push_back(tokio::spawn(batch));
            self.next = index * WIDTH + width;
        }
        join(self.ahead.pop_front(), "reading entries").await
    }
}

impl Drop for Entries {
    fn drop(&mut self) {
        self.ahead.iter().for_each(JoinHandle::abort);
    }
}

/// An archived size and its checkpoint, if it is served.
type SizedNote = (u64, Option<Vec<u8>>);

/// Archived checkpoints in order; `None` inside for one that is listed and not served.
#[derive(Debug)]
pub(crate) struct Notes {
    reader: LogReader,
    sizes: VecDeque<u64>,
    ahead: VecDeque<JoinHandle<Result<SizedNote, AuditError>>>,
}

impl Notes {
    /// The next one with its size; `None` at the end.
    ///
    /// # Errors
    /// The place cannot be read.
    pub(crate) async fn next(&mut self) -> Result<Option<SizedNote>, AuditError> {
        while self.ahead.len() < NOTES_AHEAD {
            let Some(size) = self.sizes.pop_front() else {
                break;
            };
            let place = Arc::clone(&self.reader.place);
            self.ahead.push_back(tokio::spawn(async move {
                let id = ArchiveId::new(size).expect("sizes of the index are checked");
                Ok((size, place.get(&id.path(), NOTE_BYTES_MAX).await?))
            }));
        }
        join(self.ahead.pop_front(), "reading checkpoints").await
    }
}

impl Drop for Notes {
    fn drop(&mut self) {
        self.ahead.iter().for_each(JoinHandle::abort);
    }
}

async fn join<T>(
    task: Option<JoinHandle<Result<T, AuditError>>>,
    part: &'static str,
) -> Result<Option<T>, AuditError> {
    match task {
        None => Ok(None),
        Some(task) => match task.await {
            Ok(result) => result.map(Some),
            Err(_) => Err(AuditError::Ended { part }),
        },
    }
}

fn index_fault(path: &str, what: String) -> Fault {
    Fault {
        code: "archive.index",
        entry: None,
        what: format!("{path} is not a list of ascending sizes: {what}"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_that_differs_names_the_first_entry_below_the_difference() {
        let own = [7; 96];
        let mut served = own.to_vec();
        assert_eq!(compare_tile(0, 2, &own, Ok(served.clone())), None);
        served[40] = 8;
        let fault = compare_tile(0, 2, &own, Ok(served.clone())).unwrap();
        assert_eq!(fault.entry, Some(513));
        let fault = compare_tile(1, 0, &own, Ok(served)).unwrap();
        assert_eq!(fault.entry, Some(256));
        let short = compare_tile(0, 0, &own, Ok(vec![7; 64])).unwrap();
        assert_eq!(short.entry, Some(2));
    }
}
