//! A log, and its witnesses, killed at any instruction: what was acknowledged is there, once, at
//! its index, in one history.
#![allow(clippy::unwrap_used, missing_docs)]

mod world;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use logclient::{Follower, LogClient};
use tokio::task::JoinSet;
use world::roster::{self, WITNESS_NAMES, beat};
use world::{PATIENCE, World, client_at, found, log_config, post_at_once, witness_config};

const ROLE: &str = "LIMPID_TEST_ROLE";
const DIR: &str = "LIMPID_TEST_DIR";
/// Addresses of the two witnesses and of the log.
const URLS: &str = "LIMPID_TEST_URLS";

/// Not a claim of its own: the process that the test below starts and kills.
#[tokio::test]
async fn child_runs_a_daemon_when_asked_to() {
    let (Ok(role), Some(dir)) = (std::env::var(ROLE), std::env::var_os(DIR)) else {
        return;
    };
    let urls = std::env::var(URLS).unwrap();
    let urls: Vec<String> = urls.split(' ').map(str::to_owned).collect();
    let never = std::future::pending::<()>();
    match role.as_str() {
        "log" => {
            let mut config = log_config(dir.as_ref(), &urls[..2]);
            config.server.listen = urls[2].strip_prefix("http://").unwrap().parse().unwrap();
            log::serve(config, never).await.unwrap();
        }
        number => {
            let n: usize = number.parse().unwrap();
            let mut config = witness_config(n, dir.as_ref());
            let address = urls[n].strip_prefix("http://").unwrap();
            config.server.listen = address.parse().unwrap();
            witness::serve(config, never).await.unwrap();
        }
    }
}

/// A daemon in a process of its own; killed at the latest when the test ends.
struct Process(Child);

impl Process {
    fn start(role: &str, dir: &Path, urls: &str) -> Self {
        // A killed daemon leaves its address behind, which must not be taken for the next one's.
        drop(std::fs::remove_file(dir.join("url")));
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_runs_a_daemon_when_asked_to"])
            .env(ROLE, role)
            .env(DIR, dir)
            .env(URLS, urls)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGKILL; already dead is fine.
        drop(self.0.kill());
        self.0.wait().unwrap();
    }
}

/// Submits until the log is gone; returns what it acknowledged.
async fn load(client: LogClient, name: String) -> Vec<(u64, String)> {
    let mut acknowledged = Vec::new();
    for n in 0.. {
        let note = format!("{name} {n}");
        match post_at_once(&client, beat(&note).to_bytes()).await {
            Ok(index) => acknowledged.push((index, note)),
            Err(error) if error.refused().is_none() => break,
            Err(error) => panic!("{error}"),
        }
    }
    acknowledged
}

#[tokio::test]
async fn a_killed_log_keeps_every_acknowledged_entry_in_one_history() {
    let kills: u64 = std::env::var("LIMPID_KILLS").map_or(4, |n| n.parse().unwrap());
    let root = tempfile::tempdir().unwrap();
    let addresses: [SocketAddr; 3] = std::array::from_fn(world::free_address);
    let urls = addresses
        .map(|address| format!("http://{address}"))
        .join(" ");
    let dirs = WITNESS_NAMES.map(|name| World::make_dir(&root, name));
    let start_witness = |n: usize| Process::start(&n.to_string(), &dirs[n], &urls);
    let mut witnesses = [start_witness(0), start_witness(1)];
    let dir = World::make_dir(&root, "log");

    let mut acknowledged: BTreeMap<u64, String> = BTreeMap::new();
    let client = client_at(&format!("http://{}", addresses[2]));
    // One follower sees it all: what was published before a kill must go on from there.
    let mut follower = Follower::new(client.clone(), roster::anchor());
    for round in 0..kills {
        let log = Process::start("log", &dir, &urls);
        serve::wait_url(&dir, PATIENCE).await.unwrap();
        if round == 0 {
            found(&client).await;
        }
        let mut loads = JoinSet::new();
        for submitter in 0..4 {
            loads.spawn(load(
                client.clone(),
                format!("round {round} submitter {submitter}"),
            ));
        }
        // The moment of death is what is varied here.
        tokio::time::sleep(Duration::from_millis(20 + (round * 53) % 200)).await;
        if round % 2 == 1 {
            let n = usize::try_from(round / 2 % 2).unwrap();
            witnesses[n] = start_after_kill(&mut witnesses[n], || start_witness(n)).await;
        }
        drop(log);
        while let Some(done) = loads.join_next().await {
            for (index, note) in done.unwrap() {
                let before = acknowledged.insert(index, note.clone());
                assert!(
                    before.is_none(),
                    "index {index} was given twice: {before:?}, {note}"
                );
            }
        }
        let log = Process::start("log", &dir, &urls);
        serve::wait_url(&dir, PATIENCE).await.unwrap();
        let last = beat(format!("after round {round}"));
        client
            .submit_until_witnessed(&last, PATIENCE)
            .await
            .unwrap();
        follower.sync().await.unwrap();
        for (index, note) in &acknowledged {
            assert_eq!(follower.entry(*index).await.unwrap(), beat(note).to_bytes());
        }
        drop(log);
    }
    assert!(
        acknowledged.len() as u64 > kills,
        "only {} entries",
        acknowledged.len()
    );
}

/// Kills a witness under load and starts it again.
async fn start_after_kill(old: &mut Process, start: impl FnOnce() -> Process) -> Process {
    old.0.kill().unwrap();
    old.0.wait().unwrap();
    start()
}
