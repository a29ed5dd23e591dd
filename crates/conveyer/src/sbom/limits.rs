//! Limits of what is read for an SBOM, in one place.

/// Longest `Cargo.lock`, bytes.
pub(super) const CARGO_LOCK_BYTES_MAX: u64 = 16 << 20;
/// Longest output of cargo (build messages, metadata), bytes.
pub(super) const LISTING_BYTES_MAX: u64 = 256 << 20;
/// Longest SBOM, bytes.
pub(super) const SBOM_BYTES_MAX: u64 = 64 << 20;
/// Most crates of a `Cargo.lock`.
pub(super) const CRATES_MAX: usize = 20_000;
