//! An endpoint installs and verifies what its evidence proves, and nothing else.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod repository;
mod world;

mod gossip;
#[cfg(feature = "sharing")]
mod sharing;
mod tuf_client;
mod update;
mod update_refused;
mod verify;
