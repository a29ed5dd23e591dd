//! Why there is no trusted metadata, in terms of what the operator has to do.

use serve::ClientError;
use store::StoreError;
use tuf::TufError;

use super::{MEMORY_FILE, NEW_ROOTS_MAX};

/// Whatever the caller's check of a root says, or a library.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why there is no trusted metadata, or no target.
#[derive(Debug, thiserror::Error)]
pub enum TufClientError {
    /// The repository offers something older than what was trusted before.
    #[error(
        "{role} went back from version {trusted} to {offered}; use another mirror and report this one"
    )]
    Rollback {
        /// The role, and through which file it was seen.
        role: String,
        /// The version trusted before.
        trusted: u64,
        /// The version offered now.
        offered: u64,
    },
    /// A version so high that no honest one could follow for long; a key was stolen.
    #[error(
        "{role} claims version {version}, above the {latest} that are believed now; use another mirror and report this one"
    )]
    FastForward {
        /// The role.
        role: String,
        /// The version offered.
        version: u64,
        /// The highest that is believed now.
        latest: u64,
    },
    /// The newest metadata to be had is out of date: a dead repository, or a freeze.
    #[error(
        "{role} metadata expired at {expires}; use another mirror, or find out who withholds the newest"
    )]
    Expired {
        /// The role.
        role: String,
        /// Its expiry, UTC.
        expires: String,
    },
    /// Too few valid signatures, or an invalid one.
    #[error("{role} metadata is not signed by enough of its keys; do not use this repository")]
    Threshold {
        /// The role.
        role: String,
        /// What exactly is missing.
        #[source]
        source: Cause,
    },
    /// A metadata file or target that must be there is not.
    #[error("{name} is not in the repository; use another mirror")]
    NotFound {
        /// A file below the repository, or a target path that no role lists.
        name: String,
    },
    /// A file is not the one that its parent names.
    #[error("{what} is not what signed metadata says; use another mirror")]
    Integrity {
        /// The file or target, and what differs.
        what: String,
    },
    /// The check of the caller refused a root.
    #[error(
        "root version {version} is not allowed; wait until the constitution names it, or report the repository"
    )]
    RootNotAllowed {
        /// The version that the root's file name says.
        version: u64,
        /// What the check said.
        #[source]
        source: Cause,
    },
    /// More new roots than anybody makes.
    #[error("more than {NEW_ROOTS_MAX} new roots in one update; report the repository")]
    TooManyRoots,
    /// A file that a signer should never have signed.
    #[error("{file} is malformed; report it to its signers")]
    Malformed {
        /// The file.
        file: String,
        /// What is wrong with it.
        #[source]
        source: Cause,
    },
    /// A target is larger than the caller allows; nothing was fetched.
    #[error("target {path} has {bytes} bytes, more than the {bytes_max} allowed here")]
    TargetTooLarge {
        /// The target.
        path: String,
        /// Its size by signed metadata.
        bytes: u64,
        /// The caller's limit.
        bytes_max: u64,
    },
    /// The repository cannot be reached or answers badly.
    #[error("{file} could not be fetched")]
    Fetch {
        /// The file below the repository.
        file: String,
        /// Why.
        #[source]
        source: ClientError,
    },
    /// What is trusted could not be read or remembered; without that, rollback goes unseen.
    #[error("the memory of trusted metadata cannot be used")]
    Memory(#[source] StoreError),
    /// The memory is there, and not as it was written.
    #[error(
        "the memory of trusted metadata is damaged at {file}; remove {MEMORY_FILE} only if you accept losing rollback protection once"
    )]
    MemoryDamaged {
        /// The entry that is wrong, or the file itself.
        file: String,
    },
    /// The time given is outside what metadata can express.
    #[error("{now} is not a time (POSIX seconds)")]
    Clock {
        /// The time given.
        now: u64,
    },
}

/// Our own judgement of a role's file, in this module's terms.
pub(super) fn sort(role: &str, error: TufError) -> TufClientError {
    let role = role.to_owned();
    match error {
        TufError::Expired { role, expires } => TufClientError::Expired {
            role,
            expires: expires.to_string(),
        },
        TufError::ThresholdNotMet { ref role, .. } | TufError::BadSignature { ref role, .. } => {
            TufClientError::Threshold {
                role: role.clone(),
                source: Box::new(error),
            }
        }
        TufError::Pin { .. } | TufError::NotPinned { .. } => TufClientError::Integrity {
            what: error.to_string(),
        },
        TufError::RootVersion { trusted, found } if found <= trusted => TufClientError::Rollback {
            role,
            trusted,
            offered: found,
        },
        error => TufClientError::Malformed {
            file: role,
            source: Box::new(error),
        },
    }
}

/// The library's judgement, in this module's terms.
pub(super) fn sort_library(error: sigstore_tuf::Error) -> TufClientError {
    use sigstore_tuf::Error;
    match error {
        Error::Rollback { role, trusted, new } => TufClientError::Rollback {
            role,
            trusted,
            offered: new,
        },
        Error::Expired { role, expires } => TufClientError::Expired {
            role,
            expires: expires.to_string(),
        },
        Error::ThresholdNotMet { ref role, .. } | Error::DuplicateSignature { ref role, .. } => {
            TufClientError::Threshold {
                role: role.clone(),
                source: Box::new(error),
            }
        }
        Error::TargetNotFound(name) => TufClientError::NotFound { name },
        Error::IntegrityMismatch(what) => TufClientError::Integrity { what },
        error => TufClientError::Malformed {
            file: "metadata".to_owned(),
            source: Box::new(error),
        },
    }
}
