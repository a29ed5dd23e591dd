//! Configuration of conveyer and rebuilder: one TOML file each, unknown keys are errors.

use std::num::NonZeroU32;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serve::{ClientConfig, ServerConfig};
use statement::StatementDigest;
use tlog::Origin;

use super::limits;
use crate::environment::EnvironmentsConfig;

/// Under which uid builds run when the daemon is root.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Isolation {
    /// Number of this party on this machine, from 0 to 299; another party has another.
    pub party: u32,
    /// The first uid of the range; `sandbox`'s own choice when absent.
    pub uid_base: Option<u32>,
}

/// Where the conveyer's keys are. Each file holds one key with one role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConveyerKeyPaths {
    /// Signs `source` (role `author`).
    pub author: PathBuf,
    /// Signs `environment`, `commitment` and provenance (role `conveyer`).
    pub conveyer: PathBuf,
    /// Passphrase of both: `env:NAME` or `file:PATH`.
    #[serde(default)]
    pub passphrase: Option<String>,
}

/// What the conveyer needs to know.
///
/// ```toml
/// dir = "/var/lib/limpid/conveyer"
/// origin = "center.example/log"
/// log_url = "https://log.center.example"
/// anchor = "5f1c..."                      # SHA-256 of the first constitution
/// builder_id = "https://conveyer.center.example"
/// authors = ["The Truename Team"]
/// authored_in = "RU"
/// [keys]
/// author = "keys/author.pem"
/// conveyer = "keys/conveyer.pem"
/// [isolation]
/// party = 0
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConveyerConfig {
    /// Directory of its own; builds happen in `build/` of it, so the uid of builds must be able to pass through.
    pub dir: PathBuf,
    /// Origin of the center's log.
    #[serde(with = "origin_text")]
    pub origin: Origin,
    /// Where that log is reached.
    pub log_url: String,
    /// SHA-256 of the payload of the first constitution.
    pub anchor: StatementDigest,
    /// Keys.
    pub keys: ConveyerKeyPaths,
    /// URI under which provenance names this conveyer.
    pub builder_id: String,
    /// Who wrote the source, as they are named.
    pub authors: Vec<String>,
    /// Jurisdiction of authoring (ISO 3166-1 alpha-2).
    pub authored_in: String,
    /// Folder with `.crate` files that ordinary cargo fetched, for recipes with a Cargo.lock.
    #[serde(default)]
    pub crates: Option<PathBuf>,
    /// Locks of environments beside those of this host, and where their inputs come from.
    #[serde(default)]
    pub environments: EnvironmentsConfig,
    /// The uid of builds.
    #[serde(default)]
    pub isolation: Isolation,
    /// The largest blob the log takes, bytes: archive, lock and artifact must each fit.
    #[serde(default = "blob_bytes_max")]
    pub blob_bytes_max: u64,
    /// How long statements may take to be included, seconds.
    #[serde(default = "not_after_seconds")]
    pub not_after_seconds: u64,
    /// How long it waits for the log, and for rebuilders to commit.
    #[serde(default = "wait_ms")]
    pub wait_ms: u64,
    /// Pause between two looks at the log.
    #[serde(default = "poll_ms")]
    pub poll_ms: u64,
    /// Patience of HTTP requests.
    #[serde(default)]
    pub client: ClientConfig,
}

/// How often a rebuilder looks back (`spec/rebuild.md`): builds that stand in a release are built again, the one looked at
/// longest ago first.
///
/// ```toml
/// [past]
/// every_hours = 24   # no build more often than this
/// at_a_time = 1      # and at most so many builds within that time
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PastConfig {
    /// The period, hours.
    pub every_hours: NonZeroU32,
    /// At most so many builds in each period.
    pub at_a_time: NonZeroU32,
}

impl Default for PastConfig {
    fn default() -> Self {
        Self {
            every_hours: NonZeroU32::MIN.saturating_add(limits::PAST_HOURS - 1),
            at_a_time: NonZeroU32::MIN,
        }
    }
}

impl PastConfig {
    /// The period in seconds.
    pub(super) const fn period(self) -> u64 {
        self.every_hours.get() as u64 * 3_600
    }
}

/// What a rebuilder needs to know.
///
/// ```toml
/// dir = "/var/lib/limpid/rebuilder"
/// origin = "center.example/log"
/// log_url = "https://log.center.example"
/// anchor = "5f1c..."
/// key = "keys/rebuilder.pem"
/// variation = 1
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RebuilderConfig {
    /// Directory of its own; builds happen in `build/` of it, so the uid of builds must be able to pass through.
    pub dir: PathBuf,
    /// Origin of the center's log.
    #[serde(with = "origin_text")]
    pub origin: Origin,
    /// Where that log is reached.
    pub log_url: String,
    /// SHA-256 of the payload of the first constitution.
    pub anchor: StatementDigest,
    /// Key that signs `commitment` and `rebuild` (role `rebuilder`).
    pub key: PathBuf,
    /// Its passphrase: `env:NAME` or `file:PATH`.
    #[serde(default)]
    pub passphrase: Option<String>,
    /// Rules by which a difference may be explained; what they explain never counts. All of them when absent.
    #[serde(default = "every_rule")]
    pub explanations: Vec<String>,
    /// Number of the surrounding that builds get, from 1; rebuilders should differ ([`crate::Variation`]).
    pub variation: u32,
    /// Folder with `.crate` files that ordinary cargo fetched, for recipes with a Cargo.lock.
    #[serde(default)]
    pub crates: Option<PathBuf>,
    /// Locks of environments beside those of this host, and where their inputs come from.
    #[serde(default)]
    pub environments: EnvironmentsConfig,
    /// The uid of builds.
    #[serde(default)]
    pub isolation: Isolation,
    /// The largest archive or artifact that is fetched, bytes.
    #[serde(default = "blob_bytes_max")]
    pub blob_bytes_max: u64,
    /// How long statements may take to be included, seconds.
    #[serde(default = "not_after_seconds")]
    pub not_after_seconds: u64,
    /// How long it waits for the log, and [`crate::rebuild_once`] for the provenance.
    #[serde(default = "wait_ms")]
    pub wait_ms: u64,
    /// Pause between two looks at the log.
    #[serde(default = "poll_ms")]
    pub poll_ms: u64,
    /// Whether and how often it rebuilds the past; never when absent.
    #[serde(default)]
    pub past: Option<PastConfig>,
    /// Where it listens; it answers `/healthz` and `/metrics` only.
    #[serde(default)]
    pub server: ServerConfig,
    /// Patience of HTTP requests.
    #[serde(default)]
    pub client: ClientConfig,
}

fn every_rule() -> Vec<String> {
    let rules = binary::Rule::ALL.into_iter();
    rules.map(|rule| rule.name().to_owned()).collect()
}
const fn blob_bytes_max() -> u64 {
    limits::BLOB_BYTES_MAX
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

/// What both have in common.
#[derive(Debug, Clone)]
pub(super) struct Ground {
    pub(super) dir: PathBuf,
    pub(super) origin: Origin,
    pub(super) log_url: String,
    pub(super) anchor: StatementDigest,
    pub(super) crates: Option<PathBuf>,
    pub(super) environments: EnvironmentsConfig,
    pub(super) isolation: Isolation,
    pub(super) blob_bytes_max: u64,
    pub(super) not_after_seconds: u64,
    pub(super) wait_ms: u64,
    pub(super) poll_ms: u64,
    pub(super) client: ClientConfig,
}

macro_rules! ground {
    ($config:ty) => {
        impl From<&$config> for Ground {
            fn from(config: &$config) -> Self {
                Self {
                    dir: config.dir.clone(),
                    origin: config.origin.clone(),
                    log_url: config.log_url.clone(),
                    anchor: config.anchor,
                    crates: config.crates.clone(),
                    environments: config.environments.clone(),
                    isolation: config.isolation,
                    blob_bytes_max: config.blob_bytes_max,
                    not_after_seconds: config.not_after_seconds,
                    wait_ms: config.wait_ms,
                    poll_ms: config.poll_ms,
                    client: config.client.clone(),
                }
            }
        }
    };
}
ground!(ConveyerConfig);
ground!(RebuilderConfig);

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
