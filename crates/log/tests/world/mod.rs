//! A log, its witnesses and its readers over sockets.
#![allow(dead_code, unreachable_pub)]

pub mod liar;
pub mod roster;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use keys::{Algorithm, SecretKey};
use log::{Config, LogError, WitnessUrl};
use logclient::{Follower, LogClient, LogClientError};
use serve::{Client, ClientConfig};
use statement::Envelope;
use tempfile::TempDir;
use tlog::TlogProof;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use roster::{GOVERNANCE, LOG_SEEDS, ORIGIN, WITNESS_NAMES, WITNESS_SEEDS};

/// Longer than anything here takes, shorter than a test's patience.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until a condition holds.
pub async fn until<T>(what: &str, mut seen: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = seen().await {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub fn http() -> Client {
    Client::new(&ClientConfig::default()).unwrap()
}

pub fn key_files(dir: &Path, [ed25519, ml_dsa]: [u8; 2]) -> [PathBuf; 2] {
    let save = |name: &str, algorithm, seed: u8| {
        let path = dir.join(name);
        if !path.exists() {
            let key = SecretKey::from_seed(algorithm, [seed; 32]);
            key.save_new(&path, None).unwrap();
        }
        path
    };
    [
        save("ed25519.pem", Algorithm::Ed25519, ed25519),
        save("ml-dsa.pem", Algorithm::MlDsa44, ml_dsa),
    ]
}

/// Configuration of witness `n` (0 or 1) in `dir`.
pub fn witness_config(n: usize, dir: &Path) -> witness::Config {
    let [ed25519_key, ml_dsa_key] = key_files(dir, WITNESS_SEEDS[n]);
    witness::Config {
        server: serve::ServerConfig::default(),
        dir: dir.to_owned(),
        name: WITNESS_NAMES[n].to_owned(),
        ed25519_key,
        ml_dsa_key,
        passphrase: None,
        logs: vec![witness::LogConfig {
            origin: ORIGIN.to_owned(),
            vkeys: roster::log_vkeys().to_vec(),
        }],
    }
}

/// Configuration of the log in `dir`, quick to answer.
pub fn log_config(dir: &Path, witnesses: &[String]) -> Config {
    let keys = key_files(dir, LOG_SEEDS);
    let mut config = Config::new(dir.to_owned(), &roster::origin(), roster::anchor(), keys);
    config.witnesses = witnesses.iter().map(WitnessUrl::new).collect();
    config.batch_ms = 1;
    config
}

/// An address where nobody listens now, but a daemon may later, also after a kill; another one for
/// each `number`. Below the ports that systems give to whoever asks for any.
pub fn free_address(number: usize) -> SocketAddr {
    let first = 20_000 + (std::process::id() % 1_000) * 10;
    let ports = (first..30_000).chain(20_000..first);
    ports
        .map(|port| SocketAddr::from(([127, 0, 0, 1], port as u16)))
        .filter(|address| std::net::TcpListener::bind(address).is_ok())
        .nth(number)
        .unwrap()
}

/// A daemon in this process.
pub struct Daemon<E> {
    pub dir: PathBuf,
    pub url: String,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), E>>,
}

impl<E: std::fmt::Debug> Daemon<E> {
    pub async fn run<F>(dir: PathBuf, serve: impl FnOnce(oneshot::Receiver<()>) -> F) -> Self
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Send + 'static,
    {
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(serve(stopped));
        let url = serve::wait_url(&dir, PATIENCE).await.unwrap();
        Self {
            dir,
            url,
            stop,
            running,
        }
    }

    pub async fn stop(self) -> PathBuf {
        self.stop.send(()).unwrap();
        self.running.await.unwrap().unwrap();
        self.dir
    }

    /// Why it stopped by itself.
    pub async fn failed(self) -> E {
        let ended = tokio::time::timeout(PATIENCE, self.running).await;
        let Ok(ended) = ended else {
            panic!("it goes on");
        };
        ended.unwrap().unwrap_err()
    }
}

pub type Log = Daemon<LogError>;
pub type Witness = Daemon<witness::WitnessError>;

pub async fn start_witness(config: witness::Config) -> Witness {
    Daemon::run(config.dir.clone(), |stopped| {
        witness::serve(config, async {
            stopped.await.ok();
        })
    })
    .await
}

pub async fn start_log(config: Config) -> Log {
    Daemon::run(config.dir.clone(), |stopped| {
        log::serve(config, async {
            stopped.await.ok();
        })
    })
    .await
}

/// Why a log does not start.
pub async fn refuse_to_start(config: Config) -> LogError {
    let never = std::future::pending::<()>();
    log::serve(config, never).await.unwrap_err()
}

/// A log and two witnesses.
pub struct World {
    pub root: TempDir,
    pub witnesses: Vec<Witness>,
    pub log: Log,
}

impl World {
    pub fn make_dir(root: &TempDir, name: &str) -> PathBuf {
        let dir = root.path().join(name);
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }

    /// Everything runs; nothing is logged.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let root = tempfile::tempdir().unwrap();
        let mut witnesses = Vec::new();
        for (n, name) in WITNESS_NAMES.iter().enumerate() {
            let dir = Self::make_dir(&root, name);
            witnesses.push(start_witness(witness_config(n, &dir)).await);
        }
        let urls: Vec<String> = witnesses.iter().map(|w| w.url.clone()).collect();
        let mut config = log_config(&Self::make_dir(&root, "log"), &urls);
        change(&mut config);
        let log = start_log(config).await;
        Self {
            root,
            witnesses,
            log,
        }
    }

    /// Everything runs under the constitution.
    pub async fn founded() -> Self {
        let world = Self::start().await;
        found(&world.client()).await;
        world
    }

    pub fn client(&self) -> LogClient {
        client_at(&self.log.url)
    }

    pub fn follower(&self) -> Follower {
        Follower::new(self.client(), roster::anchor())
    }

    pub fn witness_urls(&self) -> Vec<String> {
        self.witnesses.iter().map(|w| w.url.clone()).collect()
    }

    pub async fn stop(self) -> TempDir {
        self.log.stop().await;
        for witness in self.witnesses {
            witness.stop().await;
        }
        self.root
    }
}

pub fn client_at(url: &str) -> LogClient {
    LogClient::new(http(), url, roster::origin())
}

/// Submits the constitution's four envelopes; with the last one the log can publish.
pub async fn found(client: &LogClient) {
    for (index, envelope) in founding().iter().enumerate() {
        assert_eq!(submit_at_once(client, envelope).await, index as u64);
    }
    client
        .submit_until_witnessed(&founding()[3], PATIENCE)
        .await
        .unwrap();
}

pub fn founding() -> Vec<Envelope> {
    let sign = |seed: &u8| roster::envelope(roster::constitution(), *seed);
    GOVERNANCE.iter().map(sign).collect()
}

/// `POST /submit?wait=0`: the index, as soon as the entry is durable.
pub async fn submit_at_once(client: &LogClient, envelope: &Envelope) -> u64 {
    post_at_once(client, envelope.to_bytes()).await.unwrap()
}

pub async fn post_at_once(client: &LogClient, body: Vec<u8>) -> Result<u64, serve::ClientError> {
    let url = format!("{}/submit?wait=0", client.url());
    let kind = "application/octet-stream";
    let reply = http()
        .post(&url, kind, body, 1 << 16, Duration::from_secs(30))
        .await?;
    assert_eq!(reply.status, 202);
    let answer: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    Ok(answer["index"].as_u64().unwrap())
}

/// Submits and expects a proof that opens under constitution 1.
pub async fn submit_witnessed(client: &LogClient, envelope: &Envelope) -> TlogProof {
    // A machine whose disk stands still for seconds answers 202 first.
    let proof = client.submit_until_witnessed(envelope, PATIENCE);
    let proof = proof.await.unwrap();
    proof.open(&envelope.to_bytes(), &roster::policy()).unwrap();
    proof
}

/// The status and the code of a refused submission.
pub async fn refused(client: &LogClient, body: impl Into<Vec<u8>>) -> (u16, String) {
    let error = post_at_once(client, body.into()).await.unwrap_err();
    (
        error.status().unwrap(),
        error.code().unwrap_or_default().to_owned(),
    )
}

/// The law's code for which a follower refuses.
pub fn code_of(error: &LogClientError) -> &str {
    error.code().unwrap_or("none")
}

/// A copy of a directory, as a backup would make it of a stopped daemon.
pub fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
