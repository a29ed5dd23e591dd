//! Every limit of this crate, in one place.

use std::time::Duration;

use tlog::limits::{ENTRY_BYTES_MAX, PACKAGE_BYTES_MAX, PACKAGES_PER_REQUEST, TILE_WIDTH};

/// Bytes of an `add-checkpoint` or `sign-subtree` body: a checkpoint with a proof and a few
/// signatures has under 20 KiB.
pub(crate) const NOTE_BODY_BYTES_MAX: usize = 64 * 1024;

/// Bytes of an `add-entries` body as it arrives: the packages of one request with two fields of at
/// most 65,535 bytes before them.
pub(crate) const UPLOAD_BYTES_MAX: usize =
    PACKAGES_PER_REQUEST * PACKAGE_BYTES_MAX + 2 * 65_536 + 64;

/// Uploads at the same time; more are answered 503. Each may hold one package and one group.
pub(crate) const UPLOADS_MAX: usize = 8;

/// Bytes of packages that are verified and written together.
pub(crate) const GROUP_BYTES: usize = 4 * 1024 * 1024;

/// Entries an upload may repeat that are held already.
pub(crate) const EXCESS_ENTRIES_MAX: u64 = 8_192;

/// Pending checkpoints of one log whose sizes an upload may end at; older ones are forgotten.
pub(crate) const PENDING_MAX: i64 = 256;

/// Compressed bytes that are unpacked at a time: at most a thousand times as many come out.
pub(crate) const GZIP_PIECE_BYTES: usize = 4 * 1024;

/// Largest file of a tiled log: a bundle of 256 entries.
pub(crate) const FILE_BYTES_MAX: u64 = TILE_WIDTH as u64 * (2 + ENTRY_BYTES_MAX as u64);

/// Largest signed checkpoint that is read back from disk.
pub(crate) const NOTE_BYTES_MAX: u64 = 512 * 1024;

/// How long an upload may take when the configuration allows a request all the time in the world.
pub(crate) const UPLOAD_TIME_MAX: Duration = Duration::from_secs(300);

/// When to come back after a 503, in seconds.
pub(crate) const RETRY_AFTER_SECONDS: u32 = 1;
