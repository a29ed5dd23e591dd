//! Every limit of this crate, in one place.

/// Longest text of the rules, in bytes.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Longest schema, in bytes.
pub const SCHEMA_BYTES_MAX: usize = 16 * 1024;
/// Longest list of entities, in bytes. Every country of the world takes about 25,000.
pub const ENTITIES_BYTES_MAX: usize = 256 * 1024;
/// Most rules of a policy.
pub const RULES_MAX: usize = 64;
/// Most homes that a policy chooses from.
pub const HOMES_MAX: usize = 16;
