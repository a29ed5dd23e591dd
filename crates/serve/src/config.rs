//! Configuration: one TOML file per process; whatever is not understood is an error.

use std::fs::File;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::ServeError;
use crate::limits::CONFIG_BYTES_MAX;

/// Where a daemon listens and how much it lets strangers spend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Address and port; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Largest request body, in bytes; more is answered 413.
    pub body_bytes_max: usize,
    /// Longest time for one request, in milliseconds: 408 while its body is still arriving,
    /// 503 afterwards.
    pub request_timeout_ms: u64,
    /// Longest time without a byte while a body is still arriving, in milliseconds; then 408.
    pub stall_timeout_ms: u64,
    /// Requests worked on at the same time; more are answered 503.
    pub concurrent_max: usize,
    /// Open connections; more wait in the system's queue.
    pub connections_max: usize,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            body_bytes_max: 1024 * 1024,
            request_timeout_ms: 30_000,
            stall_timeout_ms: 10_000,
            concurrent_max: 256,
            connections_max: 1024,
        }
    }
}

impl ServerConfig {
    /// Refuses limits with which no request could ever succeed.
    pub(crate) fn check(&self) -> Result<(), ServeError> {
        let limits = [
            ("request_timeout_ms", self.request_timeout_ms == 0),
            ("stall_timeout_ms", self.stall_timeout_ms == 0),
            ("concurrent_max", self.concurrent_max == 0),
            ("connections_max", self.connections_max == 0),
        ];
        match limits.iter().find(|(_, zero)| *zero) {
            Some((field, _)) => Err(ServeError::ZeroLimit { field }),
            None => Ok(()),
        }
    }
}

/// Why a configuration file was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// More than any configuration needs.
    #[error("the configuration {} has more than {bytes_max} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        bytes_max: u64,
    },
    /// Not UTF-8.
    #[error("the configuration {} is not UTF-8 text", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// Not TOML, an unknown or missing key, or a value of the wrong kind.
    #[error("{}:{line}: {message}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong; names the key.
        message: String,
    },
}

/// Reads a TOML file of at most 1 MiB into `T`, whose types carry
/// `#[serde(deny_unknown_fields)]`.
///
/// # Errors
/// Names file, line and key.
pub fn load_config<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    let read = |source| ConfigError::Read {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(read)?;
    let mut bytes = Vec::new();
    file.take(CONFIG_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(read)?;
    if bytes.len() as u64 > CONFIG_BYTES_MAX {
        return Err(ConfigError::TooLarge {
            path: path.to_owned(),
            bytes_max: CONFIG_BYTES_MAX,
        });
    }
    let text = String::from_utf8(bytes).map_err(|_| ConfigError::NotText {
        path: path.to_owned(),
    })?;
    toml::from_str(&text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        ConfigError::Content {
            path: path.to_owned(),
            line: 1 + text.as_bytes()[..start]
                .iter()
                .filter(|b| **b == b'\n')
                .count(),
            message: error.message().to_owned(),
        }
    })
}
