//! What a monitor is told.

use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use tlog::{Origin, Policy, VerifierKey};

use super::alarm::MonitorError;
use crate::trust::Trust;

/// The TOML file of a monitor. Unknown keys are errors.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MonitorConfig {
    /// Directory for what is remembered and for evidence.
    pub dir: PathBuf,
    /// Time between two looks, in milliseconds.
    #[serde(default = "default_interval_ms")]
    pub interval_ms: u64,
    /// Longest time for one answer, in milliseconds.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u64,
    /// The logs.
    pub logs: Vec<WatchedLog>,
}

/// A log to be watched.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchedLog {
    /// Its origin.
    pub origin: String,
    /// Where it is: a directory, or an address that starts with `http://`.
    pub place: String,
    /// Its verifier keys; one of them must have signed. Not beside a policy.
    #[serde(default)]
    pub vkeys: Vec<String>,
    /// File of a C2SP tlog-policy: log keys, and the witnesses that must have cosigned.
    #[serde(default)]
    pub policy: Option<PathBuf>,
    /// Monitoring prefixes of witnesses (C2SP tlog-witness).
    #[serde(default)]
    pub witnesses: Vec<String>,
    /// Monitoring prefixes of mirrors (C2SP tlog-mirror).
    #[serde(default)]
    pub mirrors: Vec<String>,
    /// A checkpoint that is older is an alarm, in seconds: by the median of its cosignatures, or since it was first
    /// seen if there is no policy.
    #[serde(default)]
    pub stale_s: Option<u64>,
    /// No new `heartbeat` statement for so long is an alarm, in seconds. For logs of this project: it reads the
    /// entries.
    #[serde(default)]
    pub heartbeat_s: Option<u64>,
}

const fn default_interval_ms() -> u64 {
    60_000
}

const fn default_timeout_ms() -> u64 {
    20_000
}

impl WatchedLog {
    pub(super) fn trust(&self, origin: &Origin) -> Result<Trust, MonitorError> {
        let Some(path) = &self.policy else {
            let keys = self.vkeys.iter().map(|text| {
                text.parse::<VerifierKey>()
                    .map_err(|source| MonitorError::Config {
                        field: "vkeys",
                        value: text.clone(),
                        source,
                    })
            });
            let keys = keys.collect::<Result<Vec<_>, _>>()?;
            if !keys.iter().any(|key| origin.is_named(key.name())) {
                return Err(MonitorError::NoKey {
                    origin: origin.to_string(),
                });
            }
            return Ok(Trust::Log(keys));
        };
        if !self.vkeys.is_empty() {
            return Err(MonitorError::KeysTwice {
                origin: origin.to_string(),
            });
        }
        let text = fs::read_to_string(path).map_err(|source| MonitorError::Directory {
            path: path.clone(),
            source,
        })?;
        let policy = Policy::parse(&text).map_err(|source| MonitorError::Policy {
            path: path.clone(),
            source: Box::new(source),
        })?;
        if policy.log_keys(origin).is_empty() {
            return Err(MonitorError::NoKey {
                origin: origin.to_string(),
            });
        }
        Ok(Trust::Policy(Box::new(policy)))
    }
}
