//! What one command may use, and the mechanism that holds each limit.

/// Limits of one run. Every field has one named mechanism; `tests/limits.rs` shows each of them bite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Wall clock, milliseconds. Mechanism: watchdog, kills the whole pid namespace.
    pub wall_ms: u64,
    /// Standard output and standard error together, bytes. Mechanism: bounded pipe readers, then kill.
    pub output_bytes_max: u64,
    /// Any single file, bytes. Mechanism: `RLIMIT_FSIZE` (the writer gets SIGXFSZ).
    pub file_bytes_max: u64,
    /// All writable binds together, bytes; each file or folder counts 4,096 bytes more, so that many empty
    /// files are bounded too. Mechanism: watchdog over the trees and over open unlinked files.
    pub disk_bytes_max: u64,
    /// Memory, bytes. Mechanisms: `RLIMIT_AS` for each process, and a watchdog over the sum of resident sizes
    /// (pages shared by two processes count twice). The private `/tmp` and `/dev/shm` live in memory too and have
    /// their own size beyond this one ([`crate::Sandbox::tmp_bytes`]).
    pub memory_bytes_max: u64,
    /// Processes and threads. Mechanism: `RLIMIT_NPROC`, which counts everything of one uid, so two sandboxes
    /// that run at the same time under one uid share this number.
    pub processes_max: u64,
}

impl Default for Limits {
    /// Enough for a medium Rust build.
    fn default() -> Self {
        Self {
            wall_ms: 15 * 60 * 1000,
            output_bytes_max: 8 << 20,
            file_bytes_max: 1 << 30,
            disk_bytes_max: 4 << 30,
            memory_bytes_max: 6 << 30,
            processes_max: 512,
        }
    }
}

/// Which limit a command passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LimitKind {
    /// [`Limits::wall_ms`].
    Wall,
    /// [`Limits::output_bytes_max`].
    Output,
    /// [`Limits::file_bytes_max`].
    File,
    /// [`Limits::disk_bytes_max`].
    Disk,
    /// [`Limits::memory_bytes_max`].
    Memory,
    /// [`Limits::processes_max`].
    Processes,
}

impl std::fmt::Display for LimitKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Wall => "wall clock (wall_ms)",
            Self::Output => "output (output_bytes_max)",
            Self::File => "file size (file_bytes_max)",
            Self::Disk => "disk (disk_bytes_max)",
            Self::Memory => "memory (memory_bytes_max)",
            Self::Processes => "processes (processes_max)",
        })
    }
}

/// How many descriptors one process may hold (`RLIMIT_NOFILE`). Builds open few; a fixed number is one
/// dimension less to explain.
pub(crate) const OPEN_FILES_MAX: u64 = 4096;
/// bubblewrap's own two processes, which count against `RLIMIT_NPROC`.
pub(crate) const OWN_PROCESSES: u64 = 2;
/// Pause between two looks at a running command, milliseconds.
pub(crate) const POLL_MS: u64 = 5;
/// Pause between two looks at a sandbox that waits, milliseconds.
pub(crate) const REST_MS: u64 = 20;
/// Pause between two measurements of processes and memory, milliseconds.
pub(crate) const SAMPLE_MS: u64 = 50;
/// How long a killed pid namespace may take to be gone, milliseconds.
pub(crate) const GONE_MS: u64 = 10_000;
/// Default size of the private /tmp and /dev/shm, bytes. They live in memory.
pub(crate) const TMPFS_BYTES: u64 = 256 << 20;
