//! A log, its witness, a vendor and two labs over sockets. Every party has folders, keys and a uid of its own.
#![allow(dead_code)] // Not every test file that shares this module needs all of it.

mod founding;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use conveyer::{
    Clock, ConveyerConfig, ConveyerKeyPaths, Isolation, RebuilderConfig, RoomError, SourceFrom,
    Step, system_clock, watch,
};
use keys::{SecretKey, StatementKey};
use logclient::{Follower, LogClient};
use statement::{Predicate, StatementDigest, StatementSigner as _};
use tlog::Origin;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use founding::ORIGIN;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// The world of one test.
pub struct Street {
    ground: tempfile::TempDir,
    url: String,
    anchor: StatementDigest,
    first_uid: u32,
    _daemons: Vec<oneshot::Sender<()>>,
}

impl Street {
    /// `first_uid` must be ten away from that of every other test. `rebuilds_min` goes into the constitution.
    pub async fn open(first_uid: u32, rebuilds_min: u64) -> Self {
        let ground = tempfile::tempdir().unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(ground.path(), open).unwrap();
        let founded = founding::found(ground.path(), rebuilds_min);
        let (stop_witness, stopped) = oneshot::channel::<()>();
        let config = founding::witness_config(ground.path());
        let dir = config.dir.clone();
        tokio::spawn(witness::serve(config, async { drop(stopped.await) }));
        let witness = serve::wait_url(&dir, PATIENCE).await.unwrap();
        let (stop_log, stopped) = oneshot::channel::<()>();
        let config = founding::log_config(ground.path(), founded.anchor, witness);
        let dir = config.dir.clone();
        tokio::spawn(log::serve(config, async { drop(stopped.await) }));
        let url = serve::wait_url(&dir, PATIENCE).await.unwrap();
        let street = Self {
            ground,
            url,
            anchor: founded.anchor,
            first_uid,
            _daemons: vec![stop_witness, stop_log],
        };
        street.bootstrap(&founded).await;
        street
    }

    /// No entry can be witnessed before the last of the constitution's stands, so none is waited for.
    async fn bootstrap(&self, founded: &founding::Founded) {
        let http = serve::Client::new(&serve::ClientConfig::default()).unwrap();
        let url = format!("{}/submit?wait=0", self.url);
        for envelope in &founded.envelopes {
            let body = envelope.to_bytes();
            let kind = "application/vnd.dsse.envelope+json";
            http.post(&url, kind, body, 1 << 10, PATIENCE)
                .await
                .unwrap();
        }
        let mut follower = Follower::new(self.client(), self.anchor);
        until("the constitution", async || follower.sync().await.ok()).await;
    }

    pub fn path(&self) -> &Path {
        self.ground.path()
    }

    /// Where the log keeps a blob.
    pub fn blob_path(&self, digest: statement::FileDigest) -> PathBuf {
        let blobs = store::Blobs::open(&self.path().join("vendor/log/blobs")).unwrap();
        blobs.path(digest.hash())
    }

    pub fn client(&self) -> LogClient {
        let http = serve::Client::new(&serve::ClientConfig::default()).unwrap();
        LogClient::new(http, &self.url, origin())
    }

    /// A stranger's own replay of the log.
    pub async fn follow(&self) -> Follower {
        let mut follower = Follower::new(self.client(), self.anchor);
        follower.sync().await.unwrap();
        follower
    }

    pub fn key(&self, party: &str, name: &str) -> StatementKey {
        let path = founding::key_path(self.path(), party, name);
        StatementKey::new(SecretKey::load(&path, None).unwrap()).unwrap()
    }

    pub fn conveyer(&self) -> ConveyerConfig {
        let key = |name| founding::key_path(self.path(), "vendor", name);
        ConveyerConfig {
            dir: self.path().join("vendor/conveyer"),
            origin: origin(),
            log_url: self.url.clone(),
            anchor: self.anchor,
            keys: ConveyerKeyPaths {
                author: key("author"),
                conveyer: key("conveyer"),
                passphrase: None,
            },
            builder_id: "https://conveyer.center.example".to_owned(),
            authors: vec!["The Lures Team".to_owned()],
            authored_in: "RU".to_owned(),
            crates: None,
            environments: conveyer::EnvironmentsConfig::default(),
            isolation: self.isolation(0),
            blob_bytes_max: 16 << 20,
            not_after_seconds: 3_600,
            wait_ms: 120_000,
            poll_ms: 20,
            client: serve::ClientConfig::default(),
        }
    }

    /// Lab 1 is `lab-a`, lab 2 is `lab-b`.
    pub fn lab(&self, number: u32) -> RebuilderConfig {
        let party = ["lab-a", "lab-b"][number as usize - 1];
        RebuilderConfig {
            dir: self.path().join(party).join("rebuilder"),
            origin: origin(),
            log_url: self.url.clone(),
            anchor: self.anchor,
            key: founding::key_path(self.path(), party, "rebuilder"),
            passphrase: None,
            explanations: Vec::new(),
            variation: number,
            crates: None,
            environments: conveyer::EnvironmentsConfig::default(),
            isolation: self.isolation(number),
            blob_bytes_max: 16 << 20,
            not_after_seconds: 3_600,
            wait_ms: 120_000,
            poll_ms: 20,
            past: None,
            server: serve::ServerConfig::default(),
            client: serve::ClientConfig::default(),
        }
    }

    fn isolation(&self, number: u32) -> Isolation {
        Isolation {
            party: self.first_uid + number,
            uid_base: None,
        }
    }

    /// What a key said about a build, in log order: short name and index.
    pub async fn said(&self, build: StatementDigest, key: &StatementKey) -> Vec<(String, u64)> {
        let follower = self.follow().await;
        let entries = follower.view().unwrap().entries_of_build(build);
        let own = entries.iter().filter(|entry| entry.key() == key.key());
        own.map(|entry| {
            let name = entry.statement().predicate.short_name();
            (name.to_owned(), entry.index())
        })
        .collect()
    }

    /// Waits until `key` has logged a verdict on `build`.
    pub async fn verdict(&self, build: StatementDigest, key: &StatementKey) -> statement::Rebuild {
        until("a rebuild", async || {
            let follower = self.follow().await;
            let entries = follower.view().unwrap().entries_of_build(build);
            entries
                .iter()
                .find_map(|entry| match &entry.statement().predicate {
                    Predicate::Rebuild(rebuild) if entry.key() == key.key() => {
                        Some(rebuild.clone())
                    }
                    _ => None,
                })
        })
        .await
    }
}

pub fn origin() -> Origin {
    ORIGIN.parse().unwrap()
}

/// Waits until a condition holds.
pub async fn until<T>(what: &str, mut seen: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = seen().await {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Steps as they were told.
#[derive(Clone, Default)]
pub struct Told(Arc<Mutex<Vec<Step>>>);

impl Told {
    pub fn tell(&self, step: Step) {
        self.0.lock().unwrap().push(step);
    }

    pub fn all(&self) -> Vec<Step> {
        self.0.lock().unwrap().clone()
    }

    pub fn count(&self, is_it: impl Fn(&Step) -> bool) -> usize {
        self.all().iter().filter(|step| is_it(step)).count()
    }
}

/// A rebuilder that runs; stopped at once when dropped.
pub struct Lab {
    pub told: Told,
    dir: PathBuf,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), RoomError>>,
}

impl Lab {
    pub fn start(config: RebuilderConfig) -> Self {
        Self::start_at(config, system_clock)
    }

    /// With a clock of its own.
    pub fn start_at(config: RebuilderConfig, clock: Clock) -> Self {
        let told = Told::default();
        let (stop, stopped) = oneshot::channel::<()>();
        let (dir, teller) = (config.dir.clone(), told.clone());
        let task = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            watch(config, &|step| teller.tell(step), clock, stopped).await
        });
        Self {
            told,
            dir,
            stop,
            task,
        }
    }

    pub async fn url(&self) -> String {
        serve::wait_url(&self.dir, PATIENCE).await.unwrap()
    }

    pub async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }
}

/// The rule database under `examples/`.
pub fn lures() -> SourceFrom {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/lures/1.0");
    directory(Path::new(path))
}

pub fn directory(path: &Path) -> SourceFrom {
    SourceFrom::Directory {
        path: path.to_owned(),
        exclude: Vec::new(),
    }
}

/// A copy of the rule database whose build script is changed by `change`.
pub fn changed_lures(to: &Path, change: impl Fn(String) -> String) -> SourceFrom {
    let SourceFrom::Directory { path, .. } = lures() else {
        unreachable!("lures() is a directory");
    };
    std::fs::create_dir_all(to.join("rules")).unwrap();
    let script = std::fs::read_to_string(path.join("build.sh")).unwrap();
    std::fs::write(to.join("build.sh"), change(script)).unwrap();
    std::fs::copy(path.join("recipe.toml"), to.join("recipe.toml")).unwrap();
    for rule in std::fs::read_dir(path.join("rules")).unwrap() {
        let rule = rule.unwrap();
        std::fs::copy(rule.path(), to.join("rules").join(rule.file_name())).unwrap();
    }
    directory(to)
}
