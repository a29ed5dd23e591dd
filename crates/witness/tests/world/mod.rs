//! A log in memory, a witness over a socket.

use std::path::{Path, PathBuf};
use std::time::Duration;

use keys::{Algorithm, NoteKey, SecretKey};
use serve::{Client, ClientConfig, ClientError, Reply};
use tempfile::TempDir;
use tlog::{
    AddCheckpoint, Checkpoint, Frontier, Hash, KeyType, Note, NoteSigner as _, SignatureLine,
    TileId, TileSource, VerifierKey, leaf_hash, parse_cosignatures, sign_checkpoint,
    verify_cosignature,
};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use witness::{Config, LogConfig, WitnessError};

pub const ORIGIN: &str = "center.example/log";

/// A log of fewer than 256 entries, signed with one key.
pub struct MemoryLog {
    leaves: Vec<Hash>,
    key: NoteKey,
}

impl TileSource for MemoryLog {
    type Error = std::convert::Infallible;
    fn tile(&self, id: TileId) -> Result<Vec<u8>, Self::Error> {
        assert_eq!((id.level(), id.index()), (0, 0));
        let width = usize::from(id.width());
        Ok(self.leaves[..width]
            .iter()
            .flat_map(|h| *h.as_bytes())
            .collect())
    }
}

impl MemoryLog {
    pub fn new(entries: &[&str]) -> Self {
        Self::with_key(entries, [7; 32])
    }

    pub fn with_key(entries: &[&str], seed: [u8; 32]) -> Self {
        let secret = SecretKey::from_seed(Algorithm::Ed25519, seed);
        Self {
            leaves: entries.iter().map(|e| leaf_hash(e.as_bytes())).collect(),
            key: NoteKey::new(secret, ORIGIN.parse().unwrap(), KeyType::Ed25519).unwrap(),
        }
    }

    pub fn vkey(&self) -> String {
        self.key.vkey().to_string()
    }

    pub fn checkpoint(&self, size: usize) -> Checkpoint {
        let mut frontier = Frontier::new();
        self.leaves[..size]
            .iter()
            .for_each(|leaf| frontier.append(*leaf));
        Checkpoint::new(ORIGIN.parse().unwrap(), size as u64, frontier.root()).unwrap()
    }

    pub fn signed(&self, size: usize) -> Vec<u8> {
        let text = self.checkpoint(size).to_string();
        let line = sign_checkpoint(&text, &self.key).unwrap();
        Note::new(text, vec![line])
            .unwrap()
            .to_string()
            .into_bytes()
    }

    pub fn request(&self, old: usize, size: usize) -> AddCheckpoint {
        let proof = if old <= size {
            tlog::prove_consistency(self, old as u64, size as u64).unwrap()
        } else {
            Vec::new()
        };
        AddCheckpoint {
            old_size: old as u64,
            proof,
            checkpoint: self.signed(size),
        }
    }
}

/// A configuration with fresh keys in `dir`, following `log`.
pub fn config(dir: &Path, log: &MemoryLog) -> Config {
    let key = |name: &str, algorithm| -> PathBuf {
        let path = dir.join(name);
        if !path.exists() {
            SecretKey::generate(algorithm)
                .unwrap()
                .save_new(&path, None)
                .unwrap();
        }
        path
    };
    Config {
        server: serve::ServerConfig::default(),
        dir: dir.to_owned(),
        name: "w1.example".to_owned(),
        ed25519_key: key("ed25519.pem", Algorithm::Ed25519),
        ml_dsa_key: key("ml-dsa.pem", Algorithm::MlDsa44),
        passphrase: None,
        logs: vec![LogConfig {
            origin: ORIGIN.to_owned(),
            vkeys: vec![log.vkey()],
        }],
    }
}

/// A witness that runs.
pub struct Daemon {
    pub dir: TempDir,
    pub url: String,
    pub client: Client,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), WitnessError>>,
}

impl Daemon {
    pub async fn start(log: &MemoryLog) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self::start_in(dir, log).await
    }

    pub async fn start_in(dir: TempDir, log: &MemoryLog) -> Self {
        let config = config(dir.path(), log);
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(witness::serve(config, async {
            stopped.await.ok();
        }));
        let url = serve::wait_url(dir.path(), Duration::from_secs(30))
            .await
            .unwrap();
        Self {
            dir,
            url,
            client: client(),
            stop,
            running,
        }
    }

    pub async fn stop(self) -> TempDir {
        self.stop.send(()).unwrap();
        self.running.await.unwrap().unwrap();
        self.dir
    }

    pub async fn post(&self, body: impl Into<Vec<u8>>) -> Result<Reply, ClientError> {
        add(&self.client, &self.url, body.into()).await
    }

    pub async fn cosigned(&self, request: &AddCheckpoint) -> Vec<SignatureLine> {
        let reply = self.post(request.to_bytes()).await.unwrap();
        parse_cosignatures(&reply.body).unwrap()
    }

    pub async fn status(&self, body: impl Into<Vec<u8>>) -> u16 {
        self.post(body).await.unwrap_err().status().unwrap()
    }

    /// `POST /sign-subtree`: the lines, or the status.
    pub async fn sign_subtree(&self, request: Vec<u8>) -> Result<Vec<SignatureLine>, u16> {
        let url = format!("{}/sign-subtree", self.url);
        let patience = Duration::from_secs(10);
        let sent = self
            .client
            .post(&url, "text/plain", request, 1 << 16, patience);
        match sent.await {
            Ok(reply) => Ok(parse_cosignatures(&reply.body).unwrap()),
            Err(error) => Err(error.status().unwrap()),
        }
    }

    pub async fn get(&self, path: &str) -> String {
        let url = format!("{}/{path}", self.url);
        String::from_utf8(self.client.get(&url, 1 << 20).await.unwrap().to_vec()).unwrap()
    }
}

pub fn client() -> Client {
    Client::new(&ClientConfig::default()).unwrap()
}

pub async fn add(client: &Client, url: &str, body: Vec<u8>) -> Result<Reply, ClientError> {
    let url = format!("{url}/add-checkpoint");
    client
        .post(&url, "text/plain", body, 1 << 16, Duration::from_secs(10))
        .await
}

/// A key of the witness, from its file.
pub fn note_key(path: &Path, key_type: KeyType) -> NoteKey {
    let secret = SecretKey::load(path, None).unwrap();
    NoteKey::new(secret, "w1.example".parse().unwrap(), key_type).unwrap()
}

/// The verifier keys of the witness: Ed25519, then ML-DSA-44.
pub fn vkeys(config: &Config) -> [VerifierKey; 2] {
    let vkey = |path: &Path, key_type| note_key(path, key_type).vkey().clone();
    [
        vkey(&config.ed25519_key, KeyType::CosignatureEd25519),
        vkey(&config.ml_dsa_key, KeyType::CosignatureMlDsa44),
    ]
}

/// The times in both cosignatures; they must verify under the keys of `config`.
pub fn times(config: &Config, checkpoint: &Checkpoint, lines: &[SignatureLine]) -> Vec<u64> {
    let keys = vkeys(config);
    assert_eq!(lines.len(), keys.len());
    keys.iter()
        .zip(lines)
        .map(|(key, line)| verify_cosignature(checkpoint, line, key).unwrap())
        .collect()
}
