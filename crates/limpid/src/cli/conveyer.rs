//! `limpid conveyer ...`

use anyhow::Result;
use clap::{Args, Subcommand};
use conveyer::{ConveyerConfig, RebuilderConfig};
use serde_json::json;
use statement::StatementDigest;

use super::ConfigFile;
use super::source::{Choices, FromArgs};
use crate::out::Out;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Build a source; show the result once others have committed to theirs
    Build(Build),
    /// Lock, fetch and verify what builds happen in
    #[command(subcommand)]
    Environment(super::environment::Verb),
    /// Turn a source into its archive, and say its digests
    Import(super::trial::Import),
    /// Make the bill of materials (SBOM, CycloneDX) of an artifact
    Sbom(super::sbom::Make),
    /// Rebuild every source in the log until interrupted, or only one
    Rebuild {
        #[command(flatten)]
        file: ConfigFile,
        /// Rebuild only this one: digest of its source statement
        #[arg(long, value_name = "DIGEST")]
        build: Option<StatementDigest>,
    },
    /// Build a source twice on this machine, without a log, and compare
    ///
    /// The second time everything around the build is changed. Exit status: 0
    /// identical, 3 explained, 4 unexplained, 5 identical but a test failed.
    Try(super::trial::Try),
    /// Take the crates of a Cargo.lock from a folder that cargo filled
    Vendor(super::trial::Vendor),
}

#[derive(Debug, Args)]
pub(super) struct Build {
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    from: FromArgs,
    #[command(flatten)]
    choices: Choices,
}

impl Verb {
    pub(super) async fn run(self, out: Out) -> Result<()> {
        let tell = |step: conveyer::Step| out.progress(&format!("  {step}"));
        match self {
            Self::Build(build) => {
                let config: ConveyerConfig = serve::load_config(&build.file.config)?;
                let order = build.from.order_with(build.choices);
                let built =
                    conveyer::build_release(&config, order, &tell, ::release::system_clock).await?;
                let mut text = format!("build {}", built.build);
                for file in &built.artifacts {
                    let (sha256, bytes, name) = (file.sha256, file.bytes, &file.name);
                    text.push_str(&format!("\nartifact {sha256} ({bytes} bytes) {name}"));
                }
                if let Some(tests) = built.tests {
                    text.push_str(&format!("\ntests {tests:?}"));
                }
                let json = json!({"build": built.build, "artifacts": built.artifacts,
                                  "provenance": built.provenance, "tests": built.tests});
                out.result(&text, &json);
            }
            Self::Environment(verb) => verb.run(out)?,
            Self::Import(import) => import.run(out)?,
            Self::Sbom(make) => make.run(out)?,
            Self::Try(trial) => trial.run(out)?,
            Self::Vendor(vendor) => vendor.run(out)?,
            Self::Rebuild { file, build: None } => {
                let config: RebuilderConfig = serve::load_config(&file.config)?;
                conveyer::watch(
                    config,
                    &tell,
                    ::release::system_clock,
                    serve::stop_signal()?,
                )
                .await?;
            }
            Self::Rebuild {
                file,
                build: Some(build),
            } => {
                let config: RebuilderConfig = serve::load_config(&file.config)?;
                let rebuilt =
                    conveyer::rebuild_once(&config, build, &tell, ::release::system_clock).await?;
                let text = format!("{:?}, said in {}", rebuilt.verdict, rebuilt.rebuild);
                out.result(&text, &json!({"build": build, "rebuild": rebuilt.rebuild, "verdict": rebuilt.verdict}));
            }
        }
        Ok(())
    }
}
