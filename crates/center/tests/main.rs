//! What a cell promises, over sockets, with a real log and real witnesses.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod admission;
mod again;
mod analysis;
mod forgetting;
mod kills;
mod overload;
#[cfg(feature = "postgres")]
mod postgres;
mod tokens;
mod traces;
mod world;

#[cfg(feature = "postgres")]
pub(crate) use store::Secret;
#[cfg(feature = "postgres")]
pub(crate) use world::PATIENCE;
