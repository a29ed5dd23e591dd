//! Recording a log under a small load: entries that are only durable, entries that are witnessed,
//! blobs, readers; in several lives, each ended in its own way.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use logclient::LogClient;
use rustix::process::Signal;
use statement::Envelope;
use tokio::task::JoinSet;

use crate::daemon::{Blow, Daemon};
use crate::log_room::{LogRoom, Witness, client_at, log_program, scratch, submit, witness_config};
use crate::recorder::Recorder;
use crate::recording::{Recording, What};
use crate::roster;
use crate::talk::Exchange;

/// One life of a daemon.
#[derive(Debug, Clone, Default)]
pub struct Life {
    /// Submissions by each of the three submitters.
    pub entries: usize,
    /// What happens to it under way.
    pub blows: Vec<Blow>,
    /// No file may grow beyond this; the write that reaches it is a short one, the next fails.
    pub file_bytes_max: Option<u64>,
    /// Whether it is asked to stop; else it is killed.
    pub is_stopped: bool,
}

/// How often a recording is tried: a thread in the middle of a call when the daemon is killed
/// leaves it unknown whether the call was done.
pub(crate) const TRIES_MAX: usize = 16;

/// Records a log; returns who can judge what a power cut leaves of it.
///
/// # Errors
/// `strace` or the program cannot be used, or the recording is not understood.
pub async fn record_log(limpid: &Path, lives: &[Life]) -> Result<(LogRoom, Recording)> {
    let mut tries = 0;
    let recording = loop {
        tries += 1;
        match record_once(limpid, lives).await {
            Err(error) if tries < TRIES_MAX => eprintln!("recorded again: {error:#}"),
            other => break other?,
        }
    };
    let said: Vec<Arc<Exchange>> = recording
        .steps
        .iter()
        .filter_map(|step| match &step.what {
            What::Said(exchange) => Some(Arc::clone(exchange)),
            _ => None,
        })
        .collect();
    let room = LogRoom::new(limpid, &said).await?;
    Ok((room, recording))
}

async fn record_once(limpid: &Path, lives: &[Life]) -> Result<Recording> {
    let keys = scratch()?;
    let place = tempfile::tempdir()?;
    let witness_folder = place.path().join("witness");
    std::fs::create_dir(&witness_folder)?;
    let witness = Witness::start(witness_config(keys.path(), &witness_folder)?).await?;
    let folder = place.path().join("log");
    std::fs::create_dir(&folder)?;
    let program = log_program(limpid, keys.path(), &folder, &witness.url, None)?;
    let mut recorder = Recorder::new(&folder)?;
    for (number, life) in lives.iter().enumerate() {
        recorder.forget_address()?;
        let trace = place.path().join("trace");
        let mut daemon = Daemon::start_traced(&program, &trace, life)?;
        if let Some(url) = daemon.url().await? {
            let before = number
                .checked_sub(1)
                .map(|before| (before, lives[before].entries));
            load(&client_at(&url)?, number, life.entries, before).await?;
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

fn beats(life: usize, submitter: usize, entries: usize) -> Result<Vec<Envelope>> {
    let note = |n| format!("life {life} submitter {submitter} entry {n}");
    (0..entries).map(|n| roster::beat(&note(n))).collect()
}

/// Everything that was asked for in the life before is asked for again first: its answers may
/// have been lost. Ends when all is answered or the log is gone.
async fn load(
    client: &LogClient,
    life: usize,
    entries: usize,
    before: Option<(usize, usize)>,
) -> Result<()> {
    let mut submitters = JoinSet::new();
    for submitter in 0..3 {
        let mut envelopes = Vec::new();
        if let Some((life, entries)) = before {
            envelopes.extend(beats(life, submitter, entries)?);
        }
        envelopes.extend(beats(life, submitter, entries)?);
        let founding = roster::founding()?;
        let client = client.clone();
        submitters.spawn(async move {
            for envelope in &founding {
                submit(&client, envelope).await?;
            }
            for (number, envelope) in envelopes.iter().enumerate() {
                submit_as(&client, submitter, number, envelope).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = submitters.join_next().await {
        // A log that was killed answers nobody any more: that is the end of its load.
        let _ = ended?;
    }
    Ok(())
}

/// The first submitter waits for witnesses and looks at the checkpoint, the others do not wait;
/// the last one also brings blobs.
async fn submit_as(
    client: &LogClient,
    submitter: usize,
    number: usize,
    envelope: &Envelope,
) -> Result<()> {
    if submitter == 0 && number.is_multiple_of(2) {
        client.submit(envelope).await?;
        client.checkpoint().await?;
        return Ok(());
    }
    submit(client, envelope).await?;
    if submitter == 2 && number.is_multiple_of(4) {
        let bytes = format!("blob {}", envelope.digest())
            .repeat(20)
            .into_bytes();
        client.put_blob(bytes, &roster::center()?).await?;
    }
    Ok(())
}
