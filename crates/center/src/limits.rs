//! Every limit of this crate, in one place.

use std::time::Duration;

/// Bytes of one piece of an upload, and of a small sample in one call.
pub const PIECE_BYTES_MAX: usize = 4 << 20;
/// Bytes of a signature by an upload key.
pub(crate) const SIGNATURE_BYTES: usize = 64;
/// Seconds by which the clocks of honest machines may differ, where an epoch begins and ends.
pub(crate) const SKEW_SECONDS: u64 = 300;
/// An upload that was begun is forgotten so long after its last byte.
pub(crate) const UPLOAD_SECONDS: u64 = 86_400;
/// Tries of one sample that end without a report before it is set aside.
pub(crate) const TRIES_MAX: i64 = 3;
/// Tries that ended because the cell was stopped. More of them are no accident: the sample may be what stops it.
pub(crate) const LOST_MAX: i64 = 10;
/// Every so manieth lease takes the oldest sample, whatever its class.
pub(crate) const OLDEST_EVERY: u64 = 4;
/// What a child may print: a report of ten thousand members.
pub(crate) const REPORT_BYTES_MAX: u64 = 16 << 20;
/// Seconds between the end of a child's time and the end of its lease.
pub(crate) const LEASE_SLACK_SECONDS: u64 = 30;
/// Statements that are submitted at the same time.
pub(crate) const SUBMITTED_MAX: i64 = 32;
/// Bytes of ciphertext that are hashed at once.
pub(crate) const HASHED_BYTES: usize = 256 * 1024;
/// Uploads that are forgotten in one round.
pub(crate) const FORGOTTEN_MAX: i64 = 256;
/// When to come back after a 429 or 503, in seconds.
pub(crate) const RETRY_AFTER_SECONDS: u32 = 5;
/// How long a worker without work looks away, unless it is told.
pub(crate) const IDLE: Duration = Duration::from_millis(500);
/// Seconds of a day: issuers have a key for each.
pub(crate) const DAY_SECONDS: u64 = 86_400;
/// Bytes of a request to an issuer; its own format has 259.
pub(crate) const ISSUER_BODY_BYTES_MAX: usize = 4096;
/// How long an opener may take: it reads on in the log first.
pub(crate) const OPENER_PATIENCE: Duration = Duration::from_secs(30);
/// When to ask openers again that could not be reached, in seconds.
pub(crate) const OPENER_PAUSE_SECONDS: u64 = 15;
/// Bytes of a list of samples that is asked for.
pub(crate) const ASKED_BYTES_MAX: u64 = 65 * statement::limits::GRANT_SAMPLES_MAX as u64;
/// Epochs of each purpose that `/where` names.
pub(crate) const EPOCHS_SHOWN: usize = 2;
