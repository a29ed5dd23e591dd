//! A log beyond one machine: rows in PostgreSQL, public files in S3.
//!
//! Several processes on several machines know the same database and the same bucket; one of them
//! leads. What makes a second history impossible is the fence of [`crate::Table`]; who leads is
//! decided by a lock that the database holds for a session and gives up when the session ends.
//!
//! ```text
//! [remote]
//! postgres = "file:/etc/limpid/postgres"     one line: postgres://log@db.example/limpid
//! schema = "center_log"
//! [remote.s3]
//! endpoint = "https://s3.example"
//! bucket = "center-log"
//! access_key = "env:LOG_S3_ACCESS_KEY"
//! secret_key = "file:/etc/limpid/s3-secret"
//! ```
//!
//! Neither server is believed more than it must be. A PostgreSQL that runs without `fsync` is
//! refused, for what it acknowledges may be gone after a power cut. An S3 service is not believed
//! to refuse a second write of a name (some ignore the condition), so a name is read before it is
//! written, and what is written follows from rows that the fence protects.
//!
//! In scope: the two back ends, their configuration, what they refuse.
//!
//! Out of scope: what the rows and files mean (the rest of this crate).

pub(crate) mod blobs;
mod config;
mod error;
#[cfg(feature = "remote")]
mod postgres;
mod public;
#[cfg(feature = "remote")]
mod rows;
#[cfg(feature = "remote")]
mod s3;
#[cfg(feature = "remote")]
mod standby;

use crate::config::Config;
use crate::error::LogError;
use crate::start::{self, Parts};

pub use config::{RemoteConfig, S3Config};
pub use error::RemoteError;
#[cfg(feature = "remote")]
pub use postgres::PostgresTable;
pub(crate) use public::public;
#[cfg(feature = "remote")]
pub use s3::S3Shelf;
pub use store::Secret;

/// Opens a log where its configuration says that it is; `None` if it was stopped before it led.
#[cfg(feature = "remote")]
pub(crate) async fn open(
    config: Config,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<Option<Parts>, LogError> {
    match config.remote.clone() {
        None => start::open(config).await.map(Some),
        Some(remote) => standby::wait_to_lead(config, &remote, shutdown).await,
    }
}

/// Opens a log where its configuration says that it is.
#[cfg(not(feature = "remote"))]
pub(crate) async fn open(
    config: Config,
    _: impl Future<Output = ()> + Send,
) -> Result<Option<Parts>, LogError> {
    match config.remote {
        None => start::open(config).await.map(Some),
        Some(_) => Err(LogError::Remote {
            action: "use the section `[remote]` of the configuration".to_owned(),
            source: Box::new(RemoteError::NotBuilt),
        }),
    }
}
