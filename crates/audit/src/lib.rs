//! The audit: a second implementation of every rule, and a program that applies it to whole logs.
//!
//! This crate shares no judgement with crate `law`.

mod error;
pub mod judge;
mod opened;
mod read;

pub use error::AuditError;
pub use opened::{Keyring, Opened};
pub use read::Place;
