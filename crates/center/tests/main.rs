//! What a cell promises, over sockets, with a real log and real witnesses.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod admission;
mod again;
mod analysis;
mod forgetting;
mod kills;
mod traces;
mod world;
