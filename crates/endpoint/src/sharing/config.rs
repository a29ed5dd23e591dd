//! What sharing is told: under which anchor, and where each home is reached.
//!
//! ```toml
//! dir = "/var/lib/limpid/sharing"
//! anchor = "3f0c…64 hex digits"
//! installation = "/etc/limpid/installation.pem"
//! licence = "/etc/limpid/licence"
//!
//! [[center]]
//! home = "CH"
//! url = "https://zurich.example/"
//! log = "https://zurich.example/log/"
//! issuer_url = "https://issuer.example/"
//! ```

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use statement::{CountryCode, StatementDigest};

use super::error::SharingError;
use crate::limits::{
    CENTERS_MAX, FRESH_SECONDS_MAX, LOOK_MS_MAX, QUEUE_BYTES_MAX, QUEUE_COUNT_MAX,
    SAMPLE_BYTES_MAX, TOKENS_AHEAD, TOKENS_AHEAD_MAX,
};

/// Where the cell of one home is reached. Where a file goes is decided by the policy; this says only by which way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Center {
    /// The home.
    pub home: CountryCode,
    /// Its intake.
    pub url: String,
    /// Its log, where the documents of the policy are.
    pub log: String,
    /// Who issues the tokens with which that intake is used; without it no token is shown.
    #[serde(default)]
    pub issuer_url: Option<String>,
}

/// Configuration of sharing. Unknown keys are errors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Everything about sharing lies here, apart from what is installed.
    pub dir: PathBuf,
    /// Digest of the first constitution: the only thing that is believed unseen.
    pub anchor: StatementDigest,
    /// How each home is reached. The first is asked first where files go, until a home is known.
    pub center: Vec<Center>,
    /// Oldest witnessed proof of the policy by which a file is sealed, in seconds.
    #[serde(default = "policy_age_max_seconds")]
    pub policy_age_max_seconds: u64,
    /// Largest file that is shared, in bytes.
    #[serde(default = "sample_bytes_max")]
    pub sample_bytes_max: u64,
    /// Most sealed samples that wait to be sent.
    #[serde(default = "queue_count_max")]
    pub queue_count_max: usize,
    /// Most bytes of them.
    #[serde(default = "queue_bytes_max")]
    pub queue_bytes_max: u64,
    /// File of the key by which issuers of tokens know this installation.
    #[serde(default)]
    pub installation: Option<PathBuf>,
    /// File with the vendor's licence for that key.
    #[serde(default)]
    pub licence: Option<PathBuf>,
    /// Tokens of each home that are kept ahead of need.
    #[serde(default = "tokens_ahead")]
    pub tokens_ahead: usize,
    /// Directory with `scoring.txt`, `known-bad.txt` and rule files `*.yar`, as an update of rules installs it. Without it no
    /// rule and no digest is known, and the first scoring table is used.
    #[serde(default)]
    pub database: Option<PathBuf>,
    /// The program that looks into files, in a sandbox; by default this one.
    #[serde(default)]
    pub looker_program: Option<PathBuf>,
    /// What it is told.
    #[serde(default = "looker_arguments")]
    pub looker_arguments: Vec<String>,
    /// Time of one look into a file, in milliseconds.
    #[serde(default = "look_wall_ms")]
    pub look_wall_ms: u64,
    /// Number of the sandbox's uid among those of this machine's sandboxes, when started as root.
    #[serde(default)]
    pub sandbox_party: u32,
    /// How patient it is with the centers.
    #[serde(default)]
    pub client: serve::ClientConfig,
}

const fn policy_age_max_seconds() -> u64 {
    FRESH_SECONDS_MAX
}

const fn sample_bytes_max() -> u64 {
    SAMPLE_BYTES_MAX
}

const fn queue_count_max() -> usize {
    QUEUE_COUNT_MAX
}

const fn queue_bytes_max() -> u64 {
    QUEUE_BYTES_MAX
}

const fn tokens_ahead() -> usize {
    TOKENS_AHEAD
}

fn looker_arguments() -> Vec<String> {
    ["endpoint", "look"].map(str::to_owned).to_vec()
}

const fn look_wall_ms() -> u64 {
    LOOK_MS_MAX
}

impl Config {
    /// One center for each home, and at least one.
    pub(super) fn check(&self) -> Result<(), SharingError> {
        let count = self.center.len();
        if !(1..=CENTERS_MAX).contains(&count) {
            return Err(SharingError::Centers { count });
        }
        for (at, center) in self.center.iter().enumerate() {
            if self.center[..at]
                .iter()
                .any(|other| other.home == center.home)
            {
                return Err(SharingError::TwoCenters {
                    home: center.home.clone(),
                });
            }
            let is_known = self.installation.is_some() && self.licence.is_some();
            if center.issuer_url.is_some() && !is_known {
                return Err(SharingError::NoInstallation {
                    home: center.home.clone(),
                });
            }
        }
        let count = self.tokens_ahead;
        if !(1..=TOKENS_AHEAD_MAX).contains(&count) {
            return Err(SharingError::TokensAhead { count });
        }
        Ok(())
    }

    /// The center of a home.
    pub(super) fn center_of(&self, home: &CountryCode) -> Result<&Center, SharingError> {
        let found = self.center.iter().find(|center| center.home == *home);
        found.ok_or_else(|| SharingError::NoCenter { home: home.clone() })
    }
}

impl Center {
    /// An address of the intake.
    pub(super) fn at(&self, path: &str) -> String {
        format!("{}/{path}", self.url.trim_end_matches('/'))
    }

    /// A blob of the log.
    pub(super) fn blob(&self, digest: impl std::fmt::Display) -> String {
        format!("{}/blob/{digest}", self.log.trim_end_matches('/'))
    }
}
