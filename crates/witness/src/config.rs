//! What a witness is told: where it works, its keys, which logs it follows.

use std::collections::BTreeMap;
use std::path::PathBuf;

use keys::NoteKey;
use serde::Deserialize;
use tlog::{KeyName, KeyType, Origin, VerifierKey};

use crate::WitnessError;

/// The TOML file of a witness. Unknown keys are errors.
///
/// ```text
/// dir = "w1"
/// name = "w1.example"
/// ed25519_key = "w1/ed25519.pem"
/// ml_dsa_key = "w1/ml-dsa.pem"
/// [server]
/// listen = "127.0.0.1:7201"
/// [[logs]]
/// origin = "center.example/log"
/// vkeys = ["center.example/log+530d903a+AekyeRrm..."]
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where to listen and how much strangers may spend; bodies are bounded to 64 KiB in any case.
    #[serde(default)]
    pub server: serve::ServerConfig,
    /// Directory for the database and the file `url`; one process at a time.
    pub dir: PathBuf,
    /// Key name of this witness.
    pub name: String,
    /// File of the Ed25519 key (cosignatures of type 0x04).
    pub ed25519_key: PathBuf,
    /// File of the ML-DSA-44 key (cosignatures of type 0x06).
    pub ml_dsa_key: PathBuf,
    /// Where the passphrase of both key files is: `env:NAME` or `file:PATH`.
    #[serde(default)]
    pub passphrase: Option<String>,
    /// The logs that are witnessed.
    pub logs: Vec<LogConfig>,
}

/// A log that is witnessed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// Its origin.
    pub origin: String,
    /// Its verifier keys; each is named like the origin. One of them must have signed.
    pub vkeys: Vec<String>,
}

fn wrong(field: &'static str, value: &str) -> impl FnOnce(tlog::ParseError) -> WitnessError {
    let value = value.chars().take(200).collect();
    move |source| WitnessError::Config {
        field,
        value,
        source,
    }
}

impl Config {
    /// Reads the two signing keys.
    pub(crate) fn load_keys(&self) -> Result<[NoteKey; 2], WitnessError> {
        let name: KeyName = self.name.parse().map_err(wrong("name", &self.name))?;
        let files = [
            (self.ed25519_key.as_path(), KeyType::CosignatureEd25519),
            (self.ml_dsa_key.as_path(), KeyType::CosignatureMlDsa44),
        ];
        Ok(NoteKey::load_pair(
            &name,
            files,
            self.passphrase.as_deref(),
        )?)
    }

    /// The keys of each log.
    pub(crate) fn log_keys(&self) -> Result<BTreeMap<Origin, Vec<VerifierKey>>, WitnessError> {
        let mut logs = BTreeMap::new();
        for log in &self.logs {
            let origin: Origin = log
                .origin
                .parse()
                .map_err(wrong("logs.origin", &log.origin))?;
            let mut vkeys = Vec::new();
            for text in &log.vkeys {
                let vkey: VerifierKey = text.parse().map_err(wrong("logs.vkeys", text))?;
                if !origin.is_named(vkey.name()) {
                    return Err(WitnessError::VkeyOrigin {
                        vkey: text.clone(),
                        origin: log.origin.clone(),
                    });
                }
                vkeys.push(vkey);
            }
            if vkeys.is_empty() || logs.insert(origin, vkeys).is_some() {
                return Err(WitnessError::LogList {
                    origin: log.origin.clone(),
                });
            }
        }
        Ok(logs)
    }
}
