//! Room: a C2SP mirror. It holds whole logs of others and says so by its cosignature.
//!
//! Specifications: [tlog-mirror](https://c2sp.org/tlog-mirror),
//! [tlog-cosignature](https://c2sp.org/tlog-cosignature) (types 0x04 and 0x06),
//! [tlog-tiles](https://c2sp.org/tlog-tiles), `sign-subtree` of
//! [tlog-witness](https://c2sp.org/tlog-witness). How a log comes in:
//!
//! ```text
//! POST /add-checkpoint          old 300, proof, checkpoint of 700 entries   200, not cosigned
//! POST /add-entries             00 12 c e n t e r . e x a m p l e / l o g   whose entries
//!                               00..01 2c 00..02 bc 00 00                   300..700, no ticket
//!                               entries 300..512, 3 hashes
//! 202 text/x.tlog.mirror-info   700, 512, no ticket                         durable up to 512
//! POST /add-entries             ... 512..700 ...
//! 200                           — mirror.example/m1 CMp+6LWBU0anHGH5aNDT... 0x04 Ed25519
//!                               — mirror.example/m1 AWui8Sk55XjYLOijihBj... 0x06 ML-DSA-44
//! GET  /<SHA-256 of the origin>/checkpoint, /<...>/tile/0/000, /<...>/tile/entries/002.p/188
//! ```
//!
//! Invariant per log: `mirrored <= held <= pending`.
//!
//! - a *pending* checkpoint was signed by the log and follows from the pending one before it;
//! - *held* entries were proven to be in a pending checkpoint, package by package, and are counted
//!   after their files are durable;
//! - the *mirrored* checkpoint is the largest one that was cosigned. Its entries are held, and its
//!   root was computed once more from the files before the row was committed that lets the keys sign.
//!
//! A log that signs two histories is stopped for ever, with its evidence in its folder
//! (`fork-evidence`); what was mirrored of it stays readable. Uploads are read without any lock; one
//! that stands still holds up nobody.
//!
//! Known hole: eight strangers who upload slowly take all places for uploads until their time is up; who
//! wants to is kept out by a proxy in front.
//!
//! In scope: the decisions, their state, the two keys, files, HTTP.
//!
//! Out of scope: fetching from logs (`logclient::MirrorPush` pushes), witnessing (`witness` is another
//! cosigner with other keys), what entries mean, pruning (minimum index 0, always). Pending
//! checkpoints are remembered, so tickets are empty. Stricter than the specification: a checkpoint
//! with extension lines is malformed here.

mod arriving;
mod config;
mod error;
mod http;
mod limits;
mod mirror;
mod place;
mod sign_subtree;
mod state;
mod upload;

pub use config::{Config, LogConfig};
pub use error::{MirrorError, Refusal};
pub use http::{router, serve};
pub use mirror::Mirror;
