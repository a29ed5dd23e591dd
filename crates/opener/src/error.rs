//! What stops an opener, and what it refuses.

use std::path::PathBuf;

use seal::{SealError, Side};
use statement::StatementDigest;

/// Why the opener could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum OpenerError {
    /// Its directory.
    #[error("the opener's directory cannot be used")]
    Store(#[from] store::StoreError),
    /// The directory of keys, or what was given away.
    #[error("cannot list {}", path.display())]
    List {
        /// The directory.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// More files than there can be.
    #[error("{} holds more than {max} entries; move aside what does not belong there", path.display())]
    Many {
        /// The directory.
        path: PathBuf,
        /// The limit.
        max: usize,
    },
    /// A name in the directory of what was given away that was never written.
    #[error("{} was not written by an opener; restore the directory from a copy", path.display())]
    Name {
        /// The file.
        path: PathBuf,
    },
    /// A key file, or randomness.
    #[error("a key of the opener cannot be used")]
    Key(#[from] keys::KeyError),
    /// The log.
    #[error("the log cannot be followed")]
    Log(#[from] logclient::LogClientError),
    /// The HTTP shell.
    #[error("the server stopped")]
    Serve(#[from] serve::ServeError),
    /// The HTTP client could not be set up.
    #[error("the client could not be set up")]
    Client(#[from] serve::ClientError),
}

/// Why a share was not given away.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The law.
    #[error("the grant does not allow it")]
    Law(#[source] law::Refusal),
    /// The request, or the wrap inside.
    #[error("the sample is refused")]
    Seal(#[source] SealError),
    /// The header names an epoch that is none of this opener's.
    #[error(
        "the {side}'s share is sealed to epoch {epoch}, whose key is not here; it may be destroyed"
    )]
    NoKey {
        /// Whose share.
        side: Side,
        /// The epoch.
        epoch: StatementDigest,
    },
    /// As much was given away as may be, under whichever grants.
    #[error("{max} shares were given away within {hours} hours, as many as may be; ask later")]
    Spent {
        /// How many may be.
        max: u64,
        /// Within which time.
        hours: u64,
    },
    /// Not the caller's fault.
    #[error("the opener could not do it")]
    Internal(#[source] OpenerError),
}

impl Refused {
    /// A stable name for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Law(refusal) => refusal.code().as_str(),
            Self::Seal(SealError::Share { .. }) => "opener.share",
            Self::Seal(_) => "opener.sample",
            Self::NoKey { .. } => "opener.epoch",
            Self::Spent { .. } => "opener.spent",
            Self::Internal(_) => "opener.unavailable",
        }
    }
}

impl<E: Into<OpenerError>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::Internal(error.into())
    }
}

/// An error with its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}
