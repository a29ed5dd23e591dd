//! Every limit of this crate, in one place.

/// Longest header, in bytes. Ours are about 900.
pub const HEADER_BYTES_MAX: usize = 1536;
/// Largest sample, in bytes. What a cell takes in is its own, smaller limit.
pub const SAMPLE_BYTES_MAX: u64 = 1 << 30;
/// Plaintext of every chunk but the last, in bytes.
pub const CHUNK_BYTES: usize = 64 * 1024;
/// What a chunk grows by, in bytes.
pub const TAG_BYTES: usize = 16;
/// Raw public key of an epoch, in bytes (X-Wing).
pub const WRAP_KEY_BYTES: usize = statement::limits::EPOCH_KEY_BYTES;
/// One wrap, in bytes: X-Wing ciphertext, then 32 bytes under AES-256-GCM.
pub const WRAP_BYTES: usize = 1120 + 32 + TAG_BYTES;
/// Randomness of one wrap, in bytes.
pub const WRAP_RANDOMNESS_BYTES: usize = 64;
/// Longest front (length, header, three wraps), in bytes.
pub const FRONT_BYTES_MAX: usize = 2 + HEADER_BYTES_MAX + 3 * WRAP_BYTES;
