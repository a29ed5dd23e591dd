//! Runs one untrusted command over named inputs, without network, under limits.
//!
//! Specification: none of others; bubblewrap 0.8 (`bwrap(1)`), `setpriv(1)`, `prlimit(1)` and `taskset(1)` of
//! Debian do the work, and `namespaces(7)`, `user_namespaces(7)` and `getrlimit(2)` say what they mean.
//! What is run, in the order in which each program replaces the one before it:
//!
//! ```text
//! bash       closes every inherited descriptor, sets the umask, opens the status file as descriptor 3
//! setpriv    becomes the unprivileged uid and gid, empties groups and capabilities, sets no_new_privs
//! taskset    keeps the named processors (only when the caller named some)
//! prlimit    RLIMIT_FSIZE, RLIMIT_AS, RLIMIT_NPROC, RLIMIT_NOFILE, RLIMIT_CORE
//! bwrap      new user, mount, pid, network, ipc, uts and cgroup namespaces; the root tree becomes "/"
//! COMMAND    sees the root tree, the named binds, a private /proc, /dev and /tmp, and the loopback device
//! ```
//!
//! In scope: one command, its limits, its captured output, and the certainty that nothing of it is left when the
//! call returns. Out of scope: what the inputs mean and whether the output is any good (the rooms), and limits on
//! processor time (the wall clock bounds it).
//!
//! Where one command a time is too slow, a [`Nursery`] keeps one sandbox for many orders: the program in it calls
//! [`attend`], which forks one child for each order. Such a child has no files (landlock(7)) and only the system calls of
//! a program that computes (seccomp(2)): `read`, `write`, memory, the clock. Another one kills it.
//!
//! Beside it stands [`confine_self`], which a daemon calls on itself: landlock(7) leaves it its own directory.
//!
//! There is no weak mode: without bubblewrap or namespaces [`preflight`] refuses and names the remedy. bubblewrap
//! never runs as root: a root caller must bring an [`Identity`] with a uid of its own for each party.
//!
//! Known holes, said plainly: disk and memory sums are sampled every 50 ms, so a command can pass a limit for that
//! long (single files and single processes are bounded by the kernel without sampling); a file that was unlinked,
//! mapped and then closed is seen as memory only; all sandboxes share the host's kernel, and outside of a nursery no
//! filter narrows the system calls they may make.

mod confine;
mod disk;
mod identity;
mod libraries;
mod limits;
mod narrow;
mod nursery;
mod orders;
mod output;
mod plan;
mod preflight;
mod processes;
mod reach;
mod refusal;
mod run;
mod watch;
mod zygote;

pub use confine::{Confinement, SYSTEM, confine_self};
pub use identity::Identity;
pub use libraries::Libraries;
pub use limits::{LimitKind, Limits};
pub use nursery::{Nursery, OrderLimits};
pub use plan::Sandbox;
pub use preflight::{Ready, preflight, preflight_in};
pub use reach::check_reachable;
pub use refusal::{Refusal, SandboxError};
pub use run::{Exit, Finished};
pub use zygote::attend;
