//! What the center publishes, and what it can never publish.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod desk;
mod repository;
mod site;
#[path = "../../supervisor/tests/world/mod.rs"]
mod world;

mod crashes;
mod keeper;
mod pages;
mod rings;
mod signed;
mod silence;
mod story;
mod succession;
