//! `limpid witness ...`

use anyhow::Result;
use clap::Subcommand;

use super::ConfigFile;
use crate::confined::Territory;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Cosign checkpoints until interrupted (C2SP tlog-witness)
    Serve(ConfigFile),
}

impl Verb {
    /// What the daemon needs.
    pub(super) fn territory(&self) -> Result<Territory> {
        let Self::Serve(file) = self;
        let config: witness::Config = serve::load_config(&file.config)?;
        Ok(Territory::of(&file.config, &config.dir)
            .reads([&config.ed25519_key, &config.ml_dsa_key])
            .passphrase(config.passphrase.as_deref()))
    }

    pub(super) async fn run(self) -> Result<()> {
        let Self::Serve(file) = self;
        let config = serve::load_config(&file.config)?;
        witness::serve(config, serve::stop_signal()?).await?;
        Ok(())
    }
}
