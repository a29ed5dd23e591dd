//! Identifies, unpacks and matches the bytes of one sample.
//!
//! Specs: PKWARE APPNOTE 6.3, RFC 1950 to 1952, `.xz`, RFC 8878, POSIX.1-2017 (tar, cpio, uuencode), `ar(5)`.
//!
//! A zip of 404 bytes that holds one program of 544 bytes, and a list that knows the program:
//!
//! ```text
//! 0     zip   404 bytes
//! 0.0   pe    544 bytes   digest.known-bad clamav-test-file (100)   -> malicious, score 100
//! ```
//!
//! In scope: [`scan`]: what each member is by its content, what stands out in its structure, which
//! rules and digests match it, how random it is and what it resembles (TLSH); a verdict by a scoring
//! table that is data ([`Scoring`]); which members it is that matched ([`Report::innermost`]) and their
//! bytes ([`member()`]); [`work`], the one entry point of a child process.
//!
//! Out of scope: the process around it, its memory limit and system calls (`sandbox`); where samples
//! and databases come from (rooms); who may publish rules; running a sample, ever.
//!
//! A sample may be hostile: bytes, ratio, depth, count and time are bounded ([`Limits`]); the bound
//! that was reached is named. What is not read is in the report with its reason (`encrypted`,
//! `unsupported`, `damaged`, `limit`), and members are named by number, never by a name stored in
//! the sample, so that a report holds nothing of a customer's folders.

mod budget;
mod cursor;
mod database;
mod digests;
mod error;
mod facts;
mod index_path;
mod innermost;
mod kind;
mod limits;
mod measure;
mod obstacle;
mod reason;
mod report;
mod rules;
mod scoring;
mod unpack;
mod verdict;
mod walk;
mod worker;

pub use database::Database;
pub use digests::Digests;
pub use error::ScanError;
pub use index_path::{IndexPath, NoIndexPath};
pub use kind::Kind;
pub use limits::{Limit, Limits};
pub use obstacle::Why;
pub use reason::Reason;
pub use report::{Fact, Member, Named, Outcome, Report, Unread};
pub use rules::Rules;
pub use scoring::{FIRST_SCORING, Scoring, Weight};
pub use walk::{member, scan};
pub use worker::work;
