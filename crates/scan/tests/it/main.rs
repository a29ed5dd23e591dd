//! What a report says about samples made here, and about Debian's test files.
#![allow(clippy::unwrap_used, missing_docs)]

mod archives;
mod authenticode;
mod bombs;
mod containers;
mod damage;
mod innermost;
mod make;
mod properties;
mod structure;
mod thread;
