//! A PostgreSQL server: its address, what it must be set to, a schema of tables on it.
//!
//! The server is not believed more than it must be: one that runs without `fsync` is refused, for what it acknowledges
//! may be gone after a power cut. Another machine proves which it is by its certificate. The address holds a
//! password, so it is read from where a configuration says, and shown to nobody.
//!
//! In scope: getting to a server that keeps what it acknowledges, the newest schema, one lock for a session.
//!
//! Out of scope: what the tables mean.

mod durability;
mod error;
mod lock;
mod schema;

use std::fmt;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions, PgSslMode};

pub use error::PostgresError;
pub use lock::SessionLocks;

use crate::Secret;
use durability::{SESSION, admit, check, check_tables};

/// How long a connection, and how long any one thing, is waited for. The server ends what it does for us sooner.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(40);

/// One schema of one database on a server.
#[derive(Clone)]
pub struct PostgresAddress {
    /// Host, database and schema, for people.
    place: String,
    schema: String,
    options: PgConnectOptions,
}

impl fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PostgresAddress").field(&self.place).finish()
    }
}

impl PostgresAddress {
    /// Reads `postgres://user:password@host/database`.
    ///
    /// # Errors
    /// It is none, or leads to another machine without proof of which; the schema would have to be quoted.
    pub fn read(url: &Secret, schema: &str) -> Result<Self, PostgresError> {
        schema::check_schema(schema)?;
        let options = options(url)?;
        let place = place(&options, schema);
        let options = options.options([("search_path", schema)]).options(SESSION);
        Ok(Self {
            place,
            schema: schema.to_owned(),
            options,
        })
    }

    /// Host, database and schema, for people; no secret.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// A connection to a server that keeps what it acknowledges.
    ///
    /// # Errors
    /// The server cannot be reached, is a standby, or may lose what it acknowledges.
    pub async fn connect(&self) -> Result<PgConnection, PostgresError> {
        answered(async {
            let mut connection = PgConnection::connect_with(&self.options).await?;
            check(&mut connection).await?;
            Ok(connection)
        })
        .await
    }

    /// Applies the steps that the schema has not seen; it is made when absent. Steps are never changed or removed, only
    /// added at the end.
    ///
    /// # Errors
    /// As [`PostgresAddress::connect`]; a step fails, the schema is newer, or a table would be emptied by a crash.
    pub async fn prepare(&self, steps: &[impl AsRef<str>]) -> Result<(), PostgresError> {
        let mut connection = self.connect().await?;
        answered(async {
            schema::migrate(&mut connection, &self.schema, steps).await?;
            check_tables(&mut connection).await?;
            Ok(connection.close().await?)
        })
        .await
    }

    /// Connections, made when they are needed; each is looked at as in [`PostgresAddress::connect`].
    #[must_use]
    pub fn pool(&self, connections_max: u32) -> PgPool {
        PgPoolOptions::new()
            .max_connections(connections_max)
            .acquire_timeout(CONNECT_TIMEOUT)
            .after_connect(|connection, _| Box::pin(admit(connection)))
            .connect_lazy_with(self.options.clone())
    }
}

/// Gives up waiting for a server that does not answer.
///
/// # Errors
/// What `work` says, or [`PostgresError::Silent`].
pub async fn answered<T>(
    work: impl Future<Output = Result<T, PostgresError>>,
) -> Result<T, PostgresError> {
    let silent = PostgresError::Silent {
        seconds: ANSWER_TIMEOUT.as_secs(),
    };
    tokio::time::timeout(ANSWER_TIMEOUT, work)
        .await
        .unwrap_or(Err(silent))
}

/// The same for what only `sqlx` has a word in.
pub(crate) async fn answered_query<T>(
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let silent = || std::io::Error::from(std::io::ErrorKind::TimedOut);
    tokio::time::timeout(ANSWER_TIMEOUT, work)
        .await
        .unwrap_or_else(|_| Err(sqlx::Error::Io(silent())))
}

/// Reads the address, and has another machine prove which it is.
fn options(url: &Secret) -> Result<PgConnectOptions, PostgresError> {
    let text = url.reveal();
    if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
        return Err(PostgresError::Address {
            why: "it begins otherwise".to_owned(),
        });
    }
    let options = PgConnectOptions::from_str(text).map_err(|error| PostgresError::Address {
        why: error.to_string(),
    })?;
    let host = options.get_host();
    if options.get_socket().is_some() || host.starts_with('/') || is_loopback(host) {
        return Ok(options);
    }
    let found = match options.get_ssl_mode() {
        // What is not said is decided here.
        PgSslMode::Prefer | PgSslMode::VerifyFull => {
            return Ok(options.ssl_mode(PgSslMode::VerifyFull));
        }
        PgSslMode::Disable => "sslmode=disable",
        PgSslMode::Allow => "sslmode=allow",
        PgSslMode::Require => "sslmode=require",
        PgSslMode::VerifyCa => "sslmode=verify-ca",
    };
    Err(PostgresError::Unproven {
        host: host.to_owned(),
        found: found.to_owned(),
    })
}

/// Whether a host is this machine.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn place(options: &PgConnectOptions, schema: &str) -> String {
    let host = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => options.get_host().to_owned(),
    };
    let database = options.get_database().unwrap_or(options.get_username());
    format!("PostgreSQL at {host}, database {database}, schema {schema}")
}
