//! Every limit of this crate, in one place.

/// Key files in the directory of opening keys: more than a year of months.
pub(crate) const KEYS_MAX: usize = 32;
/// Grants that were ever answered under; a supervisor logs at most a few a day.
pub(crate) const GRANTS_MAX: usize = 1 << 16;
/// When to come back when the log cannot be read, in seconds.
pub(crate) const RETRY_AFTER_SECONDS: u32 = 5;
