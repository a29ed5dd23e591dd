//! Every limit of this crate, in one place.

/// The largest `root.json` that is read.
pub const ROOT_BYTES_MAX: usize = 512 * 1024;
/// The largest targets file, top-level or delegated.
pub const TARGETS_BYTES_MAX: usize = 5 * 1024 * 1024;
/// The largest `snapshot.json`.
pub const SNAPSHOT_BYTES_MAX: usize = 256 * 1024;
/// The largest `timestamp.json`.
pub const TIMESTAMP_BYTES_MAX: usize = 16 * 1024;
/// Keys in one root or one delegation.
pub const KEYS_MAX: usize = 64;
/// Roles that one targets file may delegate to.
pub const DELEGATED_ROLES_MAX: usize = 16;
/// Path patterns of one delegated role.
pub const PATTERNS_MAX: usize = 16;
/// Targets in one file.
pub const TARGETS_MAX: usize = 10_000;
/// Files named by one snapshot.
pub const META_FILES_MAX: usize = 64;
/// Signatures on one file.
pub const SIGNATURES_MAX: usize = 64;
/// Versions stay exact in every JSON reader (2^53 - 1).
pub const VERSION_MAX: u64 = 9_007_199_254_740_991;
/// A whole target path.
pub const TARGET_PATH_BYTES_MAX: usize = 512;
/// One part of a target path, and a role name.
pub const PATH_PART_BYTES_MAX: usize = 100;

/// One day in seconds.
pub const DAY_S: u64 = 86_400;
/// How long a timestamp may live (design: one day).
pub const TIMESTAMP_LIFETIME_S_MAX: u64 = DAY_S;
/// How long a snapshot may live.
pub const SNAPSHOT_LIFETIME_S_MAX: u64 = 7 * DAY_S;
/// How long the delegated role `rules` may live.
pub const RULES_LIFETIME_S_MAX: u64 = 14 * DAY_S;
/// How long the delegated role `software` may live.
pub const SOFTWARE_LIFETIME_S_MAX: u64 = 90 * DAY_S;
/// How long the top-level `targets` may live.
pub const TARGETS_LIFETIME_S_MAX: u64 = 365 * DAY_S;
/// How long a root may live.
pub const ROOT_LIFETIME_S_MAX: u64 = 365 * DAY_S;
