//! The witness: its load, and what it promised.
//!
//! | it said | so after a power cut |
//! |---|---|
//! | a cosignature | it remembers that tree or a larger one, and its time; it cosigns no other tree of that size |
//! | a refusal of a second history | it still has the evidence |
//!
//! And it starts by itself and cosigns what follows.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, ensure};
use keys::NoteKey;
use rustix::process::Signal;
use serve::{Client, ClientConfig, ClientError, Reply};
use tempfile::TempDir;
use tlog::{
    AddCheckpoint, Checkpoint, KeyType, Note, NoteSigner as _, SignatureLine, parse_cosignatures,
    verify_cosignature,
};
use tokio::task::JoinSet;

use crate::daemon::{Daemon, Program};
use crate::disk::Image;
use crate::image::write_image;
use crate::log_load::{Life, TRIES_MAX};
use crate::log_room::scratch;
use crate::memory_log::MemoryLog;
use crate::recorder::Recorder;
use crate::recording::Recording;
use crate::roster;
use crate::survey::Room;
use crate::talk::Exchange;

const ENTRIES: usize = 250;
const ANSWER_BYTES_MAX: usize = 1 << 16;
const KIND: &str = "application/octet-stream";

/// Starts witnesses on what a power cut left.
#[derive(Debug)]
pub struct WitnessRoom {
    limpid: PathBuf,
    keys: TempDir,
}

fn program(limpid: &Path, keys: &Path, folder: &Path) -> Result<Program> {
    let [ed25519, ml_dsa] = roster::key_files(keys, "witness", roster::WITNESS_SEEDS)?;
    let config = folder.with_extension("toml");
    let text = format!(
        "dir = {folder:?}\nname = \"{}\"\ned25519_key = {ed25519:?}\nml_dsa_key = {ml_dsa:?}\n\
         [[logs]]\norigin = \"{}\"\nvkeys = [{:?}]\n",
        roster::WITNESS,
        roster::ORIGIN,
        roster::log_vkeys()?[0],
    );
    std::fs::write(&config, text)?;
    let config = config
        .to_str()
        .context("a path that is no text")?
        .to_owned();
    Ok(Program {
        limpid: limpid.to_owned(),
        arguments: ["witness", "serve", "--config", &config]
            .map(str::to_owned)
            .to_vec(),
        folder: folder.to_owned(),
        messages: folder.with_extension("messages"),
    })
}

/// Records a witness: two logs race for it with one name, and one of them sometimes lies.
///
/// # Errors
/// `strace` or the program cannot be used, or the recording is not understood.
pub async fn record_witness(limpid: &Path, lives: &[Life]) -> Result<(WitnessRoom, Recording)> {
    let mut tries = 0;
    let recording = loop {
        tries += 1;
        match record_once(limpid, lives).await {
            Err(error) if tries < TRIES_MAX => eprintln!("recorded again: {error:#}"),
            other => break other?,
        }
    };
    let keys = scratch()?;
    // Before several judges ask for them at once.
    roster::key_files(keys.path(), "witness", roster::WITNESS_SEEDS)?;
    let limpid = limpid.to_owned();
    Ok((WitnessRoom { limpid, keys }, recording))
}

async fn record_once(limpid: &Path, lives: &[Life]) -> Result<Recording> {
    let keys = scratch()?;
    let place = tempfile::tempdir()?;
    let folder = place.path().join("witness");
    std::fs::create_dir(&folder)?;
    let program = program(limpid, keys.path(), &folder)?;
    let mut recorder = Recorder::new(&folder)?;
    for (number, life) in lives.iter().enumerate() {
        recorder.forget_address()?;
        let trace = place.path().join("trace");
        let mut daemon = Daemon::start_traced(&program, &trace, life)?;
        if let Some(url) = daemon.url().await? {
            let mut racers = JoinSet::new();
            for racer in 0..2 {
                racers.spawn(offer(url.clone(), life.entries, racer));
            }
            while let Some(ended) = racers.join_next().await {
                // A witness that was killed answers nobody any more.
                let _ = ended?;
            }
        }
        let signal = if life.is_stopped {
            Signal::TERM
        } else {
            Signal::KILL
        };
        daemon.end(signal).await?;
        let text = std::fs::read_to_string(&trace).context("`strace` wrote nothing")?;
        recorder
            .add_life(&text)
            .with_context(|| format!("life {number}"))?;
    }
    Ok(recorder.finish())
}

async fn offer(url: String, entries: usize, racer: u64) -> Result<()> {
    let honest = MemoryLog::new("honest", ENTRIES)?;
    let liar = MemoryLog::new("liar", ENTRIES)?;
    let client = Client::new(&ClientConfig::default())?;
    // What a predecessor left is shown, and so promised, before anything is written.
    client
        .get_optional(&monitoring(&url), ANSWER_BYTES_MAX)
        .await?;
    let mut old = 0;
    for number in 0..entries {
        let size = (old + 1 + racer).min(ENTRIES as u64);
        match add(&client, &url, honest.request(old, size)?).await {
            Ok(_) => old = size,
            // The other one was faster, or this is another life: go on from what it says.
            Err(error) => {
                let body = error.refused().context("it is gone")?.body.clone();
                old = String::from_utf8_lossy(&body).trim().parse()?;
            }
        }
        if racer == 1 && number.is_multiple_of(4) {
            // The same size with another root: refused, and kept as evidence.
            let _ = add(&client, &url, liar.request(old, old)?).await;
            client.get(&monitoring(&url), ANSWER_BYTES_MAX).await?;
        }
    }
    Ok(())
}

async fn add(client: &Client, url: &str, body: Vec<u8>) -> Result<Reply, ClientError> {
    let url = format!("{url}/add-checkpoint");
    let patience = std::time::Duration::from_secs(60);
    client
        .post(&url, KIND, body, ANSWER_BYTES_MAX, patience)
        .await
}

fn monitoring(url: &str) -> String {
    let name = tlog::sha256(roster::ORIGIN.as_bytes()).to_hex();
    format!("{url}/{name}/checkpoint")
}

/// What the witness is bound by.
#[derive(Debug, Default)]
struct Promises {
    /// The largest tree it cosigned.
    size: u64,
    /// The latest time it stated.
    time: u64,
    /// Sizes for which it refused a second root.
    faults: Vec<u64>,
}

fn witness_keys() -> Result<[NoteKey; 2]> {
    let [ed25519, ml_dsa] = roster::WITNESS_SEEDS;
    Ok([
        roster::note_key(roster::WITNESS, KeyType::CosignatureEd25519, ed25519)?,
        roster::note_key(roster::WITNESS, KeyType::CosignatureMlDsa44, ml_dsa)?,
    ])
}

/// The time that the witness stated for a checkpoint.
fn stated_time(checkpoint: &Checkpoint, lines: &[SignatureLine]) -> Result<u64> {
    let keys = witness_keys()?;
    let by = |key: &NoteKey| lines.iter().find(|line| line.is_by(key.vkey())).cloned();
    let times = keys.iter().map(|key| -> Result<u64> {
        let line = by(key).context("a cosignature is missing")?;
        Ok(verify_cosignature(checkpoint, &line, key.vkey())?)
    });
    let times = times.collect::<Result<Vec<_>>>()?;
    times.into_iter().min().context("no keys")
}

impl Promises {
    fn read(said: &[Arc<Exchange>]) -> Result<Self> {
        let honest = MemoryLog::new("honest", ENTRIES)?;
        let mut promises = Self::default();
        for exchange in said {
            if exchange.path.ends_with("/checkpoint") && exchange.status == 200 {
                // What it shows to readers is signed as well.
                let note = Note::parse(&exchange.answer)?;
                let checkpoint = Checkpoint::parse(note.text())?;
                promises.add(&honest, &checkpoint, note.signatures())?;
            }
            if exchange.path.ends_with("/add-checkpoint") {
                promises.add_request(&honest, exchange)?;
            }
        }
        Ok(promises)
    }

    fn add_request(&mut self, honest: &MemoryLog, exchange: &Exchange) -> Result<()> {
        let request = AddCheckpoint::parse(&exchange.request)?;
        let checkpoint = Checkpoint::parse(Note::parse(&request.checkpoint)?.text())?;
        if exchange.status == 200 {
            let lines = parse_cosignatures(&exchange.answer)?;
            return self.add(honest, &checkpoint, &lines);
        }
        let is_honest = checkpoint == honest.checkpoint(checkpoint.size())?;
        // With sizes that differ it cannot know more than that.
        if !is_honest && request.old_size == checkpoint.size() && exchange.status == 422 {
            self.faults.push(checkpoint.size());
        }
        Ok(())
    }

    fn add(
        &mut self,
        honest: &MemoryLog,
        checkpoint: &Checkpoint,
        lines: &[SignatureLine],
    ) -> Result<()> {
        let size = checkpoint.size();
        let is_honest = *checkpoint == honest.checkpoint(size)?;
        ensure!(is_honest, "a second history was cosigned");
        self.size = self.size.max(size);
        self.time = self.time.max(stated_time(checkpoint, lines)?);
        Ok(())
    }
}

impl Room for WitnessRoom {
    async fn judge(&self, image: Image, said: Vec<Arc<Exchange>>) -> Result<Option<String>> {
        let promises = match Promises::read(&said) {
            Ok(promises) => promises,
            Err(broken) => return Ok(Some(format!("before the power cut: {broken:#}"))),
        };
        let place = scratch()?;
        let folder = place.path().join("witness");
        std::fs::create_dir(&folder)?;
        write_image(&image, &folder)?;
        drop(std::fs::remove_file(folder.join("url")));
        let program = program(&self.limpid, self.keys.path(), &folder)?;
        let mut daemon = Daemon::start(&program)?;
        let Some(url) = daemon.url().await? else {
            return Ok(Some(format!("it does not start: {}", daemon.said())));
        };
        let broken = check_running(&url, &promises).await.err();
        Ok(broken.map(|broken| format!("after the restart: {broken:#}")))
    }
}

async fn check_running(url: &str, promises: &Promises) -> Result<()> {
    let client = Client::new(&ClientConfig::default())?;
    let honest = MemoryLog::new("honest", ENTRIES)?;
    let latest = client
        .get_optional(&monitoring(url), ANSWER_BYTES_MAX)
        .await?;
    let mut size = 0;
    if let Some(note) = latest {
        let note = Note::parse(&note)?;
        let checkpoint = Checkpoint::parse(note.text())?;
        size = checkpoint.size();
        let expected = honest.checkpoint(size)?;
        ensure!(
            checkpoint == expected,
            "it remembers a tree of {size} that was never offered"
        );
        let time = stated_time(&checkpoint, note.signatures())?;
        ensure!(
            time >= promises.time,
            "time went back from {} to {time}",
            promises.time
        );
    }
    let promised = promises.size;
    ensure!(
        size >= promised,
        "it cosigned {promised} and remembers {size}"
    );
    if !promises.faults.is_empty() {
        let faults = client.get(&format!("{url}/faults"), 1 << 22).await?;
        let faults = String::from_utf8_lossy(&faults).into_owned();
        for size in &promises.faults {
            let line = format!("fault split {} {size} ", roster::ORIGIN);
            ensure!(
                faults.contains(&line),
                "the evidence about size {size} is lost"
            );
        }
    }
    if size > 0 {
        let second = MemoryLog::new("liar", ENTRIES)?.request(size, size)?;
        let answer = add(&client, url, second).await;
        ensure!(answer.is_err(), "it cosigned a second tree of {size}");
    }
    let next = honest.request(size, size + 1)?;
    let cosigned = add(&client, url, next).await;
    cosigned.map_err(|error| anyhow!("it does not cosign what follows: {error}"))?;
    Ok(())
}
