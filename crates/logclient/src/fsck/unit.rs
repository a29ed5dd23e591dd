//! One bundle of entries and the tile of its leaf hashes: what the threads do.

use std::sync::atomic::Ordering;

use tlog::{BundleId, Frontier, Hash, bundle, leaf_hash};

use super::report::Fault;
use super::{Check, Served, bundle_id, hashes_of, root_of, tile_id};
use crate::limits::BUNDLE_BYTES_MAX;

/// A bundle to be checked.
pub(super) struct Unit {
    pub(super) index: u64,
    /// Entries in it, 1 to 256.
    pub(super) width: usize,
    pub(super) expected: Expected,
    /// Sizes of archived checkpoints that end inside of it or with it.
    pub(super) archived: Vec<u64>,
    /// The tree before it, if that is known and there are such checkpoints.
    pub(super) before: Option<Frontier>,
}

/// What is known about a bundle from above.
pub(super) enum Expected {
    /// The root over the leaf hashes of a full one.
    Root(Hash),
    /// The leaf hashes of the one at the right edge.
    Leaves(Vec<Hash>),
    /// Nothing, because tiles above are bad beyond repair.
    Unknown,
}

/// What reading a bundle gave: leaf hashes, or what is wrong with it.
struct Read {
    leaves: Option<Vec<Hash>>,
    fault: Option<Fault>,
}

impl Check<'_> {
    /// Checks one bundle; `buffer` is used again and again.
    pub(super) fn check_unit(&self, unit: &Unit, buffer: &mut Vec<u8>) {
        let tile_name = tile_id(0, unit.index, unit.width);
        let tile = self.read_tile(tile_name);
        let id = bundle_id(unit.index, unit.width);
        let read = self.read_leaves(id, buffer);
        let shown = match &tile {
            Served::Bytes(bytes) => hashes_of(bytes, unit.width),
            Served::Missing | Served::Unread => None,
        };
        let missing = matches!(read.fault, Some(Fault::Missing));
        let withheld = missing && self.may_be_absent(0, unit.index, unit.width);
        if missing && !withheld && matches!(tile, Served::Missing) {
            let gap = self.counts.gap.fetch_add(1, Ordering::Relaxed) + 1;
            if gap == crate::limits::GAP_BUNDLES_MAX + 1 {
                let entry = unit.index * 256;
                self.bad("tile/entries".to_owned(), Fault::Nothing { entry });
            }
        } else {
            self.counts.gap.store(0, Ordering::Relaxed);
        }
        let read_leaves = read.leaves.as_ref();
        let fits = |hashes: &Vec<Hash>| match &unit.expected {
            Expected::Root(root) => root_of(hashes) == *root,
            Expected::Leaves(leaves) => hashes == leaves,
            Expected::Unknown => read_leaves == shown.as_ref(),
        };
        let truth = match &unit.expected {
            Expected::Leaves(leaves) => Some(leaves),
            _ => read_leaves
                .filter(|hashes| fits(hashes))
                .or_else(|| shown.as_ref().filter(|hashes| fits(hashes))),
        };
        let is_right = read_leaves.is_some() && read_leaves == truth;
        self.name_faults(unit, read_leaves, truth, &tile);
        match read.fault {
            Some(_) if withheld => {
                let entries = unit.width as u64;
                self.counts.withheld.fetch_add(entries, Ordering::Relaxed);
            }
            Some(fault) => self.bad(id.path(), fault),
            None => {}
        }
        if let Some(truth) = truth {
            self.check_parts(unit, truth, is_right.then_some(buffer));
        }
        for size in &unit.archived {
            let root = truth.and_then(|leaves| root_at(unit, leaves, *size));
            self.check_archived(*size, root);
        }
        if !withheld {
            let entries = unit.width as u64;
            let read = self.counts.entries.fetch_add(entries, Ordering::Relaxed);
            self.progress.entries(read + entries, self.size());
        }
    }

    /// Says what is wrong with a bundle that could be parsed, and with its tile.
    fn name_faults(
        &self,
        unit: &Unit,
        leaves: Option<&Vec<Hash>>,
        truth: Option<&Vec<Hash>>,
        tile: &Served,
    ) {
        let bundle_path = bundle_id(unit.index, unit.width).path();
        let tile_path = tile_id(0, unit.index, unit.width).path();
        let unknown = matches!(unit.expected, Expected::Unknown);
        match (leaves, truth) {
            (None, _) => {}
            (Some(leaves), Some(truth)) => {
                let first = leaves.iter().zip(truth).position(|(a, b)| a != b);
                if let Some(at) = first {
                    let index = unit.index * 256 + at as u64;
                    self.bad(bundle_path, Fault::OtherEntry { index });
                }
            }
            (Some(_), None) if unknown && matches!(tile, Served::Bytes(_)) => {
                let other = tile_path.clone();
                self.bad(bundle_path, Fault::Contradicts { other });
            }
            // Nothing is known against it.
            (Some(_), None) if unknown => {}
            (Some(_), None) => self.bad(bundle_path, Fault::SomeOtherEntry),
        }
        match (truth, tile) {
            (Some(truth), tile) => self.compare_tile(0, unit.index, truth, tile),
            (None, Served::Missing) if self.may_be_absent(0, unit.index, unit.width) => {}
            (None, Served::Missing) => self.bad(tile_path, Fault::Missing),
            (None, Served::Bytes(bytes)) => {
                let expected = unit.width * 32;
                let found = bytes.len();
                let fault = if found < expected {
                    Fault::Short { found, expected }
                } else if found > expected {
                    Fault::Long { found, expected }
                } else if unknown && leaves.is_none() {
                    return;
                } else if unknown {
                    let other = bundle_id(unit.index, unit.width).path();
                    Fault::Contradicts { other }
                } else {
                    Fault::OtherBytes { at: 0 }
                };
                self.bad(tile_path, fault);
            }
            (None, Served::Unread) => {}
        }
    }

    /// The leaf hashes of a bundle, which stays in the buffer; of the full one if the log has outgrown it.
    fn read_leaves(&self, id: BundleId, buffer: &mut Vec<u8>) -> Read {
        let mut read = id;
        let mut found = self.files.read_into(&id.path(), BUNDLE_BYTES_MAX, buffer);
        if matches!(found, Ok(false)) && !id.is_full() {
            read = id.to_full();
            found = self.files.read_into(&read.path(), BUNDLE_BYTES_MAX, buffer);
        }
        let mut result = Read {
            leaves: None,
            fault: None,
        };
        match found {
            Ok(true) => {
                self.counts.bundles.fetch_add(1, Ordering::Relaxed);
                match bundle::parse(buffer, read.width()) {
                    Ok(entries) => {
                        let entries = entries.into_iter().take(usize::from(id.width()));
                        result.leaves = Some(entries.map(leaf_hash).collect());
                    }
                    Err(error) => result.fault = Some(Fault::Bundle(error)),
                }
            }
            Ok(false) => result.fault = Some(Fault::Missing),
            Err(error) => result.fault = Some(Fault::Read(error)),
        }
        result
    }

    /// Partial bundles that were published on the way: each is the beginning of the whole one. `whole` is that
    /// if it is right; otherwise the leaf hashes tell.
    fn check_parts(&self, unit: &Unit, truth: &[Hash], whole: Option<&mut Vec<u8>>) {
        let full = bundle_id(unit.index, 256).path();
        let start = unit.index * 256;
        let width = u16::try_from(unit.width).unwrap_or(256);
        for (width, owed) in self.widths(&full, start, 1, width) {
            let id = bundle_id(unit.index, usize::from(width));
            let bytes = match self.read(&id.path(), BUNDLE_BYTES_MAX) {
                Served::Bytes(bytes) => bytes,
                Served::Missing if owed => {
                    self.bad(id.path(), Fault::Missing);
                    continue;
                }
                Served::Missing | Served::Unread => continue,
            };
            self.counts.bundles.fetch_add(1, Ordering::Relaxed);
            let end = whole.as_deref().and_then(|whole| end_of(whole, width));
            let fault = match (whole.as_deref(), end) {
                (Some(whole), Some(end)) => difference(&whole[..end], &bytes),
                _ => by_leaves(&bytes, id, truth),
            };
            if let Some(fault) = fault {
                self.bad(id.path(), fault);
            }
        }
    }
}

/// The root of the tree of `size` entries, which ends inside of this bundle.
fn root_at(unit: &Unit, leaves: &[Hash], size: u64) -> Option<Hash> {
    let mut frontier = unit.before.clone()?;
    let count = usize::try_from(size - unit.index * 256).ok()?;
    for leaf in leaves.get(..count)? {
        frontier.append(*leaf);
    }
    Some(frontier.root())
}

/// Where the first `width` entries of a bundle end.
fn end_of(bundle: &[u8], width: u16) -> Option<usize> {
    let mut at = 0;
    for _ in 0..width {
        let length = bundle.get(at..at + 2)?;
        at += 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
    }
    (at <= bundle.len()).then_some(at)
}

fn difference(expected: &[u8], bytes: &[u8]) -> Option<Fault> {
    let (found, expected_bytes) = (bytes.len(), expected.len());
    if let Some(at) = expected.iter().zip(bytes).position(|(a, b)| a != b) {
        return Some(Fault::OtherPart { at });
    }
    match found.cmp(&expected_bytes) {
        std::cmp::Ordering::Less => Some(Fault::Short {
            found,
            expected: expected_bytes,
        }),
        std::cmp::Ordering::Greater => Some(Fault::Long {
            found,
            expected: expected_bytes,
        }),
        std::cmp::Ordering::Equal => None,
    }
}

fn by_leaves(bytes: &[u8], id: BundleId, truth: &[Hash]) -> Option<Fault> {
    let entries = match bundle::parse(bytes, id.width()) {
        Ok(entries) => entries,
        Err(error) => return Some(Fault::Bundle(error)),
    };
    let mut pairs = entries.into_iter().zip(truth);
    let at = pairs.position(|(entry, leaf)| leaf_hash(entry) != *leaf)?;
    let index = id.first_entry() + at as u64;
    Some(Fault::OtherEntry { index })
}
