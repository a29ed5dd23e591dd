//! Progress of a verb, for people and for tests that stop it at any point.

use std::fmt;

use statement::StatementDigest;

use crate::queue::{Fate, Settlement};

/// What just became durable, or what is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Others have to act first.
    Waiting {
        /// For what.
        what: &'static str,
        /// What the law says meanwhile.
        why: String,
    },
    /// The center's signature under a release stands in the log.
    ReleaseLogged(StatementDigest),
    /// The supervisor's signature over the same payload stands too.
    ReleaseComplete(StatementDigest),
    /// An artifact lies in the repository.
    ArtifactStored(String),
    /// The proofs of a release lie in the repository.
    BundleStored(StatementDigest),
    /// The center signed metadata of a role; kept nowhere yet.
    MetadataSigned(&'static str, u64),
    /// Both signed it, and the file is kept.
    MetadataStaged(&'static str, u64),
    /// The publication of it is signed and kept.
    PublicationStaged(&'static str, u64),
    /// The publication stands in the log.
    PublicationLogged(&'static str, u64),
    /// A root that the constitution names is served.
    RootWritten(u64),
    /// The file lies in the repository, not yet named by a snapshot.
    MetadataWritten(&'static str, u64),
    /// The proof of its publication lies beside it.
    ProofWritten(&'static str, u64),
    /// A snapshot lies in the repository, not yet named by the timestamp.
    SnapshotWritten(u64),
    /// Clients see the new state.
    TimestampWritten(u64),
    /// An order waits no more.
    OrderSettled(Box<Settlement>),
    /// An emergency stands in the log: this build may skip the rings.
    EmergencyLogged(StatementDigest),
    /// A withdrawal stands in the log.
    WithdrawalLogged(StatementDigest),
    /// Its proof is served.
    WithdrawalServed(StatementDigest),
}

/// Who is told about steps.
pub type Progress<'a> = &'a (dyn Fn(Step) + Sync);

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting { what, why } => write!(f, "waiting for {what}: {why}"),
            Self::ReleaseLogged(digest) => {
                write!(f, "release {} signed by the center", digest.short())
            }
            Self::ReleaseComplete(digest) => {
                write!(f, "release {} signed by the supervisor too", digest.short())
            }
            Self::ArtifactStored(path) => write!(f, "artifact {path}"),
            Self::BundleStored(digest) => write!(f, "bundle of release {}", digest.short()),
            Self::MetadataSigned(role, version) => {
                write!(f, "{role} {version} signed by the center")
            }
            Self::MetadataStaged(role, version) => write!(f, "{role} {version} signed by both"),
            Self::PublicationStaged(role, version) => {
                write!(f, "publication of {role} {version} signed")
            }
            Self::PublicationLogged(role, version) => {
                write!(f, "publication of {role} {version} logged and witnessed")
            }
            Self::RootWritten(version) => write!(f, "root {version}, named by the constitution"),
            Self::MetadataWritten(role, version) => write!(f, "{role} {version} in the repository"),
            Self::ProofWritten(role, version) => {
                write!(f, "proof of publication of {role} {version}")
            }
            Self::SnapshotWritten(version) => write!(f, "snapshot {version}"),
            Self::TimestampWritten(version) => write!(f, "timestamp {version}"),
            Self::OrderSettled(settlement) => {
                let number = settlement.queued.number;
                match &settlement.fate {
                    Fate::Released { seq, .. } => write!(f, "order {number} released as seq {seq}"),
                    Fate::Dropped { reason } => write!(f, "order {number} dropped: {reason}"),
                }
            }
            Self::EmergencyLogged(build) => {
                write!(f, "emergency about build {} logged", build.short())
            }
            Self::WithdrawalLogged(digest) => write!(f, "withdrawal of {} logged", digest.short()),
            Self::WithdrawalServed(digest) => {
                write!(f, "proof of the withdrawal of {} served", digest.short())
            }
        }
    }
}
