//! The tiles above the leaves, from the signed root down, and what to do where one of them is bad.

use std::sync::atomic::Ordering;

use tlog::{Frontier, Hash, bundle, leaf_hash, node_hash};

use super::report::Fault;
use super::unit::{Expected, Unit};
use super::{Check, Served, bundle_id, hashes_of, root_of, tile_id};
use crate::limits::DISPUTED_MAX;
use crate::sources::LogFiles;

/// Takes the bundles to be checked.
type Give<'a> = &'a dyn Fn(Unit);

/// The tiles of the right edge that are not full: level, and the hashes each must hold.
type Edge = Vec<(u8, Vec<Hash>)>;

/// Where the walk is: the frontier of the whole subtrees passed, as long as all their roots are known.
struct Walk<'a> {
    give: Give<'a>,
    passed: Option<Frontier>,
}

impl Check<'_> {
    /// Walks over the whole tree in the order of the entries and hands out each bundle with the hash it must
    /// have.
    pub(super) fn descend(&self, give: Give<'_>) {
        let (edge, served, proven) = self.edge();
        self.counts.proven.store(proven, Ordering::Relaxed);
        let mut walk = Walk {
            give,
            passed: Some(Frontier::new()),
        };
        for ((level, hashes), served) in edge.iter().zip(&served).rev() {
            let index = hashes_at(*level, self.size()) / 256;
            if *level == 0 {
                let expected = Expected::Leaves(hashes.clone());
                walk.unit(self, index, hashes.len(), expected);
            } else {
                self.compare_tile(*level, index, hashes, served);
                self.walk(*level, index, hashes, &mut walk);
            }
        }
    }

    /// The partial tiles of the right edge, lowest level first, with what was served for each; and whether
    /// they lead to the signed root.
    fn edge(&self) -> (Edge, Vec<Served>, bool) {
        let size = self.size();
        let mut options: Vec<Vec<Vec<Hash>>> = Vec::new();
        let mut served = Vec::new();
        let mut places = Vec::new();
        for level in 0..8u8 {
            let hashes = hashes_at(level, size);
            let width = (hashes % 256) as usize;
            if width == 0 {
                continue;
            }
            let found = self.read_tile(tile_id(level, hashes / 256, width));
            let own = match &found {
                Served::Bytes(bytes) => hashes_of(bytes, width),
                Served::Missing | Served::Unread => None,
            };
            options.push(own.into_iter().collect());
            served.push(found);
            places.push((level, hashes / 256, width));
        }
        let levels = || places.iter().map(|(level, _, _)| *level);
        if let Some(edge) = self.edge_that_fits(&options) {
            return (levels().zip(edge).collect(), served, true);
        }
        // Served tiles one level further down know it, too; and in the end the entries.
        for from_entries in [false, true] {
            for ((level, index, width), options) in places.iter().zip(&mut options) {
                let below = below(self.files, *level, *index, *width, from_entries);
                if let Some(below) = below.into_iter().collect::<Option<Vec<Hash>>>()
                    && !options.contains(&below)
                {
                    options.push(below);
                }
            }
            if let Some(edge) = self.edge_that_fits(&options) {
                return (levels().zip(edge).collect(), served, true);
            }
        }
        let unread = served.iter().any(|found| matches!(found, Served::Unread));
        if !unread {
            self.bad("checkpoint".to_owned(), Fault::Root);
        }
        // Files can still be held against each other, where there are some.
        let claimed = places
            .iter()
            .zip(options)
            .map(|((level, _, width), options)| {
                let unknown = vec![Hash::EMPTY_ROOT; *width];
                (*level, options.into_iter().next().unwrap_or(unknown))
            });
        (claimed.collect(), served, false)
    }

    /// The one choice among what different files tell that leads to the signed root.
    fn edge_that_fits(&self, options: &[Vec<Vec<Hash>>]) -> Option<Vec<Vec<Hash>>> {
        let choices = options.iter().map(Vec::len).product::<usize>();
        (0..choices).find_map(|choice| {
            let mut rest = choice;
            let chosen: Vec<&Vec<Hash>> = options
                .iter()
                .map(|options| {
                    let one = &options[rest % options.len()];
                    rest /= options.len();
                    one
                })
                .collect();
            // Largest subtrees first, which are those of the highest level.
            let parts = chosen.iter().rev().flat_map(|hashes| parts_of(hashes));
            let whole = Frontier::from_parts(self.size(), parts.collect()).ok()?;
            (whole.root() == *self.checkpoint.root()).then(|| chosen.into_iter().cloned().collect())
        })
    }

    /// Everything below a tile of level 1 or higher whose hashes are known.
    fn walk(&self, level: u8, index: u64, hashes: &[Hash], walk: &mut Walk<'_>) {
        for (child, hash) in (index * 256..).zip(hashes) {
            if self.gave_up() {
                return;
            }
            if level == 1 {
                walk.unit(self, child, 256, Expected::Root(*hash));
                continue;
            }
            let served = self.read_tile(tile_id(level - 1, child, 256));
            if matches!(served, Served::Missing) && self.may_be_absent(level - 1, child, 256) {
                walk.pass_withheld(self, level - 1, *hash);
                continue;
            }
            match self.full_tile(level - 1, child, *hash, served) {
                Some(hashes) => self.walk(level - 1, child, &hashes, walk),
                None => self.walk_unknown(level - 1, child, walk),
            }
        }
    }

    /// Everything below a full tile of which nothing is known.
    fn walk_unknown(&self, level: u8, index: u64, walk: &mut Walk<'_>) {
        for child in index * 256..(index + 1) * 256 {
            if self.gave_up() {
                return;
            }
            if level == 1 {
                walk.unit(self, child, 256, Expected::Unknown);
            } else {
                self.walk_unknown(level - 1, child, walk);
            }
        }
    }

    /// What a full tile above the leaves must hold, and how its files compare with that. `None` if no file
    /// knows.
    fn full_tile(&self, level: u8, index: u64, root: Hash, served: Served) -> Option<Vec<Hash>> {
        if let Served::Bytes(bytes) = &served
            && let Some(hashes) = hashes_of(bytes, 256)
            && root_of(&hashes) == root
        {
            self.compare_tile(level, index, &hashes, &served);
            return Some(hashes);
        }
        let truth = recover(self.files, level, index, root);
        let path = tile_id(level, index, 256).path();
        match (&truth, served) {
            (Some(truth), served) => self.compare_tile(level, index, truth, &served),
            // It does not hash to what is known of it, and what it should hold is lost.
            (None, Served::Bytes(bytes)) => {
                let fault = match bytes.len() {
                    8192 => Fault::OtherBytes { at: 0 },
                    found if found < 8192 => Fault::Short {
                        found,
                        expected: 8192,
                    },
                    found => Fault::Long {
                        found,
                        expected: 8192,
                    },
                };
                self.bad(path, fault);
            }
            (None, Served::Missing) => self.bad(path, Fault::Missing),
            (None, Served::Unread) => {}
        }
        truth
    }
}

impl Walk<'_> {
    /// Goes past all entries below a full tile of this level that the log serves no more.
    fn pass_withheld(&mut self, check: &Check<'_>, level: u8, root: Hash) {
        let bundles = 1u64 << (8 * u32::from(level));
        let withheld = &check.counts.withheld;
        withheld.fetch_add(bundles.saturating_mul(256), Ordering::Relaxed);
        self.passed = self.passed.take().and_then(|passed| {
            let mut parts = passed.parts().to_vec();
            let mut hash = root;
            for _ in 0..(passed.size() / bundles + 1).trailing_zeros() {
                hash = node_hash(&parts.pop()?, &hash);
            }
            parts.push(hash);
            Frontier::from_parts(passed.size() + bundles, parts).ok()
        });
    }

    /// Hands out one bundle, with what archived checkpoints inside of it need.
    fn unit(&mut self, check: &Check<'_>, index: u64, width: usize, expected: Expected) {
        let start = index * 256;
        let archived = check.archived_in(start, start + width as u64).to_vec();
        let before = if archived.is_empty() {
            None
        } else {
            self.passed.as_ref().and_then(|passed| {
                // A frontier of bundles is one of entries with the same subtrees.
                Frontier::from_parts(start, passed.parts().to_vec()).ok()
            })
        };
        match (&expected, &mut self.passed) {
            (Expected::Root(root), Some(passed)) => passed.append(*root),
            (Expected::Leaves(_), _) => {}
            (_, passed) => *passed = None,
        }
        (self.give)(Unit {
            index,
            width,
            expected,
            archived,
            before,
        });
    }
}

/// Number of complete subtrees of 256^level leaves.
fn hashes_at(level: u8, size: u64) -> u64 {
    size >> (8 * u32::from(level))
}

/// Roots of the largest complete subtrees over some hashes.
fn parts_of(hashes: &[Hash]) -> Vec<Hash> {
    let mut frontier = Frontier::new();
    for hash in hashes {
        frontier.append(*hash);
    }
    frontier.parts().to_vec()
}

/// The first `width` hashes that a tile must hold, by the files below it.
fn below(
    files: &LogFiles,
    level: u8,
    index: u64,
    width: usize,
    from_entries: bool,
) -> Vec<Option<Hash>> {
    if level == 0 {
        let leaves = leaves(files, index, width);
        return leaves.map_or_else(
            || vec![None],
            |leaves| leaves.into_iter().map(Some).collect(),
        );
    }
    let children = index * 256..index * 256 + width as u64;
    children
        .map(|child| {
            if from_entries {
                from_below(files, level - 1, child)
            } else {
                from_tile(files, level - 1, child)
            }
        })
        .collect()
}

/// Leaf hashes of a bundle as it is served.
fn leaves(files: &LogFiles, index: u64, width: usize) -> Option<Vec<Hash>> {
    let (id, bytes) = files.bundle(bundle_id(index, width)).ok()??;
    let entries = bundle::parse(&bytes, id.width()).ok()?;
    Some(entries.into_iter().take(width).map(leaf_hash).collect())
}

/// Root of a full tile as it is served.
fn from_tile(files: &LogFiles, level: u8, index: u64) -> Option<Hash> {
    let path = tile_id(level, index, 256).path();
    let bytes = files.read(&path, crate::limits::TILE_BYTES_MAX).ok()??;
    hashes_of(&bytes, 256).map(|hashes| root_of(&hashes))
}

/// Root of a full tile by the entries below it; where those are gone, by the tile.
fn from_below(files: &LogFiles, level: u8, index: u64) -> Option<Hash> {
    // The first hole ends it: of a large tree that is not there nothing is searched for.
    let hashes: Option<Vec<Hash>> = if level == 0 {
        leaves(files, index, 256)
    } else {
        let mut children = index * 256..(index + 1) * 256;
        children.try_fold(Vec::with_capacity(256), |mut hashes, child| {
            hashes.push(from_below(files, level - 1, child)?);
            Some(hashes)
        })
    };
    match hashes {
        Some(hashes) => Some(root_of(&hashes)),
        None => from_tile(files, level, index),
    }
}

/// What a full tile with this root must hold, put together from what is below it: first from the tiles there,
/// then from the entries, then from whichever mixture of both fits.
fn recover(files: &LogFiles, level: u8, index: u64, root: Hash) -> Option<Vec<Hash>> {
    let by_tiles = below(files, level, index, 256, false);
    let whole: Option<Vec<Hash>> = by_tiles.iter().copied().collect();
    if let Some(hashes) = whole.filter(|hashes| root_of(hashes) == root) {
        return Some(hashes);
    }
    let by_entries = below(files, level, index, 256, true);
    let mut first = Vec::with_capacity(256);
    let mut disputed = Vec::new();
    for (at, pair) in by_entries.into_iter().zip(by_tiles).enumerate() {
        match pair {
            (Some(one), Some(other)) if one != other => {
                disputed.push((at, other));
                first.push(one);
            }
            (Some(one), _) | (None, Some(one)) => first.push(one),
            (None, None) => return None,
        }
    }
    if disputed.len() > DISPUTED_MAX {
        return (root_of(&first) == root).then_some(first);
    }
    (0..1u32 << disputed.len()).find_map(|choice| {
        let mut hashes = first.clone();
        for (bit, (at, other)) in disputed.iter().enumerate() {
            if choice >> bit & 1 == 1 {
                hashes[*at] = *other;
            }
        }
        (root_of(&hashes) == root).then_some(hashes)
    })
}
