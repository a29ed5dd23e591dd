//! What a database or a store beyond this machine is refused for.

use std::path::PathBuf;

/// Why a back end beyond this machine cannot be used. It is the cause in a
/// [`crate::LogError::Remote`] or a `store::StoreError::Remote`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// A secret cannot be read.
    #[error(transparent)]
    Secret(#[from] store::SecretError),
    /// The database.
    #[cfg(feature = "remote")]
    #[error(transparent)]
    Postgres(#[from] store::PostgresError),
    /// A file of certificates cannot be read.
    #[error("{} cannot be read", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// Anybody on the way could read and change what is said.
    #[error(
        "{host} is another machine and `{found}` does not prove which; use {needed}, a unix socket or a loopback address"
    )]
    Unproven {
        /// The other machine.
        host: String,
        /// What the configuration asks for.
        found: String,
        /// What would prove it.
        needed: &'static str,
    },
    /// The bucket, region or endpoint has another form.
    #[error("`{field}` is `{given}`: {why}")]
    Store {
        /// The field of the configuration.
        field: &'static str,
        /// The value, cut to 200 characters.
        given: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// What the other side answered, or what became of the way to it.
    #[error("{0}")]
    Said(String),
    /// It did not answer.
    #[error("no answer in {seconds} s; whether it was done is not known")]
    Silent {
        /// How long it was waited for.
        seconds: u64,
    },
    /// This program cannot.
    #[error("this program was built without the feature `remote`; build it with it")]
    NotBuilt,
}

/// Characters of a foreign answer that are kept.
#[cfg(feature = "remote")]
const SAID_CHARS_MAX: usize = 500;

impl RemoteError {
    /// Keeps what another side said as text: its errors show their causes themselves, so as a
    /// chain they would be shown twice.
    #[cfg(feature = "remote")]
    pub(crate) fn said(answer: &dyn std::fmt::Display) -> Self {
        let text = answer.to_string().replace('\n', " ");
        Self::Said(text.chars().take(SAID_CHARS_MAX).collect())
    }
}
