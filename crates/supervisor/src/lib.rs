//! Room: the supervisor. It verifies everything itself, then approves, signs releases, and cosigns
//! metadata.
//!
//! Specifications: `spec/approval.md` (SLSA VSA v1), `spec/release.md`, `spec/tuf-repository.md`.
//!
//! It believes nothing that the center says. It replays the center's log from the first entry on,
//! fetches source and artifact and recomputes their digests, and only then uses a key. What it refuses
//! it says in public:
//!
//! ```text
//! GET /refusals
//! [{"code":"rebuild.too_few","detail":"1 of 2 for build 5f1c...","size":23,"subject":"5f1c..."}]
//! ```
//!
//! In scope: three decisions (approve a build, sign a release, cosign metadata), each made by a
//! `plan_` over values, with its own keys; and `anchor`s of the center's log in the supervisor's own.
//!
//! Out of scope: the conditions themselves (`law`), the logs (`log`), making metadata (`release`).
//!
//! A crash between signing and submitting does no harm: signatures are deterministic, approvals are
//! kept before they are submitted, and logs take the same entry twice as one.

mod config;
mod cosign;
mod cosigned;
mod decide;
mod error;
mod evidence;
mod http;
mod keyring;
mod limits;
mod log_access;
mod metadata;
mod outbox;
mod reanalysis;
mod refused;
mod remote;
mod room;
mod serve_loop;
mod signed;
mod withdraw;

pub use config::{Config, KeyPaths, OtherLog};
pub use cosign::Cosignature;
pub use error::SupervisorError;
pub use http::router;
pub use keyring::SupervisorKeys;
pub use log_access::{FollowedLog, LogError, OwnLog};
pub use reanalysis::{GrantLogged, Wanted};
pub use refused::Refused;
pub use remote::{RemoteLog, RemoteOwnLog};
pub use room::{Acted, Clock, Room, system_clock};
pub use serve_loop::{Shared, serve, watch};
pub use withdraw::Withdrawn;
