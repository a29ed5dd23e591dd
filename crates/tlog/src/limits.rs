//! Every bound of this crate in one place.
//!
//! A parser checks its bound before it allocates, so hostile input costs at most these sizes.

/// Largest entry in bytes: bundles prefix each entry with a big-endian `u16` (tlog-tiles).
pub const ENTRY_BYTES_MAX: usize = 65_535;

/// Hashes in a full tile, and entries in a full bundle.
pub const TILE_WIDTH: u16 = 256;

/// Bytes of one hash.
pub const HASH_BYTES: usize = 32;

/// Highest tile level a path may name (tlog-tiles: 0 to 63).
pub const TILE_LEVEL_MAX: u8 = 63;

/// Highest tile or bundle index: above it the first leaf would not fit in 64 bits.
pub const TILE_INDEX_MAX: u64 = (1 << 56) - 1;

/// Largest tree this crate speaks of, so that no index arithmetic can overflow.
pub const TREE_SIZE_MAX: u64 = i64::MAX as u64;

/// Largest timestamp of a cosignature (tlog-cosignature: 2^63-1), in POSIX seconds.
pub const TIMESTAMP_MAX: u64 = i64::MAX as u64;

/// Key names and origins in bytes: the ML-DSA-44 message holds them as `opaque<1..2^8-1>`.
pub const KEY_NAME_BYTES_MAX: usize = 255;

/// Bytes of one signature after the key id; post-quantum ones are "up to nearly 5kB".
pub const SIGNATURE_BYTES_MAX: usize = 8_192;

/// Signature lines in one note: 64 witnesses with two keys each. The standard asks for 16.
pub const SIGNATURES_MAX: usize = 128;

/// Bytes of one note with its signatures.
pub const NOTE_BYTES_MAX: usize = 512 * 1024;

/// Hashes in one inclusion or consistency proof (tlog-witness: 63).
pub const PROOF_HASHES_MAX: usize = 63;

/// Bytes of the opaque `extra` field of a `.tlog-proof`.
pub const EXTRA_BYTES_MAX: usize = 64 * 1024;

/// Bytes of a `.tlog-proof` file.
pub const PROOF_BYTES_MAX: usize = NOTE_BYTES_MAX + EXTRA_BYTES_MAX * 4 / 3 + 8 * 1024;

/// Hashes in fork evidence: a consistency proof and the node it begins at.
pub const FORK_HASHES_MAX: usize = PROOF_HASHES_MAX + 1;

/// Bytes of a fork evidence file: two notes and the hashes.
pub const EVIDENCE_BYTES_MAX: usize = 2 * NOTE_BYTES_MAX + 8 * 1024;

/// Sizes in a full page of the list of archived checkpoints (`spec/archive.md`).
pub const ARCHIVE_PAGE_SIZES: usize = 1024;

/// Full pages that a reader takes: 67 million checkpoints.
pub const ARCHIVE_PAGES_MAX: u64 = 65_536;

/// Bytes of an add-checkpoint request body.
pub const ADD_CHECKPOINT_BYTES_MAX: usize = NOTE_BYTES_MAX + 8 * 1024;

/// Bytes of an entry package of an add-entries request: 256 entries and 63 hashes.
pub const PACKAGE_BYTES_MAX: usize =
    TILE_WIDTH as usize * (2 + ENTRY_BYTES_MAX) + 1 + PROOF_HASHES_MAX * HASH_BYTES;

/// Packages a client puts into one add-entries request (tlog-mirror: 8,192 entries).
pub const PACKAGES_PER_REQUEST: usize = 32;

/// Bytes of a mirror info: two numbers, and a ticket whose length is a `u16`, in base64.
pub const MIRROR_INFO_BYTES_MAX: usize = 2 * 21 + 65_535_usize.div_ceil(3) * 4 + 1;

/// Bytes of a policy file.
pub const POLICY_BYTES_MAX: usize = 1024 * 1024;

/// `log` lines in a policy. The standard asks for 32 of each kind.
pub const POLICY_LOGS_MAX: usize = 128;

/// `witness` lines in a policy.
pub const POLICY_WITNESSES_MAX: usize = 128;

/// `group` lines in a policy.
pub const POLICY_GROUPS_MAX: usize = 128;
