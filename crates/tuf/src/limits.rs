//! Every limit of this crate, in one place.

/// The largest `root.json` that is read (512 KiB).
pub const ROOT_BYTES_MAX: usize = 524_288;
/// The largest targets file, top-level or delegated (5 MiB).
pub const TARGETS_BYTES_MAX: usize = 5_242_880;
/// The largest `snapshot.json` (256 KiB).
pub const SNAPSHOT_BYTES_MAX: usize = 262_144;
/// The largest `timestamp.json` (16 KiB).
pub const TIMESTAMP_BYTES_MAX: usize = 16_384;
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
/// One part of a target path, and a role name.
pub const PATH_PART_BYTES_MAX: usize = 100;

/// One day in seconds.
pub const DAY_S: u64 = 86_400;
/// How long a timestamp may live (design: one day).
pub const TIMESTAMP_LIFETIME_S_MAX: u64 = DAY_S;
/// How long a snapshot may live (7 days).
pub const SNAPSHOT_LIFETIME_S_MAX: u64 = 604_800;
/// How long the delegated role `rules` may live (14 days).
pub const RULES_LIFETIME_S_MAX: u64 = 1_209_600;
/// How long the delegated role `software` may live (90 days).
pub const SOFTWARE_LIFETIME_S_MAX: u64 = 7_776_000;
/// How long the top-level `targets` may live (365 days).
pub const TARGETS_LIFETIME_S_MAX: u64 = 31_536_000;
/// How long a root may live (365 days).
pub const ROOT_LIFETIME_S_MAX: u64 = 31_536_000;
