//! What a mirror is told: where it works, its keys, which logs it holds.

use std::collections::BTreeMap;
use std::path::PathBuf;

use keys::NoteKey;
use serde::Deserialize;
use tlog::{KeyName, KeyType, NoteSigner as _, Origin, VerifierKey};

use crate::MirrorError;

/// The TOML file of a mirror. Unknown keys are errors.
///
/// ```text
/// dir = "m1"
/// name = "mirror.example/m1"
/// ed25519_key = "m1/ed25519.pem"
/// ml_dsa_key = "m1/ml-dsa.pem"
/// witness_vkeys = ["w1.example+b6ac3ee1+BHGR..."]
/// [server]
/// listen = "127.0.0.1:7301"
/// [[logs]]
/// origin = "center.example/log"
/// vkeys = ["center.example/log+530d903a+AekyeRrm..."]
/// bytes_max = 1099511627776
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where to listen and how much strangers may spend. Bodies have bounds of their own here.
    #[serde(default)]
    pub server: serve::ServerConfig,
    /// Directory for the database, the files below `public/` and the file `url`; one process at a
    /// time.
    pub dir: PathBuf,
    /// Key name of this mirror; no witness and no log has it.
    pub name: String,
    /// File of the Ed25519 key (cosignatures of type 0x04).
    pub ed25519_key: PathBuf,
    /// File of the ML-DSA-44 key (cosignatures of type 0x06).
    pub ml_dsa_key: PathBuf,
    /// Where the passphrase of both key files is: `env:NAME` or `file:PATH`.
    #[serde(default)]
    pub passphrase: Option<String>,
    /// Keys of witnesses that the same people run. A mirror that shares a name or a key with one
    /// does not start: a witness's cosignature does not say that anything is held.
    #[serde(default)]
    pub witness_vkeys: Vec<String>,
    /// The logs that are mirrored.
    pub logs: Vec<LogConfig>,
}

/// A log that is mirrored.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// Its origin.
    pub origin: String,
    /// Its verifier keys; each is named like the origin. One of them must have signed.
    pub vkeys: Vec<String>,
    /// How much disk its files may take, in bytes.
    #[serde(default = "default_bytes_max")]
    pub bytes_max: u64,
}

/// One TiB.
const fn default_bytes_max() -> u64 {
    1 << 40
}

/// What is trusted and allowed of one log.
pub(crate) struct LogTerms {
    pub(crate) keys: Vec<VerifierKey>,
    pub(crate) bytes_max: u64,
}

fn wrong(field: &'static str, value: &str) -> impl FnOnce(tlog::ParseError) -> MirrorError {
    let value = value.chars().take(200).collect();
    move |source| MirrorError::Config {
        field,
        value,
        source,
    }
}

impl Config {
    /// Reads the two signing keys, which nobody else of the configuration may have.
    pub(crate) fn load_keys(&self) -> Result<[NoteKey; 2], MirrorError> {
        let name: KeyName = self.name.parse().map_err(wrong("name", &self.name))?;
        let files = [
            (self.ed25519_key.as_path(), KeyType::CosignatureEd25519),
            (self.ml_dsa_key.as_path(), KeyType::CosignatureMlDsa44),
        ];
        let keys = NoteKey::load_pair(&name, files, self.passphrase.as_deref())?;
        for text in &self.witness_vkeys {
            let witness = text.parse().map_err(wrong("witness_vkeys", text))?;
            refuse_shared(&keys, &witness)?;
        }
        Ok(keys)
    }

    /// The keys and limits of each log.
    pub(crate) fn log_terms(
        &self,
        own: &[NoteKey; 2],
    ) -> Result<BTreeMap<Origin, LogTerms>, MirrorError> {
        let mut logs = BTreeMap::new();
        for log in &self.logs {
            let origin: Origin = log
                .origin
                .parse()
                .map_err(wrong("logs.origin", &log.origin))?;
            let mut keys = Vec::new();
            for text in &log.vkeys {
                let vkey: VerifierKey = text.parse().map_err(wrong("logs.vkeys", text))?;
                if !origin.is_named(vkey.name()) {
                    return Err(MirrorError::VkeyOrigin {
                        vkey: text.clone(),
                        origin: log.origin.clone(),
                    });
                }
                refuse_shared(own, &vkey)?;
                keys.push(vkey);
            }
            let bytes_max = log.bytes_max;
            if keys.is_empty() || logs.insert(origin, LogTerms { keys, bytes_max }).is_some() {
                return Err(MirrorError::LogList {
                    origin: log.origin.clone(),
                });
            }
        }
        Ok(logs)
    }
}

/// An Ed25519 cosignature does not name its cosigner, so a key that two have would make the
/// statement of one pass for the statement of the other (tlog-cosignature, "Additional statements").
fn refuse_shared(own: &[NoteKey; 2], other: &VerifierKey) -> Result<(), MirrorError> {
    for key in own {
        let what = if key.vkey().public_key() == other.public_key() {
            "key"
        } else if key.vkey().name() == other.name() {
            "name"
        } else {
            continue;
        };
        let other = other.name().to_string();
        return Err(MirrorError::SharedIdentity { what, other });
    }
    Ok(())
}
