//! TUF metadata as signers, audit and endpoint read it, beside a client that others wrote.
#![allow(clippy::unwrap_used, missing_docs)]

mod client;
mod diff;
mod metadata;
mod threshold;
mod withdrawals;
