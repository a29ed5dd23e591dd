//! A world for a run, owners who send all at once, and what the log says of it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use center::Config;
use seal::EpochKeys;
use serve::Client;
use statement::{Predicate, StatementDigest};
use tokio::task::JoinSet;

use crate::world::{Owner, PATIENCE, World, http, sealed_body};

/// Tells this program that it is the one in the sandbox.
pub const ATTEND: &str = "attend";
/// The longest file of noise.
const NOISE_BYTES: usize = 1 << 20;
/// What a call has besides the file, generously: front, tags, signature.
const FRONT_ROOM: usize = 16 << 10;
/// Owners who send at the same time.
pub const SENDERS: usize = 32;

/// A world whose children are this program.
pub async fn found() -> World {
    let world = World::found().await;
    let child = world.path().join("child-program");
    std::fs::copy(std::env::current_exe().unwrap(), &child).unwrap();
    std::fs::set_permissions(&child, std::fs::Permissions::from_mode(0o755)).unwrap();
    world
}

/// A cell like one that is run for real, but for batches every second.
pub async fn config(world: &World, workers: usize) -> Config {
    let (rules, database) = rules(world).await;
    Config {
        worker_arguments: vec![ATTEND.to_owned()],
        rules,
        database: Some(database),
        workers,
        sample_bytes_max: 64 << 20,
        waiting_max: 2_000_000,
        uploads_per_minute: 10_000_000,
        batch_ms: 1_000,
        poll_ms: 1_000,
        ..world.config()
    }
}

/// A small rule file, released; the first scoring table is the world's.
async fn rules(world: &World) -> (StatementDigest, PathBuf) {
    let rules: String = (0..200)
        .map(|n| {
            format!(
                "rule never_{n} {{ meta: severity = \"suspicious\" strings: $a = \"limpid bench {n}\" \
                 $b = {{ 4c 69 6d {n:02x} ?? 64 }} condition: any of them }}\n",
                n = n % 256
            )
        })
        .collect();
    world
        .release_rules("bench", "bench.yar", rules.as_bytes())
        .await
}

/// Seals each file and sends it; returns when every one is acknowledged, which is: durable. `bytes` makes file number
/// `n`, so that not all of them are in memory at once.
pub async fn send_all(
    cell: &str,
    (keys, policy): (&EpochKeys, StatementDigest),
    count: usize,
    bytes: impl Fn(usize) -> Vec<u8> + Send + Sync + 'static,
) -> Duration {
    let started = Instant::now();
    let (next, bytes) = (Arc::new(AtomicUsize::new(0)), Arc::new(bytes));
    let keys = Arc::new(keys.clone());
    let mut senders = JoinSet::new();
    for _ in 0..SENDERS {
        let (next, bytes, keys) = (Arc::clone(&next), Arc::clone(&bytes), Arc::clone(&keys));
        let (client, cell) = (http(), cell.to_owned());
        senders.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return;
                }
                let file = bytes(number);
                if file.len() + FRONT_ROOM > center::PIECE_BYTES_MAX {
                    send_pieces(&cell, &Owner::of(&file, &keys, policy)).await;
                } else {
                    send_whole(&client, &cell, sealed_body(&file, &keys, policy)).await;
                }
            }
        });
    }
    while let Some(done) = senders.join_next().await {
        done.unwrap();
    }
    started.elapsed()
}

async fn send_pieces(cell: &str, owner: &Owner) {
    owner.begin(cell).await.unwrap();
    for offset in (0..owner.ciphertext.len()).step_by(center::PIECE_BYTES_MAX) {
        owner
            .append(cell, offset, center::PIECE_BYTES_MAX)
            .await
            .unwrap();
    }
    owner.complete(cell).await.unwrap();
}

/// One call, as endpoints make it for what fits.
async fn send_whole(client: &Client, cell: &str, body: Vec<u8>) {
    let url = format!("{cell}/samples");
    let kind = "application/octet-stream";
    let sent = client.post(&url, kind, body, 1 << 20, PATIENCE).await;
    sent.unwrap();
}

/// What the batches in the log say so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Said {
    pub receipts: u64,
    pub receipt_batches: u64,
    pub verdicts: u64,
    pub verdict_batches: u64,
    pub anomalies: u64,
    pub clean: u64,
    pub suspicious: u64,
}

pub async fn said(world: &World) -> Said {
    let all = world
        .said(|predicate| {
            matches!(
                predicate,
                Predicate::Receipts(_) | Predicate::Verdicts(_) | Predicate::Anomaly(_)
            )
        })
        .await;
    let mut said = Said::default();
    for statement in all {
        match statement.predicate {
            Predicate::Receipts(batch) => {
                said.receipts += batch.count;
                said.receipt_batches += 1;
            }
            Predicate::Verdicts(batch) => {
                said.verdicts += batch.count;
                said.verdict_batches += 1;
                said.clean += batch.outcomes.clean;
                said.suspicious += batch.outcomes.suspicious;
            }
            _ => said.anomalies += 1,
        }
    }
    said
}

/// Waits until the log says enough.
pub async fn until(world: &World, enough: impl Fn(&Said) -> bool) -> Said {
    let started = Instant::now();
    loop {
        let said = said(world).await;
        if enough(&said) {
            return said;
        }
        assert!(started.elapsed() < Duration::from_secs(1_800), "{said:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Bytes that no compression helps with, begun by a number. Made once: the load is what is measured.
pub fn noise(number: usize, bytes: usize) -> Vec<u8> {
    static NOISE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let words = std::iter::repeat_with(move || {
            // xorshift64
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        });
        words.take(NOISE_BYTES / 8).flatten().collect()
    });
    let mut out = NOISE[..bytes].to_vec();
    out[..8].copy_from_slice(&number.to_le_bytes());
    out
}

/// Files of this system's own programs, libraries and documents, and who looks at them.
pub struct SystemFiles {
    pub paths: Vec<PathBuf>,
    pub bytes: u64,
    /// Workers, one for each.
    pub cores: usize,
}

impl SystemFiles {
    /// Every so many of all, in the order of their paths.
    pub fn choose(count: usize) -> Self {
        let mut all = Vec::new();
        for tree in ["/usr/bin", "/usr/lib", "/usr/sbin", "/usr/share", "/etc"] {
            below(Path::new(tree), &mut all);
        }
        all.sort();
        let step = (all.len() / count).max(1);
        let paths: Vec<PathBuf> = all.into_iter().step_by(step).take(count).collect();
        Self {
            bytes: paths
                .iter()
                .map(|path| path.metadata().unwrap().len())
                .sum(),
            paths,
            cores: std::thread::available_parallelism().unwrap().get(),
        }
    }

    pub fn count(&self) -> usize {
        self.paths.len()
    }

    pub fn mib(&self) -> f64 {
        self.bytes as f64 / f64::from(1 << 20)
    }
}

fn below(dir: &Path, all: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return;
    };
    for entry in entries.flatten() {
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir() {
            below(&entry.path(), all);
        } else if kind.is_file()
            && entry
                .metadata()
                .is_ok_and(|about| (1..16 << 20).contains(&about.len()))
        {
            all.push(entry.path());
        }
    }
}

/// Resident bytes of this process, now.
pub fn resident_mib() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<f64>().ok());
    pages.unwrap_or_default() * 4096.0 / f64::from(1 << 20)
}

pub fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}
