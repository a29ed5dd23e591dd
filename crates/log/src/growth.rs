//! What the public files of a log become as it grows: a pure function of its entries.
//!
//! ```text
//! 500 entries, then 20 more:
//!   tile/entries/001, tile/0/001                 are full now and never change again
//! a checkpoint of size 520 also needs
//!   tile/entries/002.p/8, tile/0/002.p/8, tile/1/000.p/2
//! ```

use tlog::limits::TILE_WIDTH;
use tlog::tree::Edge;
use tlog::{BundleId, TileId};

use crate::batch::Batch;
use crate::shelf::File;
use crate::table::Mark;

/// The right edge of a log: the tiles and the bundle that are being filled.
#[derive(Debug, Default)]
pub struct Growth {
    edge: Edge,
    /// The entries behind the last full bundle, as they will stand in it.
    open: Vec<u8>,
}

impl Growth {
    /// Number of entries.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.edge.size()
    }

    /// The tree as it is now.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark {
            size: self.edge.size(),
            root: self.edge.root(),
        }
    }

    /// Takes the entries of a batch that are new; the batch must not begin behind the last one.
    /// Full tiles and bundles are added to `files`. Returns the newest tree of which all entries
    /// are in full bundles, if one was filled.
    pub fn append(&mut self, batch: &Batch, files: &mut Vec<File>) -> Option<Mark> {
        self.append_to(batch.end(), batch, files)
    }

    /// The same for the entries below `end`.
    pub fn append_to(&mut self, end: u64, batch: &Batch, files: &mut Vec<File>) -> Option<Mark> {
        debug_assert!(batch.first() <= self.size(), "no entry is left out");
        let width = u64::from(TILE_WIDTH);
        let end = end.min(batch.end());
        let last_full = end / width * width;
        let mut done = self.size();
        let mut full = None;
        for index in self.size()..end {
            let entry = batch.get(index).expect("the index is below its end");
            self.edge.append(entry, files);
            let size = self.edge.size();
            if !size.is_multiple_of(width) {
                continue;
            }
            self.open.extend_from_slice(batch.slice(done, size));
            done = size;
            // Capacity of what comes next is about that of what came before.
            let next = Vec::with_capacity(self.open.len());
            let bytes = std::mem::replace(&mut self.open, next);
            files.push((bundle_path(size / width - 1, TILE_WIDTH), bytes));
            if size == last_full {
                full = Some(self.mark());
            }
        }
        self.open.extend_from_slice(batch.slice(done, end));
        full
    }

    /// The partial tiles and the partial bundle that a checkpoint of this size needs.
    #[must_use]
    pub fn partial(&self) -> Vec<File> {
        let mut files = self.edge.partial_tiles();
        let width = u64::from(TILE_WIDTH);
        let open = (self.size() % width) as u16;
        if open > 0 {
            files.push((bundle_path(self.size() / width, open), self.open.clone()));
        }
        files
    }
}

fn bundle_path(index: u64, width: u16) -> String {
    let id = BundleId::new(index, width);
    id.expect("a log has fewer than 2^63 entries").path()
}

/// The full tiles and bundles whose partial ones a log may forget when the oldest checkpoint that
/// it keeps partial tiles for grew from `old` to `new`: those that are full at `new`, and were
/// not at `old`. Partial ones that a tree of `new` entries or a later one needs are never among
/// them.
pub fn outgrown(old: u64, new: u64) -> impl Iterator<Item = String> {
    let full_at = |size: u64, level: u8| size.checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0);
    let tiles = (0..8u8).flat_map(move |level| {
        (full_at(old, level)..full_at(new, level)).filter_map(move |index| {
            let id = TileId::new(level, index, TILE_WIDTH).ok()?;
            Some(id.path())
        })
    });
    let bundles = (full_at(old, 0)..full_at(new, 0)).map(|index| bundle_path(index, TILE_WIDTH));
    tiles.chain(bundles)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use tlog::tiles_between;

    use super::*;

    fn entry(index: u64) -> Vec<u8> {
        index.to_be_bytes()[..(index % 9) as usize].to_vec()
    }

    fn batch(first: u64, end: u64) -> Batch {
        let mut batch = Batch::new(first);
        for index in first..end {
            batch.push(&entry(index)).unwrap();
        }
        batch
    }

    /// Grows in these steps; every size of them is published.
    fn grow(sizes: &[u64]) -> (Growth, BTreeMap<String, Vec<u8>>) {
        let (mut growth, mut shelf) = (Growth::default(), BTreeMap::new());
        for size in sizes {
            let mut files = Vec::new();
            let full = growth.append(&batch(growth.size(), *size), &mut files);
            if let Some(full) = full {
                assert_eq!(full.size, size / 256 * 256);
            }
            files.extend(growth.partial());
            for (path, bytes) in files {
                let there = shelf.entry(path).or_insert_with(|| bytes.clone());
                assert_eq!(*there, bytes, "a file changed");
            }
        }
        (growth, shelf)
    }

    #[test]
    fn any_steps_make_the_files_of_the_last_size() {
        for step in [1, 7, 255, 256, 300, 1000] {
            let sizes: Vec<u64> = (0..1000).step_by(step).skip(1).chain([1000]).collect();
            let (growth, shelf) = grow(&sizes);
            assert_eq!(growth.size(), 1000);
            for id in tiles_between(0, 1000) {
                assert!(shelf.contains_key(&id.path()), "step {step}: {id}");
            }
            for id in BundleId::covering(1000) {
                let last = id.first_entry() + u64::from(id.width());
                let entries: Vec<Vec<u8>> = (id.first_entry()..last).map(entry).collect();
                let bundle = tlog::bundle::encode(&entries).unwrap();
                assert_eq!(shelf[&id.path()], bundle, "step {step}: {id}");
            }
        }
    }

    #[test]
    fn a_batch_that_is_partly_known_adds_its_new_entries() {
        let (mut growth, _) = grow(&[300]);
        let mut files = Vec::new();
        let full = growth.append(&batch(100, 513), &mut files).unwrap();
        let (whole, shelf) = grow(&[512]);
        assert_eq!(full, whole.mark());
        for (path, bytes) in &files {
            assert_eq!(shelf[path], *bytes);
        }
        assert_eq!(growth.mark(), grow(&[513]).0.mark());
    }

    #[test]
    fn what_is_outgrown_is_full_and_needed_by_no_later_tree() {
        for (old, new) in [
            (0, 255),
            (0, 256),
            (255, 700),
            (512, 65_536),
            (60_000, 70_000),
        ] {
            let outgrown: BTreeSet<String> = outgrown(old, new).collect();
            assert_eq!(outgrown.is_empty(), old / 256 == new / 256, "{old} {new}");
            let full: BTreeSet<String> = tiles_between(0, new)
                .filter(TileId::is_full)
                .map(|id| id.path())
                .chain(
                    BundleId::covering(new)
                        .filter(BundleId::is_full)
                        .map(|id| id.path()),
                )
                .collect();
            assert!(outgrown.is_subset(&full));
            for needed in [new, new + 1, new + 255, new + 256] {
                let partial = tiles_between(0, needed).filter(|id| !id.is_full());
                for id in partial {
                    assert!(!outgrown.contains(&id.to_full().path()), "{id} at {needed}");
                }
            }
        }
    }

    #[test]
    fn what_is_outgrown_in_steps_is_all_that_is_outgrown() {
        let all: BTreeSet<String> = outgrown(0, 70_000).collect();
        let steps = [0, 1, 255, 256, 300, 65_535, 65_537, 69_999, 70_000];
        let stepped = steps.windows(2).flat_map(|pair| outgrown(pair[0], pair[1]));
        assert_eq!(stepped.collect::<BTreeSet<_>>(), all);
        assert_eq!(all.len(), 70_000 / 256 * 2 + 1);
    }
}
