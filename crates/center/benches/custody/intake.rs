//! Intake: sealed, sent on loopback, durable; beside copying and syncing the same bytes.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::load::{SENDERS, config, found, median, noise, send_all, until};

const RUNS: usize = 3;

pub async fn run() {
    println!(
        "intake: {SENDERS} owners at a time, no worker, median of {RUNS} after one that warms up"
    );
    // Until all is measured: see `copy_all`.
    let mut worlds = Vec::new();
    for (bytes, count) in [(10 << 10, 2_000), (1 << 20, 400)] {
        let world = found().await;
        let cell = world.start(config(&world, 0).await).await;
        let keys = world.epoch_keys(&cell.url).await;
        let mut rounds = Vec::new();
        for round in 0..=RUNS {
            forget(world.path());
            let started = Instant::now();
            let sealing = (&keys, world.policy);
            let taken = send_all(&cell.url, sealing, count, move |n| noise(n, bytes)).await;
            let total = (count * (round + 1)) as u64;
            until(&world, |said| said.receipts >= total).await;
            let receipted = started.elapsed();
            let dir = world.path().join(format!("copied-{round}"));
            let copied = copy_all(&dir.join("one"), count, bytes, 1);
            let at_once = copy_all(&dir.join("all"), count, bytes, SENDERS);
            let each = [taken, receipted, copied, at_once];
            rounds.push(each.map(|time| count as f64 / time.as_secs_f64()));
        }
        // The first one is for the system, which touches memory that nobody had before.
        rounds.remove(0);
        let [taken, receipted, copied, copied_at_once] =
            std::array::from_fn(|what| median(rounds.iter().map(|it| it[what]).collect()));
        println!(
            "  {:>5} KB  acknowledged {taken:>5.0} /s, with witnessed receipts {receipted:>5.0} /s; cp and fsync: one \
             after the other {copied:>5.0} /s ({:.0} %), {SENDERS} at a time {copied_at_once:>5.0} /s ({:.0} %)",
            bytes >> 10,
            100.0 * taken / copied,
            100.0 * taken / copied_at_once
        );
        worlds.push(world);
    }
}

/// Copies files as `cp` does, each synced with its directory. Nothing is removed before the run ends: for seconds after a file
/// was, ext4 looks at each inode that became free, at every new file, of whoever it is. That would be measured, too.
fn copy_all(dir: &Path, count: usize, bytes: usize, at_once: usize) -> Duration {
    let (from, to) = (dir.join("from"), dir.join("to"));
    for dir in [&from, &to] {
        fs::create_dir_all(dir).unwrap();
    }
    for number in 0..count {
        fs::write(from.join(number.to_string()), noise(number, bytes)).unwrap();
    }
    // What is written back later would be written back beside the copies, and beside the next samples.
    assert!(
        Command::new("sync")
            .arg("--file-system")
            .arg(&from)
            .status()
            .unwrap()
            .success()
    );
    let started = Instant::now();
    thread::scope(|threads| {
        for first in 0..at_once {
            let (from, to) = (&from, &to);
            threads.spawn(move || {
                for number in (first..count).step_by(at_once) {
                    let name = number.to_string();
                    fs::copy(from.join(&name), to.join(&name)).unwrap();
                    File::open(to.join(&name)).unwrap().sync_all().unwrap();
                    File::open(to).unwrap().sync_all().unwrap();
                }
            });
        }
    });
    started.elapsed()
}

/// Drops what the system keeps of these files in memory; all of them are synced. So each round writes into memory that was just
/// free, whoever it is that writes.
fn forget(dir: &Path) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            forget(&path);
        } else if let Ok(file) = File::open(&path) {
            rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
        }
    }
}
