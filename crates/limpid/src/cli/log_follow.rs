//! `limpid log follow`

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use logclient::{LogFiles, Patience, Stream, StreamEntry, StreamError};
use serde_json::{Value, json};
use statement::{Envelope, Statement};

use super::trusted::Anchored;
use crate::out::{Out, Status};

const AFTER_HELP: &str = "\
Each entry is printed once it is known to be what the log signed. With --state
it goes on where it left off, and a log that went back or signed another history
is found also after a restart; then the evidence is written beside the state.
One request per look while nothing is new.

Exit status: 1 the log broke its promise; 2 it could not be read.";

/// Stream the entries of a log as they are published, each verified
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Follow {
    /// Directory or http address of the log
    #[arg(value_name = "PLACE")]
    place: String,
    #[command(flatten)]
    trusted: Anchored,
    /// Look here too for entries that the log serves no more; may be repeated
    #[arg(long, value_name = "PLACE")]
    also: Vec<String>,
    /// First entry, if nothing is remembered
    #[arg(long, value_name = "INDEX", default_value_t = 0)]
    from: u64,
    /// Remember in this file which checkpoint was seen and which entries
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Keep the bytes of each entry in this directory, named by its index
    #[arg(long, value_name = "DIR")]
    raw: Option<PathBuf>,
    /// Stop when everything published so far was printed
    #[arg(long)]
    once: bool,
    /// Time between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 10,
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    every: u64,
}

/// Longest pause while the log cannot be read.
const PAUSE_MAX: Duration = Duration::from_secs(600);

impl Follow {
    pub(super) async fn run(self, out: Out) -> Result<()> {
        let mut files = LogFiles::open(&self.place, Patience::default())?;
        for place in &self.also {
            files = files.also(LogFiles::open(place, Patience::default())?);
        }
        let followed = tokio::task::spawn_blocking(move || self.follow(out, &files));
        followed.await.context("following broke off")?
    }

    fn follow(&self, out: Out, files: &LogFiles) -> Result<()> {
        let trust = self.trusted.required(files)?;
        let mut stream = Stream::open(trust, self.from, self.state.as_deref())?;
        if let Some(dir) = &self.raw {
            std::fs::create_dir_all(dir)
                .with_context(|| format!("cannot make {}", dir.display()))?;
        }
        let every = Duration::from_secs(self.every);
        let mut pause = every;
        loop {
            match stream.advance(files, &mut |entry| self.take(out, entry)) {
                Ok(_) => pause = every,
                Err(error) if error.is_transient() && !self.once => {
                    // A log in trouble is asked less and less often.
                    pause = (pause * 2).min(PAUSE_MAX);
                    tracing::warn!(pause_s = pause.as_secs(), "{error}; trying again");
                }
                // Whoever reads has seen enough.
                Err(StreamError::Taker { source, .. })
                    if source.kind() == io::ErrorKind::BrokenPipe =>
                {
                    return Ok(());
                }
                Err(error) => return self.stopped(out, error),
            }
            if self.once {
                return Ok(());
            }
            std::thread::sleep(pause);
        }
    }

    fn take(&self, out: Out, entry: &StreamEntry) -> io::Result<()> {
        if let Some(dir) = &self.raw {
            std::fs::write(dir.join(entry.index.to_string()), &entry.bytes)?;
        }
        let (text, value) = describe(entry);
        out.one_of_many(&text, &value)
    }

    fn stopped(&self, out: Out, error: StreamError) -> Result<()> {
        let broken = matches!(
            error,
            StreamError::WentBack { .. } | StreamError::Forked(_) | StreamError::OtherLog { .. }
        );
        if !broken {
            return Err(error.into());
        }
        let mut text = error.to_string();
        let mut value = json!({"error": text});
        if let StreamError::Forked(fork) = &error {
            let (m, n) = (fork.smaller().size(), fork.larger().size());
            let dir = self.state.as_deref().and_then(|state| state.parent());
            let path = dir.map(PathBuf::from).unwrap_or_default();
            let path = path.join(format!("{m}-{n}.fork"));
            std::fs::write(&path, fork.to_evidence().to_bytes())
                .with_context(|| format!("cannot write {}", path.display()))?;
            text += &format!(
                "\nevidence for everybody: {}\nsee: limpid proof verify",
                path.display()
            );
            value["evidence"] = json!(path);
        }
        out.result(&text, &value);
        Err(Status(1).into())
    }
}

/// An entry in one line: what it says if it is one of ours, otherwise only which bytes it has. Its signature is
/// for `limpid audit` to judge.
pub(super) fn describe(entry: &StreamEntry) -> (String, Value) {
    let bytes = entry.bytes.len();
    let mut value = json!({"index": entry.index, "bytes": bytes, "leaf": entry.leaf.to_hex()});
    let envelope = Envelope::parse(&entry.bytes);
    let statement = envelope
        .as_ref()
        .ok()
        .and_then(|envelope| Statement::parse(envelope.payload()).ok());
    let (Ok(envelope), Some(statement)) = (envelope, statement) else {
        let text = format!("{}  {bytes} bytes  {}", entry.index, entry.leaf.to_hex());
        return (text, value);
    };
    let name = statement.predicate.short_name();
    value["predicate"] = json!(name);
    value["statement"] = json!(envelope.digest());
    value["keyid"] = json!(envelope.key());
    let payload: Value = serde_json::from_slice(envelope.payload()).unwrap_or_default();
    value["subject"] = payload["subject"].clone();
    let subject = payload["subject"][0]["name"].as_str().unwrap_or("-");
    (format!("{}  {name}  {subject}", entry.index), value)
}
