//! Room: an opener. It holds the opening keys of one side, and gives a share of a sample at rest away only under a statement of the
//! log that it judged itself.
//!
//! Specification: `spec/reanalysis.md`. One call:
//!
//! ```text
//! POST /reanalyse    grant, place in its tree, ciphertext digest, front    200  epoch, share sealed to its key
//!                                                                          403  grant.sample: not covered
//! ```
//!
//! Invariant: *answered <= spent*: what was given away is on disk before it leaves, and the same question gets the
//! same answer. Two of these processes, of two owners, hold what it takes to open a sample; each replays the log from the first
//! entry on and believes nothing that it is told. A share is never in clear outside this process.
//!
//! In scope: re-analysis by machines at home.
//!
//! Out of scope: opening for a person, moving stock (not built yet); what a grant needs (`law`); what shares are (`seal`).
//!
//! Known holes: only adverse statements in the log of the grant stop it, not those in other logs. Answers are not signed: a share that is
//! false is known by the digest in the sample's header, and its sender by the connection it came over.

mod config;
mod daemon;
mod error;
mod keyring;
mod limits;
mod opener;
mod spent;

pub use config::{Config, HeldSide};
pub use daemon::serve;
pub use error::{OpenerError, Refused};
pub use opener::Opener;
