//! Room: signs releases for the center and keeps the TUF repository.
//!
//! Specifications: TUF 1.0.34 (repository side, consistent snapshots), `spec/release.md`,
//! `spec/publication.md`, `spec/withdrawal.md`, `spec/tuf-repository.md`.
//!
//! What it writes is a directory of static files that any web server can hand out:
//!
//! ```text
//! metadata/1.root.json  metadata/4.software.json  metadata/9.snapshot.json  metadata/timestamp.json
//! targets/software/truename/stable/linux-x86_64/2/<sha256>.truename
//! bundles/<release>.bundle   publications/4.software.bundle   withdrawals/index.json
//! ```
//!
//! Its story: [`Room::propose`] turns an approved build into a `release` that center and supervisor
//! sign; [`Room::publish`] brings released artifacts into metadata that both sign and the log names;
//! [`Room::renew`] keeps snapshot and timestamp alive; [`Room::withdraw`] stops a release.
//! [`Room::init_repository`] is the first publication. A [`Keeper`] does what is due by itself: renewals
//! before anything expires, and the [`Queue`] of orders, which collapses when others were away.
//!
//! Everything on disk is durable before the next step builds on it, `timestamp.json` is written last,
//! and each verb run again finishes what a crash left.
//!
//! In scope: the center's keys, the repository directory, the order of the steps.
//!
//! Out of scope: whether a release or a change of metadata is justified (`law` says so, and only its
//! types make [`CenterKeys`] sign), the supervisor's own judgement (`supervisor`), installing
//! (`endpoint`).

mod ceremony;
mod config;
mod cosign;
mod error;
mod evidence;
mod heads;
mod keeper;
mod keyring;
mod limits;
mod log_access;
mod metadata_role;
mod propose;
mod publish;
mod queue;
mod remote;
mod repository;
mod rings;
mod room;
mod root_change;
mod serve_repository;
mod signed;
mod step;
mod supervisor;
mod tend;
mod wanted;
mod withdraw;

pub use ceremony::{RoleSeats, begin_root, complete_root, seats_of, sign_root};
pub use config::{Config, KeyPaths, OtherLog};
pub use error::ReleaseError;
pub use keeper::Keeper;
pub use keyring::CenterKeys;
pub use log_access::{CenterLog, LogError};
pub use metadata_role::MetadataRole;
pub use propose::{Order, Proposed};
pub use publish::{Publication, Published};
pub use queue::{Fate, Queue, Queued, Settlement};
pub use remote::RemoteLog;
pub use repository::Repository;
pub use room::{Clock, Room, system_clock};
pub use serve_repository::{serve_kept_repository, serve_repository};
pub use step::{Progress, Step};
pub use supervisor::{Cosignature, SupervisorClient, SupervisorRefusal};
pub use tend::{DUTIES, Tended};
pub use withdraw::Withdrawn;
