//! `limpid mirror ...`

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use logclient::{LogClient, MirrorPush, MirrorPushError, Mirrored};
use serde_json::json;
use serve::{Client, ClientConfig};
use tlog::{MirrorInfo, Origin, VerifierKey};
use tokio::time::Instant;

use super::ConfigFile;
use crate::{confined::Territory, out::Out};

/// The newest checkpoint that the mirror cosigned, in the state directory.
const CHECKPOINT: &str = "checkpoint";
/// What the mirror said last about where to go on.
const MIRROR_INFO: &str = "mirror-info";
/// In lines that fit a terminal.
const USAGE: &str = "\
limpid mirror push [OPTIONS] --log <URL> --origin <NAME>
           --log-key <VKEY> --mirror <URL> --mirror-key <VKEY> --state <DIR>";
/// Longest pause after the log or the mirror could not be reached.
const PAUSE_MAX: Duration = Duration::from_secs(60);

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Hold whole logs of others and cosign them (C2SP tlog-mirror)
    Serve(ConfigFile),
    /// Bring a log to a mirror, until interrupted
    Push(Push),
}

#[derive(Debug, Args)]
#[command(override_usage = USAGE)]
pub(super) struct Push {
    /// Address of the log, for example http://127.0.0.1:8080
    #[arg(long, value_name = "URL")]
    log: String,
    /// Its name (C2SP origin)
    #[arg(long, value_name = "NAME")]
    origin: Origin,
    /// A key of the log; may be given more than once
    #[arg(long, value_name = "VKEY", required = true)]
    log_key: Vec<VerifierKey>,
    /// Address of the mirror, where it takes entries
    #[arg(long, value_name = "URL")]
    mirror: String,
    /// A key of the mirror; may be given more than once
    #[arg(long, value_name = "VKEY", required = true)]
    mirror_key: Vec<VerifierKey>,
    /// Directory for the newest checkpoint the mirror cosigned
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Bring what is there now, and end
    #[arg(long)]
    once: bool,
    /// How often to look for a new checkpoint, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 1_000)]
    every_ms: u64,
    /// How often to have the same checkpoint cosigned afresh, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    refresh: u64,
}

impl Verb {
    /// What the daemon needs; `None` if this starts none that works with files only.
    pub(super) fn territory(&self) -> Result<Option<Territory>> {
        let Self::Serve(file) = self else {
            return Ok(None);
        };
        let config: mirror::Config = serve::load_config(&file.config)?;
        let territory = Territory::of(&file.config, &config.dir)
            .reads([&config.ed25519_key, &config.ml_dsa_key])
            .passphrase(config.passphrase.as_deref());
        Ok(Some(territory))
    }

    pub(super) async fn run(self, out: Out) -> Result<()> {
        match self {
            Self::Serve(file) => {
                let config = serve::load_config(&file.config)?;
                mirror::serve(config, serve::stop_signal()?).await?;
                Ok(())
            }
            Self::Push(push) => push.run(out).await,
        }
    }
}

impl Push {
    async fn run(self, out: Out) -> Result<()> {
        fs::create_dir_all(&self.state)
            .with_context(|| format!("cannot create {}", self.state.display()))?;
        let http = Client::new(&ClientConfig::default())?;
        let log = LogClient::new(http.clone(), &self.log, self.origin.clone());
        let (log_keys, keys) = (self.log_key.clone(), self.mirror_key.clone());
        let mut push = MirrorPush::new(log.clone(), log_keys, http, &self.mirror, keys);
        if let Some(info) = self.last_info() {
            push = push.resume(info);
        }
        if self.once {
            let mirrored = push.push().await?;
            self.keep(&push, &mirrored)?;
            let (text, value) = told(&mirrored);
            out.result(&text, &value);
            return Ok(());
        }
        let stop = serve::stop_signal()?;
        tokio::select! {
            () = stop => Ok(()),
            ended = self.push_for_ever(out, &log, &mut push) => ended,
        }
    }

    async fn push_for_ever(&self, out: Out, log: &LogClient, push: &mut MirrorPush) -> Result<()> {
        let every = Duration::from_millis(self.every_ms.max(1));
        let refresh = Duration::from_secs(self.refresh);
        let mut last: Option<(Vec<u8>, Instant)> = None;
        let mut pause = every;
        loop {
            let is_due = match (&last, log.checkpoint().await) {
                (Some((seen, at)), Ok(note)) => *seen != note || at.elapsed() >= refresh,
                // Nothing was brought yet, or the push will say what is wrong.
                _ => true,
            };
            if is_due {
                match push.push().await {
                    Ok(mirrored) => {
                        self.keep(push, &mirrored)?;
                        out.progress(&told(&mirrored).0);
                        last = Some((mirrored.checkpoint.note().to_vec(), Instant::now()));
                        pause = every;
                    }
                    Err(error) if error.is_transient() => {
                        tracing::warn!(error = %causes(&error), "will try again");
                        pause = (pause * 2).min(PAUSE_MAX.max(every));
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// What a process before this one was told; it only saves questions.
    fn last_info(&self) -> Option<MirrorInfo> {
        let bytes = fs::read(self.state.join(MIRROR_INFO)).ok()?;
        MirrorInfo::parse(&bytes).ok()
    }

    fn keep(&self, push: &MirrorPush, mirrored: &Mirrored) -> Result<()> {
        let note = mirrored.note().context("the checkpoint cannot be kept")?;
        let info = push.progress(mirrored.checkpoint.size());
        replace(&self.state, CHECKPOINT, note.to_string().as_bytes())?;
        replace(&self.state, MIRROR_INFO, &info.to_bytes())
    }
}

/// Writes a file as a whole, or not at all.
fn replace(dir: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let path = dir.join(name);
    let written = tempfile::NamedTempFile::new_in(dir).and_then(|mut file| {
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(&path)?;
        Ok(())
    });
    written.with_context(|| format!("cannot write {}", path.display()))
}

fn told(mirrored: &Mirrored) -> (String, serde_json::Value) {
    let (size, sent) = (mirrored.checkpoint.size(), mirrored.entries_sent);
    let cosignatures = mirrored.cosignatures.len();
    let text = format!("{size} entries mirrored, {sent} of them sent now");
    let value = json!({"size": size, "sent": sent, "cosignatures": cosignatures});
    (text, value)
}

fn causes(error: &MirrorPushError) -> String {
    let error: &dyn std::error::Error = error;
    let chain = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<String> = chain.map(ToString::to_string).collect();
    texts.join(": ")
}
