//! `limpid endpoint ...`

use std::{fs, ops::ControlFlow, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use endpoint::{Config, Given, Outcome};
use serde_json::{json, to_value};
use statement::StatementDigest;

use super::{ConfigFile, now, sharing};
use crate::out::Out;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Install the newest release, if every proof holds
    Update(ConfigFile),
    /// Show which release is installed
    Status(ConfigFile),
    /// Compare with others what the log showed to this endpoint
    Gossip(Compare),
    /// Show what was seen of logs and found by comparing; settle a fault
    Timeline(Timeline),
    /// Verify a file by its bundle of proofs: offline, for anyone
    Verify(Verify),
    #[command(flatten)]
    Sharing(sharing::Verb),
}

#[derive(Debug, Args)]
pub(super) struct Compare {
    #[command(flatten)]
    file: ConfigFile,
    /// Bundle that another endpoint was shown; may be repeated
    #[arg(long, value_name = "BUNDLE")]
    with: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Timeline {
    #[command(flatten)]
    file: ConfigFile,
    /// Write the newest proof shown here, for another endpoint to compare with
    #[arg(long, value_name = "FILE", conflicts_with = "settle")]
    bundle: Option<PathBuf>,
    /// Let installs go on after a fault that a person has looked at
    #[arg(long, value_name = "ID", requires = "reason")]
    settle: Option<String>,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", requires = "settle")]
    reason: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Verify {
    /// The file as received
    #[arg(value_name = "FILE", required_unless_present = "this_program")]
    file: Option<PathBuf>,
    /// Verify this very program instead of a file
    #[arg(long = "self", conflicts_with = "file")]
    this_program: bool,
    /// Its bundle of proofs
    #[arg(long, value_name = "FILE")]
    bundle: PathBuf,
    /// Digest of the first constitution: the only thing taken on trust
    #[arg(long, value_name = "DIGEST")]
    anchor: StatementDigest,
    /// Bundle that proves a withdrawal, to be heeded; may be repeated
    #[arg(long, value_name = "FILE")]
    withdrawal: Vec<PathBuf>,
    /// Ask for more identical rebuilds than the constitution
    #[arg(long, value_name = "N")]
    rebuilds: Option<u64>,
}

impl Verb {
    /// As [`sharing::Verb::work_as_child`].
    pub(super) fn work_as_child(&self) -> Option<ExitCode> {
        match self {
            Self::Sharing(verb) => verb.work_as_child(),
            _ => None,
        }
    }

    pub(super) async fn run(self, out: Out) -> Result<()> {
        match self {
            Self::Update(file) => {
                let config: Config = serve::load_config(&file.config)?;
                let tell = |step: endpoint::Step| {
                    out.progress(&format!("  {step}"));
                    ControlFlow::Continue(())
                };
                let outcome = endpoint::update_watched(&config, now(), &tell).await?;
                let text = match &outcome {
                    Outcome::Installed { installed, .. } => format!("installed: {installed}"),
                    Outcome::UpToDate { installed } => format!("up to date: {installed}"),
                };
                out.result(&text, &to_value(&outcome)?);
            }
            Self::Status(file) => {
                let config: Config = serve::load_config(&file.config)?;
                let status = endpoint::status(&config)?;
                let text = status
                    .installed
                    .as_ref()
                    .map_or_else(|| "nothing is installed".to_owned(), ToString::to_string);
                out.result(&text, &to_value(&status)?);
            }
            Self::Gossip(compare) => compare.run(out).await?,
            Self::Timeline(timeline) => timeline.run(out)?,
            Self::Verify(verify) => verify.run(out)?,
            Self::Sharing(verb) => verb.run(out).await?,
        }
        Ok(())
    }
}

impl Compare {
    async fn run(self, out: Out) -> Result<()> {
        let config: Config = serve::load_config(&self.file.config)?;
        let given = self.with.iter().map(|path| {
            let bytes =
                fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            let name = path.display().to_string();
            Ok(Given { name, bytes })
        });
        let given = given.collect::<Result<Vec<_>>>()?;
        let compared = endpoint::gossip(&config, &given, now()).await?;
        out.result(&compared.to_string(), &to_value(&compared)?);
        Ok(())
    }
}

impl Timeline {
    fn run(self, out: Out) -> Result<()> {
        let config: Config = serve::load_config(&self.file.config)?;
        if let (Some(id), Some(reason)) = (&self.settle, &self.reason) {
            let fault = endpoint::settle(&config, id, reason, now())?;
            out.result(&format!("fault {id}: {fault}"), &to_value(&fault)?);
            return Ok(());
        }
        if let Some(path) = &self.bundle {
            let newest = endpoint::newest_bundle(&config)?;
            let (version, bundle) = newest.context("no update has shown a publication yet")?;
            fs::write(path, &bundle).with_context(|| format!("cannot write {}", path.display()))?;
            let text = format!("version {version} of {}: {}", config.role(), path.display());
            out.result(&text, &json!({"version": version, "file": path}));
            return Ok(());
        }
        let seen = endpoint::timeline(&config, now())?;
        out.result(&seen.to_string(), &to_value(&seen)?);
        Ok(())
    }
}

impl Verify {
    pub(super) fn run(self, out: Out) -> Result<()> {
        let file = match self.file {
            Some(file) => file,
            None => std::env::current_exe().context("cannot tell where this program lies")?,
        };
        let read = |path: &PathBuf| {
            fs::read(path).with_context(|| format!("cannot read {}", path.display()))
        };
        let withdrawals = self
            .withdrawal
            .iter()
            .map(read)
            .collect::<Result<Vec<_>>>()?;
        let withdrawals = (!withdrawals.is_empty()).then_some(withdrawals);
        let bundle = read(&self.bundle)?;
        let report = endpoint::verify_file(
            &file,
            &bundle,
            self.anchor,
            withdrawals.as_deref(),
            self.rebuilds,
            now(),
        )?;
        out.result(&report.to_string(), &to_value(&report)?);
        Ok(())
    }
}
