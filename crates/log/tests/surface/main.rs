//! The log as strangers meet it: calls with many entries, a full queue, slow clients, files, and
//! witnesses that are not what the specification says.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, dead_code)]

mod batches;
mod files;
mod numbers;
mod odd_witnesses;
mod overlapping;
mod peer;
mod pruning;
mod rotation;
mod slow_clients;
#[path = "../world/mod.rs"]
mod world;
