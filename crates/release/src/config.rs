//! Configuration of the room: one TOML file, unknown keys are errors.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serve::ClientConfig;
use statement::StatementDigest;
use tlog::Origin;

use crate::limits;

/// Where the center's keys are. Each file holds one key with one role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyPaths {
    /// Signs `release`, `publication` and `withdrawal` (statement role `center`).
    pub center: PathBuf,
    /// Signs the top-level `targets`; needed only when that file is made.
    #[serde(default)]
    pub targets: Option<PathBuf>,
    /// Signs the delegated role `software`.
    pub software: PathBuf,
    /// Signs the delegated role `rules`.
    pub rules: PathBuf,
    /// Signs `snapshot.json`.
    pub snapshot: PathBuf,
    /// Signs `timestamp.json`.
    pub timestamp: PathBuf,
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
/// dir = "/var/lib/limpid/release"
/// repository = "/var/lib/limpid/release/repository"
/// origin = "center.example/log"
/// log_url = "https://log.center.example"
/// anchor = "5f1c..."                      # SHA-256 of the first constitution
/// supervisor_url = "https://supervisor.example"
/// [[other_logs]]
/// origin = "supervisor.example/log"
/// url = "https://log.supervisor.example"
/// [keys]
/// center = "keys/center.key"              # and software, rules, snapshot, timestamp
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Directory of its own: lock and staged files.
    pub dir: PathBuf,
    /// The repository that is served.
    pub repository: PathBuf,
    /// Origin of the center's log.
    #[serde(with = "origin_text")]
    pub origin: Origin,
    /// Where that log is reached.
    pub log_url: String,
    /// Every other log of the constitution, the supervisor's among them: adverse statements in it count,
    /// and a log that cannot be read stops signing.
    #[serde(default)]
    pub other_logs: Vec<OtherLog>,
    /// SHA-256 of the payload of the first constitution.
    pub anchor: StatementDigest,
    /// Where the supervisor is reached.
    pub supervisor_url: String,
    /// Keys.
    pub keys: KeyPaths,
    /// The largest artifact that is taken into the repository.
    #[serde(default = "artifact_bytes_max")]
    pub artifact_bytes_max: u64,
    /// How long statements may take to be included.
    #[serde(default = "not_after_seconds")]
    pub not_after_seconds: u64,
    /// How long a verb waits for others.
    #[serde(default = "wait_ms")]
    pub wait_ms: u64,
    /// Pause between two looks at the log.
    #[serde(default = "poll_ms")]
    pub poll_ms: u64,
    /// Pause between two looks of the keeper, in milliseconds.
    #[serde(default = "keep_ms")]
    pub keep_ms: u64,
    /// How long a release stays in a ring before a wider one gets it, in seconds of witnessed time.
    #[serde(default = "ring_seconds")]
    pub ring_seconds: u64,
    /// Patience of HTTP requests.
    #[serde(default)]
    pub client: ClientConfig,
}

const fn artifact_bytes_max() -> u64 {
    limits::ARTIFACT_BYTES_MAX
}
const fn not_after_seconds() -> u64 {
    limits::NOT_AFTER_SECONDS
}
const fn wait_ms() -> u64 {
    limits::WAIT_MS
}
const fn poll_ms() -> u64 {
    limits::POLL_MS
}
const fn keep_ms() -> u64 {
    limits::KEEP_MS
}
const fn ring_seconds() -> u64 {
    limits::RING_SECONDS
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
