//! TUF metadata as signers, audit and endpoint read it, beside a client that others wrote.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod client;
mod diff;
mod metadata;
mod threshold;
mod withdrawals;
mod world;
