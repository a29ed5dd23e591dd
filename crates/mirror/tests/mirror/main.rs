//! What a mirror promises, over sockets.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod forks;
mod kill;
mod limits;
mod protocol;
mod push;
mod restarts;
mod subtrees;
mod uploads;
mod vectors;
mod world;
