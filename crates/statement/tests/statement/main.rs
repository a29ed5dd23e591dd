//! What parties sign, to the byte.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod accessors;
mod amendment;
mod batches;
mod canonical;
mod contradictions;
mod custody;
mod envelope;
mod limits;
mod lines;
mod pages;
mod properties;
mod roster;
mod samples;
mod sampling;
mod sealed;
