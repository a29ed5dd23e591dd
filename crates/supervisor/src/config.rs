//! Configuration of the room: one TOML file, unknown keys are errors.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serve::{ClientConfig, ServerConfig};
use statement::StatementDigest;
use tlog::Origin;

use crate::limits;

/// Where the supervisor's keys are. Each file holds one key with one role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyPaths {
    /// Signs approvals, `release`, `withdrawal` and `anchor` (statement role `supervisor`).
    pub supervisor: PathBuf,
    /// Cosigns the top-level `targets`.
    pub targets: PathBuf,
    /// Cosigns the delegated role `software`.
    pub software: PathBuf,
    /// Cosigns the delegated role `rules`.
    pub rules: PathBuf,
    /// Passphrase of all of them: `env:NAME` or `file:PATH`.
    #[serde(default)]
    pub passphrase: Option<String>,
}

/// A log of the constitution that is read and not written to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherLog {
    /// Its origin.
    #[serde(with = "origin_text")]
    pub origin: Origin,
    /// Where it is reached.
    pub url: String,
}

/// What the room needs to know.
///
/// ```toml
/// dir = "/var/lib/limpid/supervisor"
/// origin = "center.example/log"
/// log_url = "https://log.center.example"
/// own_origin = "supervisor.example/log"
/// own_log_url = "https://log.supervisor.example"
/// anchor = "5f1c..."                      # SHA-256 of the first constitution
/// repository_url = "https://updates.center.example"
/// verifier = "https://supervisor.example"
/// [keys]
/// supervisor = "keys/supervisor.key"      # and targets, software, rules
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Directory of its own: cosigned metadata and approvals not yet logged.
    pub dir: PathBuf,
    /// Origin of the center's log.
    #[serde(with = "origin_text")]
    pub origin: Origin,
    /// Where that log is reached.
    pub log_url: String,
    /// Origin of the supervisor's own log.
    #[serde(with = "origin_text")]
    pub own_origin: Origin,
    /// Where that log is reached.
    pub own_log_url: String,
    /// Every further log of the constitution; adverse statements in it count.
    #[serde(default)]
    pub other_logs: Vec<OtherLog>,
    /// SHA-256 of the payload of the first constitution.
    pub anchor: StatementDigest,
    /// Where the TUF repository is served; asked for a published file that is not kept here.
    #[serde(default)]
    pub repository_url: Option<String>,
    /// URI under which approvals name the supervisor.
    pub verifier: String,
    /// Keys.
    pub keys: KeyPaths,
    /// The largest source archive or artifact that is fetched.
    #[serde(default = "blob_bytes_max")]
    pub blob_bytes_max: u64,
    /// How long statements may take to be included.
    #[serde(default = "not_after_seconds")]
    pub not_after_seconds: u64,
    /// How long a release stays in a ring before a wider one gets it, in seconds of witnessed time.
    #[serde(default = "ring_seconds")]
    pub ring_seconds: u64,
    /// Pause between two looks at the center's log.
    #[serde(default = "poll_ms")]
    pub poll_ms: u64,
    /// Where it listens and what strangers may spend.
    #[serde(default = "server")]
    pub server: ServerConfig,
    /// Patience of HTTP requests.
    #[serde(default)]
    pub client: ClientConfig,
}

const fn blob_bytes_max() -> u64 {
    limits::BLOB_BYTES_MAX
}
const fn not_after_seconds() -> u64 {
    limits::NOT_AFTER_SECONDS
}
const fn ring_seconds() -> u64 {
    limits::RING_SECONDS
}
const fn poll_ms() -> u64 {
    limits::POLL_MS
}
fn server() -> ServerConfig {
    ServerConfig {
        body_bytes_max: limits::CANDIDATE_BYTES_MAX,
        ..ServerConfig::default()
    }
}
/// Origins travel as their text.
mod origin_text {
    use serde::{Deserialize, Deserializer, Serializer, de};
    use tlog::Origin;

    pub(super) fn serialize<S: Serializer>(origin: &Origin, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(origin)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Origin, D::Error> {
        String::deserialize(input)?
            .parse()
            .map_err(de::Error::custom)
    }
}
