//! Logs as they are served, honest and damaged: an audit finds and names each damage.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod damage;
mod histories;
mod honest;
mod kept;
mod place;
#[path = "../../../log/tests/world/mod.rs"]
mod world;
