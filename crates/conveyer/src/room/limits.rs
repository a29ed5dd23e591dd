//! Limits and defaults of the daemons, in one place.

/// The largest blob that a log takes unless it is configured otherwise.
pub(super) const BLOB_BYTES_MAX: u64 = 16 << 20;
/// How long statements may take to be included: 30 days.
pub(super) const NOT_AFTER_SECONDS: u64 = 30 * 86_400;
/// How long a verb waits for others, in milliseconds: a rebuild may take a while.
pub(super) const WAIT_MS: u64 = 20 * 60_000;
/// Pause between two looks at the log, in milliseconds.
pub(super) const POLL_MS: u64 = 250;
/// A released build is looked at again after so many hours, unless `[past]` says another number.
pub(super) const PAST_HOURS: u32 = 24;
/// Longest pause before a build is tried again that could not take place here, in milliseconds.
pub(super) const TROUBLE_PAUSE_MS_MAX: u64 = 60_000;
/// Kept envelopes are log entries.
pub(super) const ENVELOPE_BYTES_MAX: u64 = statement::limits::ENTRY_BYTES_MAX as u64;
/// A kept result is a few short fields, at most 32 artifacts and 64 tests.
pub(super) const RESULT_BYTES_MAX: u64 = 64 << 10;
/// Longest reason or difference in a `rebuild`, bytes; the end of a build's output is in it.
pub(super) const DIFFERENCE_BYTES_MAX: usize = 2_000;
/// Most differences that a `rebuild` tells; the report has all of them.
pub(super) const DIFFERENCES_MAX: usize = 8;
/// Largest environment lock.
pub(super) const LOCK_BYTES_MAX: u64 = crate::limits::LOCK_BYTES_MAX as u64;
