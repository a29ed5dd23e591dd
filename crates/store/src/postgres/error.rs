//! What a PostgreSQL server is refused for.

/// Why a PostgreSQL server cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresError {
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
        "{host} is another machine and `{found}` does not prove which; use sslmode=verify-full, a unix socket or a loopback address"
    )]
    Unproven {
        /// The other machine.
        host: String,
        /// What the address asks for.
        found: String,
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
    /// What the server answered, or what became of the way to it.
    #[error("{0}")]
    Said(String),
    /// It did not answer.
    #[error("no answer in {seconds} s; whether it was done is not known")]
    Silent {
        /// How long it was waited for.
        seconds: u64,
    },
}

/// Characters of a foreign answer that are kept.
const SAID_CHARS_MAX: usize = 500;

impl PostgresError {
    /// Keeps what the server said as text: its errors show their causes themselves, so as a chain they would be shown
    /// twice.
    #[must_use]
    pub fn said(answer: &dyn std::fmt::Display) -> Self {
        let text = answer.to_string().replace('\n', " ");
        Self::Said(text.chars().take(SAID_CHARS_MAX).collect())
    }
}

impl From<sqlx::Error> for PostgresError {
    fn from(error: sqlx::Error) -> Self {
        Self::said(&error)
    }
}
