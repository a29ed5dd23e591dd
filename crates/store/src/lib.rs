//! Durable create-only files and tables.
//!
//! Specifications: POSIX `fsync`, Linux `renameat2(RENAME_NOREPLACE)` and `flock`; SHA-256
//! (FIPS 180-4) as the name of a blob; SQLite in WAL mode with `synchronous=FULL`.
//!
//! A store directory looks like this:
//!
//! ```text
//! LOCK                                  held by the one process that works here
//! db.sqlite3  db.sqlite3-wal            tables
//! blobs/2c/f2/2cf24dba5fb0a30e...9824   the five bytes `hello`
//! public/checkpoint                     replaced as a whole
//! public/tile/0/000                     made once, never changed
//! blobs/.tmp/  public/.tmp/             unfinished files; swept at the next start
//! ```
//!
//! The invariant of everything here: *acknowledged <= durable*. A function that returned `Ok`
//! has its bytes on disk, and a name shows either nothing or all of its bytes, whenever the
//! machine stops.
//!
//! In scope: blobs by digest, named files that never change, files replaced as a whole, one
//! lock per directory, opening a database and bringing its schema forward; tables that are in SQLite
//! or, with the feature `postgres`, on a PostgreSQL server ([`tables`]).
//!
//! Out of scope: what the bytes mean (the rooms), S3 (the log's own), serving files (`serve`). The functions block; async
//! code calls them in `spawn_blocking`.

mod blobs;
mod db;
mod directory_lock;
mod error;
mod files;
mod limits;
#[cfg(feature = "postgres")]
pub mod postgres;
mod relative;
mod scratch;
mod secret;
pub mod tables;

pub use blobs::{BlobWriter, Blobs};
pub use db::{Db, Write};
pub use directory_lock::DirLock;
pub use error::{DbError, Place, StoreError};
pub use files::Files;
#[cfg(feature = "postgres")]
pub use postgres::{PostgresAddress, PostgresError, SessionLocks};
pub use relative::{BadPath, RelativePath};
pub use secret::{Secret, SecretError};
pub use tables::Tables;
