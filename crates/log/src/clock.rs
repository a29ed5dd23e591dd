//! The log's own clock: it bounds `not_after` of submissions and stamps the log's ML-DSA-44
//! signature. Nobody else has to believe it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Time since this log started, for what is decided by durations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn now(&self) -> Duration {
        self.0.elapsed()
    }

    /// The moment that is so long after the start.
    pub(crate) fn at(&self, since_start: Duration) -> Instant {
        self.0 + since_start
    }
}

/// POSIX seconds; at least 1, because a cosignature cannot state 0.
pub(crate) fn posix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(1, |time| time.as_secs().max(1))
}
