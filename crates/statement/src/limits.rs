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
/// DER bytes of the public key of an issuer of tokens: RSA with 2048 bits.
pub const ADMISSION_KEY_BYTES: usize = 342;
/// Days from the one in which a token is issued to the last one in which it is taken.
pub const ADMISSION_DAYS_MAX: u64 = 8;
/// Records of one batch.
pub const BATCH_RECORDS_MAX: usize = 1024;
/// Longest record of a batch, in bytes.
pub const BATCH_RECORD_BYTES_MAX: usize = 16 * 1024;
/// Longest file with a record and its proof, in bytes.
pub const BATCH_PROOF_BYTES_MAX: usize = 32 * 1024;
/// Samples of one grant to look again.
pub const GRANT_SAMPLES_MAX: usize = 1 << 17;
/// Reasons of one verdict.
pub const REASONS_MAX: usize = 64;
/// Fewest samples of a day with which a country is named in a census.
pub const CENSUS_COUNTRY_MIN: u64 = 20;
/// Steps of one sampling rule.
pub const SAMPLING_STEPS_MAX: u64 = 16;
/// The steepest that a cell samples: one in so many.
pub const ONE_IN_MAX: u64 = 1_000_000;
/// Regions of one declaration.
pub const REGIONS_MAX: u64 = 64;
/// Facilities of one declaration.
pub const FACILITIES_MAX: u64 = 64;
/// Promises of one declaration.
pub const PROMISES_MAX: u64 = 128;
