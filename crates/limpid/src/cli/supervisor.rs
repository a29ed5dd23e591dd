//! `limpid supervisor ...`

use anyhow::Result;
use clap::Subcommand;
use serde_json::json;
use statement::StatementDigest;

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
