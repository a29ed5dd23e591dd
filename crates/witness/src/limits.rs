//! Every limit of this crate, in one place.

/// Bytes of an `add-checkpoint` body: a checkpoint with its log's signatures has under 5 KiB.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024;

/// Faults kept of one log. One is enough to convict; the first ones are the interesting ones.
pub(crate) const FAULTS_MAX: i64 = 256;
