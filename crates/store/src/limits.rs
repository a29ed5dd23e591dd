//! Every limit of this crate, in one place.

use std::time::Duration;

/// Longest relative path, in bytes.
pub(crate) const PATH_BYTES_MAX: usize = 1024;

/// Longest segment of a relative path, in bytes (`NAME_MAX` of Linux file systems).
pub(crate) const SEGMENT_BYTES_MAX: usize = 255;

/// Bytes moved at once when streaming.
pub(crate) const CHUNK_BYTES: usize = 64 * 1024;

/// How long a statement waits for another process's lock on the database.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Pause between two tries where SQLite does not wait by itself.
pub(crate) const BUSY_PAUSE: Duration = Duration::from_millis(5);

/// How long a task waits for a free connection.
pub(crate) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);

/// Connections that read at the same time.
pub(crate) const READERS_MAX: u32 = 4;

/// Threads that make files durable at the same time, and the least number of files for which one
/// more is worth it.
pub(crate) const WRITERS_MAX: usize = 8;
pub(crate) const FILES_PER_WRITER: usize = 4;

/// Pages of SQLite's write-ahead log from which on they are moved into the database (4 MiB).
pub(crate) const WAL_PAGES: u32 = 1000;
