//! Why a server could not start or run.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a daemon's HTTP shell refused to start or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}; is another process there, or is the address not ours?")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },

    /// A limit of zero would refuse every request.
    #[error("the server's {field} is 0; give it a positive number")]
    ZeroLimit {
        /// The configuration field.
        field: &'static str,
    },

    /// The listening socket broke.
    #[error("the listening socket broke")]
    Listener(#[source] std::io::Error),

    /// SIGTERM and SIGINT cannot be received.
    #[error("cannot listen for the signals that stop a daemon")]
    Signals(#[source] std::io::Error),

    /// The file that tells others our address cannot be written.
    #[error("cannot write {}", path.display())]
    ReadyFile {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },

    /// No daemon told its address in time.
    #[error("no daemon wrote its address to {} within {waited_ms} ms; see its log", path.display())]
    NotReady {
        /// The file.
        path: PathBuf,
        /// How long it was waited for.
        waited_ms: u64,
    },

    /// The text does not say what to log.
    #[error("{given:?} is no log level; use error, warn, info, debug or trace")]
    LogLevel {
        /// What was given.
        given: String,
    },
}
