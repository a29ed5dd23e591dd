//! Sharing files: with consent, to the home that the policy in force names, sealed before they leave.
//!
//! Specifications: `spec/consent.md`, `spec/endpoint.md` (section "Sharing"), `spec/intake.md`, `spec/sealing.md`. The directory of
//! an endpoint that shares:
//!
//! ```text
//! LOCK                                held by the one process that works here
//! consent/key.pem  consent/1.json     what its owner agreed to, each record signed, none ever changed
//! state.json  timeline.json           what was seen of logs and is never gone behind
//! seen.json                           the newest policy, and the newest bundle of each home
//! proofs/<sha256>.bundle              what decisions and receipts rest on
//! documents/<sha256>                  the policy's text, schema and entities
//! samples/<sample id>/                one file, or member of one, that was shared: see `queue`
//! looker/                             an empty tree, the root of the sandbox in which files are looked into
//! samples/<sample id>/                one file that was shared: see `queue`
//! tokens/                             rights to upload, unspent: see `wallet`
//! ```
//!
//! Invariants: *nothing is sealed or sent without a consent in force* (asked again before every request), *only sealed bytes are
//! kept and sent* (no plaintext, name or path is ever written into the queue or a request), *what was sent is remembered until its
//! erasure is proven, and after*, *no file is parsed outside of a sandbox, and of a container nothing leaves but members that
//! matched*, unless its owner says that it is to go whole.

mod again;
mod answers;
mod config;
mod consent;
mod destination;
mod erase;
mod error;
mod evidence;
mod files;
mod inside;
mod issuing;
mod looker;
mod proven;
mod queue;
mod seal_file;
mod send;
mod shared;
mod shared_text;
mod step;
mod upload;
mod wallet;
mod where_to;

pub use config::{Center, Config};
pub use consent::{
    Consent, ConsentState, Consented, consent_state, give_consent, withdraw_consent,
};
pub use destination::Destination;
pub use erase::{Erased, erase};
pub use error::SharingError;
pub use inside::attend;
pub use queue::SharedMember;
pub use seal_file::{Extent, Shared, share};
pub use send::{Sent, send};
pub use shared::{
    AgainSaid, Decided, ErasureSaid, Proof, ReceiptSaid, SharedReport, SharedSample, ToolSaid,
    TouchSaid, VerdictSaid, shared,
};
pub use step::{ShareStep, WatchShare};
pub use where_to::{
    CheckpointShown, GovernedReport, Place, PromiseReport, Standing, Whereabouts, where_to,
};
