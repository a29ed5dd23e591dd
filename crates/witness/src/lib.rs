//! Room: a C2SP witness. It lets a log show everybody one history, and keeps the proof when it tries two.
//!
//! Specifications: [tlog-witness](https://c2sp.org/tlog-witness) (`add-checkpoint`, `sign-subtree` and
//! monitoring),
//! [tlog-cosignature](https://c2sp.org/tlog-cosignature) (types 0x04 and 0x06),
//! [tlog-checkpoint](https://c2sp.org/tlog-checkpoint). A request and its answer:
//!
//! ```text
//! POST /add-checkpoint
//!
//! old 2
//! PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=      consistency proof from size 2 to 3
//!
//! center.example/log
//! 3
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//!
//! — center.example/log Az3grlgtzPICa5OS...           the log's own signatures
//!
//! 200
//! — witness.example/w1 jWbPPwAAAABkGFDL...           0x04 Ed25519, the time inside
//! — witness.example/w1 p8sLiAAAAABkGFDL...           0x06 ML-DSA-44, the same time
//! ```
//!
//! A witness knows for each log the largest tree it cosigned. It cosigns another checkpoint only if
//! the log signed it and a proof shows that the tree grew by appending; it never cosigns a smaller
//! one, and never states an earlier time than before. What it cosigns is on disk before the
//! signature exists ([`Witness::add_checkpoint`] is the whole story). It cosigns a subtree if a proof
//! shows that a tree it cosigned holds it ([`Witness::sign_subtree`]).
//!
//! In scope: the decision, its state, the two keys, evidence of faults (`GET /faults`), HTTP.
//!
//! Out of scope: entries and what they mean (a witness reads none), which witnesses count (the
//! constitution). Stricter than the
//! specification: a checkpoint with extension lines is malformed here, because the ML-DSA-44
//! cosignature would not cover them.

mod config;
mod error;
mod evidence;
mod http;
mod limits;
mod sign_subtree;
mod state;
mod witness;

pub use config::{Config, LogConfig};
pub use error::{Refusal, WitnessError};
pub use evidence::{Fault, FaultKind};
pub use http::{router, serve};
pub use witness::Witness;
