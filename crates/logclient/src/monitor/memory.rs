//! What a monitor remembers of one log.
//!
//! ```text
//! {"origin":"center.example/log","shown":{"note":"center.example/log\n9\n…","seen_at":1790000000}, …}
//! ```

use std::path::Path;

use serde::{Deserialize, Serialize};
use tlog::Origin;

use crate::durable::{self, MemoryError};
use crate::limits::MONITOR_MEMORY_BYTES_MAX;

/// A checkpoint that the log signed, and when this size was first seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    pub(super) note: String,
    /// POSIX seconds.
    pub(super) seen_at: u64,
}

/// All of it. Checkpoints here never go back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Memory {
    pub(super) origin: String,
    /// What the log itself showed last.
    pub(super) shown: Option<Kept>,
    /// The largest that anybody showed.
    pub(super) largest: Option<Kept>,
    /// Entries below were searched for heartbeats.
    pub(super) next: u64,
    /// When the last heartbeat was seen, or when they were first waited for. POSIX seconds.
    pub(super) heartbeat_at: Option<u64>,
}

impl Memory {
    /// Reads the file; begins anew if there is none.
    pub(super) fn load(path: &Path, origin: &Origin) -> Result<Self, MemoryError> {
        let Some(bytes) = durable::read(path, MONITOR_MEMORY_BYTES_MAX)? else {
            return Ok(Self {
                origin: origin.to_string(),
                shown: None,
                largest: None,
                next: 0,
                heartbeat_at: None,
            });
        };
        let broken = |why: String| MemoryError::Broken {
            path: path.to_owned(),
            why,
        };
        let memory: Self =
            serde_json::from_slice(&bytes).map_err(|error| broken(error.to_string()))?;
        if memory.origin != origin.as_str() {
            return Err(broken(format!("it is of the log {}", memory.origin)));
        }
        Ok(memory)
    }

    pub(super) fn save(&self, path: &Path) -> Result<(), MemoryError> {
        let text = serde_json::to_string(self).map_err(|error| MemoryError::Broken {
            path: path.to_owned(),
            why: error.to_string(),
        })?;
        durable::replace(path, text.as_bytes())
    }
}
