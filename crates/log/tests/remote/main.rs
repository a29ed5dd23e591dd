//! The back ends of a log against their contracts: SQLite and files, PostgreSQL and S3.
//!
//! The same sentences are asked of all of them. PostgreSQL is a server of the test's own from the
//! Debian package; S3 is a small server in this process, once one that keeps conditions and once
//! one that ignores them, or the service that `LIMPID_TEST_S3` names.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub
)]

mod failover;
mod places;
mod postgres_server;
mod refusals;
mod s3_server;
mod shelf_contract;
mod signed_contract;
mod table_contract;
#[path = "../world/mod.rs"]
mod world;

pub(crate) use log::Secret;

use std::time::Duration;

/// Longer than anything here takes, shorter than a test's patience.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
