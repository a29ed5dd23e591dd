//! What a database or a store beyond this machine is refused for.

use std::path::PathBuf;

/// Why a back end beyond this machine cannot be used. It is the cause in a
/// [`crate::LogError::Remote`] or a `store::StoreError::Remote`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// Not a place where a secret may be.
    #[error(
        "a secret is named as `env:NAME` or `file:PATH`; this begins with `{given}`, take it out of the configuration"
    )]
    SecretOrigin {
        /// The first 8 characters.
        given: String,
    },
    /// The environment lacks it.
    #[error("the environment variable {name} has no secret")]
    SecretUnset {
        /// The variable.
        name: String,
    },
    /// The file cannot be read.
    #[error("{} cannot be read", path.display())]
    SecretFile {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// Others can read or change the file.
    #[error("{} has mode {mode:o}; it holds a secret, run `chmod 600` on it", path.display())]
    SecretOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Empty, too long, or more than one line.
    #[error("{origin} is not one line of 1 to 4,096 bytes")]
    SecretForm {
        /// Where it was read.
        origin: String,
    },
    /// The address of the database has another form.
    #[error("the address is not `postgres://user@host/database`: {why}")]
    Address {
        /// What is wrong with it; never the address itself.
        why: String,
    },
    /// The schema's name would have to be quoted.
    #[error("schema `{given}`: a name has 1 to 63 of a-z, 0-9 and `_` and begins with a letter")]
    Schema {
        /// The name, cut to 200 characters.
        given: String,
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
    /// The server may lose what it acknowledges.
    #[error(
        "the server runs with `{setting} = {found}` and may lose what it acknowledged; set it to `{needed}` and start the server again"
    )]
    Undurable {
        /// The setting.
        setting: String,
        /// Its value.
        found: String,
        /// The value it must have.
        needed: &'static str,
    },
    /// A standby accepts no writes.
    #[error("the server is a standby that only reads; connect to the primary")]
    Standby,
    /// A table that a crash of the server empties.
    #[error(
        "table `{table}` is not kept in the server's journal; run `ALTER TABLE {table} SET LOGGED`"
    )]
    Unlogged {
        /// The table.
        table: String,
    },
    /// The schema was made by a newer program.
    #[error("the schema has step {found}, this program knows up to {known}; use the newer program")]
    SchemaTooNew {
        /// Step of the schema.
        found: i64,
        /// Steps that this program knows.
        known: i64,
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
