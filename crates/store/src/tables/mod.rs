//! Tables in SQLite or in PostgreSQL, by one SQL.
//!
//! ```text
//! let mut write = tables.begin().await?;
//! query("UPDATE jobs SET fence = $1 WHERE sample = $2")
//!     .bind(7_i64).bind("5f1c..")
//!     .execute(&mut *write).await.map_err(|e| tables.sort(e))?;
//! tables.commit(write).await?;                       durable, on either
//! ```
//!
//! What both understand: numbered placeholders, columns of INTEGER, TEXT and BLOB, `ON CONFLICT`, `RETURNING`,
//! `FILTER`. Where they differ a room names both texts ([`Each`]).
//!
//! What they do not promise alike: SQLite lets one transaction write at a time, PostgreSQL (`READ COMMITTED`) lets many,
//! which see what others committed in between. So a transaction that reads first and decides has to lock what it
//! read, best by a write that names what it found. A statement that failed ends the whole transaction on PostgreSQL.
//!
//! In scope: opening either, queries, what went wrong by one list, locks for a session.
//!
//! Out of scope: what the tables mean.

mod held;
mod query;
mod step;

use std::ops::{Deref, DerefMut};
use std::path::Path;
#[cfg(feature = "postgres")]
use std::sync::Arc;

pub use held::Held;
pub use query::{Done, Field, Index, Query, Row, Value, query};
pub use step::{Each, Step};

use crate::{Db, DbError};
#[cfg(feature = "postgres")]
use crate::{Place, PostgresAddress, SessionLocks};

/// Connections to a server, in one process.
#[cfg(feature = "postgres")]
const CONNECTIONS_MAX: u32 = 16;

/// Open tables.
#[derive(Debug, Clone)]
pub struct Tables {
    engine: Engine,
}

#[derive(Debug, Clone)]
enum Engine {
    Sqlite(Db),
    #[cfg(feature = "postgres")]
    Postgres(Arc<Server>),
}

#[cfg(feature = "postgres")]
#[derive(Debug)]
struct Server {
    address: PostgresAddress,
    pool: sqlx::postgres::PgPool,
}

/// A write transaction; rolled back when dropped before [`Tables::commit`].
#[derive(Debug)]
pub struct Write(Held);

/// A connection that only reads.
#[derive(Debug)]
pub struct Read(Held);

/// Connections for queries that only read; they see committed data.
pub type Readers = Tables;

impl Tables {
    /// Opens or makes a SQLite database.
    ///
    /// # Errors
    /// As [`Db::open`].
    pub async fn open_file(path: &Path, steps: &[Step]) -> Result<Self, DbError> {
        let steps: Vec<&'static str> = steps.iter().map(Step::sqlite).collect();
        let engine = Engine::Sqlite(Db::open(path, &steps).await?);
        Ok(Self { engine })
    }

    /// Opens or makes a schema on a PostgreSQL server.
    ///
    /// # Errors
    /// The server cannot be reached or may lose what it acknowledges; the schema is newer, or a step fails.
    #[cfg(feature = "postgres")]
    pub async fn open_server(address: PostgresAddress, steps: &[Step]) -> Result<Self, DbError> {
        let steps: Vec<_> = steps.iter().map(Step::postgres).collect();
        let prepared = address.prepare(&steps).await;
        prepared.map_err(|source| DbError::Server {
            place: Place::Server(address.place().to_owned()),
            source,
        })?;
        let pool = address.pool(CONNECTIONS_MAX);
        let engine = Engine::Postgres(Arc::new(Server { address, pool }));
        Ok(Self { engine })
    }

    /// Starts a write transaction. Pass `&mut *write` to queries; end it with [`Tables::commit`]. After a query failed,
    /// drop it: nothing of it can stay.
    ///
    /// # Errors
    /// The database is locked or does not answer.
    pub async fn begin(&self) -> Result<Write, DbError> {
        let held = match &self.engine {
            Engine::Sqlite(db) => Held::SqliteWrite(db.begin().await?),
            #[cfg(feature = "postgres")]
            Engine::Postgres(server) => {
                let begun = crate::postgres::answered_query(server.pool.begin()).await;
                Held::PostgresWrite(begun.map_err(|e| self.sort(e))?)
            }
        };
        Ok(Write(held))
    }

    /// Commits; when this returns `Ok` the changes are durable.
    ///
    /// # Errors
    /// The database refuses; then nothing stays. Of a server that does not answer it is not known.
    pub async fn commit(&self, write: Write) -> Result<(), DbError> {
        let committed = match write.0 {
            Held::SqliteWrite(transaction) => transaction.commit().await,
            #[cfg(feature = "postgres")]
            Held::PostgresWrite(transaction) => {
                crate::postgres::answered_query(transaction.commit()).await
            }
            _ => Ok(()),
        };
        committed.map_err(|e| self.sort(e))
    }

    /// For queries that only read and stand alone.
    #[must_use]
    pub fn readers(&self) -> &Readers {
        self
    }

    /// A connection for several queries that only read.
    ///
    /// # Errors
    /// None is free for long, or the server does not answer.
    pub async fn acquire(&self) -> Result<Read, sqlx::Error> {
        let held = match &self.engine {
            Engine::Sqlite(db) => Held::SqliteRead(db.readers().acquire().await?),
            #[cfg(feature = "postgres")]
            Engine::Postgres(server) => Held::PostgresRead(server.pool.acquire().await?),
        };
        Ok(Read(held))
    }

    /// Of two texts the one that this database understands.
    #[must_use]
    pub fn choose(&self, each: Each) -> &'static str {
        match &self.engine {
            Engine::Sqlite(_) => each.sqlite,
            #[cfg(feature = "postgres")]
            Engine::Postgres(_) => each.postgres,
        }
    }

    /// Whether several processes may work on these tables.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        !matches!(&self.engine, Engine::Sqlite(_))
    }

    /// Sees to it that what was deleted stands no longer in SQLite's files (see [`Db::empty_wal`]). A server overwrites
    /// it in its own time, and is not asked.
    ///
    /// # Errors
    /// The disk refuses.
    pub async fn empty_wal(&self) -> Result<bool, DbError> {
        match &self.engine {
            Engine::Sqlite(db) => db.empty_wal().await,
            #[cfg(feature = "postgres")]
            Engine::Postgres(_) => Ok(true),
        }
    }

    /// Sorts an error of a query. For `map_err`.
    #[must_use]
    pub fn sort(&self, source: sqlx::Error) -> DbError {
        match &self.engine {
            Engine::Sqlite(db) => db.sort(source),
            #[cfg(feature = "postgres")]
            Engine::Postgres(server) => DbError::sort_server(server.address.place(), source),
        }
    }

    /// A session that holds locks for this process. In SQLite there is one process, which has them all.
    ///
    /// # Errors
    /// The server cannot be reached.
    pub async fn locks(&self) -> Result<Locks, DbError> {
        match &self.engine {
            Engine::Sqlite(_) => Ok(Locks::Alone),
            #[cfg(feature = "postgres")]
            Engine::Postgres(server) => {
                let place = server.address.place().to_owned();
                match SessionLocks::begin(&server.address).await {
                    Ok(session) => Ok(Locks::Session { session, place }),
                    Err(source) => Err(DbError::Server {
                        place: Place::Server(place),
                        source,
                    }),
                }
            }
        }
    }

    /// Waits for running queries and closes all connections.
    pub async fn close(&self) {
        match &self.engine {
            Engine::Sqlite(db) => db.close().await,
            #[cfg(feature = "postgres")]
            Engine::Postgres(server) => server.pool.close().await,
        }
    }
}

/// Locks of one process (see [`Tables::locks`]).
#[derive(Debug)]
pub enum Locks {
    /// Nobody else works on these tables.
    Alone,
    /// Held by a session of the server.
    #[cfg(feature = "postgres")]
    Session {
        /// The session.
        session: SessionLocks,
        /// Where, for errors.
        place: String,
    },
}

impl Locks {
    /// Takes the lock `number` of a kind if nobody holds it. Does not wait.
    ///
    /// # Errors
    /// The session is over, and with it all locks of it.
    pub async fn try_take(&mut self, kind: &str, number: i64) -> Result<bool, DbError> {
        match (self, kind, number) {
            (Self::Alone, _, _) => Ok(true),
            #[cfg(feature = "postgres")]
            (Self::Session { session, place }, kind, number) => session
                .try_take(kind, number)
                .await
                .map_err(|source| lost(place, source)),
        }
    }

    /// Gives a lock back.
    ///
    /// # Errors
    /// The session is over, and with it all locks of it.
    pub async fn give_back(&mut self, kind: &str, number: i64) -> Result<(), DbError> {
        match (self, kind, number) {
            (Self::Alone, _, _) => Ok(()),
            #[cfg(feature = "postgres")]
            (Self::Session { session, place }, kind, number) => session
                .give_back(kind, number)
                .await
                .map(drop)
                .map_err(|source| lost(place, source)),
        }
    }

    /// Whether what is held is still held, as far as can be seen.
    pub async fn is_alive(&mut self) -> bool {
        match self {
            Self::Alone => true,
            #[cfg(feature = "postgres")]
            Self::Session { session, .. } => session.is_alive().await,
        }
    }
}

#[cfg(feature = "postgres")]
fn lost(place: &str, source: crate::PostgresError) -> DbError {
    DbError::Server {
        place: Place::Server(place.to_owned()),
        source,
    }
}

impl Deref for Write {
    type Target = Held;

    fn deref(&self) -> &Held {
        &self.0
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut Held {
        &mut self.0
    }
}

impl Deref for Read {
    type Target = Held;

    fn deref(&self) -> &Held {
        &self.0
    }
}

impl DerefMut for Read {
    fn deref_mut(&mut self) -> &mut Held {
        &mut self.0
    }
}
