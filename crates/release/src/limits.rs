//! Every limit and default of this room, in one place.

/// A cosignature answer of the supervisor.
pub(crate) const COSIGN_ANSWER_BYTES_MAX: usize = 4 << 10;
/// The supervisor's list of refusals.
pub(crate) const REFUSALS_BYTES_MAX: usize = 1 << 20;
/// Staged publication envelopes are log entries.
pub(crate) const ENVELOPE_BYTES_MAX: u64 = statement::limits::ENTRY_BYTES_MAX as u64;
/// The largest artifact that is taken into the repository, unless the configuration says otherwise.
pub(crate) const ARTIFACT_BYTES_MAX: u64 = 1 << 30;
/// How long the supervisor may take for one cosignature, in milliseconds.
pub(crate) const COSIGN_TIMEOUT_MS: u64 = 30_000;
/// How long statements of ours may take to be included: 30 days.
pub(crate) const NOT_AFTER_SECONDS: u64 = 30 * tuf::limits::DAY_S;
/// How long a verb waits for others (approval, second signature), in milliseconds.
pub(crate) const WAIT_MS: u64 = 120_000;
/// Pause between two looks at the log, in milliseconds.
pub(crate) const POLL_MS: u64 = 250;
/// Pause between two looks of the keeper, in milliseconds: 10 minutes.
pub(crate) const KEEP_MS: u64 = 600_000;
/// How long a release stays in one ring, in seconds: one day.
pub(crate) const RING_SECONDS: u64 = tuf::limits::DAY_S;
/// Expiries are set this much below what is allowed, because the supervisor's clock is another one.
pub(crate) const CLOCK_MARGIN_SECONDS: u64 = 3_600;
/// Versions of one role that one verb makes: one that was begun before, and the one that is due.
pub(crate) const VERSIONS_AT_ONCE: usize = 2;
/// Half-signed releases that are withdrawn for one order at one look.
pub(crate) const MADE_WAY_MAX: usize = 64;
/// Longest queue file that is read.
pub(crate) const QUEUE_BYTES_MAX: u64 = 4 << 20;
/// Orders that wait at most.
pub(crate) const QUEUE_PENDING_MAX: usize = 4096;
/// Settled orders that are remembered.
pub(crate) const QUEUE_SETTLED_MAX: usize = 1024;
/// A staged publication counts as never logged only this long after its `not_after`.
pub(crate) const EXPIRED_MARGIN_SECONDS: u64 = tuf::limits::DAY_S;
/// Longest detached signature of a platform.
pub(crate) const SIGNATURE_BYTES_MAX: u64 = 1 << 20;
