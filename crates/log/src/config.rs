//! What a log is told: its name, its keys, its anchor, its witnesses.

use std::path::PathBuf;

use keys::NoteKey;
use serde::Deserialize;
use statement::StatementDigest;
use tlog::{KeyName, KeyType, NoteSigner as _, Origin, ParseError, VerifierKey};

use crate::LogError;
use crate::remote::RemoteConfig;

/// The TOML file of a log. Unknown keys are errors.
///
/// ```text
/// dir = "center-log"
/// origin = "center.example/log"
/// anchor = "5f1c..."
/// ed25519_key = "center-log/ed25519.pem"
/// ml_dsa_key = "center-log/ml-dsa.pem"
/// [server]
/// listen = "127.0.0.1:7101"
/// [[witnesses]]
/// url = "http://127.0.0.1:7201"
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where to listen and how much strangers may spend. The body limit is raised to what an entry
    /// and a blob need.
    #[serde(default)]
    pub server: serve::ServerConfig,
    /// Directory for everything; one process at a time. `public/` in it may be served by any web
    /// server.
    pub dir: PathBuf,
    /// Origin of the log, which is also the name of its keys.
    pub origin: String,
    /// Digest of constitution 1: an empty log takes only its envelopes.
    pub anchor: StatementDigest,
    /// File of the Ed25519 key (signatures of type 0x01).
    pub ed25519_key: PathBuf,
    /// File of the ML-DSA-44 key (the log's own cosignature, type 0x06).
    pub ml_dsa_key: PathBuf,
    /// Verifier keys that this log signed with before it had these: what it signed then still binds
    /// it.
    #[serde(default)]
    pub former_vkeys: Vec<String>,
    /// Where the passphrase of both key files is: `env:NAME` or `file:PATH`.
    #[serde(default)]
    pub passphrase: Option<String>,
    /// The witnesses that are asked. Which of them count is for the constitution to say.
    #[serde(default)]
    pub witnesses: Vec<WitnessUrl>,
    /// Least time between two checkpoints, in milliseconds. An entry that meets an idle log does not
    /// wait; under load the time grows by itself with what witnesses take and allow.
    #[serde(default = "default_batch_ms")]
    pub batch_ms: u64,
    /// How often an idle log has its checkpoint cosigned again, in milliseconds.
    #[serde(default = "default_refresh_ms")]
    pub refresh_ms: u64,
    /// How long a submitter is kept waiting for witnesses before it hears 202, in milliseconds.
    #[serde(default = "default_wait_ms")]
    pub wait_ms: u64,
    /// How long the slower witnesses are waited for at most once the quorum is met, in milliseconds;
    /// those that are not expected to answer in it are not waited for at all.
    #[serde(default = "default_grace_ms")]
    pub grace_ms: u64,
    /// How long one witness may take, in milliseconds.
    #[serde(default = "default_witness_timeout_ms")]
    pub witness_timeout_ms: u64,
    /// Largest blob, in bytes.
    #[serde(default = "default_blob_bytes_max")]
    pub blob_bytes_max: u64,
    /// Submissions waiting to be sequenced; more are answered 503.
    #[serde(default = "default_queue_max")]
    pub queue_max: usize,
    /// Bytes of submissions waiting to be sequenced; more are answered 503.
    #[serde(default = "default_queue_bytes_max")]
    pub queue_bytes_max: usize,
    /// Entries that one key may add at once; more are answered 429.
    #[serde(default = "default_key_entries_burst")]
    pub key_entries_burst: u32,
    /// Entries that one key may add a minute in the long run.
    #[serde(default = "default_key_entries_per_minute")]
    pub key_entries_per_minute: u32,
    /// What becomes of entries that a `pruning` in this log lets it stop serving (`spec/pruning.md`).
    #[serde(default)]
    pub pruning: Pruning,
    /// Where rows and public files are if not in `dir`.
    #[serde(default)]
    pub remote: Option<RemoteConfig>,
}

/// Where a witness is reached.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessUrl {
    /// Submission and monitoring prefix, without a final slash.
    pub url: String,
    /// How many requests a minute it allows in the long run; a sixth of that may come at once.
    /// Without it it is asked as often as it answers.
    #[serde(default)]
    pub requests_per_minute: Option<u32>,
}

impl WitnessUrl {
    /// A witness at `url` that may be asked as often as it answers.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            requests_per_minute: None,
        }
    }
}

/// What becomes of entries that this log need not serve any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pruning {
    /// They are served for ever.
    #[default]
    Never,
    /// At each start they are moved from `public/` to `withheld/`, beside it. Only for a log whose public files
    /// are in its own directory.
    Withhold,
}

const fn default_batch_ms() -> u64 {
    20
}
const fn default_refresh_ms() -> u64 {
    60_000
}
const fn default_wait_ms() -> u64 {
    10_000
}
const fn default_grace_ms() -> u64 {
    50
}
const fn default_witness_timeout_ms() -> u64 {
    5_000
}
const fn default_blob_bytes_max() -> u64 {
    16 << 20
}
const fn default_queue_max() -> usize {
    4096
}
const fn default_queue_bytes_max() -> usize {
    64 << 20
}
const fn default_key_entries_burst() -> u32 {
    4096
}
const fn default_key_entries_per_minute() -> u32 {
    600
}

/// The log's two keys, and those it had before.
pub(crate) struct LogKeys {
    pub(crate) ed25519: NoteKey,
    pub(crate) ml_dsa: NoteKey,
    pub(crate) former: Vec<VerifierKey>,
}

impl LogKeys {
    /// Everything that this log ever signed with.
    pub(crate) fn all(&self) -> Vec<VerifierKey> {
        let today = [self.ed25519.vkey().clone(), self.ml_dsa.vkey().clone()];
        today
            .into_iter()
            .chain(self.former.iter().cloned())
            .collect()
    }
}

impl Config {
    /// A configuration with the defaults; witnesses are added by the caller.
    pub fn new(
        dir: PathBuf,
        origin: &Origin,
        anchor: StatementDigest,
        [ed25519_key, ml_dsa_key]: [PathBuf; 2],
    ) -> Self {
        Self {
            server: serve::ServerConfig::default(),
            dir,
            origin: origin.to_string(),
            anchor,
            ed25519_key,
            ml_dsa_key,
            former_vkeys: Vec::new(),
            passphrase: None,
            witnesses: Vec::new(),
            batch_ms: default_batch_ms(),
            refresh_ms: default_refresh_ms(),
            wait_ms: default_wait_ms(),
            grace_ms: default_grace_ms(),
            witness_timeout_ms: default_witness_timeout_ms(),
            blob_bytes_max: default_blob_bytes_max(),
            queue_max: default_queue_max(),
            queue_bytes_max: default_queue_bytes_max(),
            key_entries_burst: default_key_entries_burst(),
            key_entries_per_minute: default_key_entries_per_minute(),
            pruning: Pruning::default(),
            remote: None,
        }
    }

    /// Where bundles and tiles are that are not served any more.
    pub(crate) fn withheld_dir(&self) -> PathBuf {
        self.dir.join("withheld")
    }

    /// Where the public files are.
    pub(crate) fn public_dir(&self) -> PathBuf {
        self.dir.join("public")
    }

    pub(crate) fn origin(&self) -> Result<Origin, LogError> {
        self.origin.parse().map_err(|source| LogError::Config {
            field: "origin",
            value: self.origin.chars().take(200).collect(),
            source,
        })
    }

    pub(crate) fn load_keys(&self, origin: &Origin) -> Result<LogKeys, LogError> {
        let name: KeyName = origin
            .as_str()
            .parse()
            .expect("origins follow the rules of key names");
        let files = [
            (self.ed25519_key.as_path(), KeyType::Ed25519),
            (self.ml_dsa_key.as_path(), KeyType::CosignatureMlDsa44),
        ];
        let [ed25519, ml_dsa] = NoteKey::load_pair(&name, files, self.passphrase.as_deref())?;
        Ok(LogKeys {
            ed25519,
            ml_dsa,
            former: self.former(origin)?,
        })
    }

    fn former(&self, origin: &Origin) -> Result<Vec<VerifierKey>, LogError> {
        let parse = |text: &String| {
            let wrong = |source| LogError::Config {
                field: "former_vkeys",
                value: text.chars().take(200).collect(),
                source,
            };
            let vkey: VerifierKey = text.parse().map_err(wrong)?;
            match origin.is_named(vkey.name()) {
                true => Ok(vkey),
                false => Err(wrong(ParseError::Malformed {
                    what: "former key",
                    value: vkey.name().to_string(),
                    expected: "a key whose name is the origin",
                })),
            }
        };
        self.former_vkeys.iter().map(parse).collect()
    }
}
