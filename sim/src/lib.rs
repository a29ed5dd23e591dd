//! Top: simulates a log with everybody around it, from one seed.
//!
//! The code of the log (sequencing, integration, publication, HTTP), of the witnesses, the mirror and
//! the readers is the real one. Simulated are the stores of the log, the network, every clock, the
//! crashes; time passes as fast as the work is done. What happens follows from the seed alone:
//!
//! ```text
//! $ cargo run -p limpid-sim -- 7 --trace
//!      0.001 log-a.example begins
//!      0.014 log-a.example leads as 1
//!      ...
//!      9.402 the session of log-a.example is lost
//!      9.810 log-b.example leads as 2
//!      9.933 log-a.example: cannot append entries (Unheard)
//!      ...
//! seed 7: 412 entries, 371 acknowledgements, 96 trees, 9 ends, 8 leaders, 21 s: kept, 5f0c...
//! ```
//!
//! Specifications: the contracts of `log::Table` and `log::Shelf`, whose every freedom is used: calls
//! that fail with and without effect, answers that never come, files that a power cut takes unless
//! they were made durable, writes of a deposed leader that arrive late.
//!
//! Two shapes, by seed: one process with its stores on its own disk (and power cuts), or two front
//! ends that share a database and a store of files, one of which leads. Three witnesses, of which two
//! must cosign; a mirror; two followers; four who submit.
//!
//! `checkers` knows only what outsiders saw and finds: acknowledged entries that are not at their
//! index in what is published, an index given twice, an entry with two indexes, trees that are no
//! beginning of one history, a witness of two histories, a log that does not publish within a minute
//! after the last fault, and whatever real followers, mirror and log complain of themselves. That the
//! checkers can fail is tested with parts that are broken on purpose ([`Defect`]).
//!
//! In scope: the order of things between processes. Out of scope: what real disks do (`powercut`),
//! real databases and S3 services (tests of `log`), sockets (`scenarios`).
//!
//! Known holes: a witness or mirror works on its real database on a thread of its own and answers in
//! no simulated time, so it is restarted between requests and never inside one. Reads of public files
//! take no time. Tokio wakes several who wait for one value in an order of its own; nothing here
//! depends on that order, and a test compares the digests of runs.

mod checkers;
mod fate;
mod faults;
mod front_end;
mod history;
mod hub;
mod life;
mod net;
mod others;
mod parties;
mod readers;
mod run;
mod seen;
mod shelf;
mod side_room;
mod stores;
mod submitters;
mod table;
mod trace;
mod weather;
mod world;

pub use run::{Counts, Outcome, run};
pub use stores::Defect;
