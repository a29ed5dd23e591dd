//! Checks a whole published log, on all cores: every entry, every tile, every archived checkpoint, against
//! the signed root. For any log that serves C2SP tlog-tiles; entries are bytes here.
//!
//! Truth comes from above: the signed root says which hashes the tiles of the right edge must hold, those say
//! it of the tiles below them, and so on down to the entries (`fsck/spine.rs`). So each file is held against a hash
//! that is known to be right, independent of its neighbours, and every bad one is named for certain. Where a
//! tile above is bad, what it must have held is recomputed from below, and believed when it fits what is known
//! further up. Memory is one tile for each level and one bundle for each thread, whatever the size.
//!
//! What a log announced to serve no more (`spec/pruning.md`) may be missing, and is counted.
//!
//! What it does not find: that the log showed something else to somebody else (`monitor`), and entries that
//! mean something forbidden (`limpid audit`).

mod report;
mod spine;
mod stray;
mod unit;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use tlog::{ArchiveIndex, BundleId, Checkpoint, Frontier, Hash, ParseError, TileId};

pub use report::{BadFile, Fault, Report};

use crate::limits::{
    ARCHIVE_INDEX_BYTES_MAX, ARCHIVE_PAGE_BYTES_MAX, GAP_BUNDLES_MAX, MINIMUM_BYTES_MAX,
    NOTE_BYTES_MAX,
};
use crate::minimum::{MINIMUM_PATH, Minimum};
use crate::sources::{LogFiles, ReadError};
use crate::trust::{Trust, TrustError};
use unit::Unit;

/// Hears what is found, as it is found, from any thread.
pub trait Progress: Sync {
    /// This file is bad.
    fn bad(&self, file: &BadFile);

    /// So many entries of so many were read.
    fn entries(&self, _read: u64, _all: u64) {}
}

/// Why nothing could be checked.
#[derive(Debug, thiserror::Error)]
pub enum FsckStop {
    /// There is no checkpoint, so it is not known what should be there.
    #[error("{place} has no checkpoint; is it a log?")]
    NoCheckpoint {
        /// Where.
        place: String,
    },
    /// It cannot be read.
    #[error("the checkpoint cannot be read")]
    Read(#[source] ReadError),
    /// It is not as good as asked for.
    #[error("the checkpoint of {place} is refused; nothing can be checked against it")]
    Checkpoint {
        /// Where.
        place: String,
        /// Why.
        #[source]
        source: TrustError,
    },
}

/// Checks the log. Blocks until it is done; for a server the calling thread must be one that may block.
///
/// # Errors
/// [`FsckStop`] when there is no acceptable checkpoint. Everything else is in the report.
pub fn fsck(
    files: &LogFiles,
    trust: &Trust,
    jobs: usize,
    progress: &dyn Progress,
) -> Result<Report, FsckStop> {
    let note = files
        .read("checkpoint", NOTE_BYTES_MAX)
        .map_err(FsckStop::Read)?
        .ok_or_else(|| FsckStop::NoCheckpoint {
            place: files.to_string(),
        })?;
    let opened = trust.open(&note).map_err(|source| FsckStop::Checkpoint {
        place: files.to_string(),
        source,
    })?;
    let check = Check {
        files,
        trust,
        checkpoint: &opened.checkpoint,
        archived: Vec::new(),
        minimum: None,
        progress,
        counts: Counts::default(),
    };
    let check = check.with_archive().with_minimum();
    check.run(jobs.max(1));
    let counts = check.counts;
    Ok(Report {
        checkpoint: opened.checkpoint.clone(),
        signed: opened.signed,
        proven: counts.proven.into_inner(),
        entries: counts.entries.into_inner(),
        bundles: counts.bundles.into_inner(),
        tiles: counts.tiles.into_inner(),
        archived: counts.archived.into_inner(),
        bad: counts.bad.into_inner(),
        unread: counts.unread.into_inner(),
        minimum: check.minimum,
        withheld: counts.withheld.into_inner(),
        ahead: counts.ahead.into_inner(),
    })
}

#[derive(Debug, Default)]
struct Counts {
    proven: AtomicBool,
    entries: AtomicU64,
    bundles: AtomicU64,
    tiles: AtomicU64,
    archived: AtomicU64,
    bad: AtomicU64,
    unread: AtomicU64,
    withheld: AtomicU64,
    ahead: AtomicU64,
    /// Bundles in a row of which nothing is there.
    gap: AtomicU64,
}

/// One check under way; shared by all threads.
struct Check<'a> {
    files: &'a LogFiles,
    trust: &'a Trust,
    checkpoint: &'a Checkpoint,
    /// Sizes of archived checkpoints up to the size of the newest, ascending.
    archived: Vec<u64>,
    minimum: Option<Minimum>,
    progress: &'a dyn Progress,
    counts: Counts,
}

/// What was found under a name.
enum Served {
    Bytes(Vec<u8>),
    Missing,
    /// It was reported already.
    Unread,
}

impl Check<'_> {
    fn size(&self) -> u64 {
        self.checkpoint.size()
    }

    fn with_archive(mut self) -> Self {
        let index = match self.read(ArchiveIndex::PATH, ARCHIVE_INDEX_BYTES_MAX) {
            Served::Bytes(bytes) => bytes,
            Served::Missing | Served::Unread => return self,
        };
        let size = self.size();
        let mut known: Vec<u64> = Vec::new();
        let mut ahead = 0;
        let mut take = |path: String, sizes: Result<&[u64], ParseError>| match sizes {
            Err(error) => self.bad(path, Fault::Index(error.to_string())),
            Ok(sizes) => {
                let from = known.last().copied();
                if let Some(first) = sizes
                    .first()
                    .filter(|first| from.is_some_and(|from| from >= **first))
                {
                    let what = format!("`{first}` is not above the sizes before");
                    return self.bad(path, Fault::Index(what));
                }
                let end = sizes.partition_point(|archived| *archived <= size);
                known.extend(&sizes[..end]);
                ahead += (sizes.len() - end) as u64;
            }
        };
        match ArchiveIndex::parse(&index) {
            Err(error) => take(ArchiveIndex::PATH.to_owned(), Err(error)),
            Ok(index) => {
                for number in 0..index.pages() {
                    let path = ArchiveIndex::page_path(number);
                    match self.read(&path, ARCHIVE_PAGE_BYTES_MAX) {
                        Served::Bytes(bytes) => {
                            let page = ArchiveIndex::parse_page(&bytes);
                            take(path, page.as_deref().map_err(Clone::clone));
                        }
                        // Nothing is asked for behind a hole: it may be a claim of many pages.
                        Served::Missing => {
                            self.bad(path, Fault::Missing);
                            break;
                        }
                        Served::Unread => break,
                    }
                }
                take(ArchiveIndex::PATH.to_owned(), Ok(index.open()));
            }
        }
        self.counts.ahead.store(ahead, Ordering::Relaxed);
        self.archived = known;
        self
    }

    fn with_minimum(mut self) -> Self {
        if let Served::Bytes(bytes) = self.read(MINIMUM_PATH, MINIMUM_BYTES_MAX) {
            match Minimum::open(&bytes, self.trust, self.checkpoint) {
                Ok(minimum) => self.minimum = Some(minimum),
                Err(error) => self.bad(MINIMUM_PATH.to_owned(), Fault::Minimum(error)),
            }
        }
        self
    }

    /// Whether a full tile that is not there was announced to go. A bundle goes with its tile of leaf hashes.
    fn may_be_absent(&self, level: u8, index: u64, width: usize) -> bool {
        let id = tile_id(level, index, width);
        self.minimum.as_ref().is_some_and(|it| it.frees_tile(id))
    }

    /// One thread walks down from the root and hands out bundles; the others read and hash them.
    fn run(&self, jobs: usize) {
        let (give, take) = mpsc::sync_channel::<Unit>(2 * jobs);
        let take = Mutex::new(take);
        thread::scope(|threads| {
            for _ in 0..jobs {
                threads.spawn(|| {
                    let mut buffer = Vec::new();
                    loop {
                        let next = take.lock().unwrap_or_else(PoisonError::into_inner).recv();
                        let Ok(unit) = next else {
                            break;
                        };
                        self.check_unit(&unit, &mut buffer);
                    }
                });
            }
            if self.archived.first() == Some(&0) {
                self.check_archived(0, Some(Hash::EMPTY_ROOT));
            }
            self.descend(&|unit| {
                // All receivers live until `give` is dropped.
                drop(give.send(unit));
            });
            drop(give);
            self.find_strays();
        });
    }

    fn bad(&self, path: String, fault: Fault) {
        let count = if fault.is_damage() {
            &self.counts.bad
        } else {
            &self.counts.unread
        };
        count.fetch_add(1, Ordering::Relaxed);
        self.progress.bad(&BadFile { path, fault });
    }

    fn read(&self, path: &str, bytes_max: usize) -> Served {
        match self.files.read(path, bytes_max) {
            Ok(Some(bytes)) => Served::Bytes(bytes),
            Ok(None) => Served::Missing,
            Err(error) => {
                self.bad(path.to_owned(), Fault::Read(error));
                Served::Unread
            }
        }
    }

    /// Nothing was found in so many places in a row that the rest is taken as missing.
    fn gave_up(&self) -> bool {
        self.counts.gap.load(Ordering::Relaxed) > GAP_BUNDLES_MAX
    }

    /// Archived sizes above `start` and up to `end`.
    fn archived_in(&self, start: u64, end: u64) -> &[u64] {
        let from = self.archived.partition_point(|size| *size <= start);
        let to = self.archived.partition_point(|size| *size <= end);
        &self.archived[from..to]
    }

    /// Widths at which a tile or bundle that begins at leaf `start` and whose hashes stand for `step` leaves
    /// each was published on the way: those of archived checkpoints, and those that lie in the directory.
    fn widths(&self, full_path: &str, start: u64, step: u64, width: u16) -> Vec<(u16, bool)> {
        let end = start.saturating_add(step.saturating_mul(256));
        let archived = self.archived_in(start, end.min(self.size()));
        let mut widths: Vec<(u16, bool)> = archived
            .iter()
            // Fits: at most 256.
            .map(|size| (((size - start) / step) as u16, true))
            .collect();
        let listed = self.files.partial_widths(full_path);
        widths.extend(listed.into_iter().map(|width| (width, false)));
        // A full tile is owed once; partial ones of archived sizes only where there is none.
        let full = width == 256;
        widths.retain(|(w, _)| (1..width).contains(w));
        widths.sort_unstable_by_key(|(w, archived)| (*w, !archived));
        widths.dedup_by_key(|(w, _)| *w);
        widths
            .into_iter()
            .map(|(w, archived)| (w, archived && !full))
            .collect()
    }

    /// Compares a tile and its partial forms with the hashes that it must hold. `served` is what was read
    /// under its own name.
    fn compare_tile(&self, level: u8, index: u64, truth: &[Hash], served: &Served) {
        let id = tile_id(level, index, truth.len());
        if !(matches!(served, Served::Missing) && self.may_be_absent(level, index, truth.len())) {
            self.compare(id.path(), truth, served);
        }
        let step = 1u64 << (8 * u32::from(level));
        let full = id.to_full().path();
        let start = index.saturating_mul(256).saturating_mul(step);
        for (width, owed) in self.widths(&full, start, step, id.width()) {
            let path = tile_id(level, index, usize::from(width)).path();
            match self.read(&path, crate::limits::TILE_BYTES_MAX) {
                Served::Missing if !owed => {}
                served => self.compare(path, &truth[..usize::from(width)], &served),
            }
        }
    }

    fn compare(&self, path: String, truth: &[Hash], served: &Served) {
        self.counts.tiles.fetch_add(1, Ordering::Relaxed);
        match served {
            Served::Bytes(bytes) => {
                if let Some(fault) = report::difference(truth, bytes) {
                    self.bad(path, fault);
                }
            }
            Served::Missing => self.bad(path, Fault::Missing),
            Served::Unread => {}
        }
    }

    /// A tile under its own name, or the first hashes of the full one if the log has outgrown it.
    fn read_tile(&self, id: TileId) -> Served {
        let found = self.read(&id.path(), crate::limits::TILE_BYTES_MAX);
        if id.is_full() || !matches!(found, Served::Missing) {
            return found;
        }
        match self
            .files
            .read(&id.to_full().path(), crate::limits::TILE_BYTES_MAX)
        {
            Ok(Some(mut full)) if full.len() == id.to_full().bytes() => {
                full.truncate(id.bytes());
                Served::Bytes(full)
            }
            _ => Served::Missing,
        }
    }

    /// An archived checkpoint: signed by the log, of that size, and of this tree. `root` is what the entries
    /// give for its size, if that is known.
    fn check_archived(&self, size: u64, root: Option<Hash>) {
        let path = format!("archive/{size}");
        let note = match self.read(&path, NOTE_BYTES_MAX) {
            Served::Bytes(note) => note,
            Served::Missing => return self.bad(path, Fault::Missing),
            Served::Unread => return,
        };
        self.counts.archived.fetch_add(1, Ordering::Relaxed);
        let opened = match self.trust {
            Trust::Nobody => crate::trust::claimed(&note),
            trust => trust.verified(&note).map(|verified| verified.into_inner()),
        };
        let fault = match opened {
            Err(error) => Fault::Note(error),
            Ok(found) if found.origin() != self.checkpoint.origin() => Fault::OtherLog {
                origin: found.origin().to_string(),
            },
            Ok(found) if found.size() != size => Fault::OtherSize { size: found.size() },
            Ok(found) => match root {
                Some(root) if root == *found.root() => return,
                Some(_) => Fault::OtherRoot,
                // What it was of is withheld: that the log signed it is all that can be seen.
                None if self.minimum.as_ref().is_some_and(|it| size < it.minimum) => return,
                None => Fault::Unproven,
            },
        };
        self.bad(path, fault);
    }
}

/// Names of tiles of a tree whose size a checkpoint can state always fit.
fn tile_id(level: u8, index: u64, width: usize) -> TileId {
    let width = u16::try_from(width).unwrap_or(u16::MAX);
    TileId::new(level, index, width).expect("tiles of a tree of a checkpoint's size have names")
}

fn bundle_id(index: u64, width: usize) -> BundleId {
    let width = u16::try_from(width).unwrap_or(u16::MAX);
    BundleId::new(index, width).expect("bundles of a log of a checkpoint's size have names")
}

/// The root over the hashes of a full tile.
fn root_of(hashes: &[Hash]) -> Hash {
    let mut frontier = Frontier::new();
    for hash in hashes {
        frontier.append(*hash);
    }
    frontier.root()
}

/// The hashes in the bytes of a tile of this width; `None` if there are more or fewer.
fn hashes_of(bytes: &[u8], width: usize) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    (rest.is_empty() && hashes.len() == width)
        .then(|| hashes.iter().map(|hash| Hash::from_bytes(*hash)).collect())
}
