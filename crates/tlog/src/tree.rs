//! Which files a log writes when it grows: a pure function of its entries (tlog-tiles).

use crate::bundle;
use crate::errors::{ParseError, ProofError, ProveError};
use crate::hash::{Hash, leaf_hash};
use crate::limits::{TILE_WIDTH, TREE_SIZE_MAX};
use crate::merkle::Frontier;
use crate::prove::{TileSource, Tree};
use crate::tile::{BundleId, TileId, complete_root, full_tile_root, hashes_at};

/// A file to be made: its path below the log's prefix, and its bytes.
pub type File = (String, Vec<u8>);

/// The right edge of the tree: for each level the hashes of the tile that is being filled.
#[derive(Debug, Default, Clone)]
pub struct Edge {
    frontier: Frontier,
    levels: Vec<Vec<Hash>>,
}

impl Edge {
    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// Takes up the tree of `size` leaves from its tiles, without its entries: the partial tile of
    /// leaf hashes, and at each level above the roots of full tiles below. Partial tiles above the
    /// leaves need not be there.
    ///
    /// Tiles are believed here; compare [`Edge::root`] with a root that was signed.
    ///
    /// # Errors
    /// [`ProveError`] if the size is beyond the limit or a tile cannot be had.
    pub fn from_tiles<S: TileSource>(src: &S, size: u64) -> Result<Self, ProveError<S::Error>> {
        let too_large = |found| ProveError::Request(ProofError::FrontierShape { size, found });
        if size > TREE_SIZE_MAX {
            return Err(too_large(0));
        }
        let tree = Tree::new(src, size);
        let width = u64::from(TILE_WIDTH);
        let name = |level: usize, index, width| {
            TileId::new(level as u8, index, width)
                .expect("a tree of at most 2^63 leaves has 8 levels of tiles")
        };
        let mut levels: Vec<Vec<Hash>> = Vec::new();
        loop {
            let level = levels.len();
            let complete = hashes_at(level as u8, size);
            let (index, count) = (complete / width, (complete % width) as u16);
            if complete == 0 {
                break;
            }
            levels.push(match level {
                _ if count == 0 => Vec::new(),
                0 => tree.read(name(0, index, count))?,
                _ => (index * width..complete)
                    .map(|below| {
                        Ok(complete_root(&tree.read(name(
                            level - 1,
                            below,
                            TILE_WIDTH,
                        ))?))
                    })
                    .collect::<Result<_, ProveError<S::Error>>>()?,
            });
        }
        let mut parts = Vec::new();
        for tile in levels.iter().rev() {
            let mut rest = tile.as_slice();
            while !rest.is_empty() {
                let (part, right) = rest.split_at(1 << rest.len().ilog2());
                parts.push(complete_root(part));
                rest = right;
            }
        }
        let found = parts.len();
        let frontier = Frontier::from_parts(size, parts).map_err(|_| too_large(found))?;
        Ok(Self { frontier, levels })
    }

    /// Hashes of the leaves after the last multiple of 256: the tile that is being filled.
    pub fn leaves(&self) -> &[Hash] {
        self.levels.first().map_or(&[], Vec::as_slice)
    }

    /// Adds an entry; tiles that become full are given to `full`.
    pub fn append(&mut self, entry: &[u8], full: &mut Vec<File>) {
        let mut hash = leaf_hash(entry);
        self.frontier.append(hash);
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let tile = &mut self.levels[level];
            tile.push(hash);
            if tile.len() < usize::from(TILE_WIDTH) {
                return;
            }
            let bytes = concat(tile);
            tile.clear();
            hash = full_tile_root(&bytes).expect("256 hashes are a full tile");
            full.push((self.id(level, TILE_WIDTH, 1).path(), bytes));
        }
    }

    /// The partial tiles of the tree as it is now.
    pub fn partial_tiles(&self) -> Vec<File> {
        let levels = self.levels.iter().enumerate();
        levels
            .filter(|(_, tile)| !tile.is_empty())
            .map(|(level, tile)| (self.id(level, tile.len() as u16, 0).path(), concat(tile)))
            .collect()
    }

    /// The tile of a level that is `back` tiles before the one being filled.
    fn id(&self, level: usize, width: u16, back: u64) -> TileId {
        let complete = self.size().checked_shr(8 * (level as u32 + 1)).unwrap_or(0);
        TileId::new(level as u8, complete - back, width)
            .expect("a tree of at most 2^63 leaves has 8 levels of tiles")
    }
}

fn concat(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// The files of one bundle of entries as the tree grows over it: the bundle, and the tiles that
/// become full. `entries` begins with the bundle's first entry; those the tree has already are
/// needed for the bundle only.
///
/// # Errors
/// [`ParseError`] if there are no entries, more than 256, or one is too long.
pub fn plan_bundle(
    edge: &mut Edge,
    id: BundleId,
    entries: &[Vec<u8>],
) -> Result<Vec<File>, ParseError> {
    let mut files = vec![(id.path(), bundle::encode(entries)?)];
    for (index, entry) in (id.first_entry()..).zip(entries) {
        if index >= edge.size() {
            edge.append(entry, &mut files);
        }
    }
    Ok(files)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::fsck::{BundleSource, fsck};
    use crate::prove::TileSource;
    use crate::tile::tiles_between;

    /// What a directory would hold: files are made once.
    #[derive(Default)]
    struct Published(BTreeMap<String, Vec<u8>>);

    impl Published {
        fn create(&mut self, files: Vec<File>) {
            for (path, bytes) in files {
                let there = self.0.entry(path.clone()).or_insert_with(|| bytes.clone());
                assert_eq!(*there, bytes, "{path} changed");
            }
        }

        fn grow(&mut self, edge: &mut Edge, entries: &[Vec<u8>]) {
            for id in BundleId::between(edge.size(), entries.len() as u64) {
                let first = id.first_entry() as usize;
                let last = first + usize::from(id.width());
                self.create(plan_bundle(edge, id, &entries[first..last]).unwrap());
            }
            self.create(edge.partial_tiles());
        }
    }

    #[test]
    fn a_tree_is_taken_up_to_the_largest_size_there_is() {
        let taken = |size| Edge::from_tiles(&Published::default(), size).unwrap_err();
        for size in [TREE_SIZE_MAX + 1, u64::MAX] {
            let shape = ProofError::FrontierShape { size, found: 0 };
            assert!(matches!(taken(size), ProveError::Request(error) if error == shape));
        }
        // The largest is only refused for want of its tiles.
        assert!(!matches!(taken(TREE_SIZE_MAX), ProveError::Request(_)));
    }

    impl TileSource for Published {
        type Error = std::io::Error;
        fn tile(&self, id: TileId) -> Result<Vec<u8>, Self::Error> {
            self.0
                .get(&id.path())
                .cloned()
                .ok_or(std::io::ErrorKind::NotFound.into())
        }
    }

    impl BundleSource for Published {
        type Error = std::io::Error;
        fn bundle(&self, id: BundleId) -> Result<Vec<u8>, Self::Error> {
            self.0
                .get(&id.path())
                .cloned()
                .ok_or(std::io::ErrorKind::NotFound.into())
        }
    }

    #[test]
    fn every_published_size_is_a_valid_tiled_log() {
        let sizes = [0, 1, 255, 256, 257, 511, 512, 700, 65_535, 65_536, 65_537];
        let entries: Vec<Vec<u8>> = (0..65_537).map(|n: u32| n.to_be_bytes().to_vec()).collect();
        let (mut published, mut edge) = (Published::default(), Edge::default());
        for size in sizes {
            published.grow(&mut edge, &entries[..size]);
            assert_eq!(edge.size(), size as u64);
            fsck(&published, size as u64, &edge.root(), |index, entry| {
                assert_eq!(entry, entries[index as usize]);
            })
            .unwrap();
        }
    }

    #[test]
    fn growth_in_any_steps_makes_all_tiles_of_the_last_size() {
        let entries: Vec<Vec<u8>> = (0..1000).map(|n: u32| n.to_be_bytes().to_vec()).collect();
        for step in [1, 7, 255, 256, 300, 1000] {
            let (mut published, mut edge) = (Published::default(), Edge::default());
            let mut size = 0;
            while size < entries.len() {
                size = (size + step).min(entries.len());
                published.grow(&mut edge, &entries[..size]);
            }
            for id in tiles_between(0, 1000) {
                assert!(published.0.contains_key(&id.path()), "step {step}: {id}");
            }
        }
    }

    #[test]
    fn a_tree_that_is_taken_up_from_its_tiles_grows_as_the_one_that_made_them() {
        let entries: Vec<Vec<u8>> = (0..65_900).map(|n: u32| n.to_be_bytes().to_vec()).collect();
        let (mut published, mut edge) = (Published::default(), Edge::default());
        for size in [0, 1, 2, 255, 256, 257, 300, 512, 65_535, 65_536, 65_800] {
            published.grow(&mut edge, &entries[..size]);
            let mut again = Edge::from_tiles(&published, size as u64).unwrap();
            assert_eq!((again.size(), again.root()), (edge.size(), edge.root()));
            assert_eq!(again.leaves(), edge.leaves());
            assert_eq!(again.leaves().len(), size % 256);
            let mut kept = edge.clone();
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for entry in &entries[size..size + 100] {
                again.append(entry, &mut ours);
                kept.append(entry, &mut theirs);
            }
            assert_eq!(ours, theirs);
            assert_eq!(again.partial_tiles(), kept.partial_tiles());
            assert_eq!(again.root(), kept.root());
        }
        let partial = |path: &String| !path.starts_with("tile/0/") && path.contains(".p/");
        published.0.retain(|path, _| !partial(path));
        let again = Edge::from_tiles(&published, edge.size()).unwrap();
        assert_eq!(again.root(), edge.root());
        published.0.remove("tile/0/003");
        assert!(Edge::from_tiles(&published, 1000).is_err());
        assert!(Edge::from_tiles(&published, u64::MAX).is_err());
    }

    #[test]
    fn doing_a_step_again_makes_the_same_files() {
        let entries: Vec<Vec<u8>> = (0..600).map(|n: u32| n.to_be_bytes().to_vec()).collect();
        let mut published = Published::default();
        for _ in 0..2 {
            let mut edge = Edge::default();
            published.grow(&mut edge, &entries[..300]);
            published.grow(&mut edge, &entries);
        }
    }
}
