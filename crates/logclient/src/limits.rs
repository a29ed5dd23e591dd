//! Limits on what a log may answer.

use std::time::Duration;

/// Longest signed note (many post-quantum cosignatures).
pub(crate) const NOTE_BYTES_MAX: usize = 256 << 10;
/// Longest `.tlog-proof`.
pub(crate) const PROOF_BYTES_MAX: usize = NOTE_BYTES_MAX + (16 << 10);
/// Longest answer to a batch: 256 refusals with their details.
pub(crate) const BATCH_REPLY_BYTES_MAX: usize = 1 << 20;
/// Longest entry bundle: 256 entries of 65,535 bytes and their lengths.
pub(crate) const BUNDLE_BYTES_MAX: usize = 256 * (2 + 65_535);
/// A full tile.
pub(crate) const TILE_BYTES_MAX: usize = 256 * 32;
/// Longest list of archived sizes: logs had it in one file before it had pages.
pub(crate) const ARCHIVE_INDEX_BYTES_MAX: usize = 16 << 20;
/// Longest announcement of what is withheld: a proof with an entry in base64.
pub(crate) const MINIMUM_BYTES_MAX: usize = PROOF_BYTES_MAX + (88 << 10);
/// Longest full page of archived sizes.
pub(crate) const ARCHIVE_PAGE_BYTES_MAX: usize = 1024 * 20;
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
/// Files in a row that a server may fail to deliver before it is asked for no more.
pub(crate) const READ_FAILURES_MAX: u32 = 8;
/// Pause before the second try for a file; four times as long before each further one.
pub(crate) const READ_PAUSE: Duration = Duration::from_millis(100);
/// Bundles in a row that may be missing, tiles and all, before nothing more is looked for.
pub(crate) const GAP_BUNDLES_MAX: u64 = 4096;
/// Subtrees of which two files tell different hashes, among which the right mixture is still tried.
pub(crate) const DISPUTED_MAX: usize = 10;
/// Tiles that a reader holds so as not to fetch them twice in one look.
pub(crate) const TILES_HELD_MAX: usize = 64;
/// Bundles that a stream passes on before it writes down how far it is.
pub(crate) const BUNDLES_PER_MEMORY: u32 = 64;
/// Logs that a monitor looks at at the same time.
pub(crate) const LOGS_AT_ONCE_MAX: usize = 8;
/// How long a log may lag behind what others have seen of it, in seconds.
pub(crate) const BEHIND_S: u64 = 60;
/// Longest memory of one watched log: two notes in JSON.
pub(crate) const MONITOR_MEMORY_BYTES_MAX: u64 = 2 << 20;
/// Longest answer of a mirror: cosignatures, or where to go on.
pub(crate) const MIRROR_ANSWER_BYTES_MAX: usize = 128 << 10;
/// A mirror makes thousands of entries durable before it answers.
pub(crate) const MIRROR_TIMEOUT: Duration = Duration::from_secs(120);
/// Bytes of an upload after which no further package is added to it.
pub(crate) const UPLOAD_BYTES: usize = 16 << 20;
/// Rounds with a mirror that bring nothing new before it is given up.
pub(crate) const MIRROR_IDLE_ROUNDS_MAX: u32 = 4;
