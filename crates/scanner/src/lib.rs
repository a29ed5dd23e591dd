//! Has samples scanned inside of sandboxes: no parser of a sample runs anywhere else.
//!
//! Specification: none of others; `spec/digest-list.md` and `spec/scoring-table.md` for what a database holds. A
//! directory of rules as it is released and installed, and how a program that scans stands in its sandbox:
//!
//! ```text
//! /var/lib/limpid/rules/current/    known-bad.txt  scoring.txt  macros.yar     the database
//!
//! /child       the program: loads the database, then forks one child for each order
//! /database    the directory above, read-only
//! /lib/...     the libraries of the program; no network, no other file
//! ```
//!
//! In scope: [`load_database`], for the program inside; [`Workshop`], for whoever gives orders from outside.
//!
//! Out of scope: what an order and its report say (the rooms); what a sample is (`scan`); the sandbox itself, and what
//! a child in it may do (`sandbox`).

mod directory;
mod limits;
mod workshop;

pub use directory::{DatabaseError, load_database};
pub use workshop::{Plan, Workshop, WorkshopError};
