//! Sharing over a real HTTP server that follows `spec/intake.md`: what is agreed to goes where the policy says, and nothing else.
#![cfg(feature = "sharing")]
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

#[path = "sharing/cell.rs"]
mod cell;
#[path = "sharing/consent.rs"]
mod consent;
#[path = "sharing/crashes.rs"]
mod crashes;
#[path = "sharing/proofs.rs"]
mod proofs;
#[path = "sharing/residence.rs"]
mod residence;
#[path = "sharing/street.rs"]
mod street;
mod world;
