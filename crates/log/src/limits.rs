//! Every limit of this crate, in one place. What an operator may change is in `config`.

use std::time::Duration;

/// Entries that are committed together.
pub(crate) const BATCH_MAX: usize = 256;

/// Rows read at once when replaying.
pub(crate) const REPLAY_ROWS: u64 = 256;

/// Bytes of tiles and bundles that are made durable together.
pub(crate) const WRITE_BYTES_MAX: usize = 8 << 20;

/// Bytes of one published tile or bundle: 256 entries, each behind two bytes of length.
pub(crate) const FILE_BYTES_MAX: u64 = 256 * (2 + tlog::ENTRY_BYTES_MAX as u64);

/// Bytes of a witness's answer: two cosignatures have 4 KiB.
pub(crate) const WITNESS_ANSWER_BYTES_MAX: usize = 64 * 1024;

/// First and longest pause after the witnesses did not make a quorum.
pub(crate) const BACKOFF: (Duration, Duration) =
    (Duration::from_millis(100), Duration::from_secs(5));

/// How long a starting log waits for a witness to say what it cosigned last; a running one waits
/// as long as for a cosignature.
pub(crate) const START_WITNESS_TIMEOUT_MS: u64 = 2_000;

/// Pieces of an uploaded blob between the socket and the disk.
pub(crate) const UPLOAD_PIECES_MAX: usize = 4;
