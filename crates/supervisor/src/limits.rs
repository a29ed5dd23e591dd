//! Every limit and default of this room, in one place.

/// The largest source archive or artifact that is fetched, unless the configuration says otherwise.
pub(crate) const BLOB_BYTES_MAX: u64 = 1 << 30;
/// A candidate metadata file.
pub(crate) const CANDIDATE_BYTES_MAX: usize = tuf::limits::TARGETS_BYTES_MAX;
/// How long statements of ours may take to be included: 30 days.
pub(crate) const NOT_AFTER_SECONDS: u64 = 30 * tuf::limits::DAY_S;
/// How long a release stays in one ring, in seconds: one day.
pub(crate) const RING_SECONDS: u64 = tuf::limits::DAY_S;
/// Pause between two looks at the center's log, in milliseconds.
pub(crate) const POLL_MS: u64 = 500;
/// Refusals that are remembered; the oldest are forgotten first.
pub(crate) const REFUSALS_MAX: usize = 1024;
/// Characters of a refusal's detail that are kept and served.
pub(crate) const DETAIL_CHARS_MAX: usize = 500;
/// What is remembered of one cosigned version.
pub(crate) const COSIGNED_BYTES_MAX: u64 = 4 << 10;
/// Kept approvals are log entries.
pub(crate) const ENVELOPE_BYTES_MAX: u64 = statement::limits::ENTRY_BYTES_MAX as u64;
/// How long a submission may wait for witnesses.
pub(crate) const SUBMIT_PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);
/// Longest detached signature of a platform.
pub(crate) const SIGNATURE_BYTES_MAX: u64 = 1 << 20;
