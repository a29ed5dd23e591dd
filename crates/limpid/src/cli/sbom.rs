//! `limpid sbom ...` and `limpid conveyer sbom`

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use conveyer::{Sbom, SbomDiff, SbomOrder};
use serde_json::json;
use statement::FileDigest;

use super::source::FromArgs;
use crate::out::{Out, Status};

/// `diff` ends with this when the two say different things.
const DIFFERENT: u8 = 3;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Show what changed between two SBOMs; exit status 0 nothing, 3 something
    Diff {
        /// The SBOM of the older release
        #[arg(value_name = "OLD")]
        old: PathBuf,
        /// The SBOM of the newer release
        #[arg(value_name = "NEW")]
        new: PathBuf,
    },
}

impl Verb {
    pub(super) fn run(self, out: Out) -> Result<()> {
        let Self::Diff { old, new } = self;
        let read = |path: &PathBuf| -> Result<Sbom> {
            let bytes =
                fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            Sbom::parse(&bytes).with_context(|| format!("{} is refused", path.display()))
        };
        let diff = SbomDiff::between(&read(&old)?, &read(&new)?);
        out.result(&diff.to_string(), &serde_json::to_value(&diff)?);
        if diff.is_empty() {
            Ok(())
        } else {
            Err(Status(DIFFERENT).into())
        }
    }
}

/// `limpid conveyer sbom`
#[derive(Debug, Args)]
pub(super) struct Make {
    #[command(flatten)]
    from: FromArgs,
    /// Lock of the environment it is built in
    #[arg(long, value_name = "LOCK")]
    environment: PathBuf,
    /// Write the SBOM here; an existing file is replaced
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Which of the recipe's artifacts, by name; without it the first
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The artifact as it was built; its digest stands in the SBOM
    #[arg(long, value_name = "FILE")]
    artifact: Option<PathBuf>,
    /// All that `cargo build --message-format=json` printed: the crates it compiled
    #[arg(long, value_name = "FILE")]
    messages: Option<PathBuf>,
    /// What `cargo metadata --format-version 1 --filter-platform TARGET` printed:
    /// licences, and which crates only build scripts need
    #[arg(long, value_name = "FILE")]
    metadata: Option<PathBuf>,
}

impl Make {
    pub(super) fn run(self, out: Out) -> Result<()> {
        let order = SbomOrder {
            build: self.from.order(),
            environment: self.environment,
            name: self.name,
            artifact: self.artifact,
            messages: self.messages,
            metadata: self.metadata,
        };
        let sbom = order.carry_out()?;
        let text = sbom.to_json();
        fs::write(&self.out, &text)
            .with_context(|| format!("cannot write {}", self.out.display()))?;
        let (digest, (contents, inputs)) = (FileDigest::of(&text), sbom.counts());
        let evidence = sbom.evidence();
        out.result(
            &format!(
                "SBOM {digest}\n{contents} components, built with {inputs} inputs\n{evidence}"
            ),
            &json!({"sbom": digest, "bytes": text.len(), "components": contents, "inputs": inputs,
                    "evidence": evidence, "serial_number": sbom.serial_number()}),
        );
        Ok(())
    }
}
