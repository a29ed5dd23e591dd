//! The log's own clock: it bounds `not_after` of submissions and stamps the log's ML-DSA-44
//! signature. Nobody else has to believe it.

use std::time::{SystemTime, UNIX_EPOCH};

/// POSIX seconds; at least 1, because a cosignature cannot state 0.
pub(crate) fn posix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(1, |time| time.as_secs().max(1))
}
