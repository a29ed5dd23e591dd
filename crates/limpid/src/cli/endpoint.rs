//! `limpid endpoint ...`

use std::{fs, ops::ControlFlow, path::PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use endpoint::{Config, Outcome};
use serde_json::to_value;
use statement::StatementDigest;

use super::{ConfigFile, now};
use crate::out::Out;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Install the newest release, if every proof holds
    Update(ConfigFile),
    /// Show which release is installed
    Status(ConfigFile),
    /// Verify a file by its bundle of proofs: offline, for anyone
    Verify(Verify),
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
            Self::Verify(verify) => verify.run(out)?,
        }
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
