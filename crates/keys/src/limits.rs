//! Every limit of this crate, in one place.

/// Largest key file read, in bytes. Ours are below 600.
pub(crate) const KEY_FILE_BYTES_MAX: u64 = 16 * 1024;

/// Largest passphrase file read and largest passphrase accepted, in bytes.
pub(crate) const PASSPHRASE_BYTES_MAX: u64 = 1024;

/// Largest memory that scrypt may use for one key file, in bytes (128 * N * r).
pub(crate) const SCRYPT_MEMORY_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Largest scrypt parallelization (factor on time) accepted in a key file.
pub(crate) const SCRYPT_PARALLELIZATION_MAX: u16 = 16;

/// scrypt cost of key files that we write. OpenSSL 3 refuses to read a larger one unless told.
pub(crate) const SCRYPT_COST: u64 = 1 << 14;

/// scrypt block size of key files that we write.
pub(crate) const SCRYPT_BLOCK: u16 = 8;

/// scrypt parallelization of key files that we write: makes up in time for the low cost above.
pub(crate) const SCRYPT_PARALLELIZATION: u16 = 5;
