//! What `tlog` promises, checked against vectors and against other people's programs.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod bounds;
mod checkpoints;
mod cosignatures;
mod evidence;
mod keys;
mod merkle;
mod mirrors;
mod notes;
mod policies;
mod policy_oracle;
mod proofs;
mod properties;
mod published;
mod subtrees;
mod tiles;
mod traps;
mod vectors;
mod witnessed;
