//! What must be proven before a capability is granted. Pure: the clock is an argument.
//!
//! There is no specification to cite: this crate *is* the law of `ARCHITECTURE.md` (section "The law").
//! It is fed the bytes of a log's entries in order and answers questions about them:
//!
//! ```text
//! entries 0..n  -> InForce -> settle(Witnessed<Checkpoint>) -> Settled
//! Settled + release payload        -> Releasable       needed to sign `release`
//! Settled + old and new metadata   -> SignableMetadata needed to sign TUF metadata
//! bundle + anchor + own policy     -> Installable      needed to install
//! InForce                          -> Prunable         needed to stop serving old entries
//! Settled                          -> Residence        needed to say where files go
//! Settled + home + clock           -> SealableEpochs   needed to seal files to that home
//! Settled + home + clock           -> AdmissionKey     needed to ask for tokens and to take them
//! Settled + names of releases      -> ReleasedTools    needed to write a verdict
//! ```
//!
//! Each answer is a type that only this crate can make. A refusal carries one stable [`Code`].
//!
//! In scope: who is on the roster at an index, what counts, quorums of distinct legal owners, gates.
//!
//! Out of scope: fetching (`logclient`), signing (`keys`), storing (`store`), the TUF client workflow
//! (`endpoint`), judging by a second implementation (`audit`).

mod admission;
mod approvable;
mod attached;
mod build;
mod bundle;
mod custody;
mod effect;
mod elsewhere;
mod entry;
mod epochs;
mod grants;
mod in_force;
mod installable;
mod judging;
mod line;
mod logged;
mod marked;
mod metadata;
mod opened;
mod opening;
mod prunable;
mod quorum;
mod refusal;
mod releasable;
mod residence;
mod rings;
mod settled;
mod succession;
mod tools;
mod versions;
mod waiting;

pub use admission::AdmissionKey;
pub use approvable::Approvable;
pub use attached::Attached;
pub use build::{BuildEvidence, BuiltArtifact};
pub use bundle::{
    BUNDLE_BYTES_MAX, BUNDLE_ENTRIES_MAX, Bundle, BundleEntry, BundleError, OpenBundle,
};
pub use elsewhere::Unopposed;
pub use entry::{Included, Standing};
pub use epochs::SealableEpochs;
pub use grants::{Covered, ReanalysisGrant, SignableGrant};
pub use in_force::{Fed, InForce, OutOfOrder};
pub use installable::{EndpointPolicy, Installable, Offer, ReleasedFile};
pub use line::Line;
pub use logged::Logged;
pub use metadata::{MetadataChange, PublishedMetadata, RoleExpiry, SignableMetadata, TrustedRoot};
pub use opened::Opened;
pub use prunable::Prunable;
pub use quorum::{ReleaseQuorum, may_sign};
pub use refusal::{Code, Refusal};
pub use releasable::Releasable;
pub use residence::Residence;
pub use rings::{Ring, check_ring};
pub use settled::Settled;
pub use tools::{ReleasedTools, ToolNames};
pub use versions::Governed;
pub use waiting::{Successor, Wait};
