//! A small world over real sockets: four parties, the center's log and the supervisor's, two witnesses.
//! Used by the tests of `supervisor` and `release`; nothing in it is a stand-in.

#![allow(dead_code, unreachable_pub)]

mod founding;
#[path = "../../../law/tests/honest/program.rs"]
pub mod program;
mod story;

use std::path::{Path, PathBuf};
use std::time::Duration;

use keys::{SecretKey, StatementKey, TufKey};
use logclient::{Follower, LogClient};
use serve::{Client, ClientConfig, ServerConfig, wait_url};
use statement::{Envelope, Statement, StatementDigest};
use tempfile::TempDir;
use tuf::Seats;

pub use founding::{CENTER_LOG, SUPERVISOR_LOG};
#[allow(unused_imports)]
pub use story::{Built, archive_bytes, artifact_bytes, recipe_bytes};

/// How long anything may take that is waited for.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The world. Its daemons end with the test's runtime.
pub struct World {
    pub dir: TempDir,
    pub anchor: StatementDigest,
    pub root: Vec<u8>,
    pub center: LogClient,
    pub center_url: String,
    pub supervisor_log: LogClient,
    pub supervisor_log_url: String,
    /// What `keys.<role>` of the supervisor is, for worlds with a wrong one.
    pub not_after: u64,
}

impl World {
    /// Founds the constitution, starts witnesses and logs, and lays the constitution down in both.
    pub async fn found() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let founded = founding::found(dir.path());
        let logs = [
            ("vendor", CENTER_LOG, "center-log"),
            ("supervisor", SUPERVISOR_LOG, "supervisor-log"),
        ];
        let mut witnesses = Vec::new();
        for lab in ["lab-a", "lab-b"] {
            witnesses.push(founding::start_witness(dir.path(), lab).await);
        }
        let mut clients = Vec::new();
        for (party, origin, name) in logs {
            let url = founding::start_log(
                dir.path(),
                party,
                (origin, name),
                founded.anchor,
                &witnesses,
            )
            .await;
            let client = LogClient::new(http(), &url, origin.parse().unwrap());
            lay_down(&client, &founded.envelopes).await;
            clients.push((client, url));
        }
        let (supervisor_log, supervisor_log_url) = clients.pop().unwrap();
        let (center, center_url) = clients.pop().unwrap();
        Self {
            anchor: founded.anchor,
            root: founded.tuf_root,
            not_after: founded.not_after,
            center,
            center_url,
            supervisor_log,
            supervisor_log_url,
            dir,
        }
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

    pub fn tuf_key(&self, party: &str, file: &str) -> TufKey {
        TufKey::new(SecretKey::load(&self.key_path(party, file), None).unwrap()).unwrap()
    }

    /// Keys of the center and of the supervisor, both of which must sign.
    pub fn seats(&self, role: &str) -> Seats {
        founding::seats(self.path(), &format!("tuf-{role}"), 2)
    }

    /// A follower of the center's log that has seen everything so far.
    pub async fn follower(&self) -> Follower {
        let mut follower = Follower::new(self.center.clone(), self.anchor);
        follower.sync().await.unwrap();
        follower
    }

    /// Has a party say something in the center's log; returns when it is witnessed.
    pub async fn say(&self, key: &StatementKey, statement: Statement) -> StatementDigest {
        let envelope = Envelope::sign(statement.to_payload().unwrap(), key).unwrap();
        let submitted = self.center.submit_until_witnessed(&envelope, PATIENCE);
        submitted.await.unwrap();
        envelope.digest()
    }

    pub fn supervisor_config(&self) -> supervisor::Config {
        let key = |file| self.key_path("supervisor", file);
        supervisor::Config {
            dir: self.path().join("supervisor-room"),
            origin: CENTER_LOG.parse().unwrap(),
            log_url: self.center_url.clone(),
            own_origin: SUPERVISOR_LOG.parse().unwrap(),
            own_log_url: self.supervisor_log_url.clone(),
            other_logs: Vec::new(),
            anchor: self.anchor,
            repository_url: None,
            verifier: "https://supervisor.example".to_owned(),
            keys: supervisor::KeyPaths {
                supervisor: key("supervisor"),
                targets: key("tuf-targets"),
                software: key("tuf-software"),
                rules: key("tuf-rules"),
                passphrase: None,
            },
            blob_bytes_max: 1 << 20,
            not_after_seconds: 86_400,
            poll_ms: 10,
            ring_seconds: 0,
            server: ServerConfig::default(),
            client: ClientConfig::default(),
        }
    }

    /// The supervisor's room, not running: the test says when it looks.
    pub fn supervisor_room(&self) -> SupervisorRoom {
        self.supervisor_room_of(self.supervisor_config())
    }

    pub fn supervisor_room_of(&self, config: supervisor::Config) -> SupervisorRoom {
        let log = supervisor::RemoteLog::new(&config).unwrap();
        let own_log = supervisor::RemoteOwnLog::new(&config).unwrap();
        supervisor::Room::open(config, log, own_log, supervisor::system_clock).unwrap()
    }

    /// The supervisor's daemon; returns its address.
    pub async fn start_supervisor(&self) -> String {
        let config = self.supervisor_config();
        let directory = config.dir.clone();
        tokio::spawn(supervisor::serve(config, std::future::pending()));
        wait_url(&directory, PATIENCE).await.unwrap()
    }
}

/// All at once: nothing is witnessed, and so nobody is answered, before the last signature is there.
async fn lay_down(log: &LogClient, constitution: &[Envelope]) {
    let mut submissions = tokio::task::JoinSet::new();
    for envelope in constitution {
        let (log, envelope) = (log.clone(), envelope.clone());
        submissions.spawn(async move {
            log.submit_until_witnessed(&envelope, PATIENCE)
                .await
                .unwrap();
        });
    }
    while let Some(submitted) = submissions.join_next().await {
        submitted.unwrap();
    }
}

pub type SupervisorRoom = supervisor::Room<supervisor::RemoteLog, supervisor::RemoteOwnLog>;

pub fn http() -> Client {
    Client::new(&ClientConfig::default()).unwrap()
}

pub fn now() -> u64 {
    supervisor::system_clock()
}
