//! Readers of logs, against directories and servers made here: whole ones, damaged ones, forked ones, and
//! ones that other people's code has written.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod damage;
mod foreign;
mod monitors;
mod server;
mod streams;
mod world;
