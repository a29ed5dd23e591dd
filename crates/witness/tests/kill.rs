//! A witness that is killed at any instruction never goes back behind what it cosigned.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, dead_code)]

mod world;

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use world::{MemoryLog, add, client, config};

const CHILD_DIR: &str = "LIMPID_TEST_WITNESS_DIR";
const ENTRIES: usize = 250;

fn log() -> MemoryLog {
    let entries: Vec<String> = (0..ENTRIES).map(|n| n.to_string()).collect();
    let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
    MemoryLog::new(&entries)
}

/// Not a claim of its own: the process that the test below starts and kills.
#[tokio::test]
async fn child_runs_a_witness_when_asked_to() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else {
        return;
    };
    witness::serve(config(dir.as_ref(), &log()), std::future::pending())
        .await
        .unwrap();
}

fn start(dir: &std::path::Path) -> Child {
    // The child also removes a stale address when it starts; here it must not be seen before.
    drop(std::fs::remove_file(dir.join("url")));
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_runs_a_witness_when_asked_to"])
        .env(CHILD_DIR, dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn a_killed_witness_is_never_behind_what_it_cosigned() {
    let kills: u64 = std::env::var("LIMPID_KILLS").map_or(4, |n| n.parse().unwrap());
    let log = log();
    let dir = tempfile::tempdir().unwrap();
    let client = client();
    let mut cosigned = 0usize;
    for round in 0..kills {
        let mut child = start(dir.path());
        let url = serve::wait_url(dir.path(), Duration::from_secs(60))
            .await
            .unwrap();
        // Whatever was acknowledged before the kill must be the least it knows now.
        let asked = add(&client, &url, log.request(1, 1).to_bytes()).await;
        if asked.is_ok() {
            assert!(cosigned <= 1, "knows 1, cosigned {cosigned}");
            cosigned = 1;
        }
        if let Err(error) = asked {
            let latest = String::from_utf8(error.refused().unwrap().body.to_vec()).unwrap();
            let latest: usize = latest.trim().parse().unwrap();
            assert!(latest >= cosigned, "knows {latest}, cosigned {cosigned}");
            cosigned = latest;
        }
        let pid = child.id();
        let killer = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(5 + (round * 37) % 90)).await;
            Command::new("kill")
                .args(["-9", &pid.to_string()])
                .status()
                .unwrap();
        });
        loop {
            let size = (cosigned + 1).min(ENTRIES);
            match add(&client, &url, log.request(cosigned, size).to_bytes()).await {
                Ok(_) => cosigned = size,
                Err(error) if error.refused().is_none() => break,
                Err(error) => panic!("{error}"),
            }
        }
        killer.await.unwrap();
        child.wait().unwrap();
    }
}
