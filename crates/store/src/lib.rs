//! Durable create-only files and SQLite.
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
//! lock per directory, opening a database and bringing its schema forward.
//!
//! Out of scope: what the bytes mean (the rooms), S3 and PostgreSQL (not built yet), serving
//! files (`serve`). The functions block; async code calls them in `spawn_blocking`.

mod blobs;
mod db;
mod directory_lock;
mod error;
mod files;
mod limits;
mod relative;
mod scratch;

pub use blobs::{BlobWriter, Blobs};
pub use db::{Db, Write};
pub use directory_lock::DirLock;
pub use error::{DbError, StoreError};
pub use files::Files;
pub use relative::{BadPath, RelativePath};
