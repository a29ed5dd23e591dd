//! The environments a party builds in beside those of its host: which locks, and where their inputs come from.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::fault::SupplyError;
use super::fetch::fetch;
use super::gather::{Center, Sources, Tell};
use super::{Assurance, Environment};
use crate::error::ConveyerError;
use crate::limits::LOCK_BYTES_MAX;
use crate::lock::Lock;
use crate::party::PartyDirs;

/// Part of a party's configuration.
///
/// ```toml
/// [environments]
/// locks = ["c-debian.lock", "rust-debian.lock"]
/// center = "https://log.center.example"    # for what its public origin no longer has
/// [environments.origins]
/// rust = "https://mirror.example/rust"
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EnvironmentsConfig {
    /// Locks of this party; a recipe names one by the name in it.
    pub locks: Vec<PathBuf>,
    /// Folders with files that this party got by itself.
    pub folders: Vec<PathBuf>,
    /// Addresses of origins other than Debian and crates.
    pub origins: BTreeMap<String, String>,
    /// Address or folder of the center's store.
    pub center: Option<String>,
}

impl EnvironmentsConfig {
    /// The lock of this name.
    ///
    /// # Errors
    /// A file of [`EnvironmentsConfig::locks`] is no lock.
    pub fn lock_named(&self, name: &str) -> Result<Option<Lock>, ConveyerError> {
        for path in &self.locks {
            let io = ConveyerError::io("read", path);
            let about = std::fs::metadata(path).map_err(ConveyerError::io("look at", path))?;
            let text = if about.len() > LOCK_BYTES_MAX as u64 {
                String::new()
            } else {
                std::fs::read_to_string(path).map_err(io)?
            };
            let lock = Lock::parse(&text)?;
            if lock.name() == name {
                return Ok(Some(lock));
            }
        }
        Ok(None)
    }

    /// Where inputs come from.
    #[must_use]
    pub fn sources(&self) -> Sources {
        Sources {
            origins: self.origins.clone(),
            folders: self.folders.clone(),
            center: self.center.as_deref().map(Center::parse),
        }
    }
}

impl Environment {
    /// Fetches what the party lacks of a lock, compares it, and assembles it.
    ///
    /// # Errors
    /// See [`fetch`] and [`Environment::assemble`].
    pub fn supply(
        lock: Lock,
        sources: &Sources,
        party: &PartyDirs,
        tell: Tell<'_>,
    ) -> Result<Self, SupplyError> {
        fetch(&lock, sources, &party.environment_store()?, tell)?;
        Ok(Self::assemble(lock, party, Assurance::Listing)?)
    }
}
