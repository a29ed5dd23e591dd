//! `limpid log ...`

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use logclient::{Follower, LogClient, Submitted};
use serde_json::json;
use serve::{Client, ClientConfig};
use statement::{Envelope, StatementDigest};
use tlog::Origin;

use super::ConfigFile;
use crate::{confined::Territory, out::Out};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Run a log until interrupted (C2SP tlog-tiles)
    Serve(ConfigFile),
    /// Submit a signed statement and keep its proof
    Submit {
        #[command(flatten)]
        at: At,
        /// The signed statement, as `limpid statement sign` writes it
        #[arg(value_name = "FILE")]
        envelope: PathBuf,
        /// Where to write its proof (C2SP tlog-proof)
        #[arg(long, value_name = "FILE")]
        proof: Option<PathBuf>,
        /// Do not wait for witnesses; there is no proof then
        #[arg(long)]
        no_wait: bool,
    },
    /// Check every file of a log against its signed root
    Fsck(super::log_fsck::Fsck),
    /// Stream the entries of a log as they are published, each verified
    Follow(super::log_follow::Follow),
    /// Watch logs as logs: forks, rollback, age, witnesses, heartbeats
    Monitor(super::log_monitor::Watch),
    /// Check a whole log under an anchor and say what stands in it
    Replay {
        #[command(flatten)]
        at: At,
        /// Digest of the first constitution: the only thing taken on trust
        #[arg(long, value_name = "DIGEST")]
        anchor: StatementDigest,
        /// Look here too for entries that the log serves no more; may be repeated
        #[arg(long, value_name = "PREFIX")]
        also: Vec<String>,
    },
}

#[derive(Debug, Args)]
pub(super) struct At {
    /// Address of the log, for example http://127.0.0.1:8080
    #[arg(long, value_name = "URL")]
    pub(super) url: String,
    /// Its name (C2SP origin)
    #[arg(long, value_name = "NAME")]
    pub(super) origin: Origin,
}

impl At {
    pub(super) fn client(&self) -> Result<LogClient> {
        Ok(LogClient::new(
            Client::new(&ClientConfig::default())?,
            &self.url,
            self.origin.clone(),
        ))
    }
}

/// How long `submit` waits for witnesses.
const PATIENCE: Duration = Duration::from_secs(60);

impl Verb {
    /// What the daemon needs; `None` if this starts none.
    pub(super) fn territory(&self) -> Result<Option<Territory>> {
        let Self::Serve(file) = self else {
            return Ok(None);
        };
        let config: log::Config = serve::load_config(&file.config)?;
        let territory = Territory::of(&file.config, &config.dir)
            .reads([&config.ed25519_key, &config.ml_dsa_key])
            .passphrase(config.passphrase.as_deref());
        Ok(Some(territory))
    }

    pub(super) async fn run(self, out: Out) -> Result<()> {
        match self {
            Self::Serve(file) => {
                let config = serve::load_config(&file.config)?;
                log::serve(config, serve::stop_signal()?).await?;
                Ok(())
            }
            Self::Submit {
                at,
                envelope,
                proof,
                no_wait,
            } => submit(out, &at, envelope, proof, no_wait).await,
            Self::Fsck(fsck) => fsck.run(out).await,
            Self::Follow(follow) => follow.run(out).await,
            Self::Monitor(watch) => watch.run(out).await,
            Self::Replay { at, anchor, also } => replay(out, &at, anchor, also).await,
        }
    }
}

async fn submit(
    out: Out,
    at: &At,
    envelope: PathBuf,
    proof: Option<PathBuf>,
    no_wait: bool,
) -> Result<()> {
    let bytes =
        fs::read(&envelope).with_context(|| format!("cannot read {}", envelope.display()))?;
    let envelope =
        Envelope::parse(&bytes).with_context(|| format!("{} is refused", envelope.display()))?;
    let client = at.client()?;
    let submitted = if no_wait {
        client.submit(&envelope).await?
    } else {
        Submitted::Witnessed(client.submit_until_witnessed(&envelope, PATIENCE).await?)
    };
    match submitted {
        Submitted::Durable { index } => {
            out.result(
                &format!("entry {index}: durable, not witnessed yet"),
                &json!({"index": index, "witnessed": false}),
            );
        }
        Submitted::Witnessed(found) => {
            if let Some(path) = proof {
                fs::write(&path, found.to_bytes())
                    .with_context(|| format!("cannot write {}", path.display()))?;
            }
            let text = format!("entry {}: witnessed", found.index);
            out.result(&text, &json!({"index": found.index, "witnessed": true}));
        }
    }
    Ok(())
}

async fn replay(out: Out, at: &At, anchor: StatementDigest, also: Vec<String>) -> Result<()> {
    let mut follower = Follower::new(at.client()?.also(also), anchor);
    follower.sync().await?;
    let view = follower.view()?;
    let constitution = view.constitution()?;
    let size = view.state().next_index();
    let builds = view.builds().len();
    let prunable = law::Prunable::newest(view.state());
    let minimum = prunable.as_ref().map_or(0, law::Prunable::minimum);
    let mut text = format!(
        "{}: {size} entries, witnessed; constitution {} in force; {builds} builds, {} lines of releases",
        at.origin,
        constitution.version,
        view.lines().count()
    );
    if let Some(prunable) = prunable {
        text += &format!(
            "\nserves its entries from {minimum} on, as entry {} announced",
            prunable.announced_at()
        );
    }
    out.result(
        &text,
        &json!({"origin": at.origin.to_string(), "size": size, "minimum_index": minimum, "constitution": constitution.version, "builds": builds}),
    );
    Ok(())
}
