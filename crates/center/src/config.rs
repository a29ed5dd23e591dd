//! Configuration of a cell: one TOML file, unknown keys are errors.

use std::path::PathBuf;

use serde::Deserialize;
use serve::{ClientConfig, ServerConfig};
use statement::{CountryCode, SamplingRule, SamplingStep, StatementDigest};
use tlog::Origin;

use crate::openers::OpenerUrls;
use crate::remote::RemoteConfig;

/// What a cell needs to know.
///
/// ```toml
/// dir = "/var/lib/limpid/cell-ch"
/// home = "CH"
/// origin = "center.example/log"
/// log_url = "https://log.center.example"
/// anchor = "5f1c..."              # SHA-256 of the first constitution
/// key = "keys/center.key"         # statement role `center`
/// worker = "6deb..."              # statement digests of the releases in use
/// rules = "190e..."
/// scoring = "cf30..."
/// database = "/var/lib/limpid/rules/current"
/// scoring_table = "/var/lib/limpid/scoring/current/scoring.txt"
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Directory of its own: tables, ciphertext, keys of epochs, unless `remote` has them. One process at a time.
    pub dir: PathBuf,
    /// Tables and files beyond this directory, for several processes of one cell.
    #[serde(default)]
    pub remote: Option<RemoteConfig>,
    /// The jurisdiction whose samples it takes.
    pub home: CountryCode,
    /// Origin of the log that it speaks in.
    #[serde(deserialize_with = "origin_text")]
    pub origin: Origin,
    /// Where that log is reached.
    pub log_url: String,
    /// SHA-256 of the payload of the first constitution.
    pub anchor: StatementDigest,
    /// File of the key that signs what the cell says.
    pub key: PathBuf,
    /// Where the passphrase of that file is: `env:NAME` or `file:PATH`.
    #[serde(default)]
    pub passphrase: Option<String>,
    /// Release of the worker.
    pub worker: StatementDigest,
    /// Release of the rule database.
    pub rules: StatementDigest,
    /// Release of the scoring table.
    pub scoring: StatementDigest,
    /// Directory with rule files `*.yar`, `known-bad.txt` and `scoring.txt`, such as `current` of an endpoint of kind `rules`: the
    /// file of the release `rules`. Machines work only while it is that.
    #[serde(default)]
    pub database: Option<PathBuf>,
    /// File of the release `scoring`, if it is not `scoring.txt` of the database; without either the first scoring table is used.
    #[serde(default)]
    pub scoring_table: Option<PathBuf>,
    /// The program that a child runs; by default this one.
    #[serde(default)]
    pub worker_program: Option<PathBuf>,
    /// What it is told.
    #[serde(default = "worker_arguments")]
    pub worker_arguments: Vec<String>,
    /// Children at the same time; 0 for none, when others analyse.
    #[serde(default = "workers")]
    pub workers: usize,
    /// Number of this cell's uid among those of this machine's sandboxes, when started as root.
    #[serde(default)]
    pub sandbox_party: u32,
    /// Time of one child, in milliseconds.
    #[serde(default = "worker_wall_ms")]
    pub worker_wall_ms: u64,
    /// Largest sample. Above what a worker reads whole it would only become an anomaly.
    #[serde(default = "sample_bytes_max")]
    pub sample_bytes_max: u64,
    /// Samples that may wait for machines.
    #[serde(default = "waiting_max")]
    pub waiting_max: u64,
    /// Which part of what comes is taken while many wait; `/where` and each census say so.
    ///
    /// ```toml
    /// sampling = [{ waiting = 500_000, one_in = 2 }, { waiting = 750_000, one_in = 4 }]
    /// ```
    #[serde(default = "sampling")]
    pub sampling: SamplingRule,
    /// A sample whose key is destroyed within so many seconds is analysed before all others.
    #[serde(default = "ending_seconds")]
    pub ending_seconds: u64,
    /// Whether an upload is begun with a token only.
    #[serde(default)]
    pub admission: AdmissionRule,
    /// Samples that may be begun in a minute.
    #[serde(default = "uploads_per_minute")]
    pub uploads_per_minute: u64,
    /// Longest time until a batch is made, in milliseconds.
    #[serde(default = "batch_ms")]
    pub batch_ms: u64,
    /// How often the log is read, and the cell looks after epochs, in milliseconds.
    #[serde(default = "poll_ms")]
    pub poll_ms: u64,
    /// How long a statement may take to be included, in seconds.
    #[serde(default = "not_after_seconds")]
    pub not_after_seconds: u64,
    /// Where the openers of this home listen; without them nothing is looked at again.
    #[serde(default)]
    pub openers: Option<OpenerUrls>,
    /// Analysis epochs.
    #[serde(default)]
    pub epochs: EpochTimes,
    /// Where to listen and how much strangers may spend. Bodies have a bound of their own here.
    #[serde(default)]
    pub server: ServerConfig,
    /// How patient it is with the log.
    #[serde(default)]
    pub client: ClientConfig,
}

/// Who may begin an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AdmissionRule {
    /// Whoever reaches the intake, within its rate.
    #[default]
    Open,
    /// Whoever shows a token of the issuer whose key is logged for this home and day, once.
    Tokens,
}

/// How long analysis epochs last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EpochTimes {
    /// Endpoints seal to it for so long, in seconds.
    pub valid_seconds: u64,
    /// The next one is made so long before that ends, in seconds.
    pub lead_seconds: u64,
    /// Its key is gone so long after it began, in seconds.
    pub destroy_seconds: u64,
}

impl Default for EpochTimes {
    fn default() -> Self {
        Self {
            valid_seconds: 86_400,
            lead_seconds: 7_200,
            destroy_seconds: 3 * 86_400,
        }
    }
}

fn worker_arguments() -> Vec<String> {
    ["center", "work"].map(str::to_owned).to_vec()
}

fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

const fn worker_wall_ms() -> u64 {
    90_000
}

const fn sample_bytes_max() -> u64 {
    64 << 20
}

const fn waiting_max() -> u64 {
    1_000_000
}

/// Half of the queue is room for a bad hour; what comes on top of that is thinned out before the rest is refused.
fn sampling() -> SamplingRule {
    let steps = [(500_000, 2), (750_000, 4), (900_000, 16)];
    let steps = steps.map(|(waiting, one_in)| SamplingStep { waiting, one_in });
    // Steps that grow are a rule.
    SamplingRule::new(steps.to_vec()).unwrap_or_default()
}

/// Six hours: a cell that analyses 50 in a second empties its whole queue in them.
const fn ending_seconds() -> u64 {
    21_600
}

const fn uploads_per_minute() -> u64 {
    30_000
}

const fn batch_ms() -> u64 {
    60_000
}

const fn poll_ms() -> u64 {
    2_000
}

const fn not_after_seconds() -> u64 {
    30 * 86_400
}

pub(crate) fn origin_text<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Origin, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}
