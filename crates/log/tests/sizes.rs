//! What a log leaves in `public/`, judged by a stranger: a reader of files with an independent
//! implementation of trees, tiles and proofs. The files were written by the running log.
#![allow(clippy::unwrap_used, missing_docs)]

mod world;

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use logclient::LogClientError;
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use statement::{Constitution, Envelope, Party};
use tlog::{
    ArchiveId, BundleId, BundleSource, Checkpoint, Hash, Note, TileId, TileSource, Witnessed, fsck,
    open_witnessed, prove_consistency, prove_inclusion, root_from_tiles,
};
use tlog_tiles::{HashReader, Tile, TileHashReader, TileReader};
use tokio::task::JoinSet;
use world::roster::{self, CENTER_GOVERNANCE, beat};
use world::{World, log_config, start_log, submit_at_once, until};

/// `public/` of a log, and nothing else of it.
struct Public(PathBuf);

impl Public {
    fn of(world: &World) -> Self {
        Self(world.log.dir.join("public"))
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        std::fs::read(self.0.join(path))
    }

    /// Paths of all files, but for what is unfinished.
    fn files(&self) -> BTreeSet<String> {
        let mut files = BTreeSet::new();
        let mut directories = vec![self.0.clone()];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(&self.0).unwrap().to_str().unwrap();
                if path.is_file() {
                    files.insert(name.to_owned());
                } else if name != ".tmp" {
                    directories.push(path);
                }
            }
        }
        files
    }

    /// The newest checkpoint, if a quorum of witnesses cosigned it.
    fn opened(&self) -> Result<Witnessed<Checkpoint>, tlog::PolicyError> {
        open_witnessed(&self.read("checkpoint").unwrap(), &roster::policy())
    }

    /// What the newest checkpoint says its size is; not verified.
    fn size(&self) -> Option<u64> {
        let note = Note::parse(&self.read("checkpoint").ok()?).unwrap();
        Some(Checkpoint::parse(note.text()).unwrap().size())
    }
}

impl TileSource for Public {
    type Error = io::Error;
    fn tile(&self, id: TileId) -> io::Result<Vec<u8>> {
        self.read(&id.path())
    }
}

impl BundleSource for Public {
    type Error = io::Error;
    fn bundle(&self, id: BundleId) -> io::Result<Vec<u8>> {
        self.read(&id.path())
    }
}

/// The oracle's own name of a file, in the spelling of tlog-tiles: without the height, and with
/// `entries` for `data`.
fn path_of(tile: &Tile) -> String {
    tile.path()
        .replacen("tile/8/", "tile/", 1)
        .replacen("tile/data/", "tile/entries/", 1)
}

impl TileReader for Public {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        let read = |tile| self.read(&path_of(tile)).unwrap();
        Ok(tiles.iter().map(read).collect())
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

/// The oracle's tree, made of the entries in the bundles only.
#[derive(Default)]
struct Oracle {
    hashes: Vec<tlog_tiles::Hash>,
    leaves: Vec<tlog_tiles::Hash>,
}

impl HashReader for Oracle {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        let hash = |index: &u64| self.hashes[*index as usize];
        Ok(indexes.iter().map(hash).collect())
    }
}

impl Oracle {
    fn read_bundles(&mut self, public: &Public, size: u64) {
        for n in self.leaves.len() as u64 / 256..size.div_ceil(256) {
            let width = (size - n * 256).min(256);
            let path = path_of(&Tile::new(8, 0, n, width as u32, true));
            let bytes = public.read(&path).unwrap();
            let entries = split(&bytes);
            assert_eq!(entries.len() as u64, width, "{path}");
            for (index, entry) in (n * 256..).zip(entries) {
                let leaf = tlog_tiles::record_hash(entry);
                match self.leaves.get(index as usize) {
                    Some(before) => assert_eq!(*before, leaf, "entry {index} in {path}"),
                    None => {
                        let hashes = tlog_tiles::stored_hashes(index, entry, self).unwrap();
                        self.hashes.extend(hashes);
                        self.leaves.push(leaf);
                    }
                }
            }
        }
    }

    fn root(&self, size: u64) -> tlog_tiles::Hash {
        tlog_tiles::tree_hash(size, self).unwrap()
    }
}

/// Entries of a bundle: each behind two bytes of length.
fn split(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut entries = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (entry, rest) = rest.split_at(usize::from(u16::from_be_bytes(*length)));
        entries.push(entry);
        bytes = rest;
    }
    assert!(bytes.is_empty());
    entries
}

fn ours(hashes: &[tlog_tiles::Hash]) -> Vec<Hash> {
    hashes.iter().map(|hash| Hash::from_bytes(hash.0)).collect()
}

/// All numbers below a small size; of a large one both ends, the edges of tiles, and some.
fn below(size: u64) -> BTreeSet<u64> {
    if size <= 257 {
        return (0..size).collect();
    }
    let ends = [0, 1, 254, 255, 256, 257, 510, 511, 512, 65_279, 65_280];
    let step = if size < 1000 { 13 } else { 1999 };
    let spread = (0..size).step_by(step).chain(size - 3..size);
    let all = ends.into_iter().chain(spread);
    all.filter(|number| *number < size).collect()
}

/// Everything that a stranger can check in a directory published at `size`.
fn judge(public: &Public, oracle: &mut Oracle, size: u64) {
    let checkpoint = public.opened().unwrap();
    let archived = public.read(&ArchiveId::new(size).unwrap().path()).unwrap();
    let archived = open_witnessed(&archived, &roster::policy()).unwrap();
    assert_eq!(archived.to_string(), checkpoint.to_string());
    assert_eq!(checkpoint.size(), size);

    oracle.read_bundles(public, size);
    let root = oracle.root(size);
    assert_eq!(root.0, *checkpoint.root().as_bytes(), "size {size}");
    assert_eq!(root_from_tiles(public, size).unwrap(), *checkpoint.root());
    fsck(public, size, checkpoint.root(), |_, _| {}).unwrap();

    // It takes no hash from a tile that does not lead to the root.
    let tiles = TileHashReader::new(size, root, public);
    for index in below(size) {
        let proof = tlog_tiles::prove_record(size, index, &tiles).unwrap();
        let leaf = oracle.leaves[index as usize];
        tlog_tiles::check_record(&proof, size, root, index, leaf).unwrap();
        let path = prove_inclusion(public, index, size).unwrap();
        assert_eq!(path, ours(&proof), "entry {index} of {size}");
    }
    for old in below(size).into_iter().filter(|old| *old > 0) {
        let proof = tlog_tiles::prove_tree(size, old, &tiles).unwrap();
        tlog_tiles::check_tree(&proof, size, root, old, oracle.root(old)).unwrap();
        let path = prove_consistency(public, old, size).unwrap();
        assert_eq!(path, ours(&proof), "from {old} to {size}");
    }
}

/// One party holds all keys, so that the first entry founds the log and can be published alone.
fn constitution_of_one() -> Envelope {
    let four = roster::constitution();
    let keys = four.parties.iter().flat_map(|party| party.keys.clone());
    let one = Party {
        keys: keys.collect(),
        ..four.parties[0].clone()
    };
    let constitution = Constitution {
        parties: vec![one],
        ..four
    };
    roster::envelope(constitution, CENTER_GOVERNANCE)
}

fn change(config: &mut log::Config) {
    config.anchor = constitution_of_one().digest();
    // So that few sizes between those that are asked for are published.
    config.batch_ms = 50;
}

/// Submits until the log has `size` entries, and waits until all of them are published.
async fn grow(world: &World, public: &Public, size: u64) {
    let mut next = public.size().unwrap_or(0);
    while next < size {
        // The founding entry comes alone.
        let end = if next == 0 { 1 } else { size.min(next + 32) };
        let mut posts = JoinSet::new();
        for n in next..end {
            let client = world.client();
            let envelope = match n {
                0 => constitution_of_one(),
                n => beat(format!("beat {n}")),
            };
            posts.spawn(async move { submit_at_once(&client, &envelope).await });
        }
        let indices: BTreeSet<u64> = posts.join_all().await.into_iter().collect();
        assert_eq!(indices, (next..end).collect());
        next = end;
    }
    published(public, size).await;
}

async fn published(public: &Public, size: u64) {
    until("the checkpoint", async || {
        (public.size() == Some(size)).then_some(())
    })
    .await;
}

/// Puts rows into a stopped log that nobody signed, because 65,000 signatures take too long. They
/// are without effect under the law, and leaves like any other; one is empty, one as long as any
/// can be.
async fn insert_unsigned(dir: &Path, rows: std::ops::Range<u64>) {
    let options = SqliteConnectOptions::new().filename(dir.join("log.sqlite3"));
    let mut database = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query(
        "WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)
         INSERT INTO entries (idx, digest, key, bytes)
         SELECT i, CAST(printf('%032d', i) AS BLOB), zeroblob(32),
                CASE i WHEN 600 THEN zeroblob(65535)
                       ELSE substr(CAST('entry ' || i AS BLOB), 1, i % 13) END FROM n",
    )
    .bind(rows.start as i64)
    .bind(rows.end as i64)
    .execute(&mut database)
    .await
    .unwrap();
    database.close().await.unwrap();
}

#[tokio::test]
async fn a_published_directory_is_valid_to_a_stranger_at_every_edge_of_its_tiles() {
    let mut world = World::start_with(change).await;
    let public = Public::of(&world);
    let mut oracle = Oracle::default();

    // Before its first entry a log has no constitution, so no policy, so no checkpoint.
    assert_eq!(public.files(), ["archive/index".to_owned()].into());
    assert!(public.read("archive/index").unwrap().is_empty());
    let refused = world.client().checkpoint().await.unwrap_err();
    assert!(matches!(refused, LogClientError::Nothing { .. }));
    assert_eq!(oracle.root(0).0, *Hash::EMPTY_ROOT.as_bytes());
    fsck(&public, 0, &Hash::EMPTY_ROOT, |_, _| {}).unwrap();

    for size in [1, 255, 256, 257, 511, 512] {
        grow(&world, &public, size).await;
        judge(&public, &mut oracle, size);
    }

    let urls = world.witness_urls();
    let dir = world.log.stop().await;
    insert_unsigned(&dir, 512..65_535).await;
    let mut config = log_config(&dir, &urls);
    change(&mut config);
    world.log = start_log(config).await;
    published(&public, 65_535).await;
    judge(&public, &mut oracle, 65_535);
    let partial = [
        "tile/0/255.p/255",
        "tile/entries/255.p/255",
        "tile/1/000.p/255",
    ];
    let is_there = |path: &&str| public.read(path).is_ok();
    assert!(partial.iter().all(is_there));
    for size in [65_536, 65_537] {
        grow(&world, &public, size).await;
        judge(&public, &mut oracle, size);
    }

    let files = public.files();
    for path in [
        "tile/0/255",
        "tile/0/256.p/1",
        "tile/1/000",
        "tile/2/000.p/1",
        "tile/entries/255",
        "tile/entries/256.p/1",
    ] {
        assert!(files.contains(path), "{path}");
    }
    // Partial files that are full now are forgotten; those of the newest size are what is left.
    let left: Vec<&str> = files
        .iter()
        .map(String::as_str)
        .filter(|path| path.contains(".p/"))
        .collect();
    assert_eq!(
        left,
        ["tile/0/256.p/1", "tile/2/000.p/1", "tile/entries/256.p/1"]
    );
    let is_no_width = |path: &String| path.ends_with(".p/0") || path.ends_with(".p/256");
    assert!(!files.iter().any(is_no_width));
    world.stop().await;
}

/// Flips a bit of one byte after the other of a file on disk: of all of the first, the last, and
/// every `step`th between; and asks each time whether it is refused.
fn flip(public: &Public, path: &str, step: usize, is_refused: impl Fn() -> bool) {
    let bytes = public.read(path).unwrap();
    let file = OpenOptions::new().write(true).open(public.0.join(path));
    let file = file.unwrap();
    assert!(!is_refused());
    let is_meant = |at: &usize| *at < 64 || at.is_multiple_of(step) || at + 1 == bytes.len();
    for at in (0..bytes.len()).filter(is_meant) {
        file.write_all_at(&[bytes[at] ^ 1], at as u64).unwrap();
        assert!(is_refused(), "{path} byte {at}");
        file.write_all_at(&[bytes[at]], at as u64).unwrap();
    }
    assert!(!is_refused());
}

#[tokio::test]
async fn a_flipped_byte_in_a_published_tile_bundle_or_checkpoint_is_refused() {
    let world = World::start_with(change).await;
    let public = Public::of(&world);
    let judged = |checkpoint: &Witnessed<Checkpoint>| {
        fsck(&public, checkpoint.size(), checkpoint.root(), |_, _| {})
    };
    grow(&world, &public, 1).await;
    let one = public.opened().unwrap();
    for path in ["tile/0/000.p/1", "tile/entries/000.p/1"] {
        flip(&public, path, 1, || judged(&one).is_err());
    }

    for size in [256, 257] {
        grow(&world, &public, size).await;
    }
    let two_tiles = public.opened().unwrap();
    for (path, step) in [
        ("tile/0/001.p/1", 1),
        ("tile/1/000.p/1", 1),
        ("tile/0/000", 97),
        ("tile/entries/001.p/1", 7),
        ("tile/entries/000", 1999),
    ] {
        flip(&public, path, step, || judged(&two_tiles).is_err());
    }
    flip(&public, "checkpoint", 31, || public.opened().is_err());
    world.stop().await;
}

#[tokio::test]
async fn a_follower_refuses_a_log_with_a_flipped_byte() {
    let world = World::start_with(change).await;
    let public = Public::of(&world);
    grow(&world, &public, 40).await;
    let follower = || logclient::Follower::new(world.client(), constitution_of_one().digest());
    // Of a bundle it takes what it does not know yet from those of archived sizes: the last entry.
    for (path, last) in [("checkpoint", 9000), ("tile/entries/000.p/40", 300)] {
        let bytes = public.read(path).unwrap();
        for at in [last, last / 2, 2].map(|back| bytes.len() - back) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            std::fs::write(public.0.join(path), damaged).unwrap();
            assert!(follower().sync().await.is_err(), "{path} byte {at}");
        }
        std::fs::write(public.0.join(path), bytes).unwrap();
        follower().sync().await.unwrap();
    }

    // Tiles are read for proofs.
    let mut follower = follower();
    follower.sync().await.unwrap();
    follower.bundle(&[39]).await.unwrap();
    let path = public.0.join("tile/0/000.p/40");
    let tile = std::fs::read(&path).unwrap();
    for at in [0, 38 * 32, 39 * 32 - 1] {
        let mut damaged = tile.clone();
        damaged[at] ^= 1;
        std::fs::write(&path, damaged).unwrap();
        assert!(follower.bundle(&[39]).await.is_err(), "byte {at}");
    }
    world.stop().await;
}
