//! Every limit of this crate, in one place. What an operator may change is in `config`.

use std::time::Duration;

/// Entries that are committed together, and their bytes.
pub(crate) const BATCH_MAX: usize = 1024;
/// One entry more than this may be in a batch.
pub(crate) const BATCH_BYTES_MAX: usize = 2 << 20;

/// Bytes of durable entries that wait to be put on the shelf; a sequencer that is so far ahead
/// waits.
pub(crate) const AHEAD_BYTES_MAX: usize = 16 << 20;

/// Rows of an older program that are moved at once.
pub(crate) const MOVED_ROWS: u64 = 256;

/// Pages of SQLite's write-ahead log from which on they are moved into the database: 64 MiB. More
/// than the tail has at most, so that what is deleted in time is hardly written twice.
pub(crate) const WAL_PAGES: u32 = 16_384;

/// Statements whose index is found in memory, before they become a file.
pub(crate) const IDENTITIES_IN_MEMORY: usize = 65_536;

/// Bytes of tiles and bundles that are made durable together.
pub(crate) const WRITE_BYTES_MAX: usize = 8 << 20;

/// Bytes of one published tile or bundle: 256 entries, each behind two bytes of length.
pub(crate) const FILE_BYTES_MAX: u64 = 256 * (2 + tlog::ENTRY_BYTES_MAX as u64);

/// Bytes of a witness's answer: two cosignatures have 4 KiB.
pub(crate) const WITNESS_ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Lines of a witness's answer that are looked at.
pub(crate) const WITNESS_LINES_MAX: usize = 64;

/// First and longest pause after the witnesses did not make a quorum.
pub(crate) const BACKOFF: (Duration, Duration) =
    (Duration::from_millis(100), Duration::from_secs(5));

/// How long a starting log waits for a witness to say what it cosigned last; a running one waits
/// as long as for a cosignature.
pub(crate) const START_WITNESS_TIMEOUT_MS: u64 = 2_000;

/// Pieces of an uploaded blob between the socket and the disk.
pub(crate) const UPLOAD_PIECES_MAX: usize = 4;

/// Requests to one witness that are under way at once, each built on the one before.
pub(crate) const REQUESTS_UNDER_WAY_MAX: usize = 4;

/// Checkpoints between the newest and the oldest one that is not published yet. The law remembers
/// 16 trees (`InForce::mark`), and must know each of these.
pub(crate) const ROUNDS_UNDER_WAY_MAX: u64 = 8;

/// Good answers, one at a time, that a witness gives at most before it is sent several requests
/// again after one had overtaken another.
pub(crate) const CALM_ANSWERS_MAX: u32 = 64;

/// How long the files of a checkpoint may take before that is an alarm.
pub(crate) const FILES_PATIENCE: Duration = Duration::from_secs(10);

/// New entries under one checkpoint from which on a log counts as loaded (`pace`).
pub(crate) const LOADED_ENTRIES: u64 = 32;

/// Time in which somebody waited, after which the gate states a new rate.
pub(crate) const DRAIN_WINDOW: Duration = Duration::from_millis(250);

/// The longest time that a refused submitter is asked to wait.
pub(crate) const RETRY_AFTER_SECONDS_MAX: u32 = 60;

/// Entries of one batch call: as many as a bundle holds.
pub(crate) const CALL_ENTRIES_MAX: usize = tlog::limits::TILE_WIDTH as usize;

/// Bytes of one batch call, the two bytes before each entry included.
pub(crate) const CALL_BYTES_MAX: usize = 4 << 20;

/// Bytes of batch calls that are arriving or being read at once.
pub(crate) const CALLS_BYTES_MAX: usize = 64 << 20;

/// Entries that are read and verified by one thread before the next one may.
pub(crate) const CHUNK_ENTRIES: usize = 32;

/// Checkpoints without a quorum, in a row, from which on `/healthz` says so.
pub(crate) const FAILURES_ALARMING: u32 = 3;
