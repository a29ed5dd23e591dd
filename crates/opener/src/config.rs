//! Configuration of an opener: one TOML file, unknown keys are errors.

use std::path::PathBuf;

use seal::Side;
use serde::Deserialize;
use serve::{ClientConfig, ServerConfig};
use statement::{CountryCode, StatementDigest};
use tlog::Origin;

/// Whose share it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HeldSide {
    /// The center's.
    Center,
    /// The supervisor's.
    Supervisor,
}

impl From<HeldSide> for Side {
    fn from(held: HeldSide) -> Self {
        match held {
            HeldSide::Center => Self::Center,
            HeldSide::Supervisor => Self::Supervisor,
        }
    }
}

/// What an opener needs to know.
///
/// ```toml
/// dir = "/var/lib/limpid/opener-ch"
/// side = "supervisor"
/// home = "CH"
/// keys = "/var/lib/limpid/opening-ch"    # files *.key, one for each opening epoch
/// origin = "center.example/log"
/// log_url = "https://log.center.example"
/// anchor = "5f1c..."                     # SHA-256 of the first constitution
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Directory of its own: what it gave away. One process at a time.
    pub dir: PathBuf,
    /// Whose share it holds.
    pub side: HeldSide,
    /// The jurisdiction whose samples it opens.
    pub home: CountryCode,
    /// Directory with the keys of its opening epochs, `*.key`. Removing a file ends that epoch here.
    pub keys: PathBuf,
    /// Where the passphrase of those files is: `env:NAME` or `file:PATH`.
    #[serde(default)]
    pub passphrase: Option<String>,
    /// Origin of the log that grants stand in.
    #[serde(deserialize_with = "origin_text")]
    pub origin: Origin,
    /// Where that log is reached.
    pub log_url: String,
    /// SHA-256 of the payload of the first constitution.
    pub anchor: StatementDigest,
    /// Where to listen and how much strangers may spend. Bodies have a bound of their own here.
    #[serde(default)]
    pub server: ServerConfig,
    /// How patient it is with the log.
    #[serde(default)]
    pub client: ClientConfig,
}

fn origin_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Origin, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}
