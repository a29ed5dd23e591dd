//! A log in memory, written file by file as a published directory is, and judged by an
//! independent implementation that reads those files.

use std::collections::BTreeMap;

use tlog::{
    BundleId, BundleSource, Frontier, FsckError, Hash, TileId, TileSource, bundle, fsck,
    full_tile_root, leaf_hash, open_checkpoint, open_witnessed, prove_consistency, prove_inclusion,
    root_from_tiles, tiles_between, verify_consistency, verify_inclusion,
};
use tlog_tiles::{HashReader, Tile, TileHashReader, TileReader};

use crate::keys::{World, checkpoint};
use tlog::NoteSigner as _;

#[derive(Debug, thiserror::Error)]
#[error("no file {0}")]
pub struct NoFile(String);

/// Entries, hashes per tile level, and the files written so far. Files are only ever added.
#[derive(Default, Clone)]
pub struct MemoryLog {
    pub entries: Vec<Vec<u8>>,
    levels: Vec<Vec<Hash>>,
    pub files: BTreeMap<String, Vec<u8>>,
    pub frontier: Frontier,
}

impl MemoryLog {
    /// Appends a batch and writes what `tiles_between` says, creating each file once.
    pub fn publish(&mut self, batch: Vec<Vec<u8>>) {
        let old = self.entries.len() as u64;
        for entry in batch {
            self.push(0, leaf_hash(&entry));
            self.frontier.append(leaf_hash(&entry));
            self.entries.push(entry);
        }
        let new = self.entries.len() as u64;
        for id in tiles_between(old, new) {
            let start = id.index() as usize * 256;
            let hashes = &self.levels[id.level() as usize][start..start + id.width() as usize];
            self.create(
                id.path(),
                hashes.iter().flat_map(|h| *h.as_bytes()).collect(),
            );
        }
        for id in BundleId::between(old, new) {
            let start = id.first_entry() as usize;
            let bytes = bundle::encode(&self.entries[start..start + id.width() as usize]).unwrap();
            self.create(id.path(), bytes);
        }
    }

    fn push(&mut self, level: usize, hash: Hash) {
        if self.levels.len() == level {
            self.levels.push(Vec::new());
        }
        self.levels[level].push(hash);
        if self.levels[level].len().is_multiple_of(256) {
            let tile = &self.levels[level][self.levels[level].len() - 256..];
            let bytes: Vec<u8> = tile.iter().flat_map(|h| *h.as_bytes()).collect();
            self.push(level + 1, full_tile_root(&bytes).unwrap());
        }
    }

    fn create(&mut self, path: String, bytes: Vec<u8>) {
        let replaced = self.files.insert(path.clone(), bytes);
        assert!(replaced.is_none(), "{path} was written twice");
    }

    pub fn size(&self) -> u64 {
        self.entries.len() as u64
    }

    /// The same entries as a log that was published once at this size.
    pub fn at(&self, size: u64) -> Self {
        let mut log = Self::default();
        log.publish(self.entries[..size as usize].to_vec());
        log
    }

    fn file(&self, path: &str) -> Result<Vec<u8>, NoFile> {
        self.files
            .get(path)
            .cloned()
            .ok_or_else(|| NoFile(path.to_owned()))
    }

    fn fsck(&self) -> Result<(), FsckError<NoFile>> {
        fsck(self, self.size(), &self.frontier.root(), |index, entry| {
            assert_eq!(entry, self.entries[index as usize]);
        })
    }
}

impl TileSource for MemoryLog {
    type Error = NoFile;

    fn tile(&self, id: TileId) -> Result<Vec<u8>, NoFile> {
        self.file(&id.path())
    }
}

impl BundleSource for MemoryLog {
    type Error = NoFile;

    fn bundle(&self, id: BundleId) -> Result<Vec<u8>, NoFile> {
        self.file(&id.path())
    }
}

/// The oracle names the same tiles by its own type; only the path differs (`tile/8/...`).
impl TileReader for MemoryLog {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        Ok(tiles
            .iter()
            .map(|tile| {
                let id = TileId::new(tile.level(), tile.level_index(), tile.width() as u16);
                self.file(&id.unwrap().path()).unwrap()
            })
            .collect())
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

/// The oracle's own store of hashes, filled from the entry bundles only.
#[derive(Default)]
struct OracleHashes(Vec<tlog_tiles::Hash>);

impl HashReader for OracleHashes {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        Ok(indexes
            .iter()
            .map(|index| self.0[*index as usize])
            .collect())
    }
}

fn theirs(hash: &Hash) -> tlog_tiles::Hash {
    tlog_tiles::Hash(*hash.as_bytes())
}

fn ours(hashes: &[tlog_tiles::Hash]) -> Vec<Hash> {
    hashes.iter().map(|hash| Hash::from_bytes(hash.0)).collect()
}

/// What a stranger with the oracle checks about a log published at `size`.
fn judge(log: &MemoryLog, oracle: &mut OracleHashes, judged: &mut u64, old_roots: &[(u64, Hash)]) {
    let size = log.size();
    // Entries from the bundles on disk, nothing from our memory.
    for id in BundleId::covering(size) {
        let bytes = log.file(&id.path()).unwrap();
        for (n, entry) in (id.first_entry()..).zip(bundle::parse(&bytes, id.width()).unwrap()) {
            if n == *judged {
                oracle
                    .0
                    .extend(tlog_tiles::stored_hashes(n, entry, oracle).unwrap());
                *judged += 1;
            }
        }
    }
    let root = log.frontier.root();
    assert_eq!(
        tlog_tiles::tree_hash(size, oracle).unwrap(),
        theirs(&root),
        "size {size}"
    );
    assert_eq!(root_from_tiles(log, size).unwrap(), root);
    log.fsck().unwrap();

    let from_tiles = TileHashReader::new(size, theirs(&root), log);
    let samples = [
        0,
        1,
        254,
        255,
        256,
        511,
        size / 3,
        size / 2,
        size.saturating_sub(1),
    ];
    for index in samples.into_iter().filter(|index| *index < size) {
        let path = prove_inclusion(log, index, size).unwrap();
        let leaf = leaf_hash(&log.entries[index as usize]);
        verify_inclusion(&leaf, index, size, &path, &root).unwrap();
        let expected = tlog_tiles::prove_record(size, index, &from_tiles).unwrap();
        assert_eq!(path, ours(&expected));
        tlog_tiles::check_record(&expected, size, theirs(&root), index, theirs(&leaf)).unwrap();
    }
    for (old, old_root) in old_roots.iter().filter(|(old, _)| *old > 0 && *old < size) {
        let path = prove_consistency(log, *old, size).unwrap();
        verify_consistency(*old, old_root, size, &root, &path).unwrap();
        let expected = tlog_tiles::prove_tree(size, *old, &from_tiles).unwrap();
        assert_eq!(path, ours(&expected));
        tlog_tiles::check_tree(&expected, size, theirs(&root), *old, theirs(old_root)).unwrap();
    }
}

fn entry(index: u64) -> Vec<u8> {
    // Varying lengths, the empty entry included.
    vec![index as u8; (index % 7) as usize]
}

#[test]
fn a_log_is_valid_to_a_stranger_at_every_edge_of_its_tiles() {
    let mut log = MemoryLog::default();
    let mut oracle = OracleHashes::default();
    let mut judged = 0;
    let mut roots = Vec::new();
    assert_eq!(log.frontier.root(), Hash::EMPTY_ROOT);
    log.fsck().unwrap();
    for size in [1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537] {
        log.publish((log.size()..size).map(entry).collect());
        judge(&log, &mut oracle, &mut judged, &roots);
        roots.push((size, log.frontier.root()));
    }
    // No partial tile is written for a level that ends at a multiple of 256, none is empty.
    assert!(log.files.contains_key("tile/2/000.p/1"));
    assert!(log.files.contains_key("tile/1/000"));
    assert!(log.files.contains_key("tile/0/256.p/1"));
    assert!(log.files.contains_key("tile/entries/256.p/1"));
    assert!(
        !log.files
            .keys()
            .any(|path| path.ends_with(".p/0") || path.ends_with(".p/256"))
    );
    assert!(log.files.values().all(|bytes| !bytes.is_empty()));
}

#[test]
fn a_log_that_grows_entry_by_entry_has_every_partial_tile() {
    let mut log = MemoryLog::default();
    for size in 1..=300 {
        log.publish(vec![entry(size - 1)]);
        assert_eq!(root_from_tiles(&log, size).unwrap(), log.frontier.root());
    }
    log.fsck().unwrap();
    for width in 1..256 {
        assert!(log.files.contains_key(&format!("tile/0/000.p/{width}")));
        assert!(
            log.files
                .contains_key(&format!("tile/entries/000.p/{width}"))
        );
    }
}

fn flipped_is_refused(log: &MemoryLog, step: usize) {
    for (path, bytes) in &log.files {
        for at in (0..bytes.len()).step_by(step).chain([bytes.len() - 1]) {
            let mut damaged = log.clone();
            damaged.files.get_mut(path).unwrap()[at] ^= 0x01;
            // An entry that changed is seen by the tile above it.
            let result = fsck(&damaged, log.size(), &log.frontier.root(), |_, _| {});
            assert!(result.is_err(), "{path} byte {at}");
        }
    }
}

#[test]
fn a_flipped_byte_in_a_tile_or_bundle_of_a_small_log_is_refused() {
    let mut log = MemoryLog::default();
    log.publish((0..9).map(entry).collect());
    flipped_is_refused(&log, 1);
}

#[test]
fn a_flipped_byte_in_a_tile_or_bundle_across_tile_edges_is_refused() {
    let mut log = MemoryLog::default();
    log.publish((0..258).map(entry).collect());
    flipped_is_refused(&log, 83);
}

#[test]
fn a_shortened_lengthened_or_missing_file_is_refused() {
    let mut log = MemoryLog::default();
    log.publish((0..258).map(entry).collect());
    for path in log.files.keys() {
        let mut damaged = log.clone();
        damaged.files.get_mut(path).unwrap().pop();
        assert!(
            fsck(&damaged, 258, &log.frontier.root(), |_, _| {}).is_err(),
            "{path}"
        );
        let mut damaged = log.clone();
        damaged.files.get_mut(path).unwrap().push(0);
        assert!(
            fsck(&damaged, 258, &log.frontier.root(), |_, _| {}).is_err(),
            "{path}"
        );
        let mut damaged = log.clone();
        damaged.files.remove(path);
        assert!(
            fsck(&damaged, 258, &log.frontier.root(), |_, _| {}).is_err(),
            "{path}"
        );
    }
    assert!(matches!(
        fsck(&log, 258, &Hash::EMPTY_ROOT, |_, _| {}),
        Err(FsckError::Root { size: 258 })
    ));
}

#[test]
fn a_proof_from_a_damaged_tile_does_not_verify() {
    let mut log = MemoryLog::default();
    log.publish((0..9).map(entry).collect());
    let root = log.frontier.root();
    let leaf = leaf_hash(&entry(3));
    let tile = "tile/0/000.p/9";
    for at in 0..log.files[tile].len() {
        let mut damaged = log.clone();
        damaged.files.get_mut(tile).unwrap()[at] ^= 0x80;
        let path = prove_inclusion(&damaged, 3, 9).unwrap();
        let verified = verify_inclusion(&leaf, 3, 9, &path, &root).is_ok();
        // The leaf's own hash is not part of its proof; all others are.
        assert_eq!(verified, (3 * 32..4 * 32).contains(&at), "byte {at}");
        assert_ne!(root_from_tiles(&damaged, 9).unwrap(), root);
    }
}

#[test]
fn a_flipped_byte_anywhere_in_a_checkpoint_is_refused() {
    let world = World::get();
    let cp = checkpoint(9, tlog::sha256(b"root"));
    let policy = world.ed_policy();
    let note = world.ed_note(&cp);
    open_witnessed(&note, &policy).unwrap();
    let log_key = [world.log.vkey().clone()];
    // Text, empty line and the log's own line.
    let own = note.windows(2).rposition(|w| w == b"\n\n").unwrap() + 2;
    let own = own + note[own..].iter().position(|b| *b == b'\n').unwrap();
    for at in 0..note.len() {
        for bit in 0..8 {
            let mut damaged = note.clone();
            damaged[at] ^= 1 << bit;
            assert!(
                open_witnessed(&damaged, &policy).is_err(),
                "byte {at} bit {bit}"
            );
            if at <= own {
                assert!(
                    open_checkpoint(&damaged, &log_key).is_err(),
                    "byte {at} bit {bit}"
                );
            }
        }
    }
}

#[test]
fn a_flipped_byte_in_a_checkpoint_with_post_quantum_signatures_is_refused() {
    let world = World::get();
    let cp = checkpoint(9, tlog::sha256(b"root"));
    let policy = world.strict_policy();
    let note = world.full_note(&cp);
    open_witnessed(&note, &policy).unwrap();
    for at in (0..note.len()).step_by(41) {
        let mut damaged = note.clone();
        damaged[at] ^= 0x01;
        assert!(open_witnessed(&damaged, &policy).is_err(), "byte {at}");
    }
}
