//! Talks to a log: submit, follow, blobs.
//!
//! Specifications: [tlog-tiles](https://c2sp.org/tlog-tiles) and [tlog-proof](https://c2sp.org/tlog-proof)
//! for what is read; `spec/submit.md`, `spec/blobs.md` and `spec/archive.md` for what is ours.
//!
//! ```text
//! POST /submit                      one DSSE envelope  ->  200 a .tlog-proof, or 202 {"index":7}
//! POST /submit-batch                many of them      ->  {"witnessed":7,"answers":[{"index":7},...]}
//! GET  /checkpoint /tile/... /tile/entries/... /archive/<size> /archive/index /blob/<sha256>
//! PUT  /blob/<sha256>               Authorization: Limpid keyid=<hex>,sig=<base64>
//! ```
//!
//! In scope: the calls, bounded; [`Follower`], which turns what a log publishes into a settled
//! `law::InForce` and makes bundles out of it.
//!
//! [`Minimum`]: what a log announced that it serves no more. [`MirrorPush`] brings a log to a mirror (C2SP tlog-mirror).
//!
//! Out of scope: every decision (`law`), keys (`keys`), serving a log (`log`).

mod anchor;
mod authentic;
mod batch;
mod client;
mod durable;
mod error;
mod follower;
pub mod fsck;
mod limits;
mod minimum;
mod mirror_push;
pub mod monitor;
mod sources;
mod stream;
mod trust;

pub use anchor::AnchorError;
pub use authentic::AuthenticError;
pub use batch::{BatchRefusal, BatchReply};
pub use client::{LogClient, Submitted, blob_put_message};
pub use durable::MemoryError;
pub use error::LogClientError;
pub use follower::{Follower, Kept};
pub use minimum::{Minimum, MinimumError};
pub use mirror_push::{MirrorPush, MirrorPushError, Mirrored};
pub use sources::{LogFiles, Patience, ReadError, TileError};
pub use stream::{Stream, StreamEntry, StreamError};
pub use trust::{Opened, Signed, Trust, TrustError};
