//! How fast `fsck` is, beside how fast this machine can hash at all: both on all cores, in one run.
//!
//! ```text
//! cargo bench -p limpid-logclient --bench fsck            one million entries of 1 KB
//! cargo bench -p limpid-logclient --bench fsck -- 100000
//! ```
//!
//! The limit is the time that leaf and node hashes alone take, over bytes that are in memory already. Both are the
//! median of several runs, by turns, over files that the page cache holds.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use logclient::fsck::{BadFile, Progress, fsck};
use logclient::{LogFiles, Trust};
use tlog::{BundleId, Hash, leaf_hash, node_hash};

const ENTRY_BYTES: usize = 1024;
const RUNS: usize = 5;

struct Quiet;

impl Progress for Quiet {
    fn bad(&self, file: &BadFile) {
        panic!("{file:?}");
    }
}

fn entry(index: u64) -> Vec<u8> {
    let mut bytes = vec![0xa5; ENTRY_BYTES];
    bytes[..8].copy_from_slice(&index.to_be_bytes());
    bytes
}

fn write(dir: &Path, path: &str, bytes: &[u8]) {
    let file = dir.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, bytes).unwrap();
}

fn make_log(dir: &Path, size: u64) {
    let mut tree = tlog::tree::Edge::default();
    for id in BundleId::covering(size) {
        let first = id.first_entry();
        let entries: Vec<Vec<u8>> = (first..first + u64::from(id.width())).map(entry).collect();
        let mut full = Vec::new();
        for entry in &entries {
            tree.append(entry, &mut full);
        }
        full.push((id.path(), tlog::bundle::encode(&entries).unwrap()));
        for (path, bytes) in full {
            write(dir, &path, &bytes);
        }
    }
    for (path, bytes) in tree.partial_tiles() {
        write(dir, &path, &bytes);
    }
    let text = format!("bench.example/log\n{size}\n{}\n", tree.root());
    let note = format!("{text}\n\u{2014} bench.example/log AAAAAAAA\n");
    write(dir, "checkpoint", note.as_bytes());
}

/// Processor time of this process so far, in seconds: user and system, in ticks of 10 ms.
fn processor_s() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    let ticks = after_name.split(' ').skip(11).take(2);
    ticks
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

/// Hashes as many leaves and nodes as the log has, on all cores, from memory.
fn limit(size: u64, jobs: usize) -> Duration {
    let bytes = entry(0);
    let left = AtomicU64::new(size / 256);
    let started = Instant::now();
    thread::scope(|threads| {
        for _ in 0..jobs {
            threads.spawn(|| {
                let node = Hash::EMPTY_ROOT;
                while left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                        left.checked_sub(1)
                    })
                    .is_ok()
                {
                    for _ in 0..256 {
                        black_box(leaf_hash(black_box(&bytes)));
                        black_box(node_hash(black_box(&node), &node));
                    }
                }
            });
        }
    });
    started.elapsed()
}

fn check(files: &LogFiles, jobs: usize) -> Duration {
    let started = Instant::now();
    let report = fsck(files, &Trust::Nobody, jobs, &Quiet).unwrap();
    assert!(report.is_whole());
    started.elapsed()
}

fn main() {
    let size = std::env::args().find_map(|argument| argument.parse().ok());
    let size: u64 = size.unwrap_or(1_000_000);
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    let dir = tempfile::tempdir().unwrap();
    make_log(dir.path(), size);
    let files = LogFiles::directory(dir.path());
    check(&files, jobs);
    let (mut limits, mut checks) = (Vec::new(), Vec::new());
    let (mut limit_cpu, mut check_cpu) = (0.0, 0.0);
    for _ in 0..RUNS {
        let before = processor_s();
        limits.push(limit(size, jobs));
        let between = processor_s();
        checks.push(check(&files, jobs));
        limit_cpu += between - before;
        check_cpu += processor_s() - between;
    }
    limits.sort();
    checks.sort();
    let (limit, check) = (
        limits[RUNS / 2].as_secs_f64(),
        checks[RUNS / 2].as_secs_f64(),
    );
    let rate = |seconds: f64| size as f64 / seconds;
    println!("{size} entries of {ENTRY_BYTES} bytes, {jobs} cores, median of {RUNS}");
    println!(
        "SHA-256 alone  {:>9.0} entries/s  {limit:.3} s",
        rate(limit)
    );
    println!(
        "fsck           {:>9.0} entries/s  {check:.3} s",
        rate(check)
    );
    println!("fsck reaches {:.0} % of the limit", 100.0 * limit / check);
    // Says more where other programs run at the same time.
    println!(
        "in processor time {:.0} % ({limit_cpu:.2} s and {check_cpu:.2} s in all runs)",
        100.0 * limit_cpu / check_cpu
    );
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    for line in status.lines().filter(|line| line.starts_with("VmHWM")) {
        println!("{line}");
    }
}
