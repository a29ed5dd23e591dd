//! Configuration of an issuer: one TOML file, unknown keys are errors.

use std::path::PathBuf;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serve::{ClientConfig, ServerConfig};
use statement::{CountryCode, IssuerName};
use tlog::Origin;

use crate::config::origin_text;
use crate::error::CenterError;

/// What an issuer needs to know.
///
/// ```toml
/// dir = "/var/lib/limpid/issuer"
/// issuer = "issuer.center.example"
/// homes = ["CH", "RU"]
/// origin = "center.example/log"
/// log_url = "https://log.center.example"
/// key = "keys/center.key"         # statement role `center`
/// licence_keys = ["nzwW..."]      # as `limpid keys show` prints them
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerConfig {
    /// Directory of its own: tables, keys of days. One process at a time.
    pub dir: PathBuf,
    /// Its name, as tokens carry it.
    pub issuer: IssuerName,
    /// The jurisdictions whose cells take its tokens.
    pub homes: Vec<CountryCode>,
    /// Origin of the log that its keys are announced in.
    #[serde(deserialize_with = "origin_text")]
    pub origin: Origin,
    /// Where that log is reached.
    pub log_url: String,
    /// File of the key that signs announcements.
    pub key: PathBuf,
    /// Where the passphrase of that file is: `env:NAME` or `file:PATH`.
    #[serde(default)]
    pub passphrase: Option<String>,
    /// Raw Ed25519 keys that sign licences, in standard base64.
    pub licence_keys: Vec<String>,
    /// Tokens that one installation gets of one key.
    #[serde(default = "tokens_per_day")]
    pub tokens_per_day: u32,
    /// Days, from the one it is issued in, on which a token is taken.
    #[serde(default = "valid_days")]
    pub valid_days: u64,
    /// A day's key is announced so long before the day, in seconds.
    #[serde(default = "lead_seconds")]
    pub lead_seconds: u64,
    /// How often it looks after its keys, in milliseconds.
    #[serde(default = "poll_ms")]
    pub poll_ms: u64,
    /// Where to listen and how much strangers may spend.
    #[serde(default)]
    pub server: ServerConfig,
    /// How patient it is with the log.
    #[serde(default)]
    pub client: ClientConfig,
}

const fn tokens_per_day() -> u32 {
    64
}

const fn valid_days() -> u64 {
    3
}

const fn lead_seconds() -> u64 {
    7_200
}

const fn poll_ms() -> u64 {
    2_000
}

impl IssuerConfig {
    /// The licence keys as raw bytes.
    pub(super) fn licence_keys(&self) -> Result<Vec<[u8; 32]>, CenterError> {
        let read = |text: &String| {
            let raw = STANDARD.decode(text).unwrap_or_default();
            raw.try_into().map_err(|_| CenterError::LicenceKey {
                value: text.chars().take(80).collect(),
            })
        };
        self.licence_keys.iter().map(read).collect()
    }
}
