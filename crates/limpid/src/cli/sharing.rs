//! `limpid endpoint consent|where|share|shared|erase`

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;
use clap::{Args, Subcommand};
use endpoint::sharing::{
    self, Config, Extent, ShareStep, consent_state, give_consent, where_to, withdraw_consent,
};
use serde_json::{json, to_value};
use statement::{CountryCode, SampleId};

use super::{ConfigFile, now};
use crate::out::Out;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Agree that files are shared, or do not any more; off by default
    #[command(subcommand)]
    Consent(Consent),
    /// Say where files go, with the proof
    Where(Where),
    /// Seal files, of containers what matched, and send them with what waits
    Share(Share),
    /// List every file ever shared, each claim with its proof
    Shared(ConfigFile),
    /// Have a shared file erased, or all of them
    Erase(Erase),
    /// Look into files, each in a child of its own, as the program in the sandbox
    #[command(hide = true)]
    Look {
        /// Directory of the rule database
        #[arg(long, value_name = "DIR")]
        database: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Consent {
    /// Agree, and name the country that your files are of
    Give {
        #[command(flatten)]
        file: ConfigFile,
        /// Country as in ISO 3166-1, for example DE
        #[arg(long, value_name = "CODE")]
        country: CountryCode,
    },
    /// Stop sharing, empty the queue, have everything erased
    Withdraw(ConfigFile),
    /// Show every record of the consent
    Show(ConfigFile),
}

#[derive(Debug, Args)]
pub(super) struct Where {
    #[command(flatten)]
    file: ConfigFile,
    /// Country to ask about instead of the one of the consent
    #[arg(long, value_name = "CODE")]
    country: Option<CountryCode>,
}

#[derive(Debug, Args)]
pub(super) struct Share {
    #[command(flatten)]
    file: ConfigFile,
    /// Files to share; without any only what waits is sent
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Share all of each file, with everything in it
    #[arg(long, requires = "files")]
    whole: bool,
}

#[derive(Debug, Args)]
pub(super) struct Erase {
    #[command(flatten)]
    file: ConfigFile,
    /// The sample, as `shared` names it
    #[arg(value_name = "SAMPLE", required_unless_present = "all")]
    sample: Option<SampleId>,
    /// Everything that was ever shared
    #[arg(long, conflicts_with = "sample")]
    all: bool,
}

fn go_on(_: ShareStep) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn config(file: &ConfigFile) -> Result<Config> {
    Ok(serve::load_config(&file.config)?)
}

impl Verb {
    /// Forks children that look into files, if this is what was asked: before any thread starts, since a fork copies none.
    pub(super) fn work_as_child(&self) -> Option<ExitCode> {
        let Self::Look { database } = self else {
            return None;
        };
        let attend = || -> Result<()> {
            let database = center::load_database(database.as_deref())?;
            Ok(sharing::attend(&database)?)
        };
        Some(match attend() {
            Ok(()) => ExitCode::SUCCESS,
            // Read by the endpoint, which says it to people.
            Err(error) => Out::new(false).failed(&error),
        })
    }

    pub(super) async fn run(self, out: Out) -> Result<()> {
        match self {
            Self::Consent(consent) => consent.run(out).await,
            Self::Where(asked) => {
                let found = where_to(&config(&asked.file)?, asked.country.as_ref(), now()).await?;
                out.result(&found.to_string(), &to_value(&found)?);
                Ok(())
            }
            Self::Share(share) => share.run(out).await,
            Self::Shared(file) => {
                let report = sharing::shared(&config(&file)?)?;
                out.result(&report.to_string(), &to_value(&report)?);
                Ok(())
            }
            Self::Erase(erase) => {
                let config = config(&erase.file)?;
                let erased = sharing::erase(&config, erase.sample.as_ref(), now())?;
                let sent = sharing::send(&config, now(), &go_on).await?;
                let text = format!("{erased}\n{sent}");
                out.result(&text, &json!({"erased": erased, "sent": sent}));
                Ok(())
            }
            // Done before the runtime began.
            Self::Look { .. } => Ok(()),
        }
    }
}

impl Consent {
    async fn run(self, out: Out) -> Result<()> {
        match self {
            Self::Give { file, country } => {
                let state = give_consent(&config(&file)?, &country, now())?;
                out.result(&state.to_string(), &to_value(&state)?);
            }
            Self::Withdraw(file) => {
                let config = config(&file)?;
                // First and durably; whatever is being sent stops by it.
                let state = withdraw_consent(&config, now())?;
                out.progress(&state.to_string());
                match sharing::send(&config, now(), &go_on).await {
                    Err(error) if error.is_busy() => {
                        let text =
                            "another process is at work here; it stops and empties the queue";
                        out.result(text, &json!({"consent": state, "sent": null}));
                    }
                    sent => {
                        let sent = sent?;
                        out.result(&sent.to_string(), &json!({"consent": state, "sent": sent}));
                    }
                }
            }
            Self::Show(file) => {
                let state = consent_state(&config(&file)?)?;
                out.result(&state.to_string(), &to_value(&state)?);
            }
        }
        Ok(())
    }
}

impl Share {
    async fn run(self, out: Out) -> Result<()> {
        let config = config(&self.file)?;
        let mut shared = Vec::new();
        if !self.files.is_empty() {
            let paths: Vec<&Path> = self.files.iter().map(PathBuf::as_path).collect();
            let extent = match self.whole {
                true => Extent::Whole,
                false => Extent::Matching,
            };
            shared = sharing::share(&config, &paths, extent, now(), &go_on).await?;
            for file in &shared {
                out.progress(&file.to_string());
            }
        }
        let sent = sharing::send(&config, now(), &go_on).await?;
        out.result(&sent.to_string(), &json!({"shared": shared, "sent": sent}));
        Ok(())
    }
}
