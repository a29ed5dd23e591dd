//! The demonstration and every attack, over sockets against real daemons.
//!
//! In scope: founding a world, starting its daemons, telling the story step by step, attacking it.
//!
//! Out of scope: any decision. What is refused is refused by the rooms and by `law`; this crate
//! only arranges and reports.

mod admission;
mod archive;
pub mod attack;
pub mod cast;
pub mod cells;
pub mod ceremony;
mod custody;
mod customers;
pub mod daemon;
pub mod examples;
pub mod machine;
mod sharer;
pub mod story;
pub mod supplies;
pub mod vendor;
pub mod world;
