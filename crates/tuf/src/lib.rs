//! TUF metadata as signers, audit and endpoint need it.
//!
//! Specification: The Update Framework 1.0.34, sections 3 and 4 (files, names, canonical form)
//! and the signature rules of section 5. A file looks like this, on one line:
//!
//! ```text
//! {"signatures":[{"keyid":"4c5b…","sig":"9f03…"}],
//!  "signed":{"_type":"timestamp","expires":"2026-11-23T00:07:00Z",
//!            "meta":{"snapshot.json":{"hashes":{"sha256":"77e1…"},"length":611,"version":17}},
//!            "spec_version":"1.0.34","version":204}}
//! ```
//!
//! In scope: the four roles and delegations, the one canonical form, key ids, thresholds counted
//! over distinct raw keys, one consistent [`view`], and the [`mod@diff`] that a signer goes through
//! before signing. Keys are Ed25519, verified strictly. Parsers are narrower than the
//! specification: a file that is not its own canonical form, a key id that is not the digest of
//! its key, or one key under two ids is refused.
//!
//! Out of scope: fetching, rollback protection across updates and recovery (the client library,
//! in `endpoint`), holding keys (`keys`), and whether a change is justified (`law`, `supervisor`).
//!
//! ```
//! use tuf::{Expires, TargetRole, diff};
//!
//! let expires = Expires::from_posix(1_800_000_000)?;
//! let file = tuf::Targets::listing(1, expires, Default::default())?;
//! file.signed().check_delegated(TargetRole::Software)?;
//! assert!(diff(None, file.signed()).iter().all(|change| change.is_housekeeping()));
//! # Ok::<(), tuf::TufError>(())
//! ```

mod canonical;
mod delegation;
pub mod diff;
mod error;
mod expires;
#[cfg(feature = "fixture")]
pub mod fixture;
mod key;
pub mod limits;
mod path;
mod role;
mod root;
mod signed;
mod snapshot;
mod targets;
pub mod view;

pub use delegation::{DelegatedRole, Delegations, PathPattern};
pub use diff::{Change, ExpiryPolicy, diff, review};
pub use error::TufError;
pub use expires::Expires;
pub use key::{Key, KeyId};
pub use path::{TIMESTAMP_FILE, TargetPath, TargetRole, metadata_file, root_file, root_version};
pub use role::{Authority, PartialSigners, RoleKeys, VerifiedSigners, verify_role};
pub use root::{
    Root, RootPlan, Seats, TopRole, verify_first_root, verify_named_root, verify_next_root,
};
pub use signed::{
    Header, Metadata, SPEC_VERSION, Signature, Signed, TufSigner, metadata_digest, signing_bytes,
};
pub use snapshot::{ListFile, MetaFile, Snapshot, Timestamp};
pub use targets::{Hashes, ReleaseName, TargetFile, Targets};
pub use view::{Files, VerifiedView, verify_view};
