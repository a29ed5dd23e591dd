//! Every limit of this crate that is not configuration, in one place.

use std::time::Duration;

/// Largest configuration file, in bytes.
pub(crate) const CONFIG_BYTES_MAX: u64 = 1024 * 1024;

/// Largest body of a refusal that the client reads, in bytes.
pub(crate) const REFUSAL_BYTES_MAX: usize = 64 * 1024;

/// Largest plain-text refusal that the shell turns into a problem, in bytes.
pub(crate) const PLAIN_REFUSAL_BYTES_MAX: usize = 2 * 1024;

/// Largest file that changes whose ETag is made of its bytes.
pub(crate) const HASHED_BYTES_MAX: usize = 256 * 1024;

/// Smallest and largest file that is compressed: an entry bundle has at most 16 MiB.
pub(crate) const GZIP_BYTES_MIN: usize = 1024;
/// See [`GZIP_BYTES_MIN`].
pub(crate) const GZIP_BYTES_MAX: usize = 17 << 20;

/// Longest `value` of a problem, in characters.
pub(crate) const VALUE_CHARS_MAX: usize = 200;

/// How long a connection may take to send the head of a request, and may idle between two.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(15);

/// How long the client keeps an idle connection: shorter than the server does, so that a
/// request does not meet a connection that is just being closed.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// Largest head of a request, in bytes.
pub(crate) const HEAD_BYTES_MAX: usize = 16 * 1024;

/// What is read of a connection at a time, at most, in bytes: each piece of a body costs a system call and a turn of
/// whoever waits for it.
pub(crate) const READ_BYTES_MAX: usize = 64 * 1024;

/// How much longer than one request a stopping server waits for its connections.
pub(crate) const STOP_GRACE: Duration = Duration::from_secs(2);

/// Pause after the system refused a new connection (it is out of file descriptors).
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// What `Retry-After` says when the server is full, in seconds.
pub(crate) const RETRY_AFTER_SECONDS: u32 = 1;

/// How often [`crate::wait_url`] looks.
pub(crate) const READY_POLL: Duration = Duration::from_millis(10);
