//! From a source to bytes that others get too.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod depot;
mod parties;
mod street;

mod archive;
mod build;
mod debian;
mod environment;
mod recipe;
mod room;
mod room_kill;
mod room_past;
mod room_recipe;
mod rust_build;
mod sbom;
mod sbom_build;
mod source;
mod steps;
mod supply;
