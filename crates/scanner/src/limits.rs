//! Every limit of this crate, in one place.

/// Memory of one child: what a scan needs at worst, see `scan::Limits`, beside the database.
pub(crate) const CHILD_MEMORY_BYTES_MAX: u64 = 512 << 20;
/// Processes of one sandbox: two of bubblewrap, the program that forks, a child, and room.
pub(crate) const PROCESSES_MAX: u64 = 16;
/// What a sandbox may write anywhere but into a report, bytes. It has no use for any.
pub(crate) const WRITTEN_BYTES_MAX: u64 = 1 << 20;
