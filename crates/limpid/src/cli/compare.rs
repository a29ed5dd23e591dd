//! `limpid compare`

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};
use binary::{Explanations, Rule, Verdict};
use clap::Args;

use crate::out::{Out, Status};

/// Every differing byte is covered by a rule.
const EXPLAINED: u8 = 3;
/// Something is covered by no rule.
const UNEXPLAINED: u8 = 4;

/// What explains, and what never does.
const AFTER_HELP: &str = "\
Rules, each of which may be switched off:
  embedded-time   a time of one form and width on both sides, or in a time
                  field of an archive
  embedded-path   one source file in two build folders
  build-id        .note.gnu.build-id
  signature       Authenticode, or a detached .sig, .asc or .p7s beside what it
                  signs
Code is never explained. Only `identical` counts as a rebuild.

Exit status: 0 identical, 3 explained, 4 unexplained.";

/// Say what differs between two builds, and what explains it
///
/// ELF and PE by section, ELF also by function; ar, tar, zip, gzip, xz, zstd and
/// Debian packages member by member; anything else by its bytes.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP, after_long_help = AFTER_HELP)]
pub(super) struct Compare {
    /// What we built
    #[arg(value_name = "OURS")]
    ours: PathBuf,
    /// What they built
    #[arg(value_name = "THEIRS")]
    theirs: PathBuf,
    /// Switch a rule off; may be given several times
    #[arg(long = "no-explain", value_name = "RULE")]
    off: Vec<Rule>,
}

impl Compare {
    pub(super) fn run(self, out: Out) -> Result<()> {
        let read = |path: &PathBuf| {
            fs::read(path).with_context(|| format!("cannot read {}", path.display()))
        };
        let rules = self
            .off
            .into_iter()
            .fold(Explanations::all(), Explanations::without);
        let comparison = binary::compare(&read(&self.ours)?, &read(&self.theirs)?, &rules);
        out.result(&comparison.to_string(), &serde_json::to_value(&comparison)?);
        match comparison.verdict {
            Verdict::Identical => Ok(()),
            Verdict::Explained => Err(Status(EXPLAINED).into()),
            Verdict::Unexplained => Err(Status(UNEXPLAINED).into()),
        }
    }
}
