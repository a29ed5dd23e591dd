//! `limpid opener ...`

use anyhow::Result;
use clap::Subcommand;

use super::ConfigFile;
use crate::confined::Territory;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Answer under grants that it judged itself, until interrupted
    Serve(ConfigFile),
}

impl Verb {
    /// What the daemon needs.
    pub(super) fn territory(&self) -> Result<Option<Territory>> {
        let Self::Serve(file) = self;
        let config: opener::Config = serve::load_config(&file.config)?;
        let territory = Territory::of(&file.config, &config.dir)
            .reads([&config.keys])
            .passphrase(config.passphrase.as_deref());
        Ok(Some(territory))
    }

    pub(super) async fn run(self) -> Result<()> {
        let Self::Serve(file) = self;
        let config = serve::load_config(&file.config)?;
        Ok(opener::serve(config, serve::stop_signal()?).await?)
    }
}
