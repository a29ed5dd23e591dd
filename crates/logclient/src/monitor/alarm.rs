//! What a monitor says.

use std::io;
use std::path::PathBuf;

use serve::ClientError;
use tlog::{ParseError, PolicyError};

use crate::durable::MemoryError;
use crate::trust::Signed;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Somebody should look; it may pass by itself.
    Amber,
    /// A promise is broken.
    Red,
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Amber => "amber",
            Self::Red => "red",
        })
    }
}

/// Something about a log that people should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// How bad it is.
    pub level: Level,
    /// Stable name of the check.
    pub code: &'static str,
    /// What it is about: the log itself, a witness, a mirror. With the code it says whether an alarm is the same as before.
    pub about: String,
    /// What happened, for people.
    pub what: String,
    /// The file that proves it.
    pub evidence: Option<PathBuf>,
}

/// One look at one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLook {
    /// Its origin.
    pub origin: String,
    /// Size of the checkpoint that it shows, if there is an acceptable one.
    pub size: Option<u64>,
    /// Who signed that.
    pub signed: Option<Signed>,
    /// The worst first.
    pub alarms: Vec<Alarm>,
}

/// Why there is no monitor, or no look.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    /// A configured value is wrong.
    #[error("configuration field `logs.{field}` is `{value}`")]
    Config {
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
        /// What is wrong.
        #[source]
        source: ParseError,
    },
    /// A policy is malformed.
    #[error("the policy {path} is refused")]
    Policy {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: Box<PolicyError>,
    },
    /// No key says who speaks for the log.
    #[error("no key of the log `{origin}` is configured; give `vkeys` or a `policy` that lists it")]
    NoKey {
        /// The log.
        origin: String,
    },
    /// Keys and policy.
    #[error("the log `{origin}` has `vkeys` and a `policy`; keep one")]
    KeysTwice {
        /// The log.
        origin: String,
    },
    /// A log is configured twice.
    #[error("the log `{origin}` is configured twice")]
    Twice {
        /// The log.
        origin: String,
    },
    /// A file or directory cannot be used.
    #[error("{path} cannot be used")]
    Directory {
        /// The path.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The HTTP client cannot be set up.
    #[error("addresses cannot be asked")]
    Client(#[source] Box<ClientError>),
    /// What is remembered cannot be used.
    #[error("what the monitor remembers cannot be used")]
    Memory(#[from] MemoryError),
    /// A thread of the monitor broke off.
    #[error("a look broke off; this is a defect of the monitor")]
    Ended,
}
