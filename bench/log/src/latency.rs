//! Submit to witnessed checkpoint: how long a caller waits for the proof of its entry.
//!
//! Every daemon is a process of its own: the log, each witness, the bare server beside which they
//! are measured. Relays, dead witnesses and the client are this process.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tlog::{Policy, TlogProof};

use crate::Args;
use crate::connection::Connection;
use crate::far::{Dead, dead, relay};
use crate::load::{Sample, one_by_one, steadily};
use crate::roster::{Witnesses, beat, center, founding_with};

/// Characters of the note in each statement.
const NOTE_SIZE: usize = 256;

/// How long an idle log is left alone between two entries.
const REST: Duration = Duration::from_millis(150);

/// What is measured.
struct Plan {
    rate: u64,
    seconds: u64,
    /// Seconds at the same rate that are not counted: connections are made, witnesses get known.
    warm_up: u64,
    singles: usize,
    round_trip: Duration,
}

/// Where the witnesses are.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    witnesses: Witnesses,
    is_far: bool,
    /// What the last of them does, if it does not work.
    dead: Option<Dead>,
}

const CASES: [Case; 3] = [
    Case {
        name: "two near",
        witnesses: Witnesses {
            count: 2,
            quorum: 2,
        },
        is_far: false,
        dead: None,
    },
    Case {
        name: "two of three far, one silent",
        witnesses: Witnesses {
            count: 3,
            quorum: 2,
        },
        is_far: true,
        dead: Some(Dead::Silent),
    },
    Case {
        name: "two of three far, one refused",
        witnesses: Witnesses {
            count: 3,
            quorum: 2,
        },
        is_far: true,
        dead: Some(Dead::Refused),
    },
];

pub async fn run(args: &Args) -> anyhow::Result<()> {
    let plan = Plan {
        rate: args.number("rate", 1_000)?.max(1),
        seconds: args.number("seconds", 30)?,
        warm_up: args.number("warm_up", 5)?,
        singles: args.number("singles", 100)? as usize,
        round_trip: Duration::from_millis(args.number("round_trip_ms", 150)?),
    };
    let scratch = match args.text("dir") {
        Some(dir) => tempfile::tempdir_in(dir)?,
        None => tempfile::tempdir()?,
    };
    println!(
        "{:<44}{:>8}{:>11}{:>10}{:>10}{:>10}",
        "", "count", "median ms", "99 % ms", "99.9 %", "max ms"
    );
    measure_bare(&plan, &scratch.path().join("bare0")).await?;
    let only = args.text("only");
    for (number, case) in CASES.iter().enumerate() {
        if only.is_none_or(|only| only == (number + 1).to_string()) {
            let dir = scratch.path().join(format!("case{number}"));
            measure(case, &plan, &dir).await.context(case.name)?;
        }
    }
    // Again: what the disk did meanwhile is not the log's doing.
    measure_bare(&plan, &scratch.path().join("bare1")).await
}

/// A process of this program, until it is dropped.
pub struct Daemon {
    child: Child,
    pub address: String,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Daemon {
    /// Starts it in `dir`, which is made, and waits until it listens.
    pub async fn start(what: &str, dir: &Path, args: &[String]) -> anyhow::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let child = Command::new(std::env::current_exe()?)
            .arg(what)
            .arg(format!("dir={}", dir.display()))
            .args(args)
            .stdout(Stdio::null())
            .spawn()?;
        let mut daemon = Self {
            child,
            address: String::new(),
        };
        let url = serve::wait_url(dir, Duration::from_secs(30)).await?;
        let address = url.strip_prefix("http://").context("no address")?;
        daemon.address = address.trim_end_matches('/').to_owned();
        Ok(daemon)
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }
}

/// The peer: the same bodies to a server that only keeps them.
async fn measure_bare(plan: &Plan, dir: &Path) -> anyhow::Result<()> {
    let daemon = Daemon::start("bare", dir, &[]).await?;
    let (steady, single) = statements(plan, 0)?;
    let samples = one_by_one(&daemon.address, "/", &single, REST).await?;
    row("HTTP and fdatasync alone, one at a time", &samples);
    let samples = steadily(&daemon.address, "/", &Arc::new(steady), plan.rate).await?;
    row(
        &format!("HTTP and fdatasync alone, {} a second", plan.rate),
        counted(&samples, plan),
    );
    Ok(())
}

async fn measure(case: &Case, plan: &Plan, dir: &Path) -> anyhow::Result<()> {
    let (_running, urls) = start_witnesses(case, plan, dir).await?;
    let args = [
        format!("count={}", case.witnesses.count),
        format!("quorum={}", case.witnesses.quorum),
        format!("witnesses={}", urls.join(",")),
    ];
    let log = Daemon::start("serve", &dir.join("log"), &args).await?;
    let founding = founding_with(case.witnesses)?;
    let mut line = Connection::open(&log.address).await?;
    let answer = line.call("/submit", &founding.to_bytes()).await?;
    ensure!(answer.status == 200, "founded with {}", answer.status);

    let policy = case.witnesses.policy()?;
    let (steady, single) = statements(plan, 1)?;
    let samples = one_by_one(&log.address, "/submit", &single, REST).await?;
    verify(&samples, &single, &policy)?;
    row(&format!("{}, one at a time", case.name), &samples);
    let steady = Arc::new(steady);
    let samples = steadily(&log.address, "/submit", &steady, plan.rate).await?;
    let checkpoints = verify(&samples, &steady, &policy)?;
    row(
        &format!("{}, {} a second", case.name, plan.rate),
        counted(&samples, plan),
    );
    let seconds = plan.seconds + plan.warm_up;
    println!(
        "    {:.1} checkpoints a second; {}",
        checkpoints as f64 / seconds as f64,
        numbers(&log.address).await?
    );
    Ok(())
}

/// Starts those that live; gives the address of each.
async fn start_witnesses(
    case: &Case,
    plan: &Plan,
    dir: &Path,
) -> anyhow::Result<(Vec<Daemon>, Vec<String>)> {
    let (mut running, mut urls) = (Vec::new(), Vec::new());
    for number in 0..case.witnesses.count {
        let is_last = number + 1 == case.witnesses.count;
        let address = match case.dead.filter(|_| is_last) {
            Some(how) => dead(how).await?,
            None => {
                let args = [format!("number={number}")];
                let dir = dir.join(format!("witness{number}"));
                let daemon = Daemon::start("witness", &dir, &args).await?;
                let near: SocketAddr = daemon.address.parse()?;
                running.push(daemon);
                match case.is_far {
                    true => relay(near, plan.round_trip).await?,
                    false => near,
                }
            }
        };
        urls.push(format!("http://{address}"));
    }
    Ok((running, urls))
}

/// Statements that are signed before they are needed: for the steady load, and for one at a time.
fn statements(plan: &Plan, series: u64) -> anyhow::Result<(Vec<Vec<u8>>, Vec<Vec<u8>>)> {
    let signer = center()?;
    let first = series * 1_000_000_000;
    let sign = |number| beat(first + number, NOTE_SIZE, &signer);
    let single = (0..plan.singles as u64).map(sign);
    let single = single.collect::<anyhow::Result<_>>()?;
    let steady = plan.rate * (plan.warm_up + plan.seconds);
    let steady = (0..steady).map(|number| sign(100_000_000 + number));
    Ok((steady.collect::<anyhow::Result<_>>()?, single))
}

/// The samples behind the warm-up.
fn counted<'a>(samples: &'a [Sample], plan: &Plan) -> &'a [Sample] {
    let skipped = (plan.rate * plan.warm_up) as usize;
    samples.get(skipped..).unwrap_or_default()
}

/// Every answer is a proof that a stranger accepts; returns how many checkpoints they are under.
fn verify(samples: &[Sample], bodies: &[Vec<u8>], policy: &Policy) -> anyhow::Result<usize> {
    let mut checkpoints = BTreeSet::new();
    ensure!(samples.len() == bodies.len(), "calls are missing");
    for sample in samples {
        let status = sample.answer.status;
        ensure!(
            status == 200,
            "call {} was answered {status} after {:?}",
            sample.number,
            sample.took
        );
        let proof = TlogProof::parse(&sample.answer.body)?;
        proof.open(&bodies[sample.number], policy)?;
        checkpoints.insert(tlog::sha256(&proof.checkpoint).to_hex());
    }
    Ok(checkpoints.len())
}

/// What the log counted on its way.
async fn numbers(address: &str) -> anyhow::Result<String> {
    let mut line = Connection::open(address).await?;
    let shown = String::from_utf8(line.get("/metrics").await?.body)?;
    let sum = |name: &str| -> f64 {
        let lines = shown.lines().filter(|line| line.starts_with(name));
        lines
            .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
            .sum()
    };
    Ok(format!(
        "rounds without a quorum {}, requests overtaken {}, failed {}",
        sum("limpid_log_rounds_failed_total"),
        sum("limpid_log_witness_overtaken_total"),
        sum("limpid_log_witness_failures_total"),
    ))
}

/// A line of the table.
fn row(name: &str, samples: &[Sample]) {
    let mut took: Vec<Duration> = samples.iter().map(|sample| sample.took).collect();
    took.sort_unstable();
    let at = |part: f64| {
        let index = (took.len() as f64 * part) as usize;
        let found = took.get(index.min(took.len().saturating_sub(1)));
        found.copied().unwrap_or_default().as_secs_f64() * 1e3
    };
    println!(
        "{name:<44}{:>8}{:>11.1}{:>10.1}{:>10.1}{:>10.1}",
        took.len(),
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0)
    );
}
