//! Sealed samples, to the byte.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod again;
mod cast;
mod flips;
mod properties;
mod thread;
mod vectors;
