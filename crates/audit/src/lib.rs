//! The audit: a second implementation of every rule, and a program that applies it to whole logs.
//!
//! Specifications: `spec/` for every statement, [tlog-tiles](https://c2sp.org/tlog-tiles) and
//! `spec/archive.md` for logs, `spec/blobs.md`, `spec/tuf-repository.md`. It begins with the bytes that
//! anybody may fetch, and with one digest that is taken on trust:
//!
//! ```text
//! GET <log>/checkpoint      center.example/log\n20852163\nCsUYapGG...=\n\n— center.example/log Az3g...
//! GET <log>/archive/index   4\n5\n261\n ...
//! GET <log>/tile/entries/x081/x453.p/195
//! ```
//!
//! In scope: every root recomputed from the entries, every signature, every ruling and every gate judged
//! anew ([`judge`], which shares no code with crate `law` and is compared with it by a test), tiles, blobs,
//! archived checkpoints, logs against each other, the repository, age; a [`Report`] for people, programs
//! and browsers; a monitor ([`Watch`]).
//!
//! Out of scope: following a log in order to sign (`logclient`, `law`), whether an artifact can be rebuilt
//! (`conveyer`), what an endpoint installs (`endpoint`). What an audit does not prove: [`NOT_PROVED`].
//!
//! Memory is bounded by the statements that later ones can refer to, not by the size of the log; the entries
//! are streamed, a few bundles at a time, and taken apart on all cores.

mod blobs;
mod error;
mod facts;
mod findings;
mod html;
pub mod judge;
mod levels;
mod limits;
mod opened;
mod read;
mod read_log;
mod report;
mod report_cells;
mod report_text;
mod run;
mod run_checkpoints;
mod run_cross;
mod run_fork;
mod run_log;
mod run_policies;
mod run_repository;
mod run_signed;
mod watch;

pub use error::AuditError;
pub use findings::{Evidence, ForkFile, Found};
pub use opened::{Keyring, Opened};
pub use read::Place;
pub use report::{Age, LogReport, NOT_PROVED, Outcome, Report};
pub use run::{Audit, Request, find_log};
pub use run_cross::Kept;
pub use run_repository::RepositoryCounts;
pub use watch::{News, Watch};
