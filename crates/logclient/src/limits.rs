//! Limits on what a log may answer.

use std::time::Duration;

/// Longest signed note (many post-quantum cosignatures).
pub(crate) const NOTE_BYTES_MAX: usize = 256 << 10;
/// Longest `.tlog-proof`.
pub(crate) const PROOF_BYTES_MAX: usize = NOTE_BYTES_MAX + (16 << 10);
/// Longest entry bundle: 256 entries of 65,535 bytes and their lengths.
pub(crate) const BUNDLE_BYTES_MAX: usize = 256 * (2 + 65_535);
/// A full tile.
pub(crate) const TILE_BYTES_MAX: usize = 256 * 32;
/// Longest list of archived sizes.
pub(crate) const ARCHIVE_INDEX_BYTES_MAX: usize = 16 << 20;
/// Longest answer without content.
pub(crate) const REPLY_BYTES_MAX: usize = 64 << 10;
/// A submission waits for witnesses; the log itself gives up earlier and answers 202.
pub(crate) const SUBMIT_TIMEOUT: Duration = Duration::from_secs(30);
/// A blob may be large.
pub(crate) const BLOB_TIMEOUT: Duration = Duration::from_secs(120);
/// Pause before asking again for a witnessed proof.
pub(crate) const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// Entries between two archived checkpoints, in bytes: they are held until the checkpoint above them is here.
pub(crate) const STRIDE_BYTES_MAX: usize = 256 << 20;
/// Archived checkpoints that activations may name beside the archive's index; each costs a replay.
pub(crate) const NAMED_MAX: usize = 16;
/// Longest answer of a mirror: cosignatures, or where to go on.
pub(crate) const MIRROR_ANSWER_BYTES_MAX: usize = 128 << 10;
/// A mirror makes thousands of entries durable before it answers.
pub(crate) const MIRROR_TIMEOUT: Duration = Duration::from_secs(120);
/// Bytes of an upload after which no further package is added to it.
pub(crate) const UPLOAD_BYTES: usize = 16 << 20;
/// Rounds with a mirror that bring nothing new before it is given up.
pub(crate) const MIRROR_IDLE_ROUNDS_MAX: u32 = 4;
