//! A log in memory, a mirror over a socket.

use std::path::{Path, PathBuf};
use std::time::Duration;

use keys::{Algorithm, NoteKey, SecretKey};
use mirror::{Config, LogConfig, MirrorError};
use serve::{Client, ClientConfig, ClientError, RefusedReply, Reply};
use tempfile::TempDir;
use tlog::{
    AddCheckpoint, AddEntries, BundleId, BundleSource, Checkpoint, EntryPackage, Hash, KeyType,
    MirrorInfo, Note, NoteSigner as _, PackageSpan, SignatureLine, TileId, TileSource, VerifierKey,
    bundle, full_tile_root, leaf_hash, parse_cosignatures, prove_consistency,
    prove_subtree_consistency, root_from_tiles, sign_checkpoint, tiles_between, verify_cosignature,
};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub const ORIGIN: &str = "center.example/log";
pub const MIRROR: &str = "mirror.example/m1";
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A log with one key, whose tiles of every size are there.
pub struct TestLog {
    pub origin: String,
    pub entries: Vec<Vec<u8>>,
    levels: Vec<Vec<Hash>>,
    key: NoteKey,
}

impl TestLog {
    /// Entries of varying length; the same number and salt make the same log.
    pub fn new(size: u64, salt: &str) -> Self {
        let mut log = Self::named(ORIGIN);
        for n in 0..size {
            log.push(format!("{salt} {n} {}", "x".repeat((n % 13) as usize)).into_bytes());
        }
        log
    }

    pub fn named(origin: &str) -> Self {
        let secret = SecretKey::from_seed(Algorithm::Ed25519, [7; 32]);
        Self {
            origin: origin.to_owned(),
            entries: Vec::new(),
            levels: Vec::new(),
            key: NoteKey::new(secret, origin.parse().unwrap(), KeyType::Ed25519).unwrap(),
        }
    }

    pub fn push(&mut self, entry: Vec<u8>) {
        self.push_hash(0, leaf_hash(&entry));
        self.entries.push(entry);
    }

    fn push_hash(&mut self, level: usize, hash: Hash) {
        if self.levels.len() == level {
            self.levels.push(Vec::new());
        }
        self.levels[level].push(hash);
        let hashes = &self.levels[level];
        if hashes.len().is_multiple_of(256) {
            let tile = concat(&hashes[hashes.len() - 256..]);
            self.push_hash(level + 1, full_tile_root(&tile).unwrap());
        }
    }

    pub fn vkey(&self) -> String {
        self.key.vkey().to_string()
    }

    pub fn checkpoint(&self, size: u64) -> Checkpoint {
        let root = root_from_tiles(self, size).unwrap();
        Checkpoint::new(self.origin.parse().unwrap(), size, root).unwrap()
    }

    pub fn signed(&self, size: u64) -> Vec<u8> {
        let text = self.checkpoint(size).to_string();
        let line = sign_checkpoint(&text, &self.key).unwrap();
        Note::new(text, vec![line])
            .unwrap()
            .to_string()
            .into_bytes()
    }

    pub fn add_checkpoint(&self, old: u64, size: u64) -> AddCheckpoint {
        AddCheckpoint {
            old_size: old,
            proof: prove_consistency(self, old, size).unwrap_or_default(),
            checkpoint: self.signed(size),
        }
    }

    pub fn head(&self, start: u64, end: u64) -> AddEntries {
        AddEntries {
            origin: self.origin.clone(),
            start,
            end,
            ticket: Vec::new(),
        }
    }

    pub fn package(&self, span: PackageSpan, end: u64) -> EntryPackage {
        EntryPackage {
            entries: self.entries[span.first() as usize..span.end() as usize].to_vec(),
            proof: prove_subtree_consistency(self, span.subtree(), end).unwrap(),
        }
    }

    /// The body of a whole upload, cut after `packages`.
    pub fn upload_of(&self, start: u64, end: u64, packages: usize) -> Vec<u8> {
        let head = self.head(start, end);
        let mut body = head.to_bytes().unwrap();
        for span in head.packages().take(packages) {
            body.extend(self.package(span, end).to_bytes().unwrap());
        }
        body
    }

    pub fn upload(&self, start: u64, end: u64) -> Vec<u8> {
        self.upload_of(start, end, usize::MAX)
    }

    pub fn bundle_bytes(&self, id: BundleId) -> Vec<u8> {
        let first = id.first_entry() as usize;
        bundle::encode(&self.entries[first..first + usize::from(id.width())]).unwrap()
    }
}

impl TileSource for TestLog {
    type Error = std::convert::Infallible;
    fn tile(&self, id: TileId) -> Result<Vec<u8>, Self::Error> {
        let first = id.index() as usize * 256;
        let hashes = &self.levels[usize::from(id.level())];
        Ok(concat(&hashes[first..first + usize::from(id.width())]))
    }
}

fn concat(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// A configuration with fresh keys in `dir`, holding `logs`.
pub fn config(dir: &Path, logs: &[&TestLog]) -> Config {
    let key = |name: &str, algorithm| -> PathBuf {
        let path = dir.join(name);
        if !path.exists() {
            let secret = SecretKey::generate(algorithm).unwrap();
            secret.save_new(&path, None).unwrap();
        }
        path
    };
    Config {
        server: serve::ServerConfig::default(),
        dir: dir.to_owned(),
        name: MIRROR.to_owned(),
        ed25519_key: key("ed25519.pem", Algorithm::Ed25519),
        ml_dsa_key: key("ml-dsa.pem", Algorithm::MlDsa44),
        passphrase: None,
        witness_vkeys: Vec::new(),
        logs: logs
            .iter()
            .map(|log| LogConfig {
                origin: log.origin.clone(),
                vkeys: vec![log.vkey()],
                bytes_max: 1 << 30,
            })
            .collect(),
    }
}

/// The verifier keys of the mirror: Ed25519, then ML-DSA-44.
pub fn vkeys(config: &Config) -> [VerifierKey; 2] {
    let vkey = |path: &Path, key_type| {
        let secret = SecretKey::load(path, None).unwrap();
        let key = NoteKey::new(secret, config.name.parse().unwrap(), key_type).unwrap();
        key.vkey().clone()
    };
    [
        vkey(&config.ed25519_key, KeyType::CosignatureEd25519),
        vkey(&config.ml_dsa_key, KeyType::CosignatureMlDsa44),
    ]
}

/// A mirror that runs.
pub struct Daemon {
    pub dir: TempDir,
    pub talk: Talk,
    pub vkeys: [VerifierKey; 2],
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), MirrorError>>,
}

impl Daemon {
    pub async fn start(logs: &[&TestLog]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), logs).await
    }

    pub async fn start_in(dir: TempDir, logs: &[&TestLog]) -> Self {
        let config = config(dir.path(), logs);
        Self::start_with(dir, config).await
    }

    pub async fn start_with(dir: TempDir, config: Config) -> Self {
        let vkeys = vkeys(&config);
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(mirror::serve(config, async {
            stopped.await.ok();
        }));
        let url = serve::wait_url(dir.path(), PATIENCE).await.unwrap();
        Self {
            dir,
            talk: Talk::new(&url),
            vkeys,
            stop,
            running,
        }
    }

    pub async fn stop(self) -> TempDir {
        self.stop.send(()).unwrap();
        self.running.await.unwrap().unwrap();
        self.dir
    }

    /// The lines are this mirror's, both of them, over this tree.
    pub fn check_lines(&self, checkpoint: &Checkpoint, body: &[u8]) -> u64 {
        let lines = parse_cosignatures(body).unwrap();
        check_lines(&self.vkeys, checkpoint, &lines)
    }
}

/// The time that both cosignatures state.
pub fn check_lines(vkeys: &[VerifierKey], checkpoint: &Checkpoint, lines: &[SignatureLine]) -> u64 {
    assert_eq!(lines.len(), vkeys.len());
    let times: Vec<u64> = vkeys
        .iter()
        .zip(lines)
        .map(|(key, line)| verify_cosignature(checkpoint, line, key).unwrap())
        .collect();
    assert_eq!(times[0], times[1]);
    times[0]
}

/// Calls of a mirror.
#[derive(Clone)]
pub struct Talk {
    pub client: Client,
    pub url: String,
}

impl Talk {
    pub fn new(url: &str) -> Self {
        Self {
            client: Client::new(&ClientConfig::default()).unwrap(),
            url: url.to_owned(),
        }
    }

    pub async fn post(
        &self,
        name: &str,
        kind: &str,
        body: impl Into<Vec<u8>>,
    ) -> Result<Reply, ClientError> {
        let url = format!("{}/{name}", self.url);
        let body: Vec<u8> = body.into();
        self.client.post(&url, kind, body, 1 << 16, PATIENCE).await
    }

    pub async fn add_checkpoint(&self, request: &AddCheckpoint) -> Result<Reply, ClientError> {
        self.post("add-checkpoint", "text/plain", request.to_bytes())
            .await
    }

    pub async fn add_entries(&self, body: impl Into<Vec<u8>>) -> Result<Reply, ClientError> {
        self.post("add-entries", "application/octet-stream", body)
            .await
    }

    /// Makes a tree pending that follows from `old`.
    pub async fn offer(&self, log: &TestLog, old: u64, size: u64) {
        let reply = self.add_checkpoint(&log.add_checkpoint(old, size)).await;
        assert!(reply.unwrap().body.is_empty(), "nothing is cosigned yet");
    }

    /// From `held` entries to a mirrored tree of `size`.
    pub async fn mirror(&self, log: &TestLog, held: u64, size: u64) -> Vec<u8> {
        self.offer(log, held, size).await;
        let reply = self.add_entries(log.upload(held, size)).await.unwrap();
        assert_eq!(reply.status, 200);
        reply.body.to_vec()
    }

    pub async fn get(&self, log: &TestLog, name: &str) -> Option<Vec<u8>> {
        let folder = tlog::sha256(log.origin.as_bytes()).to_hex();
        let url = format!("{}/{folder}/{name}", self.url);
        let found = self.client.get_optional(&url, 1 << 25).await.unwrap();
        found.map(|bytes| bytes.to_vec())
    }

    /// Everything a reader of a tree of `size` asks for is served, byte for byte as the log has it.
    pub async fn check_served(&self, log: &TestLog, size: u64) {
        for id in tiles_between(0, size) {
            let expected = log.tile(id).unwrap();
            assert_eq!(self.get(log, &id.path()).await, Some(expected), "{id}");
        }
        for id in BundleId::covering(size) {
            let expected = log.bundle_bytes(id);
            assert_eq!(self.get(log, &id.path()).await, Some(expected), "{id}");
        }
    }

    /// Size of the published checkpoint; 0 if there is none.
    pub async fn published(&self, log: &TestLog) -> u64 {
        let Some(bytes) = self.get(log, "checkpoint").await else {
            return 0;
        };
        let note = Note::parse(&bytes).unwrap();
        let checkpoint = Checkpoint::parse(note.text()).unwrap();
        assert_eq!(checkpoint, log.checkpoint(checkpoint.size()));
        checkpoint.size()
    }
}

/// The refusal of a call.
pub fn refused(reply: Result<Reply, ClientError>) -> RefusedReply {
    reply.unwrap_err().refused().unwrap().clone()
}

/// Where to go on, from an answer 409.
pub fn elsewhere(reply: Result<Reply, ClientError>) -> (u64, u64) {
    let reply = refused(reply);
    assert_eq!(reply.status, 409);
    assert_eq!(
        reply.content_type.as_deref(),
        Some("text/x.tlog.mirror-info")
    );
    go_on(&reply.body)
}

/// Size and next entry of a mirror info.
pub fn go_on(body: &[u8]) -> (u64, u64) {
    let info = MirrorInfo::parse(body).unwrap();
    (info.tree_size, info.next_entry)
}

/// Files on disk, for `fsck`.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn of(dir: &Path, log: &TestLog) -> Self {
        let folder = tlog::sha256(log.origin.as_bytes()).to_hex();
        Self(dir.join("public").join(folder))
    }
}

impl TileSource for Folder {
    type Error = std::io::Error;
    fn tile(&self, id: TileId) -> Result<Vec<u8>, Self::Error> {
        std::fs::read(self.0.join(id.path()))
    }
}

impl BundleSource for Folder {
    type Error = std::io::Error;
    fn bundle(&self, id: BundleId) -> Result<Vec<u8>, Self::Error> {
        std::fs::read(self.0.join(id.path()))
    }
}
