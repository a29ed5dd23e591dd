//! Room: one cell of the center. It takes sealed samples in, has machines analyse them, and says so in the log.
//!
//! Specifications: `spec/intake.md` (HTTP), `spec/sealing.md`, `spec/receipts.md`, `spec/verdicts.md`,
//! `spec/anomaly.md`, `spec/erasure.md`, `spec/census.md`, `spec/epoch.md`, `spec/reanalysis.md`. One sample, from upload to verdict:
//!
//! ```text
//! POST  /samples              front, ciphertext, signature         202, durable from here on
//!       log                   receipts #7: 64 records, root 5f1c..
//!       child in a sandbox    header, content key, ciphertext      {"outcome":"clean","score":0,...}
//!       log                   verdicts #7: 64 records, root 9e02..
//! POST  /samples/5f1c8a../disclosure                               both records, each with its proof
//! ```
//!
//! Invariants: *acknowledged <= durable*; *one receipt and at most one verdict for each sample*, whoever dies when.
//!
//! What the parts hold: the intake sees ciphertext. One process holds the keys of analysis epochs and sees a seed for
//! as long as it takes to check the wraps at rest. A child sees one sample in clear and its content key; the program that
//! forks it passes that key on and forgets it. Plaintext is in the memory of a child and nowhere else.
//!
//! In scope: intake, queue, workers, batches, what an owner is shown, erasing, analysis epochs, the census, second looks; and, as a
//! process of its own, the issuer of admission tokens (`spec/admission.md`).
//!
//! Out of scope: which home is right for whom (`residency`, judged by endpoints), what counts (`law`), what a
//! sample is (`scan`), the keys of samples at rest (`opener`), transfers (not built yet).
//!
//! Known holes: intake and the keys of analysis epochs are in one process, so what breaks into the first has the second.

mod admission;
mod analysis;
mod arrivals;
mod batches;
mod cell;
mod census;
mod child;
mod ciphertexts;
mod config;
mod daemon;
mod disclosure;
mod draws;
mod equipment;
mod error;
mod granted;
mod ground;
mod http;
mod intake;
mod issuer;
mod jobs;
mod keyring;
mod lead;
mod limits;
mod occupied;
mod openers;
mod opening_epoch;
mod outbox;
mod rate;
mod reanalysis;
mod remote;
mod sampling;
mod schema;
mod seconds;
mod tries;
mod turned_away;
mod turns;
mod whole;
mod workshop;

pub use cell::Cell;
pub use child::{ChildError, UNOPENED, attend, open, work};
pub use config::{AdmissionRule, Config, EpochTimes};
pub use daemon::{serve, serve_by};
pub use error::{CenterError, Refusal};
pub use granted::{Asked, ask_reanalysis, read_asked};
pub use http::router;
pub use issuer::{
    Issuer, IssuerConfig, IssuerRefusal, issuer_router, serve_issuer, serve_issuer_by,
};
pub use keyring::EpochPlan;
pub use limits::PIECE_BYTES_MAX;
pub use openers::OpenerUrls;
pub use opening_epoch::log_opening_epoch;
pub use remote::RemoteConfig;
pub use scanner::load_database;
