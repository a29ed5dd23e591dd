//! Intake: sealed, sent on loopback, durable; beside copying and syncing the same bytes.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Instant;

use crate::load::{SENDERS, config, found, median, noise, send_all, until};

const RUNS: usize = 3;

pub async fn run() {
    println!("intake: {SENDERS} owners at a time, no worker, median of {RUNS}");
    // Until all is measured: see `copy_all`.
    let mut worlds = Vec::new();
    for (bytes, count) in [(10 << 10, 2_000), (1 << 20, 400)] {
        let world = found().await;
        let cell = world.start(config(&world, 0).await).await;
        let keys = world.epoch_keys(&cell.url).await;
        let (mut taken, mut receipted) = (Vec::new(), Vec::new());
        let (mut copied, mut copied_at_once) = (Vec::new(), Vec::new());
        for run in 0..RUNS {
            let started = Instant::now();
            let sealing = (&keys, world.policy);
            let all = send_all(&cell.url, sealing, count, move |n| noise(n, bytes)).await;
            taken.push(count as f64 / all.as_secs_f64());
            let total = (count * (run + 1)) as u64;
            until(&world, |said| said.receipts >= total).await;
            receipted.push(count as f64 / started.elapsed().as_secs_f64());
            let dir = world.path().join(format!("copied-{run}"));
            copied.push(count as f64 / copy_all(&dir.join("one"), count, bytes, 1));
            copied_at_once.push(count as f64 / copy_all(&dir.join("all"), count, bytes, SENDERS));
        }
        let (taken, receipted) = (median(taken), median(receipted));
        let (copied, copied_at_once) = (median(copied), median(copied_at_once));
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
fn copy_all(dir: &Path, count: usize, bytes: usize, at_once: usize) -> f64 {
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
    started.elapsed().as_secs_f64()
}
