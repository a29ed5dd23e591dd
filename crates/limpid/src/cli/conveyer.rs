//! `limpid conveyer ...`

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use conveyer::{ConveyerConfig, RebuilderConfig, SourceFrom};
use serde_json::json;
use statement::StatementDigest;

use super::ConfigFile;
use crate::out::Out;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Build a source; show the result once others have committed to theirs
    Build(Build),
    /// Rebuild every source in the log until interrupted, or only one
    Rebuild {
        #[command(flatten)]
        file: ConfigFile,
        /// Rebuild only this one: digest of its source statement
        #[arg(long, value_name = "DIGEST")]
        build: Option<StatementDigest>,
    },
}

#[derive(Debug, Args)]
pub(super) struct Build {
    #[command(flatten)]
    file: ConfigFile,
    /// Directory with the source and its recipe.toml, or a git repository
    #[arg(value_name = "SOURCE")]
    source: PathBuf,
    /// Take this commit of the git repository, not the directory's files
    #[arg(long, value_name = "COMMIT")]
    git: Option<String>,
}

impl Verb {
    pub(super) async fn run(self, out: Out) -> Result<()> {
        let tell = |step: conveyer::Step| out.progress(&format!("  {step}"));
        match self {
            Self::Build(build) => {
                let config: ConveyerConfig = serve::load_config(&build.file.config)?;
                let from = match build.git {
                    Some(commit) => SourceFrom::GitCommit {
                        repository: build.source,
                        commit,
                        folder: None,
                    },
                    None => SourceFrom::Directory {
                        path: build.source,
                        exclude: Vec::new(),
                    },
                };
                let built =
                    conveyer::build_release(&config, from, &tell, ::release::system_clock).await?;
                let text = format!(
                    "build {}\nartifact {} ({} bytes)",
                    built.build, built.artifact, built.artifact_bytes
                );
                out.result(
                    &text,
                    &json!({"build": built.build, "artifact": built.artifact, "bytes": built.artifact_bytes,
                            "provenance": built.provenance}),
                );
            }
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
