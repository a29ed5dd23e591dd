//! A world with one cell: four parties, the center's log, two witnesses, a policy that all parties signed, the three
//! epochs of the home CH. Nothing in it is a stand-in but the child, which is a program of its own.

// The benchmark uses some of it.
#![allow(dead_code, unused_imports)]

#[path = "../../../supervisor/tests/world/founding.rs"]
mod founding;
pub mod issuer;
mod opening;
mod owner;
mod tools;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use keys::{OpeningKey, SecretKey, StatementKey};
use logclient::{Follower, LogClient};
use seal::{EpochKey, EpochKeys};
use serde_json::Value;
use serve::{Client, ClientConfig, ServerConfig, wait_url};
use statement::{
    Blob, CountryCode, Declaration, Envelope, EpochPurpose, FileDigest, Predicate, Region,
    ResidencyPolicy, Statement, StatementDigest, Subject,
};
use tempfile::TempDir;

pub use founding::CENTER_LOG;
pub use opening::{FalseOpener, Granting, Opening, ask};
pub use owner::{Owner, Tweak, sealed_body};
pub use tools::{RULES, tool_dir, tool_names};

/// How long anything may take that is waited for.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct World {
    pub dir: TempDir,
    pub anchor: StatementDigest,
    pub not_after: u64,
    pub log: LogClient,
    pub log_url: String,
    pub policy: StatementDigest,
}

impl World {
    /// Founds the constitution, starts witnesses and log, logs declaration, policy and the two opening epochs.
    pub async fn found() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // The sandbox's uid has to get to the child.
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(dir.path(), open).unwrap();
        let founded = founding::found(dir.path());
        let mut witnesses = Vec::new();
        for lab in ["lab-a", "lab-b"] {
            witnesses.push(founding::start_witness(dir.path(), lab).await);
        }
        let name = (CENTER_LOG, "center-log");
        let log_url =
            founding::start_log(dir.path(), "vendor", name, founded.anchor, &witnesses).await;
        let log = LogClient::new(http(), &log_url, CENTER_LOG.parse().unwrap());
        submit_all(&log, founded.envelopes).await;
        let mut world = Self {
            policy: StatementDigest::of(b""),
            anchor: founded.anchor,
            not_after: founded.not_after,
            log,
            log_url,
            dir,
        };
        world.policy = world.govern(1, None).await;
        world.log_opening_epochs().await;
        world.release_first_tools().await;
        world
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn key_path(&self, party: &str, file: &str) -> PathBuf {
        founding::key_path(self.path(), party, file)
    }

    pub fn statement_key(&self, party: &str, file: &str) -> StatementKey {
        StatementKey::new(SecretKey::load(&self.key_path(party, file), None).unwrap()).unwrap()
    }

    /// Has a party say something; returns when it is witnessed.
    pub async fn say(&self, key: &StatementKey, statement: &Statement) -> StatementDigest {
        let said = self.log.sign_and_submit(statement, key, PATIENCE);
        said.await.unwrap().0.digest()
    }

    /// All parties sign a declaration and a policy.
    pub async fn govern(&self, version: u64, previous: Option<StatementDigest>) -> StatementDigest {
        let audience = vec![CENTER_LOG.parse().unwrap()];
        let declaration = Declaration {
            audience: audience.clone(),
            not_after: self.not_after,
            blobs: Vec::new(),
            version,
            previous: None,
            regions: vec![Region {
                name: "europe".parse().unwrap(),
                countries: vec!["CH".parse().unwrap(), "DE".parse().unwrap()],
            }],
            facilities: Vec::new(),
            promises: Vec::new(),
        };
        let subject = Subject::new("constitution", FileDigest::new(*self.anchor.hash()));
        let declaration = self
            .all_say(&Statement::new(vec![subject], declaration))
            .await;
        let names = ["policy.cedar", "policy.cedarschema", "entities.json"];
        let mut blobs = Vec::new();
        for name in names {
            let bytes = format!("{name} {version}").into_bytes();
            let key = self.statement_key("vendor", "author");
            let length = bytes.len() as u64;
            blobs.push(Blob {
                sha256: self.log.put_blob(bytes, &key).await.unwrap(),
                bytes: length,
                public: true,
            });
        }
        let [text, schema, entities] = [0, 1, 2].map(|at: usize| blobs[at].sha256);
        blobs.sort_by_key(|blob| blob.sha256);
        let policy = ResidencyPolicy {
            audience,
            not_after: self.not_after,
            blobs,
            version,
            previous,
            declaration,
            language: "cedar 4.14.1".to_owned(),
            text,
            schema,
            entities,
        };
        let digests = [text, schema, entities];
        let subjects = names.iter().zip(digests);
        let subjects = subjects.map(|(name, digest)| Subject::new(*name, digest));
        self.all_say(&Statement::new(subjects.collect(), policy))
            .await
    }

    async fn all_say(&self, statement: &Statement) -> StatementDigest {
        let payload = statement.to_payload().unwrap();
        let envelopes = ["vendor", "supervisor", "lab-a", "lab-b"].map(|party| {
            let key = self.statement_key(party, "governance");
            Envelope::sign(payload.clone(), &key).unwrap()
        });
        submit_all(&self.log, envelopes.to_vec()).await;
        StatementDigest::of(&payload)
    }

    async fn log_opening_epochs(&self) {
        for (purpose, party, file) in [
            (EpochPurpose::Center, "vendor", "center"),
            (EpochPurpose::Supervisor, "supervisor", "supervisor"),
        ] {
            let signer = self.statement_key(party, file);
            let path = self.key_path(party, "opening");
            let plan = center::EpochPlan {
                purpose,
                home: home(),
                audience: vec![CENTER_LOG.parse().unwrap()],
                not_after: self.not_after,
                valid_from: now() - 200_000,
                valid_until: now() + 86_400,
                destroy_by: now() + 2 * 86_400,
            };
            center::log_opening_epoch(plan, &path, &signer, &self.log, PATIENCE)
                .await
                .unwrap();
        }
    }

    /// The opening key of a party.
    pub fn opening_key(&self, party: &str) -> OpeningKey {
        OpeningKey::load(&self.key_path(party, "opening"), None).unwrap()
    }

    pub fn config(&self) -> center::Config {
        config(self.path(), &self.log_url, self.anchor)
    }

    /// Starts the cell; it ends with the test's runtime, or when the task is aborted.
    pub async fn start(&self, config: center::Config) -> Cell {
        self.start_by(config, serve::Clock::of_this_machine()).await
    }

    /// The same by another clock.
    pub async fn start_by(&self, config: center::Config, clock: serve::Clock) -> Cell {
        let dir = config.dir.clone();
        let task = tokio::spawn(async move {
            center::serve_by(config, clock, std::future::pending())
                .await
                .unwrap();
        });
        let url = wait_url(&dir, PATIENCE).await.unwrap();
        let cell = Cell { url, dir, task };
        cell.wait_open().await;
        cell
    }

    /// The keys to seal to now, from the statements of the log.
    pub async fn epoch_keys(&self, cell: &str) -> EpochKeys {
        let shown = get_json(&format!("{cell}/where")).await;
        let mut follower = Follower::new(self.log.clone(), self.anchor)
            .keeping(|predicate| matches!(predicate, Predicate::Epoch(_)));
        follower.sync().await.unwrap();
        let key = |purpose: &str| {
            let epochs = shown["epochs"].as_array().unwrap();
            let named = epochs.iter().find(|epoch| epoch["purpose"] == purpose);
            let digest: StatementDigest = text(&named.unwrap()["epoch"]).parse().unwrap();
            let kept = follower.kept().iter().find(|kept| kept.digest == digest);
            let Predicate::Epoch(epoch) = &kept.unwrap().statement.predicate else {
                unreachable!("only epochs are kept");
            };
            EpochKey::read(digest, epoch).unwrap()
        };
        EpochKeys::new(key("analysis"), key("center"), key("supervisor")).unwrap()
    }

    /// The log as it is now.
    pub async fn follower(&self) -> Follower {
        let mut follower = Follower::new(self.log.clone(), self.anchor);
        follower.sync().await.unwrap();
        follower
    }

    /// Everything of one kind that the cell said in the log, in order.
    pub async fn said(&self, keeps: fn(&Predicate) -> bool) -> Vec<Statement> {
        let mut follower = Follower::new(self.log.clone(), self.anchor).keeping(keeps);
        follower.sync().await.unwrap();
        let kept = follower.kept().iter();
        kept.map(|kept| kept.statement.clone()).collect()
    }
}

/// All at once: one wait for the witnesses.
async fn submit_all(log: &LogClient, envelopes: Vec<Envelope>) {
    let mut submissions = tokio::task::JoinSet::new();
    for envelope in envelopes {
        let log = log.clone();
        submissions.spawn(async move {
            log.submit_until_witnessed(&envelope, PATIENCE)
                .await
                .unwrap()
        });
    }
    submissions.join_all().await;
}

/// A running cell.
pub struct Cell {
    pub url: String,
    dir: PathBuf,
    task: tokio::task::JoinHandle<()>,
}

impl Cell {
    /// Waits until the cell knows its policy and all three epochs.
    async fn wait_open(&self) {
        wait_open(&self.url).await;
    }

    /// Drops it wherever it is, and waits until the last of its duties let its directory go.
    pub async fn stop(self) {
        self.task.abort();
        drop(self.task.await);
        wait_for("the directory is free", async || {
            store::DirLock::take(&self.dir).ok().map(drop)
        })
        .await;
    }
}

/// What a daemon says of its own health, whatever the status.
pub async fn healthz(url: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let asked = "GET /healthz HTTP/1.1\r\nhost: cell\r\nconnection: close\r\n\r\n";
    stream.write_all(asked.as_bytes()).await.unwrap();
    let mut told = String::new();
    stream.read_to_string(&mut told).await.unwrap();
    told
}

pub async fn wait_open(url: &str) {
    wait_for("the cell opens", async || {
        let bytes = http().get(&format!("{url}/where"), 1 << 20).await.ok()?;
        let shown: Value = serde_json::from_slice(&bytes).unwrap();
        let purposes: std::collections::BTreeSet<String> = shown["epochs"]
            .as_array()?
            .iter()
            .map(|epoch| text(&epoch["purpose"]))
            .collect();
        (purposes.len() == 3 && !shown["policy"].is_null()).then_some(())
    })
    .await;
}

/// A cell that makes batches at once, and whose child is the example.
pub fn config(world: &Path, log_url: &str, anchor: StatementDigest) -> center::Config {
    let tools = tool_names(world);
    center::Config {
        dir: world.join("cell"),
        remote: None,
        home: home(),
        origin: CENTER_LOG.parse().unwrap(),
        log_url: log_url.to_owned(),
        anchor,
        key: founding::key_path(world, "vendor", "center"),
        passphrase: None,
        worker: tools.worker,
        rules: tools.rules,
        scoring: tools.scoring,
        database: Some(tool_dir(world, "rules")),
        scoring_table: Some(tool_dir(world, "scoring").join("scoring.txt")),
        worker_program: Some(child_program(world)),
        worker_arguments: Vec::new(),
        workers: 1,
        sandbox_party: 40 + std::process::id() % 200,
        worker_wall_ms: 30_000,
        sample_bytes_max: 16 << 20,
        waiting_max: 10_000,
        sampling: statement::SamplingRule::default(),
        ending_seconds: 3_600,
        admission: center::AdmissionRule::Open,
        uploads_per_minute: 10_000,
        batch_ms: 50,
        poll_ms: 50,
        not_after_seconds: 86_400,
        openers: None,
        epochs: center::EpochTimes::default(),
        server: ServerConfig::default(),
        client: ClientConfig::default(),
    }
}

/// The example beside this test's own program, where every uid can read it; cargo builds examples before tests.
fn child_program(world: &Path) -> PathBuf {
    let copy = world.join("child-program");
    if !copy.is_file() {
        let test = std::env::current_exe().unwrap();
        let target = test.parent().unwrap().parent().unwrap();
        std::fs::copy(target.join("examples").join("child"), &copy).unwrap();
        std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    copy
}

pub fn home() -> CountryCode {
    "CH".parse().unwrap()
}

pub fn http() -> Client {
    Client::new(&ClientConfig::default()).unwrap()
}

pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_secs()
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

pub async fn get_json(url: &str) -> Value {
    serde_json::from_slice(&http().get(url, 1 << 20).await.unwrap()).unwrap()
}

/// Asks until there is an answer.
pub async fn wait_for<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(started.elapsed() < PATIENCE, "{what}: not in time");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The entry of a `logged` object: opened with the key that the constitution lists, and proven to be witnessed.
pub async fn open_logged(world: &World, logged: &Value) -> (StatementDigest, Statement) {
    open_by(&world.follower().await, logged)
}

/// The same by a log that was read before.
pub fn open_by(follower: &Follower, logged: &Value) -> (StatementDigest, Statement) {
    let (signer, digest, said) = open_signed(follower, logged);
    assert_eq!(signer, ("vendor".to_owned(), statement::Role::Center));
    (digest, said)
}

/// The same, whoever signed it: party and role.
pub fn open_signed(
    follower: &Follower,
    logged: &Value,
) -> ((String, statement::Role), StatementDigest, Statement) {
    let entry = text(&logged["entry"]);
    let envelope = Envelope::parse(entry.as_bytes()).unwrap();
    let state = follower.view().unwrap().state();
    let (party, key) = state
        .constitution()
        .unwrap()
        .find_key(envelope.key())
        .unwrap();
    let signer = (party.id.as_str().to_owned(), key.role);
    let raw: [u8; 32] = key.raw().unwrap().try_into().unwrap();
    envelope.verify(&raw).unwrap();
    let proof = tlog::TlogProof::parse(text(&logged["proof"]).as_bytes()).unwrap();
    proof
        .open(entry.as_bytes(), state.policy().unwrap())
        .unwrap();
    let said = Statement::parse(envelope.payload()).unwrap();
    (signer, envelope.digest(), said)
}
