//! Room: installs only with proof; verifies for anyone.
//!
//! Specifications: The Update Framework 1.0.34 (the client workflow, by a library), `spec/bundle.md` and
//! `spec/endpoint.md`. An endpoint's directory looks like this:
//!
//! ```text
//! LOCK                                   held by the one process that works here
//! state.json                             what was seen and is never gone behind
//! timeline.json                          checkpoints seen, here and by others, and faults found by comparing
//! timeline/rules.7.bundle                proofs of publication, to be compared by others
//! evidence/                              what proves a fault
//! tuf/                                   trusted TUF metadata
//! versions/2-77e1c0a9b3d4/truename       an installed file
//! versions/2-77e1c0a9b3d4.json           what it is
//! current  -> versions/2-77e1c0a9b3d4    what runs
//! previous -> versions/1-4c5b90ffe021    what ran before
//! installation                           the number that decides which ring this endpoint is in
//! ```
//!
//! In scope: [`verify_file`] offline for anyone, the update of one product on one machine, the atomic
//! switch, never going back to what is older than what was seen, and comparing with others what a log
//! showed ([`gossip()`]), so that a view made for one endpoint is found.
//!
//! Out of scope: what makes a release acceptable (`law`), the format of metadata (`tuf`), publishing
//! (`release`), replaying whole logs (`audit`), going back to a previous version: that is
//! a new release by the center and the supervisor, never a local decision.

mod config;
mod error;
mod evidence;
mod file_digest;
mod gossip;
pub mod limits;
mod memory;
mod posix_time;
mod report;
mod report_text;
mod report_words;
mod repository;
mod rings;
#[cfg(feature = "sharing")]
pub mod sharing;
mod signed;
mod step;
mod timeline;
pub mod tuf_client;
mod update;
mod verify;
mod versions;

pub use config::Config;
pub use error::EndpointError;
pub use gossip::{Answer, Given, Gossip, LogAgreement, Place, PlaceKind, PlaceReport, gossip};
pub use memory::{CheckpointSeen, InstalledMark, Memory, ProofSeen, PublicationSeen};
pub use report::{
    AgeReport, ConstitutionReport, FileReport, Freshness, KindsReport, LogReport, ProvenanceReport,
    RebuildReport, ReleaseReport, Report, SignedReport, Signer, SourceReport, WithdrawalsReport,
    WitnessReport,
};
pub use step::Step;
pub use timeline::{
    Agreed, CheckpointReport, Fault, FaultKind, LogTimeline, Settlement, TimelineReport, Tree,
    newest_bundle, settle, timeline,
};
pub use update::{Outcome, Status, Watch, status, update, update_watched};
pub use verify::verify_file;
pub use versions::Installed;
