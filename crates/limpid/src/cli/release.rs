//! `limpid release ...`

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use release::{Config, Keeper, Order, Proposed, Published, Queue, RemoteLog, RoleSeats, Room};
use serde::Deserialize;
use serde_json::{Value, json};
use statement::StatementDigest;

use super::{
    ConfigFile,
    release_root::{Root, SeatList},
};
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
    /// Order a release; the keeper proposes the newest that can be released
    Order(Propose),
    /// Show what was ordered
    Queue(ConfigFile),
    /// Release to one ring of endpoints after the other
    Ring(RingOrder),
    /// Hand the delegated roles to other keys, after a new constitution
    #[command(
        override_usage = "limpid release delegate --config <FILE> --software <KEYS> --rules <KEYS>"
    )]
    Delegate {
        #[command(flatten)]
        file: ConfigFile,
        /// Keys of programs, as 2:KEY,KEY (public, base64)
        #[arg(long, value_name = "N:KEYS")]
        software: SeatList,
        /// Keys of rule databases, the same way
        #[arg(long, value_name = "N:KEYS")]
        rules: SeatList,
    },
    /// Make, sign and stage a new TUF root
    #[command(subcommand)]
    Root(Root),
    /// Do everything that is due now: renewals, and orders that wait
    Keep(ConfigFile),
    /// Serve the repository, and keep it if a keeper is configured
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
    /// The artifact to release, if the build made several
    #[arg(long, value_name = "NAME")]
    artifact: Option<String>,
    /// Bring an older build back, as a new release
    #[arg(long)]
    rollback: bool,
    /// A platform's detached signature of the artifact: shipped with it
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct RingOrder {
    #[command(flatten)]
    order: Propose,
    /// Percent of endpoints in a ring, narrow to wide; repeatable
    #[arg(long = "percent", value_name = "N", required = true)]
    percents: Vec<u64>,
    /// Release in all rings at once, and log why
    #[arg(long, value_name = "REASON")]
    emergency: Option<String>,
}

/// A server of a repository directory: the center's own or anybody's copy.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mirror {
    /// Where it writes its address.
    dir: PathBuf,
    /// The files.
    repository: PathBuf,
    /// Configuration of the release room, if this is the center's own and it should be kept alive.
    #[serde(default)]
    keeper: Option<PathBuf>,
    /// Where it listens.
    #[serde(default)]
    server: serve::ServerConfig,
}

async fn serve_mirror(mirror: Mirror) -> Result<()> {
    serve::ReadyFile::clear(&mirror.dir)?;
    let listener = serve::bind(mirror.server.listen).await?;
    let _ready = serve::ReadyFile::write(&mirror.dir, &serve::bound_url(&listener)?)?;
    let metrics = serve::Metrics::new();
    let (repository, server) = (&mirror.repository, &mirror.server);
    let stop = serve::stop_signal()?;
    let served = release::serve_kept_repository(repository, listener, server, &metrics, stop);
    let Some(keeper) = &mirror.keeper else {
        return Ok(served.await?);
    };
    let config: Config = serve::load_config(keeper)?;
    let keeper = Keeper::connect(config, release::system_clock, metrics.clone())?;
    // Stopped in the middle of a step: whatever a crash leaves is finished at the next look.
    tokio::select! {
        served = served => served?,
        () = keeper.run(std::future::pending()) => {}
    }
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
        let Some(keeper) = &mirror.keeper else {
            return Ok(Some(territory));
        };
        let config: Config = serve::load_config(keeper)?;
        let keys = &config.keys;
        let files = [&keys.center, &keys.software, &keys.rules, &keys.snapshot];
        let territory = territory
            .reads(files.into_iter().chain([&keys.timestamp, keeper]))
            .reads(&keys.targets)
            .passphrase(keys.passphrase.as_deref())
            .writes([&config.dir, &config.repository]);
        Ok(Some(territory))
    }

    pub(super) async fn run(self, out: Out) -> Result<()> {
        let tell = |step: release::Step| out.progress(&format!("  {step}"));
        match self {
            Self::Propose(propose) => {
                let config: Config = serve::load_config(&propose.file.config)?;
                let mut room = open(&config, &tell)?;
                let order = propose.order(&mut room).await?;
                let proposed = room.propose(&order).await?;
                show_proposed(out, &[proposed]);
            }
            Self::Order(propose) => {
                let config: Config = serve::load_config(&propose.file.config)?;
                let mut room = open(&config, &tell)?;
                let order = propose.order(&mut room).await?;
                let number = room.enqueue(&order)?;
                out.result(&format!("order {number} waits"), &json!({"order": number}));
            }
            Self::Queue(file) => {
                let config: Config = serve::load_config(&file.config)?;
                show_queue(out, &open(&config, &tell)?.queue()?)?;
            }
            Self::Ring(ring) => ring.run(out, &tell).await?,
            Self::Delegate {
                file,
                software,
                rules,
            } => {
                let config: Config = serve::load_config(&file.config)?;
                let seats = RoleSeats {
                    software: software.0,
                    rules: rules.0,
                };
                let published = open(&config, &tell)?.redelegate(&seats).await?;
                show(out, &published);
            }
            Self::Root(root) => root.run(out, &tell)?,
            Self::Keep(file) => keep(out, &serve::load_config(&file.config)?, &tell).await?,
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

async fn keep(out: Out, config: &Config, tell: release::Progress<'_>) -> Result<()> {
    let tended = open(config, tell)?.tend().await;
    if let Some((duty, error)) = tended.failed.into_iter().next() {
        let what = format!("`{duty}` was not done; the rest was tried");
        return Err(anyhow::Error::new(error).context(what));
    }
    match &tended.published {
        Some(published) => show(out, published),
        None => out.result("nothing is published", &json!({})),
    }
    Ok(())
}

impl RingOrder {
    async fn run(self, out: Out, tell: release::Progress<'_>) -> Result<()> {
        let config: Config = serve::load_config(&self.order.file.config)?;
        let mut room = open(&config, tell)?;
        let order = self.order.order(&mut room).await?;
        let percents = &self.percents;
        let proposed = match &self.emergency {
            Some(reason) => room.emergency(&order, percents, reason).await?,
            None => vec![room.widen(&order, percents).await?],
        };
        show_proposed(out, &proposed);
        Ok(())
    }
}

impl Propose {
    /// The order; a signature is given to the log first, so that everybody can fetch it.
    async fn order(&self, room: &mut Room<'_, RemoteLog>) -> Result<Order> {
        let signature = match &self.signature {
            None => None,
            Some(path) => {
                let what = || format!("the signature {} cannot be read", path.display());
                let bytes = std::fs::read(path).with_context(what)?;
                Some(room.keep_signature(bytes).await?)
            }
        };
        Ok(Order {
            build: self.build,
            channel: self.channel.clone(),
            artifact: self.artifact.clone(),
            rollback: self.rollback,
            signature,
        })
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
