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

/// How long a task waits for a free connection.
pub(crate) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);

/// Connections that read at the same time.
pub(crate) const READERS_MAX: u32 = 4;
