//! `limpid witness ...`

use anyhow::Result;
use clap::Subcommand;

use super::ConfigFile;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Cosign checkpoints until interrupted (C2SP tlog-witness)
    Serve(ConfigFile),
}

impl Verb {
    pub(super) async fn run(self) -> Result<()> {
        let Self::Serve(file) = self;
        let config = serve::load_config(&file.config)?;
        witness::serve(config, serve::stop_signal()?).await?;
        Ok(())
    }
}
