//! What parties sign: one in-toto Statement v1 in one DSSE envelope.
//!
//! Specifications: DSSE v1.0 (envelope and PAE), in-toto Statement v1, SLSA Provenance v1,
//! SLSA Verification Summary v1, in-toto Test Result v0.1, RFC 8785 (canonical JSON), RFC 9901 (sealed fields).
//! The predicates of our own have one page each under `spec/`.
//!
//! An entry of a log is exactly one envelope, with one signature and one possible spelling:
//!
//! ```text
//! {"payload":"eyJfdHlwZSI6...","payloadType":"application/vnd.in-toto+json",
//!  "signatures":[{"keyid":"5f1c...","sig":"wZb0..."}]}        (one line, no white space)
//! ```
//!
//! The payload is canonical JSON:
//!
//! ```text
//! {"_type":"https://in-toto.io/Statement/v1",
//!  "predicate":{"audience":["center.example/log"],"blobs":[],"not_after":1790000000, ...},
//!  "predicateType":"https://spec.limpid.example/release/v1",
//!  "subject":[{"digest":{"sha256":"..."},"name":"truename"}]}
//! ```
//!
//! In scope: exact parsing and printing, digests and ids, signature verification with a given key.
//!
//! Out of scope: which key may sign what and what is in force (`law`), positions in a log
//! (`tlog`), private keys (`keys`), storing (`log`).

mod admission;
mod amendment;
mod batch;
mod canonical;
mod countries;
mod custody;
mod custody_error;
mod day;
mod emergency;
mod envelope;
mod governance;
mod ids;
pub mod limits;
mod lines;
mod pruning;
mod reanalysis;
mod records;
mod residency;
mod sampling;
mod sealed;
mod slsa;
mod software;
mod statement;
mod test_result;

pub use admission::Admission;
pub use amendment::{Amendment, AmendmentError};
pub use batch::{BatchError, BatchTree, Proven, Record};
pub use canonical::{CanonicalError, from_canonical, to_canonical};
pub use custody::{
    Anomaly, BatchRange, Census, Epoch, EpochPurpose, Erasure, ErasureCause, OutcomeCounts,
    Receipts, SEAL_SUITE, Verdicts,
};
pub use custody_error::CustodyError;
pub use day::{Day, DayError};
pub use emergency::Emergency;
pub use envelope::{Envelope, EnvelopeError, PAYLOAD_TYPE, Signed, StatementSigner, pae};
pub use governance::{
    Activation, Algorithm, Anchor, CheckpointRef, Closure, Constitution, Floors, Halt, Heartbeat,
    LogEntry, Party, PartyKey, Revocation, Role, RosterError, SuspectFrom,
};
pub use ids::{
    CountryCode, FileDigest, IdError, IssuerName, KeyId, PartyId, Reason, RegionName, SampleId,
    SealDigest, ShortName, StatementDigest,
};
pub use lines::{LineError, Lines};
pub use pruning::Pruning;
pub use reanalysis::{Reanalyses, ReanalysisGrant, ReanalysisRecord, SealTree};
pub use records::{Outcome, ReceiptRecord, VerdictRecord};
pub use residency::{Declaration, Facility, Met, Promise, Region, ResidencyPolicy};
pub use sampling::{SamplingRule, SamplingStep, is_drawn};
pub use sealed::{Disclosure, SealedError, SealedField, seal_field};
pub use slsa::{
    BuildDefinition, Builder, ExternalParameters, InternalParameters, Provenance,
    ResourceDescriptor, RunDetails, RunMetadata, VerificationResult, VerificationSummary, Verifier,
    VsaPolicy, approval_resource_uri,
};
pub use software::{
    Artifact, Blob, CommitSignature, Commitment, Environment, EnvironmentInput, Finding, Kind,
    PlatformSigned, Publication, Rebuild, Release, Source, SourceOrigin, Submodule, Verdict,
    Withdrawal, artifacts_digest, commitment_digest,
};
pub use statement::{PREDICATE_PREFIX, Predicate, Statement, StatementError, Subject};
pub use test_result::{TestOutcome, TestResult};
