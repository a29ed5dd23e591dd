//! Every bound on what a place may serve, and on what an audit remembers.

/// Longest signed note (many post-quantum cosignatures).
pub(crate) const NOTE_BYTES_MAX: usize = tlog::limits::NOTE_BYTES_MAX;
/// Longest entry bundle: 256 entries of 65,535 bytes and their lengths.
pub(crate) const BUNDLE_BYTES_MAX: usize = 256 * (2 + tlog::ENTRY_BYTES_MAX);
/// A full tile.
pub(crate) const TILE_BYTES_MAX: usize = 256 * 32;
/// Longest list of archived sizes: logs had it in one file before it had pages.
pub(crate) const ARCHIVE_INDEX_BYTES_MAX: usize = 16 << 20;
/// Longest full page of archived sizes.
pub(crate) const ARCHIVE_PAGE_BYTES_MAX: usize = 1024 * 20;
/// Largest blob whose bytes are fetched over HTTP; from a directory any size is hashed in pieces.
pub(crate) const BLOB_BYTES_MAX: u64 = 256 << 20;
/// Largest detached signature of a platform.
pub(crate) const SIGNATURE_BYTES_MAX: u64 = 1 << 20;
/// Longest of the three documents of a residency policy.
pub(crate) const DOCUMENT_BYTES_MAX: u64 = 256 << 10;
/// Most rules of a residency policy (`spec/policy.md`): each is asked about every country and home.
pub(crate) const POLICY_RULES_MAX: usize = 64;
/// Most homes that it chooses from.
pub(crate) const POLICY_HOMES_MAX: usize = 16;
/// Bundles on their way to the judge at one time: with the largest entries 64 MiB, usually 2.
pub(crate) const BUNDLES_AHEAD: usize = 4;
/// Archived checkpoints fetched ahead.
pub(crate) const NOTES_AHEAD: usize = 16;
/// Blobs fetched at one time.
pub(crate) const BLOBS_AHEAD: usize = 2;
/// Checkpoints of other logs that are remembered for comparison; what is above is counted as not compared.
pub(crate) const ANCHORS_MAX: usize = 1 << 16;
/// Findings of one kind that are shown one by one; the rest is counted.
pub(crate) const SAME_FINDINGS_MAX: usize = 32;
/// Contradictions of one log that are shown: one is enough.
pub(crate) const EVIDENCE_MAX: usize = 4;
/// Roots of one log that a cursor remembers.
pub(crate) const SEEN_MAX: usize = 4096;
/// A cursor file.
pub(crate) const CURSOR_BYTES_MAX: usize = 64 << 20;
/// `root.json` versions that are followed.
pub(crate) const ROOT_VERSIONS_MAX: u64 = 1024;
/// Largest metadata file.
pub(crate) const METADATA_BYTES_MAX: usize = 64 << 20;
/// Largest list of withdrawals.
pub(crate) const WITHDRAWALS_INDEX_BYTES_MAX: usize = 1 << 20;

/// Evidence younger than this is fresh, in seconds: 24 hours.
pub(crate) const FRESH_SECONDS: u64 = 86_400;
/// Evidence older than this is red, in seconds: 14 days, the longest that a policy may allow.
pub(crate) const STALE_SECONDS: u64 = 14 * 86_400;
/// A statement of governance stands in every log after this, in seconds: 24 hours.
pub(crate) const SPREAD_SECONDS: u64 = 86_400;
