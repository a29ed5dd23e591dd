//! Confines this very process to named trees, by landlock(7), for as long as it lives.
//!
//! [`crate::Sandbox`] is for a command that is not trusted. This is for a daemon that is, until somebody finds a
//! hole in it: it gives up everything it has no use for, and nothing gives it back, not even being root.
//!
//! What is left: reading below `read` and `write`, changing files below `write`, and reading what every program
//! needs ([`SYSTEM`]). It can start no program, make no device file, and not look into other processes (a landlocked
//! process may trace none outside). What was open before stays open, standard error for instance.
//!
//! Known holes, said plainly: metadata (`stat`) of every path, network and signals are not restricted. Of `/etc` only
//! the list of libraries, the files of name lookup and the public certificates can be read.

use std::fs;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, BitFlags, LandlockStatus, PathBeneath, Ruleset, RulesetAttr as _,
    RulesetCreated, RulesetCreatedAttr as _, RulesetStatus,
};
use rustix::fs::{FileType, Mode, OFlags, fstat, open};

use crate::{Refusal, SandboxError};

/// What a running program reads of the system, whoever it is: itself as the kernel shows it, randomness, libraries
/// with the list of where they are, how names of hosts are looked up, and whom TLS believes. Those that a machine lacks are left out.
pub const SYSTEM: [&str; 14] = [
    "/proc/self",
    "/dev/urandom",
    "/etc/ld.so.cache",
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/resolv.conf",
    "/etc/ssl/certs",
    "/usr/share/ca-certificates",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
];

/// The threads of this process, one entry each.
const THREADS: &str = "/proc/self/task";

/// The first version of landlock that also restricts truncation, so that reading and writing are covered. Newer
/// ones add what is not promised here: `ioctl` of devices, ports, signals.
pub(crate) const ABI_WANTED: ABI = ABI::V3;

/// What the kernel holds this process to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a confinement that is not enforced has to be said"]
pub enum Confinement {
    /// Everything that was asked for.
    Enforced {
        /// Version of landlock, as the kernel counts.
        abi: u32,
    },
    /// The kernel is too old for a part of it.
    Partly {
        /// Version of landlock, as the kernel counts.
        abi: u32,
    },
    /// The kernel knows landlock, and it was not enabled at boot. Nothing is enforced.
    NotEnabled,
    /// The kernel has no landlock. Nothing is enforced.
    NotImplemented,
}

impl Confinement {
    /// Whether everything that was asked for is enforced.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        matches!(self, Self::Enforced { .. })
    }

    /// Meaning of what the kernel said.
    fn of(enforced: &RulesetStatus, kernel: LandlockStatus) -> Self {
        let abi = match kernel {
            LandlockStatus::NotEnabled => return Self::NotEnabled,
            LandlockStatus::NotImplemented => return Self::NotImplemented,
            LandlockStatus::Available {
                effective_abi,
                kernel_abi,
            } => kernel_abi
                .and_then(|abi| u32::try_from(abi).ok())
                .unwrap_or(effective_abi as u32),
        };
        match enforced {
            RulesetStatus::FullyEnforced => Self::Enforced { abi },
            // With landlock at hand, "not enforced" means that one part was too much for the whole.
            RulesetStatus::PartiallyEnforced => Self::Partly { abi },
            RulesetStatus::NotEnforced => Self::NotEnabled,
        }
    }
}

impl std::fmt::Display for Confinement {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Enforced { abi } => write!(out, "enforced by landlock ABI {abi}"),
            Self::Partly { abi } => write!(
                out,
                "enforced in part by landlock ABI {abi}: the rest needs ABI {ABI_WANTED}, Linux 6.2 or newer"
            ),
            Self::NotEnabled => out.write_str(
                "promised: landlock is not enabled here; boot with landlock in the list of lsm=",
            ),
            Self::NotImplemented => out.write_str("promised: this kernel has no landlock"),
        }
    }
}

/// Confines this process, and all threads it will start, to reading the trees `read` and `write` and changing only
/// `write`. A tree may be one file. All of them must exist.
///
/// Call it before the first thread starts: landlock binds a thread and those that it starts later.
///
/// On a kernel without landlock this returns well, with a [`Confinement`] that says that nothing is enforced: the
/// caller has to tell people.
///
/// # Errors
/// [`Refusal::ThreadsRunning`]; a path that cannot be opened; the kernel knows landlock and refuses.
pub fn confine_self(read: &[PathBuf], write: &[PathBuf]) -> Result<Confinement, SandboxError> {
    refuse_threads()?;
    let reading = AccessFs::ReadFile | AccessFs::ReadDir;
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI_WANTED))
        .and_then(Ruleset::create)
        .map_err(SandboxError::Landlock)?;
    for path in SYSTEM.map(Path::new) {
        if path.exists() {
            rules = allow(rules, path, reading)?;
        }
    }
    let program = std::env::current_exe()
        .map_err(SandboxError::io("find this program in", "/proc/self/exe"))?;
    rules = allow(rules, &program, AccessFs::ReadFile.into())?;
    for path in read {
        rules = allow(rules, path, reading)?;
    }
    for path in write {
        rules = allow(rules, path, reading | changes())?;
    }
    let done = rules.restrict_self().map_err(SandboxError::Landlock)?;
    Ok(Confinement::of(&done.ruleset, done.landlock))
}

/// What may be done below a writable tree. Not: devices, through which root would reach the whole disk, and
/// sockets and pipes, for which no daemon of ours has a use.
fn changes() -> BitFlags<AccessFs> {
    AccessFs::from_write(ABI_WANTED)
        & !(AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::MakeSock | AccessFs::MakeFifo)
}

/// What may be done to a single file; the kernel refuses a rule that says more.
fn of_files() -> BitFlags<AccessFs> {
    AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate
}

fn allow(
    rules: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, SandboxError> {
    let failed =
        |errno: rustix::io::Errno| SandboxError::io("confine this process to", path)(errno.into());
    let opened = open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).map_err(failed)?;
    let stat = fstat(&opened).map_err(failed)?;
    let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
    let access = if is_directory {
        access
    } else {
        access & of_files()
    };
    rules
        .add_rule(PathBeneath::new(opened, access))
        .map_err(SandboxError::Landlock)
}

pub(crate) fn refuse_threads() -> Result<(), SandboxError> {
    let count = fs::read_dir(THREADS)
        .map_err(SandboxError::io("count threads in", THREADS))?
        .count();
    if count == 1 {
        return Ok(());
    }
    Err(Refusal::ThreadsRunning { count }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel(effective_abi: ABI, kernel_abi: Option<i32>) -> LandlockStatus {
        LandlockStatus::Available {
            effective_abi,
            kernel_abi,
        }
    }

    #[test]
    fn a_kernel_without_landlock_is_said_and_never_called_enforced() {
        for status in [LandlockStatus::NotImplemented, LandlockStatus::NotEnabled] {
            for said in [RulesetStatus::NotEnforced, RulesetStatus::FullyEnforced] {
                let confinement = Confinement::of(&said, status);
                assert!(!confinement.is_whole());
                assert!(confinement.to_string().starts_with("promised: "));
            }
        }
    }

    #[test]
    fn the_version_is_that_of_the_kernel_even_if_newer_than_ours() {
        let newer = Confinement::of(&RulesetStatus::FullyEnforced, kernel(ABI::V9, Some(12)));
        assert_eq!(newer.to_string(), "enforced by landlock ABI 12");
        let same = Confinement::of(&RulesetStatus::FullyEnforced, kernel(ABI::V7, None));
        assert_eq!(same, Confinement::Enforced { abi: 7 });
    }

    #[test]
    fn an_old_kernel_enforces_in_part_and_says_what_would_do() {
        let part = Confinement::of(&RulesetStatus::PartiallyEnforced, kernel(ABI::V2, None));
        assert!(!part.is_whole());
        assert_eq!(
            part.to_string(),
            "enforced in part by landlock ABI 2: the rest needs ABI 3, Linux 6.2 or newer"
        );
    }

    #[test]
    fn a_process_with_threads_is_refused_before_anything_is_restricted() {
        let (stop, wait) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || wait.recv());
        let refused = confine_self(&[], &[]).expect_err("there are two threads");
        assert!(matches!(
            refused,
            SandboxError::Refused(Refusal::ThreadsRunning { count }) if count > 1
        ));
        drop(stop);
        assert!(thread.join().expect("no panic").is_err());
        assert!(fs::read_dir("/etc").is_ok(), "nothing was restricted");
    }
}
