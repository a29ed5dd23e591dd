//! The rows of a log in PostgreSQL, for several processes of which one leads.
//!
//! *Who leads* holds an advisory lock for as long as its session lives; [`Table::lead`] waits for
//! it, so a process that lives is not deposed by one that starts. The lock only decides who tries:
//! it can be lost without being noticed (a connection cut in between), and then the next leader's
//! fence stops the former at its next write.
//!
//! *One at a time.* Each write locks the one row of `state`, so writes have one order, and one that
//! lost its connection in the middle is over before the next begins. Reading where the log stands
//! waits for it too: what it says is not overtaken by a commit that was under way.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use sqlx::postgres::{PgConnection, PgPool, Postgres};
use sqlx::{Connection as _, Row as _, Transaction};
use store::PostgresAddress;
use tokio::sync::Mutex;

use super::rows::{MIGRATIONS, from_sql, mark_of, to_sql};
use super::{RemoteError, Secret};
use crate::batch::Batch;
use crate::error::LogError;
use crate::table::{Fence, Mark, SignedTree, State, Table, Work, may_follow};

/// Connections besides that of the leader's lock.
const CONNECTIONS_MAX: u32 = 8;

/// How long any one thing is waited for. The server ends what it does for us sooner.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(40);

/// How often a process that waits to lead asks.
const LEAD_POLL: Duration = Duration::from_millis(200);

/// First half of the lock's number ("limp"); the other is the table's own, so that logs in one
/// database do not lock each other.
const LOCK_CLASS: i64 = 0x6c69_6d70;

/// The rows of one log in PostgreSQL.
pub struct PostgresTable {
    place: PostgresAddress,
    pool: PgPool,
    /// What the next ones are told about who leads.
    address: String,
    /// The session that holds the leader's lock.
    lease: Mutex<Option<PgConnection>>,
}

impl fmt::Debug for PostgresTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PostgresTable")
            .field(&self.place.place())
            .finish()
    }
}

impl PostgresTable {
    /// Connects, and brings the tables in `schema` to their newest form. `address` is where this
    /// process is reached while it leads.
    ///
    /// # Errors
    /// The address is none, or leads to another machine without proof of which; the server cannot
    /// be reached, is a standby, may lose what it acknowledges, or has tables of a newer program.
    pub async fn open(url: &Secret, schema: &str, address: &str) -> Result<Self, LogError> {
        let place = PostgresAddress::read(url, schema)
            .map_err(|source| remote("use the address of PostgreSQL".to_owned(), source.into()))?;
        let prepared = place.prepare(MIGRATIONS).await;
        prepared.map_err(|source| remote(format!("open {}", place.place()), source.into()))?;
        let pool = place.pool(CONNECTIONS_MAX);
        Ok(Self {
            place,
            pool,
            address: address.to_owned(),
            lease: Mutex::new(None),
        })
    }

    /// Where the process is reached that led last; `None` if nobody ever led.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn leader(&self) -> Result<Option<String>, LogError> {
        let row = within(async {
            let row = sqlx::query("SELECT leader FROM state");
            Ok(row.fetch_one(&self.pool).await?)
        });
        let row = row.await.map_err(|e| self.refused("ask who leads", e))?;
        let address: String = row.get(0);
        Ok(Some(address).filter(|address| !address.is_empty()))
    }

    fn refused(&self, action: &'static str, source: RemoteError) -> LogError {
        remote(format!("{action} in {}", self.place.place()), source)
    }

    /// A transaction that nobody else writes beside, if nobody led since; and where the log stands.
    async fn begin(&self, fence: Fence) -> Result<(Writing, Held), Stop> {
        let mut transaction = self.pool.begin().await?;
        let row = sqlx::query("SELECT fence, sequenced, integrated FROM state FOR UPDATE")
            .fetch_one(&mut *transaction)
            .await?;
        fence.check(from_sql(&row, 0)).map_err(Stop::Log)?;
        let held = Held {
            sequenced: from_sql(&row, 1),
            integrated: from_sql(&row, 2),
        };
        Ok((transaction, held))
    }

    /// What became of a write. A transaction that was not committed is rolled back.
    async fn written(
        &self,
        action: &'static str,
        work: impl Future<Output = Result<(), Stop>> + Send,
    ) -> Result<(), LogError> {
        let done = tokio::time::timeout(ANSWER_TIMEOUT, work).await;
        done.unwrap_or(Err(Stop::Remote(SILENT)))
            .map_err(|stop| match stop {
                Stop::Log(error) => error,
                Stop::Remote(error) => self.refused(action, error),
            })
    }

    async fn write_batch(&self, fence: Fence, batch: &Batch, integrated: Mark) -> Result<(), Stop> {
        let (mut transaction, held) = self.begin(fence).await?;
        if held.sequenced != batch.first() {
            return Err(Stop::Log(LogError::Moved {
                expected: batch.first(),
                found: held.sequenced,
            }));
        }
        sqlx::query("INSERT INTO tail (first, count, bytes) VALUES ($1, $2, $3)")
            .bind(to_sql(batch.first()))
            .bind(to_sql(batch.len() as u64))
            .bind(batch.bytes())
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "UPDATE state SET sequenced = $1, integrated = greatest(integrated, $2),
             integrated_root = CASE WHEN integrated < $2 THEN $3 ELSE integrated_root END",
        )
        .bind(to_sql(batch.end()))
        .bind(to_sql(integrated.size))
        .bind(integrated.root.as_bytes().as_slice())
        .execute(&mut *transaction)
        .await?;
        if held.integrated < integrated.size {
            sqlx::query("DELETE FROM tail WHERE first + count <= $1")
                .bind(to_sql(integrated.size))
                .execute(&mut *transaction)
                .await?;
        }
        Ok(transaction.commit().await?)
    }

    async fn write_signed(
        &self,
        fence: Fence,
        previous: Option<Mark>,
        next: &SignedTree,
    ) -> Result<(), Stop> {
        let (mut transaction, held) = self.begin(fence).await?;
        let row = sqlx::query("SELECT size, root FROM signed ORDER BY size DESC LIMIT 1")
            .fetch_optional(&mut *transaction)
            .await?;
        let found = row.map(|row| mark_of(&row, 0, "signed"));
        may_follow(found.transpose()?, previous, &next.mark)?;
        if next.mark.size > held.sequenced {
            return Err(Stop::Log(LogError::Moved {
                expected: next.mark.size,
                found: held.sequenced,
            }));
        }
        sqlx::query(
            "INSERT INTO signed (size, root, note) VALUES ($1, $2, $3)
             ON CONFLICT (size) DO UPDATE SET note = excluded.note",
        )
        .bind(to_sql(next.mark.size))
        .bind(next.mark.root.as_bytes().as_slice())
        .bind(&next.note)
        .execute(&mut *transaction)
        .await?;
        // Only the newest matters for what may be signed next; older ones are in the archive.
        sqlx::query("DELETE FROM signed WHERE size < $1")
            .bind(to_sql(next.mark.size))
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    async fn write_archived(&self, fence: Fence, size: u64, note: &str) -> Result<(), Stop> {
        let (mut transaction, _) = self.begin(fence).await?;
        sqlx::query("INSERT INTO archived (size, note) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(to_sql(size))
            .bind(note)
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    /// The state as one moment: the lock waits for a write under way, and what is read behind it is
    /// read at once.
    async fn read_state(&self) -> Result<State, LogError> {
        let row = within(async {
            let mut transaction = self.pool.begin().await?;
            sqlx::query("SELECT id FROM state FOR SHARE")
                .execute(&mut *transaction)
                .await?;
            let row = sqlx::query(
                "SELECT s.fence, s.sequenced, s.integrated, s.integrated_root,
                        c.size, c.root, c.note
                 FROM state s LEFT JOIN signed c ON true ORDER BY c.size DESC LIMIT 1",
            )
            .fetch_one(&mut *transaction)
            .await?;
            // Nothing was written; there is nothing to commit.
            transaction.rollback().await?;
            Ok(row)
        });
        let row = row.await.map_err(|e| self.refused("read the state", e))?;
        let signed = match row.get::<Option<i64>, _>(4) {
            None => None,
            Some(_) => Some(SignedTree {
                mark: mark_of(&row, 4, "signed")?,
                note: row.get(6),
            }),
        };
        Ok(State {
            fence: Fence(from_sql(&row, 0)),
            sequenced: from_sql(&row, 1),
            integrated: mark_of(&row, 2, "state")?,
            signed,
        })
    }

    async fn read_tail(&self, index: u64) -> Result<Option<Batch>, LogError> {
        let row = within(async {
            let sql = "SELECT first, count, bytes FROM tail WHERE first <= $1
                       ORDER BY first DESC LIMIT 1";
            let row = sqlx::query(sql).bind(to_sql(index));
            Ok(row.fetch_optional(&self.pool).await?)
        });
        let row = row.await.map_err(|e| self.refused("read entries", e))?;
        let Some(row) = row else {
            return Ok(None);
        };
        let (first, count) = (from_sql(&row, 0), from_sql(&row, 1));
        if index.saturating_sub(first) >= count {
            return Ok(None);
        }
        let batch = Batch::from_bytes(first, count, row.get(2));
        batch.map(Some).ok_or_else(|| LogError::Row {
            table: "tail",
            what: format!("the batch from {first} is not {count} entries"),
        })
    }

    async fn read_archived(&self) -> Result<Vec<(u64, String)>, LogError> {
        let rows = within(async {
            let rows = sqlx::query("SELECT size, note FROM archived ORDER BY size");
            Ok(rows.fetch_all(&self.pool).await?)
        });
        let rows = rows
            .await
            .map_err(|e| self.refused("read the archive", e))?;
        let archived = rows.iter().map(|row| (from_sql(row, 0), row.get(1)));
        Ok(archived.collect())
    }

    /// Waits until nobody else leads, without end.
    async fn take_lead(&self) -> Result<Fence, LogError> {
        let mut lease = self.lease.lock().await;
        // Taken out: if anything fails, or nobody waits any more, the session ends and its lock.
        let held = lease.take();
        let led = async {
            let mut connection = match held {
                Some(connection) => connection,
                None => self.place.connect().await?,
            };
            while !within(try_lock(&mut connection)).await? {
                tokio::time::sleep(LEAD_POLL).await;
            }
            let fence = within(self.raise(&mut connection)).await?;
            Ok((connection, fence))
        };
        let (connection, fence) = led.await.map_err(|e| self.refused("lead", e))?;
        *lease = Some(connection);
        Ok(fence)
    }

    async fn raise(&self, connection: &mut PgConnection) -> Result<Fence, RemoteError> {
        let row = sqlx::query("UPDATE state SET fence = fence + 1, leader = $1 RETURNING fence")
            .bind(&self.address)
            .fetch_one(connection)
            .await?;
        Ok(Fence(from_sql(&row, 0)))
    }

    async fn end(&self) {
        if let Some(connection) = self.lease.lock().await.take() {
            // Closed or broken, the session is over.
            drop(connection.close().await);
        }
        self.pool.close().await;
    }
}

/// A write transaction under way.
type Writing = Transaction<'static, Postgres>;

/// Where the log stands, read under the lock that the write holds.
struct Held {
    sequenced: u64,
    integrated: u64,
}

/// Why a write goes no further.
enum Stop {
    Log(LogError),
    Remote(RemoteError),
}

impl From<LogError> for Stop {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

impl From<RemoteError> for Stop {
    fn from(error: RemoteError) -> Self {
        Self::Remote(error)
    }
}

impl From<sqlx::Error> for Stop {
    fn from(error: sqlx::Error) -> Self {
        Self::Remote(error.into())
    }
}

impl From<sqlx::Error> for RemoteError {
    fn from(error: sqlx::Error) -> Self {
        Self::said(&error)
    }
}

fn remote(action: String, source: RemoteError) -> LogError {
    LogError::Remote {
        action,
        source: Box::new(source),
    }
}

/// Gives up waiting for a server that does not answer.
async fn within<T>(work: impl Future<Output = Result<T, RemoteError>>) -> Result<T, RemoteError> {
    tokio::time::timeout(ANSWER_TIMEOUT, work)
        .await
        .unwrap_or(Err(SILENT))
}

const SILENT: RemoteError = RemoteError::Silent {
    seconds: ANSWER_TIMEOUT.as_secs(),
};

async fn try_lock(connection: &mut PgConnection) -> Result<bool, RemoteError> {
    let row =
        sqlx::query("SELECT pg_try_advisory_lock(($1 << 32) | 'state'::regclass::oid::bigint)")
            .bind(LOCK_CLASS)
            .fetch_one(connection)
            .await?;
    Ok(row.get(0))
}

impl Table for PostgresTable {
    fn lead(&self) -> Work<'_, Fence> {
        Box::pin(self.take_lead())
    }

    fn state(&self) -> Work<'_, State> {
        Box::pin(self.read_state())
    }

    fn append<'a>(&'a self, fence: Fence, batch: &'a Batch, integrated: Mark) -> Work<'a, ()> {
        let work = self.write_batch(fence, batch, integrated);
        Box::pin(self.written("append entries", work))
    }

    fn tail(&self, index: u64) -> Work<'_, Option<Batch>> {
        Box::pin(self.read_tail(index))
    }

    fn keep_signed<'a>(
        &'a self,
        fence: Fence,
        previous: Option<Mark>,
        next: &'a SignedTree,
    ) -> Work<'a, ()> {
        let work = self.write_signed(fence, previous, next);
        Box::pin(self.written("keep a checkpoint", work))
    }

    fn archive<'a>(&'a self, fence: Fence, size: u64, note: &'a str) -> Work<'a, ()> {
        let work = self.write_archived(fence, size, note);
        Box::pin(self.written("archive a checkpoint", work))
    }

    fn archived(&self) -> Work<'_, Vec<(u64, String)>> {
        Box::pin(self.read_archived())
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.end())
    }
}
