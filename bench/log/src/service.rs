//! The whole service over sockets: HTTP, strict parsing, signatures, roster, deduplication, durable.
//! Without witnesses, so each answer says "durable"; the client runs on the same cores.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use keys::{Algorithm, SecretKey};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::Args;
use crate::machine::{cpu_seconds, peak_mib};
use crate::roster::{LOG_SEEDS, ORIGIN, Signer, beat, founding};

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
    let anchor = founding()?.digest();
    let mut config = log::Config::new(dir.to_owned(), &ORIGIN.parse()?, anchor, [ed25519, ml_dsa]);
    // One key sends everything.
    config.key_entries_burst = u32::MAX;
    config.key_entries_per_minute = u32::MAX;
    config.queue_max = 16_384;
    Ok(log::serve(config, std::future::pending()).await?)
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
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
    let server = Command::new(std::env::current_exe()?)
        .arg("serve")
        .arg(format!("dir={}", scratch.path().display()))
        .stdout(Stdio::null())
        .spawn()?;
    let server = Server(server);
    let url = serve::wait_url(scratch.path(), Duration::from_secs(30)).await?;
    let address = url
        .strip_prefix("http://")
        .context("no address")?
        .to_owned();
    let mut line = Connection::open(&address).await?;
    let status = line.call("/submit?wait=0", &founding()?.to_bytes()).await?;
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
    let status = line.call("/submit?wait=0", &founding()?.to_bytes()).await?;
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
    let process = server.0.id();
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
    let signer = Signer::center();
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
        let status = line.call(path, &body).await?;
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

/// A kept-alive HTTP/1.1 connection that costs little.
struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    async fn open(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            answer: Vec::new(),
        })
    }

    /// Posts a body; returns the status.
    async fn call(&mut self, path: &str, body: &[u8]) -> anyhow::Result<u16> {
        let mut request = format!(
            "POST {path} HTTP/1.1\r\nhost: log\r\ncontent-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.stream.write_all(&request).await?;
        loop {
            if let Some((status, length)) = whole(&self.answer)? {
                self.answer.drain(..length);
                return Ok(status);
            }
            let read = self.stream.read_buf(&mut self.answer).await?;
            ensure!(read > 0, "the log hung up");
        }
    }
}

/// Status and length of the first answer, once all of it is there.
fn whole(bytes: &[u8]) -> anyhow::Result<Option<(u16, usize)>> {
    let Some(head) = bytes.windows(4).position(|end| end == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..head])?;
    let status = text.get(9..12).context("no status")?.parse()?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>())
    });
    let end = head + 4 + length.context("no content-length")??;
    Ok((bytes.len() >= end).then_some((status, end)))
}
