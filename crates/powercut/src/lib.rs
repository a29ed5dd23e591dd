//! What a power cut leaves of a daemon's disk.
//!
//! A process that is killed loses nothing it wrote: the kernel still has it. Only a machine that
//! stops shows whether every `fsync` is where it must be. This crate stops the machine on paper:
//! it records what the real daemon does, under `strace`, and builds the disks that a power cut
//! could have left at any moment of it. Then it starts the real daemon on each of them and holds
//! it to everything it had said before that moment.
//!
//! Specification: POSIX `fsync`, read as narrowly as it is written (see `disk`).
//!
//! ```text
//! 812  pwrite64(9<log.sqlite3-wal>, "...", 4096, 57712) = 4096
//! 812  fdatasync(9<log.sqlite3-wal>) = 0           <- an image without this must break something
//! 815  writev(12<socket>, "HTTP/1.1 202 Accepted ... {\"index\":7}") = 134
//!      == the power is cut here: entry 7 must be there ==
//! ```
//!
//! In scope: recording, disks, promises of a log and of a witness, power cuts, leaving out each
//! kind of `fsync` to see that it is missed.
//!
//! Out of scope: disks that lie about `fsync`, bits that rot, file modes and times. Only for
//! development: nothing else depends on this crate.

mod daemon;
mod disk;
mod failpoint;
mod image;
mod kills;
mod log_load;
mod log_room;
mod memory_log;
mod public;
mod recorder;
mod recording;
mod roster;
mod survey;
mod talk;
mod trace;
mod witness_room;

pub use daemon::Blow;
pub use disk::Loss;
pub use failpoint::{Trial, try_log, try_witness};
pub use kills::{Storm, kill_log};
pub use log_load::{Life, record_log};
pub use log_room::LogRoom;
pub use recording::Recording;
pub use survey::{Broken, Omission, Room, Survey, omit, survey};
pub use talk::Exchange;
pub use witness_room::{WitnessRoom, record_witness};
