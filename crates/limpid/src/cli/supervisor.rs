//! `limpid supervisor ...`

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use serde_json::json;
use statement::{CountryCode, StatementDigest};

use super::ConfigFile;
use crate::{confined::Territory, out::Out};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Follow the center's log, approve and sign, until interrupted
    Serve(ConfigFile),
    /// Withdraw a release with the supervisor's signature alone
    #[command(
        override_usage = "limpid supervisor withdraw --config <FILE> --reason <TEXT> <RELEASE>"
    )]
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
    /// Let machines look again at samples at rest that the center asks for
    GrantReanalysis(Grant),
}

#[derive(Debug, Args)]
#[command(override_usage = "limpid supervisor grant-reanalysis --home <COUNTRY> --samples <FILE>")]
pub(super) struct Grant {
    #[command(flatten)]
    file: ConfigFile,
    /// Where the samples are, and stay
    #[arg(long, value_name = "COUNTRY")]
    home: CountryCode,
    /// List of samples, as `limpid center ask-reanalysis` wrote it
    #[arg(long, value_name = "FILE")]
    samples: PathBuf,
    /// Release of the rules to be used
    #[arg(long, value_name = "RELEASE")]
    rules: StatementDigest,
    /// Release of the worker to be used
    #[arg(long, value_name = "RELEASE")]
    worker: StatementDigest,
    /// Release of the scoring table to be used
    #[arg(long, value_name = "RELEASE")]
    scoring: StatementDigest,
    /// Hours in which openers may answer
    #[arg(long, default_value_t = 24)]
    hours: u64,
}

impl Grant {
    async fn run(self, out: Out) -> Result<()> {
        let path = self.samples.display();
        let text =
            fs::read_to_string(&self.samples).with_context(|| format!("cannot read {path}"))?;
        let wanted = supervisor::Wanted {
            home: self.home,
            samples: center::read_asked(&text).with_context(|| format!("in {path}"))?,
            worker: self.worker,
            rules: self.rules,
            scoring: self.scoring,
            valid_seconds: self.hours.saturating_mul(3600),
        };
        let config: supervisor::Config = serve::load_config(&self.file.config)?;
        let log = supervisor::RemoteLog::new(&config)?;
        let own = supervisor::RemoteOwnLog::new(&config)?;
        let mut room = supervisor::Room::open(config, log, own, supervisor::system_clock)?;
        let logged = room.grant_reanalysis(wanted).await?;
        let supervisor::GrantLogged {
            grant,
            count,
            stock,
        } = logged;
        let text = format!("grant {grant} for {count} of {stock} samples");
        let value = json!({"grant": grant, "count": count, "stock": stock});
        out.result(&text, &value);
        Ok(())
    }
}

impl Verb {
    /// What the daemon needs; `None` if this starts none.
    pub(super) fn territory(&self) -> Result<Option<Territory>> {
        let Self::Serve(file) = self else {
            return Ok(None);
        };
        let config: supervisor::Config = serve::load_config(&file.config)?;
        let keys = &config.keys;
        let territory = Territory::of(&file.config, &config.dir)
            .reads([&keys.supervisor, &keys.targets, &keys.software, &keys.rules])
            .passphrase(keys.passphrase.as_deref());
        Ok(Some(territory))
    }

    pub(super) async fn run(self, out: Out) -> Result<()> {
        match self {
            Self::Serve(file) => {
                let config = serve::load_config(&file.config)?;
                supervisor::serve(config, serve::stop_signal()?).await?;
            }
            Self::GrantReanalysis(grant) => grant.run(out).await?,
            Self::Withdraw {
                file,
                release,
                reason,
            } => {
                let config: supervisor::Config = serve::load_config(&file.config)?;
                let log = supervisor::RemoteLog::new(&config)?;
                let own = supervisor::RemoteOwnLog::new(&config)?;
                let mut room = supervisor::Room::open(config, log, own, supervisor::system_clock)?;
                let withdrawn = room.withdraw(release, &reason).await?;
                let text = format!("release {release} is withdrawn by {}", withdrawn.withdrawal);
                out.result(
                    &text,
                    &json!({"release": release, "withdrawal": withdrawn.withdrawal}),
                );
            }
        }
        Ok(())
    }
}
