//! A mirror killed at any moment: what it acknowledged is there, it never cosigns less than before,
//! and what it cosigned can be read.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tlog::parse_cosignatures;
use tokio::sync::watch::{self, Sender};

use crate::world::{Folder, PATIENCE, Talk, TestLog, check_lines, config, go_on, vkeys};

const DIR: &str = "LIMPID_TEST_DIR";

/// Not a claim of its own: the process that the test below starts and kills.
#[tokio::test]
async fn child_runs_a_mirror_when_asked_to() {
    let Some(dir) = std::env::var_os(DIR) else {
        return;
    };
    let config = config(Path::new(&dir), &[&TestLog::new(0, "a")]);
    mirror::serve(config, std::future::pending()).await.unwrap();
}

/// A mirror in a process of its own; killed at the latest when the test ends.
struct Process(Child);

impl Process {
    fn start(dir: &Path) -> Self {
        // A killed daemon leaves its address behind, which must not be taken for the next one's.
        drop(std::fs::remove_file(dir.join("url")));
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::child_runs_a_mirror_when_asked_to"])
            .env(DIR, dir)
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

/// What the mirror said before it was killed.
#[derive(Debug, Default, Clone, Copy)]
struct Said {
    pending: u64,
    held: u64,
    cosigned: u64,
    answers: u64,
}

/// Pushes the log until the mirror is gone; counts answers as they come.
async fn push(talk: Talk, log: &TestLog, dir: &Path, mut said: Said, count: Sender<u64>) -> Said {
    let keys = vkeys(&config(dir, &[log]));
    let (mut pending, last) = (said.pending, log.entries.len() as u64);
    loop {
        let size = (pending + 1 + (pending * 7) % 900).min(last);
        match talk
            .add_checkpoint(&log.add_checkpoint(pending, size))
            .await
        {
            Ok(_) => pending = size,
            Err(error) => {
                let Some(refused) = error.refused() else {
                    return said;
                };
                assert_eq!(refused.status, 409, "{error}");
                let told: u64 = std::str::from_utf8(&refused.body)
                    .unwrap()
                    .trim()
                    .parse()
                    .unwrap();
                assert!(told >= said.pending, "the pending checkpoint went back");
                pending = told;
            }
        }
        said.pending = said.pending.max(pending);
        let (mut start, mut end) = (pending, pending);
        loop {
            let body = log.upload_of(start, end, 1 + (start % 3) as usize);
            let answer = match talk.add_entries(body).await {
                Ok(reply) if reply.status == 200 => {
                    let lines = parse_cosignatures(&reply.body).unwrap();
                    check_lines(&keys, &log.checkpoint(end), &lines);
                    said.cosigned = said.cosigned.max(end);
                    said.held = said.held.max(end);
                    said.answers += 1;
                    count.send_replace(said.answers);
                    break;
                }
                Ok(reply) => reply.body,
                Err(error) => {
                    let Some(refused) = error.refused() else {
                        return said;
                    };
                    assert_eq!(refused.status, 409, "{error}");
                    refused.body.clone()
                }
            };
            (end, start) = go_on(&answer);
            assert!(
                start >= said.held,
                "entries that were acknowledged are gone"
            );
            said.held = start;
            said.answers += 1;
            count.send_replace(said.answers);
        }
    }
}

#[tokio::test]
async fn a_killed_mirror_keeps_what_it_acknowledged_and_never_goes_back() {
    let kills: u64 = std::env::var("LIMPID_KILLS").map_or(6, |n| n.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    // More than is pushed until the last kill, so that there is always something to do.
    let log = TestLog::new(4_000 * kills.clamp(4, 100), "a");
    let mut said = Said::default();
    for round in 0..kills {
        let process = Process::start(dir.path());
        let url = serve::wait_url(dir.path(), PATIENCE).await.unwrap();
        let talk = Talk::new(&url);
        let shown = talk.published(&log).await;
        assert!(shown >= said.cosigned, "{shown} shown, {said:?}");
        let (count, mut counted) = watch::channel(said.answers);
        let enough = said.answers + round % 5;
        let load = push(talk, &log, dir.path(), said, count);
        let kill = async {
            counted
                .wait_for(|answers| *answers >= enough)
                .await
                .unwrap();
            // The moment of death is what is varied here.
            tokio::time::sleep(Duration::from_millis((round * 83) % 120)).await;
            drop(process);
        };
        (said, ()) = tokio::join!(load, kill);
    }
    let process = Process::start(dir.path());
    let url = serve::wait_url(dir.path(), PATIENCE).await.unwrap();
    let shown = Talk::new(&url).published(&log).await;
    drop(process);
    assert!(
        shown >= said.cosigned && said.answers > 0,
        "{shown} shown, {said:?}"
    );
    let folder = Folder::of(dir.path(), &log);
    let checkpoint = log.checkpoint(shown);
    tlog::fsck(&folder, shown, checkpoint.root(), |index, entry| {
        assert_eq!(entry, log.entries[index as usize]);
    })
    .unwrap();
    eprintln!(
        "{kills} kills, {} answers, {} entries held, {shown} cosigned",
        said.answers, said.held
    );
}
