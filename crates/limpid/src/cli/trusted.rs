//! Whom a reader of a log believes: keys, a policy, or an anchor.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use logclient::{LogFiles, Signed, Trust};
use statement::StatementDigest;
use tlog::{Policy, VerifierKey};

/// Options that say whose signatures count.
#[derive(Debug, Args)]
pub(super) struct Trusted {
    /// Verifier key of the log (C2SP signed-note); may be repeated
    #[arg(long = "vkey", value_name = "VKEY", conflicts_with = "policy")]
    vkeys: Vec<VerifierKey>,
    /// Keys of the log, and which witnesses must have cosigned (C2SP tlog-policy)
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

/// The same, and the anchor of a log that begins with a constitution.
#[derive(Debug, Args)]
pub(super) struct Anchored {
    #[command(flatten)]
    trusted: Trusted,
    /// Digest of the first constitution, whose policy counts then
    #[arg(long, value_name = "DIGEST", conflicts_with_all = ["vkeys", "policy"])]
    anchor: Option<StatementDigest>,
}

impl Trusted {
    /// What was given; [`Trust::Nobody`] if nothing was.
    pub(super) fn trust(&self) -> Result<Trust> {
        if let Some(path) = &self.policy {
            let text = fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let policy = Policy::parse(&text)
                .with_context(|| format!("the policy {} is refused", path.display()))?;
            return Ok(Trust::Policy(Box::new(policy)));
        }
        Ok(match self.vkeys.as_slice() {
            [] => Trust::Nobody,
            keys => Trust::Log(keys.to_vec()),
        })
    }
}

impl Anchored {
    /// What was given; the anchor is looked up in the log. Blocks.
    pub(super) fn trust(&self, files: &LogFiles) -> Result<Trust> {
        match self.anchor {
            Some(anchor) => Ok(Trust::under_anchor(files, anchor)?),
            None => self.trusted.trust(),
        }
    }

    /// The same where somebody has to be believed.
    pub(super) fn required(&self, files: &LogFiles) -> Result<Trust> {
        match self.trust(files)? {
            Trust::Nobody => bail!("whose signature counts? Give --vkey, --policy or --anchor"),
            trust => Ok(trust),
        }
    }
}

/// Who signed a checkpoint, for people.
pub(super) fn signed_text(signed: &Signed) -> String {
    match signed {
        Signed::Unchecked => {
            "no signature was checked; give --vkey, --policy or --anchor".to_owned()
        }
        Signed::ByLog => "signed by the log; witnesses were not asked for".to_owned(),
        Signed::Witnessed {
            cosigners,
            median_time,
        } => format!(
            "signed by the log, cosigned by {}; median time {median_time} (POSIX seconds)",
            cosigners.join(", ")
        ),
    }
}

/// Who signed a checkpoint, for programs.
pub(super) fn signed_json(signed: &Signed) -> serde_json::Value {
    match signed {
        Signed::Unchecked => serde_json::json!({"by": "unchecked"}),
        Signed::ByLog => serde_json::json!({"by": "log"}),
        Signed::Witnessed {
            cosigners,
            median_time,
        } => {
            serde_json::json!({"by": "witnesses", "cosigners": cosigners, "median_time": median_time})
        }
    }
}
