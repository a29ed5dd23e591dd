//! What a child may ask of the kernel once it has its input and its output: to compute.

use std::collections::BTreeMap;

use landlock::{Access, AccessFs, Ruleset, RulesetAttr};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use crate::SandboxError;
use crate::confine::ABI_WANTED;

/// `PROT_EXEC` of mmap(2).
const PROT_EXEC: u64 = 4;

/// The system calls of a program that computes: memory, what it has open already, the clock, random numbers, its end.
/// Nothing that opens, connects, starts, signals or looks at another process.
const COMPUTING: [i64; 18] = [
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_getrandom,
    libc::SYS_clock_gettime,
    libc::SYS_sched_yield,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// `F_GETFD` of fcntl(2): whether a descriptor is open, which the standard library asks before it closes one, in programs
/// built with checks.
const F_GETFD: u64 = 1;

/// Those that could turn bytes of a sample into code, unless their third argument says otherwise.
const WITHOUT_CODE: [i64; 2] = [libc::SYS_mmap, libc::SYS_mprotect];

/// The filter, ready for [`Narrow::enter`].
pub(crate) struct Narrow(BpfProgram);

impl Narrow {
    /// Compiles the filter.
    ///
    /// # Errors
    /// [`SandboxError::Seccomp`] on a machine that the compiler does not know.
    pub(crate) fn new() -> Result<Self, SandboxError> {
        let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(refused)?;
        let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
            COMPUTING.map(|call| (call, Vec::new())).into();
        for call in WITHOUT_CODE {
            let (argument, length) = (2, SeccompCmpArgLen::Dword);
            let no_code =
                SeccompCondition::new(argument, length, SeccompCmpOp::MaskedEq(PROT_EXEC), 0);
            let rule = SeccompRule::new(vec![no_code.map_err(refused)?]).map_err(refused)?;
            rules.insert(call, vec![rule]);
        }
        let length = SeccompCmpArgLen::Dword;
        let asks = SeccompCondition::new(1, length, SeccompCmpOp::Eq, F_GETFD).map_err(refused)?;
        let asks = SeccompRule::new(vec![asks]).map_err(refused)?;
        rules.insert(libc::SYS_fcntl, vec![asks]);
        // Killed rather than told: a sample that tries has taken its child over.
        let (other, listed) = (SeccompAction::KillProcess, SeccompAction::Allow);
        let filter = SeccompFilter::new(rules, other, listed, arch).map_err(refused)?;
        Ok(Self(filter.try_into().map_err(refused)?))
    }

    /// Leaves this process, for good, with the calls above.
    ///
    /// # Errors
    /// [`SandboxError::Seccomp`] when the kernel refuses; then nothing was given up.
    pub(crate) fn enter(&self) -> Result<(), SandboxError> {
        seccompiler::apply_filter(&self.0).map_err(|error| SandboxError::Seccomp(error.into()))
    }
}

fn refused(error: seccompiler::BackendError) -> SandboxError {
    SandboxError::Seccomp(error.into())
}

/// Leaves this process and its children without a file system: what is open stays open. On a kernel without landlock
/// this does nothing, and the filter above stands alone.
///
/// # Errors
/// [`SandboxError::Landlock`] when the kernel has it and refuses.
pub(crate) fn leave_files() -> Result<(), SandboxError> {
    let rules = Ruleset::default().handle_access(AccessFs::from_all(ABI_WANTED));
    let rules = rules.and_then(Ruleset::create);
    let rules = rules.map_err(SandboxError::Landlock)?;
    rules.restrict_self().map_err(SandboxError::Landlock)?;
    Ok(())
}
