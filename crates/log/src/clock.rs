//! Time that only passes; the time of day is in `surroundings`.

use std::time::Duration;

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
