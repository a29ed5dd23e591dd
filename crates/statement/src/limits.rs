//! Every limit on bytes that come from outside, in one place.

/// An entry (envelope) must fit the two-byte length of a C2SP entry bundle.
pub const ENTRY_BYTES_MAX: usize = tlog::ENTRY_BYTES_MAX;
/// Parties in one constitution.
pub const PARTIES_MAX: usize = 64;
/// Keys of one party.
pub const PARTY_KEYS_MAX: usize = 64;
/// Logs in one constitution.
pub const LOGS_MAX: usize = 32;
/// Subjects of one statement.
pub const SUBJECTS_MAX: usize = 64;
/// Log origins in an audience.
pub const AUDIENCE_MAX: usize = 32;
/// Blobs named by one statement.
pub const BLOBS_MAX: usize = 64;
/// Any string in a statement, in bytes, apart from the witness policy text of a constitution.
pub const TEXT_BYTES_MAX: usize = 4096;
/// Greatest integer that canonical JSON carries without loss (RFC 8785, section 3.2.2.3).
pub const INTEGER_MAX: u64 = (1 << 53) - 1;
/// Raw bytes of the public key of an epoch: X-Wing.
pub const EPOCH_KEY_BYTES: usize = 1216;
