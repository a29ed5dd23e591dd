//! A log killed under load, again and again, in one history.
//!
//! Each start is at once the proof that the kill before it lost nothing, so no other is needed. A
//! log lives for a few dozen kills and is then read as a whole by somebody who never saw it; then
//! the next one begins, so that a start does not take longer and longer.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use logclient::{Follower, LogClient, Submitted};
use rustix::process::Signal;
use statement::Envelope;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::daemon::{Daemon, Program};
use crate::disk::Dice;
use crate::log_room::{Witness, client_at, log_program, scratch, witness_config};
use crate::roster;

/// Kills of one log.
const KILLS_EACH: usize = 60;
/// Submitters that never wait for an answer of witnesses, and one that does.
const SUBMITTERS: usize = 4;
const PATIENCE: Duration = Duration::from_secs(60);

/// What many kills did.
#[derive(Debug, Clone, Default)]
pub struct Storm {
    /// SIGKILLs.
    pub kills: usize,
    /// Of these, before the log listened.
    pub while_starting: usize,
    /// Logs.
    pub logs: usize,
    /// Entries that were acknowledged as durable, and found afterwards at their index.
    pub durable: usize,
    /// Of these, acknowledged with a proof.
    pub witnessed: usize,
    /// Wall-clock seconds.
    pub seconds: u64,
}

/// Kills logs `kills` times in all, twice as many logs at once as there are cores: they mostly wait, for disks and for
/// the moment. `told` hears of each log that was read as a whole.
///
/// # Errors
/// The first promise that does not hold, or what keeps a log from being started at all.
pub async fn kill_log(
    limpid: &Path,
    kills: usize,
    seed: u64,
    told: impl Fn(&Storm),
) -> Result<Storm> {
    let started = Instant::now();
    let mut total = Storm::default();
    let mut running = JoinSet::new();
    let (mut begun, mut dice) = (0, Dice(seed));
    let at_once = 2 * std::thread::available_parallelism().map_or(1, usize::from);
    while begun < kills || !running.is_empty() {
        while begun < kills && running.len() < at_once {
            let part = KILLS_EACH.min(kills - begun);
            begun += part;
            running.spawn(one_log(limpid.to_owned(), part, dice.roll()));
        }
        if let Some(ended) = running.join_next().await {
            let part = ended??;
            total.kills += part.kills;
            total.while_starting += part.while_starting;
            total.logs += 1;
            total.durable += part.durable;
            total.witnessed += part.witnessed;
            total.seconds = started.elapsed().as_secs();
            told(&total);
        }
    }
    total.seconds = started.elapsed().as_secs();
    Ok(total)
}

/// One log and all that it ever acknowledged.
struct Victim {
    program: Program,
    acknowledged: BTreeMap<u64, Vec<u8>>,
    /// Not compared with the log yet.
    fresh: Vec<u64>,
    follower: Option<Follower>,
    greetings: usize,
    storm: Storm,
    dice: Dice,
    _witness: Witness,
    _place: [TempDir; 2],
}

async fn one_log(limpid: PathBuf, kills: usize, seed: u64) -> Result<Storm> {
    let mut victim = Victim::new(&limpid, seed).await?;
    for _ in 0..kills {
        victim.live().await.with_context(|| {
            let kills = victim.storm.kills;
            format!("seed {seed}, after {kills} kills of this log")
        })?;
    }
    victim.read_as_a_stranger().await?;
    Ok(victim.storm)
}

impl Victim {
    async fn new(limpid: &Path, seed: u64) -> Result<Self> {
        let mut dice = Dice(seed);
        let keys = scratch()?;
        // On a disk an `fsync` takes its time, in memory none: kills fall to other places.
        let place = match dice.below(2) {
            0 => scratch()?,
            _ => tempfile::tempdir()?,
        };
        let witness_folder = place.path().join("witness");
        std::fs::create_dir(&witness_folder)?;
        let witness = Witness::start(witness_config(keys.path(), &witness_folder)?).await?;
        let folder = place.path().join("log");
        std::fs::create_dir(&folder)?;
        // The same address in every life, as a log in earnest has it.
        let free = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let program = log_program(limpid, keys.path(), &folder, &witness.url, Some(free))?;
        Ok(Self {
            program,
            acknowledged: BTreeMap::new(),
            fresh: Vec::new(),
            follower: None,
            greetings: 0,
            storm: Storm::default(),
            dice,
            _witness: witness,
            _place: [keys, place],
        })
    }

    /// From a start to a kill.
    async fn live(&mut self) -> Result<()> {
        let mut daemon = self.start()?;
        self.storm.kills += 1;
        if self.dice.below(8) == 0 {
            let moment = Duration::from_micros(self.dice.below(60_000));
            tokio::time::sleep(moment).await;
            self.storm.while_starting += 1;
            return daemon.end(Signal::KILL).await;
        }
        let client = self.connect(&mut daemon).await?;
        self.compare(&client).await?;
        let moment = Duration::from_micros(2_000 + self.dice.below(120_000));
        let life = self.storm.kills;
        let is_over = Arc::new(AtomicBool::new(false));
        let mut submitters = JoinSet::new();
        for submitter in 0..SUBMITTERS {
            let client = client.clone();
            let is_over = Arc::clone(&is_over);
            submitters.spawn(submit_until(client, life, submitter, is_over));
        }
        // The moment of death is what is varied here.
        tokio::time::sleep(moment).await;
        daemon.end(Signal::KILL).await?;
        is_over.store(true, Ordering::Relaxed);
        while let Some(ended) = submitters.join_next().await {
            for (index, envelope, is_witnessed) in ended?? {
                let before = self.acknowledged.insert(index, envelope.to_bytes());
                ensure!(before.is_none(), "index {index} was given twice");
                self.fresh.push(index);
                self.storm.durable += 1;
                self.storm.witnessed += usize::from(is_witnessed);
            }
        }
        Ok(())
    }

    fn start(&self) -> Result<Daemon> {
        drop(std::fs::remove_file(self.program.folder.join("url")));
        Daemon::start(&self.program)
    }

    async fn connect(&self, daemon: &mut Daemon) -> Result<LogClient> {
        let url = daemon.url().await?;
        let url = url.with_context(|| format!("it does not start: {}", daemon.said()))?;
        let client = client_at(&url)?;
        for (index, envelope) in (0..).zip(roster::founding()?) {
            let given = crate::log_room::submit(&client, &envelope).await?;
            ensure!(
                given == index,
                "a founding entry moved from {index} to {given}"
            );
        }
        Ok(client)
    }

    /// What was acknowledged before the last kill is there, and the log goes on from what it
    /// showed before all of them.
    async fn compare(&mut self, client: &LogClient) -> Result<()> {
        // A new entry, so that the proof covers everything acknowledged before it.
        self.greetings += 1;
        let life = roster::beat(&format!("greeting {}", self.greetings))?;
        let proof = client.submit_until_witnessed(&life, PATIENCE).await?;
        let before = self.acknowledged.insert(proof.index, life.to_bytes());
        ensure!(before.is_none(), "index {} was given twice", proof.index);
        let anchor = roster::anchor()?;
        // One follower sees it all: it refuses a log that went back or shows another history.
        let follower = Follower::new(client.clone(), anchor);
        let follower = self.follower.get_or_insert(follower);
        follower.sync().await?;
        for index in self.fresh.drain(..) {
            let found = follower.entry(index).await?;
            let same = self.acknowledged.get(&index) == Some(&found);
            ensure!(same, "entry {index} is another than was acknowledged");
        }
        Ok(())
    }

    async fn read_as_a_stranger(&mut self) -> Result<()> {
        let mut daemon = self.start()?;
        let client = self.connect(&mut daemon).await?;
        self.compare(&client).await?;
        let mut stranger = Follower::new(client, roster::anchor()?);
        stranger.sync().await?;
        for (index, bytes) in &self.acknowledged {
            let found = stranger.entry(*index).await?;
            ensure!(
                found == *bytes,
                "entry {index} is another than was acknowledged"
            );
        }
        Ok(())
    }
}

type Acknowledged = (u64, Envelope, bool);

/// Submits until the log is gone; what it acknowledged.
async fn submit_until(
    client: LogClient,
    life: usize,
    submitter: usize,
    is_over: Arc<AtomicBool>,
) -> Result<Vec<Acknowledged>> {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        let envelope = roster::beat(&format!("life {life} submitter {submitter} entry {number}"))?;
        let answer = match submitter {
            0 => client.submit(&envelope).await,
            _ => client.submit_without_waiting(&envelope).await,
        };
        match answer {
            Ok(Submitted::Durable { index }) => acknowledged.push((index, envelope, false)),
            Ok(Submitted::Witnessed(proof)) => acknowledged.push((proof.index, envelope, true)),
            Err(error) => {
                let is_refused = error.code().is_some_and(|code| code != "submit.busy");
                ensure!(
                    !is_refused || is_over.load(Ordering::Relaxed),
                    "refused: {error}"
                );
                break;
            }
        }
    }
    Ok(acknowledged)
}
