//! The parties' side of building: what a conveyer and a rebuilder sign and log, and in which order.
//!
//! Specifications: `spec/commitment.md` (also the order), `spec/source.md`, `spec/provenance.md`, `spec/rebuild.md`. What stands in the log when a build went well, by index:
//!
//! ```text
//! 12  source       author      the archive and recipe that are built; its digest is the build's id
//! 13  environment  conveyer    every file the conveyer built in
//! 14  commitment   lab-a       SHA-256 over key, build, artifact and a salt that lab-a keeps
//! 15  commitment   conveyer
//! 16  commitment   lab-b
//! 17  provenance   conveyer    the artifact, and the salt that opens entry 15
//! 18  rebuild      lab-b       verdict `identical`, and the salt that opens entry 16
//! 19  rebuild      lab-a
//! ```
//!
//! Invariant: `kept <= submitted`. A salt and every signed envelope are durable before anybody sees what they
//! stand behind, so a daemon that was killed says the same again, and the log takes it once.
//!
//! Each step of the conveyer is a method of [`Conveyer`]; [`build_release`] is the honest order. A rebuilder
//! ([`watch`], [`rebuild_once`]) has no order of its own: it looks at the log and does what is missing. With nothing new to
//! do it rebuilds the past, if its configuration has a [`PastConfig`].

mod build_release;
mod config;
mod conveyer;
mod error;
mod examine;
mod judge;
mod kept;
mod limits;
mod log_view;
mod outbox;
mod past;
mod rebuilder;
mod statements;
mod step;
mod watch;
mod workshop;

pub use build_release::{Built, build_release};
pub use config::{ConveyerConfig, ConveyerKeyPaths, Isolation, PastConfig, RebuilderConfig};
pub use conveyer::{Announced, Conveyer};
pub use error::RoomError;
pub use kept::{KeptFile, KeptResult, KeptTest};
pub use rebuilder::{Rebuilt, rebuild_once};
pub(crate) use statements::inputs as environment_inputs;
pub use step::{Progress, Step};
pub use watch::watch;
pub use workshop::{Clock, system_clock};
