//! Two processes of one log, as they run: killed, stopped and cut off under load.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use logclient::{Follower, LogClient};
use serde_json::json;
use tempfile::TempDir;
use tlog::BundleId;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::PATIENCE;
use crate::postgres_server::PostgresServer;
use crate::s3_server::{Conditions, S3Server};
use crate::world::roster::{self, WITNESS_NAMES, beat};
use crate::world::{self, Witness, World, client_at, found, post_at_once, start_witness, until};

/// Names the configuration of the process that the tests below start.
const CONFIG: &str = "LIMPID_TEST_CONFIG";

/// Not a claim of its own: a log in a process of its own.
#[tokio::test(flavor = "multi_thread")]
async fn child_runs_a_log_when_asked_to() {
    let Some(path) = std::env::var_os(CONFIG) else {
        return;
    };
    let bytes = std::fs::read(&path).unwrap();
    let config: log::Config = serde_json::from_slice(&bytes).unwrap();
    let ended = config.dir.join("ended");
    if let Err(error) = log::serve(config, std::future::pending()).await {
        let mut why = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            why = format!("{why}: {error}");
            cause = error.source();
        }
        std::fs::write(ended, why).unwrap();
    }
}

/// A process; killed at the latest when the test ends.
struct Process(Child);

impl Process {
    fn start(dir: &Path) -> Self {
        // A killed one leaves its address behind.
        drop(std::fs::remove_file(dir.join("url")));
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "failover::child_runs_a_log_when_asked_to"])
            .env(CONFIG, dir.join("config.json"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }

    fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGKILL; already dead is fine.
        drop(self.0.kill());
        self.0.wait().unwrap();
    }
}

/// What two processes of one log share, and where they are.
struct Ground {
    root: TempDir,
    postgres: PostgresServer,
    _s3: S3Server,
    _witnesses: Vec<Witness>,
    dirs: [PathBuf; 2],
    clients: [LogClient; 2],
}

impl Ground {
    /// `number`: another one for each test, so that their addresses differ.
    async fn start(number: usize) -> Self {
        let root = tempfile::tempdir().unwrap();
        let (postgres, s3) = (
            PostgresServer::start(),
            S3Server::start(Conditions::Ignored).await,
        );
        let mut witnesses = Vec::new();
        for (n, name) in WITNESS_NAMES.iter().enumerate() {
            let dir = World::make_dir(&root, name);
            witnesses.push(start_witness(world::witness_config(n, &dir)).await);
        }
        let urls: Vec<String> = witnesses.iter().map(|w| w.url.clone()).collect();
        let address = s3.write_private("postgres", &postgres.url());
        let bucket = s3.config("log");
        let mut clients = Vec::new();
        let dirs = ["a", "b"].map(|name| World::make_dir(&root, name));
        for (n, dir) in dirs.iter().enumerate() {
            let listen = world::free_address(number * 2 + n);
            clients.push(client_at(&format!("http://{listen}")));
            let plain = world::log_config(dir, &urls);
            let config = json!({
                "dir": dir,
                "origin": plain.origin,
                "anchor": plain.anchor.to_string(),
                "ed25519_key": plain.ed25519_key,
                "ml_dsa_key": plain.ml_dsa_key,
                "witnesses": urls.iter().map(|url| json!({"url": url})).collect::<Vec<_>>(),
                "batch_ms": plain.batch_ms,
                "key_entries_burst": 1_000_000,
                "server": {"listen": listen},
                "remote": {
                    "postgres": address,
                    "schema": "center_log",
                    "s3": {
                        "endpoint": bucket.endpoint,
                        "bucket": bucket.bucket,
                        "prefix": bucket.prefix,
                        "region": bucket.region,
                        "access_key": bucket.access_key,
                        "secret_key": bucket.secret_key,
                    },
                },
            });
            std::fs::write(dir.join("config.json"), config.to_string()).unwrap();
        }
        Self {
            root,
            postgres,
            _s3: s3,
            _witnesses: witnesses,
            dirs,
            clients: clients.try_into().unwrap(),
        }
    }

    async fn run(&self, n: usize) -> Process {
        let process = Process::start(&self.dirs[n]);
        serve::wait_url(&self.dirs[n], PATIENCE).await.unwrap();
        process
    }

    /// Whether a process leads; if not, whom it names.
    async fn asked(&self, n: usize) -> Option<Result<(), String>> {
        let error = post_at_once(&self.clients[n], b"no entry".to_vec())
            .await
            .unwrap_err();
        match error.code()? {
            "log.not_leading" => {
                let reply = error.refused().unwrap();
                let problem: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
                Some(Err(problem["value"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()))
            }
            _ => Some(Ok(())),
        }
    }

    async fn leads(&self, n: usize) {
        until("the other process to lead", async || {
            match self.asked(n).await {
                Some(Ok(())) => Some(()),
                _ => None,
            }
        })
        .await;
    }

    /// Starts submitters that submit until they are told to stop.
    fn load(&self, name: &str) -> Load {
        let (stop, stopping) = watch::channel(false);
        let count = Arc::new(watch::Sender::new(0_u64));
        let mut submitters = JoinSet::new();
        for n in 0..4 {
            let (clients, stopping) = (self.clients.clone(), stopping.clone());
            let (count, name) = (Arc::clone(&count), format!("{name}, submitter {n}"));
            submitters.spawn(submit(clients, name, count, stopping));
        }
        Load {
            stop,
            count,
            submitters,
        }
    }

    /// Everything acknowledged is at its index for readers of either process, in one history.
    async fn check(&self, followers: &mut [Follower; 2], acknowledged: &BTreeMap<u64, String>) {
        for (follower, client) in followers.iter_mut().zip(&self.clients) {
            follower.sync().await.unwrap();
            let size = follower.checkpoint().unwrap().size();
            let mut entries = Vec::new();
            for first in (0..size).step_by(256) {
                let width = u16::try_from((size - first).min(256)).unwrap();
                let bundle = BundleId::new(first / 256, width).unwrap();
                entries.extend(client.entries(bundle).await.unwrap());
            }
            for (index, note) in acknowledged {
                let at = usize::try_from(*index).unwrap();
                assert_eq!(entries[at], beat(note).to_bytes(), "{index}");
            }
        }
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // Shown with a test that fails: why a process ended that should not have.
        for dir in &self.dirs {
            if let Ok(why) = std::fs::read_to_string(dir.join("ended")) {
                println!("{} ended: {why}", dir.display());
            }
        }
    }
}

struct Load {
    stop: watch::Sender<bool>,
    count: Arc<watch::Sender<u64>>,
    submitters: JoinSet<Vec<(u64, String)>>,
}

impl Load {
    /// Waits until so many more entries are acknowledged.
    async fn goes_on(&self, more: u64) {
        let goal = *self.count.borrow() + more;
        let mut count = self.count.subscribe();
        let reached = count.wait_for(|count| *count >= goal);
        let reached = tokio::time::timeout(PATIENCE, reached).await;
        reached.expect("entries are acknowledged").unwrap();
    }

    async fn end(mut self, acknowledged: &mut BTreeMap<u64, String>) {
        self.stop.send_replace(true);
        while let Some(done) = self.submitters.join_next().await {
            for (index, note) in done.unwrap() {
                let before = acknowledged.insert(index, note.clone());
                assert!(
                    before.is_none(),
                    "{index} was given twice: {before:?}, {note}"
                );
            }
        }
    }
}

/// Submits one entry after the other, each to either process until one takes it.
async fn submit(
    clients: [LogClient; 2],
    name: String,
    count: Arc<watch::Sender<u64>>,
    stopping: watch::Receiver<bool>,
) -> Vec<(u64, String)> {
    let mut acknowledged = Vec::new();
    // Who took the last one is asked first.
    let mut at = 0;
    for n in 0_u32.. {
        let note = format!("{name}: {n}");
        let body = beat(&note).to_bytes();
        let index = loop {
            // A process that is stopped holds what it was given, and must not hold up the rest.
            let posted = post_at_once(&clients[at % 2], body.clone());
            match tokio::time::timeout(Duration::from_secs(2), posted).await {
                Ok(Ok(index)) => break index,
                Ok(Err(error)) => match error.status() {
                    None | Some(503) => {}
                    Some(_) => panic!("{error}"),
                },
                Err(_) => {}
            }
            if *stopping.borrow() {
                return acknowledged;
            }
            at += 1;
        };
        acknowledged.push((index, note));
        count.send_modify(|count| *count += 1);
        if *stopping.borrow() {
            break;
        }
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_leader_is_killed_under_load_another_goes_on_with_one_history() {
    let ground = Ground::start(0).await;
    let mut followers = ground
        .clients
        .clone()
        .map(|c| Follower::new(c, roster::anchor()));
    let mut acknowledged = BTreeMap::new();
    let mut leader = 0;
    let mut processes = [Some(ground.run(0).await), None];
    ground.leads(0).await;
    found(&ground.clients[0]).await;
    processes[1] = Some(ground.run(1).await);
    for round in 0..2 {
        let other = 1 - leader;
        // Who does not lead takes nothing and says who does.
        let named = ground.asked(other).await.unwrap().unwrap_err();
        assert_eq!(named, ground.clients[leader].url());
        let load = ground.load(&format!("round {round}"));
        load.goes_on(40).await;
        drop(processes[leader].take());
        ground.leads(other).await;
        load.goes_on(40).await;
        load.end(&mut acknowledged).await;

        // It comes back and waits.
        processes[leader] = Some(ground.run(leader).await);
        let named = ground.asked(leader).await.unwrap().unwrap_err();
        assert_eq!(named, ground.clients[other].url());
        let last = beat(format!("after round {round}"));
        let submitted = ground.clients[other].submit_until_witnessed(&last, PATIENCE);
        submitted.await.unwrap();
        ground.check(&mut followers, &acknowledged).await;
        leader = other;
    }
    assert!(acknowledged.len() > 150, "{}", acknowledged.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_was_away_while_another_led_stops_when_it_comes_back() {
    let ground = Ground::start(1).await;
    let mut followers = ground
        .clients
        .clone()
        .map(|c| Follower::new(c, roster::anchor()));
    let mut acknowledged = BTreeMap::new();
    let mut first = ground.run(0).await;
    ground.leads(0).await;
    found(&ground.clients[0]).await;
    let _second = ground.run(1).await;
    let load = ground.load("away");
    load.goes_on(40).await;
    // In the middle of whatever it does; then its connections are cut, as by a network.
    first.signal("STOP");
    ground.postgres.cut_leaders();
    ground.postgres.cut_writers();
    ground.leads(1).await;
    load.goes_on(40).await;
    first.signal("CONT");
    load.goes_on(40).await;
    load.end(&mut acknowledged).await;
    // It finds out by itself, with its first write at the latest.
    drop(post_at_once(&ground.clients[0], beat("late").to_bytes()).await);
    let status = until("the former leader to end", async || {
        first.0.try_wait().unwrap()
    })
    .await;
    assert!(status.success(), "it ended by its own decision");
    let why = std::fs::read_to_string(ground.dirs[0].join("ended")).unwrap();
    assert!(why.contains("another process leads this log"), "{why}");
    let last = beat("after all");
    let submitted = ground.clients[1].submit_until_witnessed(&last, PATIENCE);
    submitted.await.unwrap();
    // Started again, it waits its turn and serves readers.
    let _first = ground.run(0).await;
    assert!(ground.asked(0).await.unwrap().is_err());
    ground.check(&mut followers, &acknowledged).await;
    assert!(ground.root.path().is_dir());
}
