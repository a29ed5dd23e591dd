//! Why a sandbox was refused or failed. A refusal names the remedy.

use std::path::PathBuf;

/// The machine or the caller cannot give the isolation that is required. Nothing was run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A program of Debian is missing.
    #[error("{tool} is not installed (looked in {looked_in}); run: apt-get install {package}")]
    ToolMissing {
        /// Program name.
        tool: &'static str,
        /// Debian package that holds it.
        package: &'static str,
        /// Folders that were searched.
        looked_in: String,
    },
    /// A program is there and cannot be run.
    #[error("{} cannot be run; reinstall it: apt-get install --reinstall {package}", path.display())]
    ToolUnusable {
        /// The program.
        path: PathBuf,
        /// Debian package that holds it.
        package: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// bubblewrap is older than 0.8.0, the first with `--disable-userns`.
    #[error(
        "bubblewrap says {found:?}, and 0.8.0 or newer is needed; run: apt-get install bubblewrap (Debian 12 or newer)"
    )]
    VersionTooOld {
        /// What `bwrap --version` printed.
        found: String,
    },
    /// The kernel or a container around us does not let an unprivileged user make namespaces.
    #[error("an unprivileged user cannot make namespaces here: bwrap said {said:?}; {remedy}")]
    NamespacesRefused {
        /// The first line bubblewrap printed.
        said: String,
        /// What to do.
        remedy: String,
    },
    /// The caller is root and gave no unprivileged identity, or is not root and asked for another uid.
    #[error("cannot run as uid {wanted} when started as uid {caller}; {remedy}")]
    WrongIdentity {
        /// The uid asked for.
        wanted: u32,
        /// The uid of this process.
        caller: u32,
        /// What to do.
        remedy: &'static str,
    },
    /// A folder on the way to an input cannot be entered by the sandbox's uid.
    #[error("uid {uid} cannot enter {} on the way to {}; run: chmod o+x {}, or keep the data where every user can enter, such as /var/lib/limpid", at.display(), path.display(), at.display())]
    Unreachable {
        /// The input.
        path: PathBuf,
        /// The folder that stops.
        at: PathBuf,
        /// The uid that cannot enter.
        uid: u32,
    },
    /// A writable bind does not belong to the sandbox's uid.
    #[error("{} belongs to uid {owner}, and the sandbox runs as uid {uid}; run: chown {uid} {}", path.display(), path.display())]
    NotOwned {
        /// The writable bind.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// The sandbox's uid.
        uid: u32,
    },
    /// The root tree has no place to mount something on, and being read-only it cannot get one.
    #[error("the root tree {} has no folder {inner}; create it empty in the tree", root.display())]
    MountPointMissing {
        /// The tree.
        root: PathBuf,
        /// The missing inner folder.
        inner: String,
    },
    /// Threads run already, and landlock would leave them free.
    #[error(
        "this process has {count} threads, and only those that start after its confinement are confined; confine it before the first one starts"
    )]
    ThreadsRunning {
        /// How many there are.
        count: usize,
    },
    /// A value of the request is not usable.
    #[error("{field} has the value {value:?}: {want}")]
    BadRequest {
        /// Which field.
        field: &'static str,
        /// Its value.
        value: String,
        /// What is wanted.
        want: &'static str,
    },
}

/// Why a run gave no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// Refused before anything ran.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The sandbox or the command in it could not be started.
    #[error("the sandbox did not start: {said}")]
    NotStarted {
        /// What bubblewrap or a program before it printed.
        said: String,
    },
    /// A system call failed.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The kernel has landlock and refused to confine this process.
    #[error("landlock refused to confine this process")]
    Landlock(#[source] landlock::RulesetError),
    /// The kernel refused to narrow the system calls of this process, or knows no filter for this machine.
    #[error(
        "the system calls of this process cannot be narrowed; the kernel needs seccomp(2) with filters"
    )]
    Seccomp(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The program of a nursery did not wait for orders.
    #[error("the program in the sandbox was not ready for orders ({exit}): {said}")]
    NotReady {
        /// How it ended.
        exit: crate::Exit,
        /// What it printed.
        said: String,
    },
    /// The pid namespace outlived the kill; the machine needs a look.
    #[error(
        "process {pid} of the sandbox is still there {waited_ms} ms after it was killed; look at it with: ps -o pid,state,wchan,args -p {pid}"
    )]
    StillAlive {
        /// The first process of the namespace, as the host counts.
        pid: i32,
        /// How long was waited.
        waited_ms: u64,
    },
}

impl SandboxError {
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}
