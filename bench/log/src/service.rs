//! The whole service over sockets: HTTP, strict parsing, signatures, roster, deduplication, durable.
//! Without witnesses, so each answer says "durable"; the client runs on the same cores.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use keys::{Algorithm, SecretKey};
use tokio::task::JoinSet;

use crate::Args;
use crate::connection::Connection;
use crate::latency::Daemon;
use crate::machine::{cpu_seconds, peak_mib};
use crate::roster::{
    LOG_SEEDS, ORIGIN, Witnesses, beat, center, founding, founding_with, log_vkeys, witness_name,
    witness_seeds,
};

/// Entries of one batch call.
const PER_CALL: u64 = 256;

/// Runs a log in `dir=` until it is killed.
pub async fn serve(args: &Args) -> anyhow::Result<()> {
    let dir = Path::new(args.text("dir").context("dir=")?);
    let [ed25519, ml_dsa] = ["ed25519.pem", "ml-dsa.pem"].map(|name| dir.join(name));
    let keys = [
        (&ed25519, Algorithm::Ed25519),
        (&ml_dsa, Algorithm::MlDsa44),
    ];
    for ((path, algorithm), seed) in keys.into_iter().zip(LOG_SEEDS) {
        SecretKey::from_seed(algorithm, [seed; 32]).save_new(path, None)?;
    }
    let witnesses = Witnesses {
        count: args.number("count", 1)? as usize,
        quorum: args.number("quorum", 1)? as usize,
    };
    let anchor = founding_with(witnesses)?.digest();
    let mut config = log::Config::new(dir.to_owned(), &ORIGIN.parse()?, anchor, [ed25519, ml_dsa]);
    // One key sends everything.
    config.key_entries_burst = u32::MAX;
    config.key_entries_per_minute = u32::MAX;
    config.queue_max = 16_384;
    // Everybody who waits for witnesses holds a request and a connection.
    config.server.concurrent_max = 8192;
    config.server.connections_max = 8192;
    let urls = args.text("witnesses").unwrap_or_default().split(',');
    let urls = urls.filter(|url| !url.is_empty());
    config.witnesses = urls.map(log::WitnessUrl::new).collect();
    Ok(log::serve(config, std::future::pending()).await?)
}

/// Runs the witness `number=` in `dir=` until it is killed.
pub async fn witness(args: &Args) -> anyhow::Result<()> {
    let dir = Path::new(args.text("dir").context("dir=")?);
    let number = args.number("number", 0)? as usize;
    let [ed25519_key, ml_dsa_key] = ["ed25519.pem", "ml-dsa.pem"].map(|name| dir.join(name));
    let keys = [
        (&ed25519_key, Algorithm::Ed25519),
        (&ml_dsa_key, Algorithm::MlDsa44),
    ];
    for ((path, algorithm), seed) in keys.into_iter().zip(witness_seeds(number)) {
        SecretKey::from_seed(algorithm, [seed; 32]).save_new(path, None)?;
    }
    let config = witness::Config {
        server: serve::ServerConfig::default(),
        dir: dir.to_owned(),
        name: witness_name(number),
        ed25519_key,
        ml_dsa_key,
        passphrase: None,
        logs: vec![witness::LogConfig {
            origin: ORIGIN.to_owned(),
            vkeys: log_vkeys()?.to_vec(),
        }],
    };
    Ok(witness::serve(config, std::future::pending()).await?)
}

pub async fn run(args: &Args) -> anyhow::Result<()> {
    let seconds = args.number("seconds", 60)?;
    let connections = args.number("connections", 64)?;
    let size = args.number("size", 256)? as usize;
    let per_call = match args.text("calls").unwrap_or("single") {
        "single" => 1,
        "batch" => PER_CALL,
        other => anyhow::bail!("calls={other}"),
    };
    let scratch = match args.text("dir") {
        Some(dir) => tempfile::tempdir_in(dir)?,
        None => tempfile::tempdir()?,
    };
    let server = Daemon::start("serve", scratch.path(), &[]).await?;
    let address = server.address.clone();
    let mut line = Connection::open(&address).await?;
    let founding = founding()?.to_bytes();
    let status = line.call("/submit?wait=0", &founding).await?.status;
    ensure!(status == 202, "the founding entry was answered {status}");

    // Signed during the run, as statements are; it is part of what the client costs.
    let numbers = Arc::new(AtomicU64::new(0));
    let taken = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let until = began + Duration::from_secs(seconds);
    let mut clients = JoinSet::new();
    for _ in 0..connections {
        let (numbers, taken) = (Arc::clone(&numbers), Arc::clone(&taken));
        let address = address.clone();
        clients.spawn(
            async move { submit(&address, (per_call, size), &numbers, &taken, until).await },
        );
    }
    let mut latencies = Vec::new();
    while let Some(done) = clients.join_next().await {
        latencies.extend(done??);
    }
    let all = began.elapsed().as_secs_f64();
    // It would be against the law now, if it were not known.
    let mut line = Connection::open(&address).await?;
    let status = line.call("/submit?wait=0", &founding).await?.status;
    ensure!(
        status == 202,
        "the founding entry was answered {status} the second time"
    );
    let count = taken.load(Ordering::Relaxed);
    println!(
        "{count} statements in {all:.1} s by calls of {per_call}, {connections} connections: {:.0} a second",
        count as f64 / all
    );
    tell_latencies(latencies);
    let process = server.process();
    println!(
        "server: peak {:.0} MiB, {:.1} s of processor; client: {:.1} s",
        peak_mib(Some(process))?,
        cpu_seconds(Some(process))?,
        cpu_seconds(None)?
    );
    Ok(())
}

fn tell_latencies(mut latencies: Vec<Duration>) {
    latencies.sort_unstable();
    let at = |part: f64| {
        latencies
            .get((latencies.len() as f64 * part) as usize)
            .copied()
            .unwrap_or_default()
    };
    println!(
        "a call is answered in {:?} (median), {:?} (99 %)",
        at(0.5),
        at(0.99)
    );
}

/// Submits until the time is over; returns how long each call took.
async fn submit(
    address: &str,
    (per_call, size): (u64, usize),
    numbers: &AtomicU64,
    taken: &AtomicU64,
    until: Instant,
) -> anyhow::Result<Vec<Duration>> {
    let mut line = Connection::open(address).await?;
    let signer = center()?;
    let mut latencies = Vec::new();
    while Instant::now() < until {
        let first = numbers.fetch_add(per_call, Ordering::Relaxed);
        let mut body = Vec::new();
        for number in first..first + per_call {
            let entry = beat(number, size, &signer)?;
            if per_call > 1 {
                body.extend_from_slice(&u16::try_from(entry.len())?.to_be_bytes());
            }
            body.extend_from_slice(&entry);
        }
        let path = match per_call {
            1 => "/submit?wait=0",
            _ => "/submit-batch?wait=0",
        };
        let began = Instant::now();
        let status = line.call(path, &body).await?.status;
        match status {
            202 => {
                latencies.push(began.elapsed());
                taken.fetch_add(per_call, Ordering::Relaxed);
            }
            503 => tokio::time::sleep(Duration::from_millis(20)).await,
            other => anyhow::bail!("a call was answered {other}"),
        }
    }
    Ok(latencies)
}
