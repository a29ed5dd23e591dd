//! `limpid release ...`

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use release::{Config, Order, Published, RemoteLog, Room};
use serde::Deserialize;
use serde_json::{Value, json};
use statement::StatementDigest;

use super::ConfigFile;
use crate::{confined::Territory, out::Out};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Release an approved build, with the supervisor as second signer
    Propose(Propose),
    /// Publish what is released: TUF metadata, signed by both and logged
    Publish(ConfigFile),
    /// Renew the TUF snapshot and timestamp before they expire
    Renew(ConfigFile),
    /// Stop a release: said in the log at once, then out of the metadata
    #[command(override_usage = "limpid release withdraw --config <FILE> --reason <TEXT> <RELEASE>")]
    Withdraw {
        #[command(flatten)]
        file: ConfigFile,
        /// The release: digest of its statement
        #[arg(value_name = "RELEASE")]
        release: StatementDigest,
        /// Why, for everybody to read
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Serve the repository; any web server of files can do it too
    Serve(ConfigFile),
}

#[derive(Debug, Args)]
pub(super) struct Propose {
    #[command(flatten)]
    file: ConfigFile,
    /// The build: digest of its source statement
    #[arg(value_name = "BUILD")]
    build: StatementDigest,
    /// Channel to release in
    #[arg(long, default_value = "stable")]
    channel: String,
    /// Bring an older build back, as a new release
    #[arg(long)]
    rollback: bool,
}

/// A server of a repository directory: the center's own or anybody's copy.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mirror {
    /// Where it writes its address.
    dir: PathBuf,
    /// The files.
    repository: PathBuf,
    /// Where it listens.
    #[serde(default)]
    server: serve::ServerConfig,
}

async fn serve_mirror(mirror: Mirror) -> Result<()> {
    serve::ReadyFile::clear(&mirror.dir)?;
    let listener = serve::bind(mirror.server.listen).await?;
    let _ready = serve::ReadyFile::write(&mirror.dir, &serve::bound_url(&listener)?)?;
    release::serve_repository(
        &mirror.repository,
        listener,
    /// The artifact to release, if the build made several
    #[arg(long, value_name = "NAME")]
    artifact: Option<String>,
        &mirror.server,
        serve::stop_signal()?,
    )
    .await?;
    Ok(())
}

impl Verb {
    /// What the daemon needs; `None` if this starts none.
    pub(super) fn territory(&self) -> Result<Option<Territory>> {
        let Self::Serve(file) = self else {
            return Ok(None);
        };
        let mirror: Mirror = serve::load_config(&file.config)?;
        let territory = Territory::of(&file.config, &mirror.dir).reads([&mirror.repository]);
        Ok(Some(territory))
    }

    pub(super) async fn run(self, out: Out) -> Result<()> {
        let tell = |step: release::Step| out.progress(&format!("  {step}"));
        match self {
            Self::Propose(propose) => {
                let config: Config = serve::load_config(&propose.file.config)?;
                let mut room = open(&config, &tell)?;
                let order = Order {
                    build: propose.build,
                    channel: propose.channel,
                    rollback: propose.rollback,
                };
                let proposed = room.propose(&order).await?;
                let release = proposed.quorum.release();
                let text = format!(
                    "release {} (seq {}) stands with both signatures",
                    release.digest(),
                    release.seq
                );
                out.result(&text, &json!({"release": release.digest(), "seq": release.seq, "new": proposed.is_new}));
            }
            Self::Publish(file) => {
                let config: Config = serve::load_config(&file.config)?;
                let published = open(&config, &tell)?.publish().await?;
                show(out, &published);
            }
            Self::Renew(file) => {
                let config: Config = serve::load_config(&file.config)?;
                let published = open(&config, &tell)?.renew().await?;
                show(out, &published);
            }
            Self::Withdraw {
                file,
                release,
                reason,
            } => {
                let config: Config = serve::load_config(&file.config)?;
                let withdrawn = open(&config, &tell)?.withdraw(release, &reason).await?;
                show(out, &withdrawn.published);
            }
            Self::Serve(file) => {
                serve_mirror(serve::load_config(&file.config)?).await?;
            }
        }
        Ok(())
    }
}

fn open<'a>(config: &'a Config, tell: release::Progress<'a>) -> Result<Room<'a, RemoteLog>> {
    let log = RemoteLog::new(config)?;
    Ok(Room::open(config, log, release::system_clock, tell)?)
}

fn show(out: Out, published: &Published) {
    let roles: Vec<Value> = published
        .roles
        .iter()
        .map(|role| json!({"role": role.role.as_str(), "version": role.version, "metadata": role.metadata}))
        .collect();
    let text = format!(
        "published: snapshot {}, timestamp {}",
        published.snapshot, published.timestamp
    );
    out.result(
        &text,
        &json!({"roles": roles, "snapshot": published.snapshot, "timestamp": published.timestamp}),
    );
}
impl Propose {
    fn order(&self) -> Order {
        Order {
            build: self.build,
            channel: self.channel.clone(),
            artifact: self.artifact.clone(),
            rollback: self.rollback,
        }
    }
}

fn show_proposed(out: Out, proposed: &[Proposed]) {
    let mut lines = Vec::new();
    let mut values = Vec::new();
    for proposed in proposed {
        let release = proposed.quorum.release();
        let (digest, seq) = (release.digest(), release.seq);
        lines.push(format!(
            "release {digest} (seq {seq}) stands with both signatures"
        ));
        values.push(json!({"release": digest, "seq": seq, "channel": release.channel, "new": proposed.is_new}));
    }
    let value = match &mut values[..] {
        [only] => only.take(),
        _ => Value::Array(values),
    };
    out.result(&lines.join("\n"), &value);
}

fn show_queue(out: Out, queue: &Queue) -> Result<()> {
    let mut lines = Vec::new();
    for queued in &queue.pending {
        let (number, order) = (queued.number, &queued.order);
        lines.push(format!(
            "order {number} waits: build {} in {}",
            order.build, order.channel
        ));
    }
    for settlement in &queue.settled {
        lines.push(release::Step::OrderSettled(Box::new(settlement.clone())).to_string());
    }
    if lines.is_empty() {
        lines.push("nothing was ordered".to_owned());
    }
    out.result(&lines.join("\n"), &serde_json::to_value(queue)?);
    Ok(())
}

