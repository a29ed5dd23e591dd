//! A daemon as a process: plain, or under `strace`, which writes down what it does and can end it
//! at a chosen system call.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::log_load::Life;
use crate::trace::CALLS;

/// How long a daemon may take until it listens, under `strace` on a busy machine.
const START_MAX: Duration = Duration::from_secs(60);
/// How long it may take to end.
const END_MAX: Duration = Duration::from_secs(30);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(4);
/// Longest string that `strace` writes in full.
const STRING_BYTES_MAX: &str = "67108864";

/// What `strace` does to one call of the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blow {
    /// Name of the call, or several with commas.
    pub call: String,
    /// `signal=KILL`, `error=ENOSPC`: as in `strace --inject`.
    pub what: String,
    /// At which of the calls of one thread, from 1; with a `+` at this one and all after it.
    pub when: String,
}

/// What is started.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    /// The binary.
    pub(crate) limpid: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<String>,
    /// The daemon's folder, where it writes its address.
    pub(crate) folder: PathBuf,
    /// Where it says what troubles it.
    pub(crate) messages: PathBuf,
}

/// A running daemon, killed when dropped.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
    is_traced: bool,
    program: Program,
}

impl Daemon {
    /// Starts it.
    pub(crate) fn start(program: &Program) -> Result<Self> {
        let mut command = Command::new(&program.limpid);
        command.args(&program.arguments);
        Self::spawn(command, program, false)
    }

    /// Starts it under `strace`, which writes to `trace`.
    pub(crate) fn start_traced(program: &Program, trace: &Path, life: &Life) -> Result<Self> {
        let mut command = Command::new("strace");
        command.args(["-f", "-y", "-xx", "-qq", "-s", STRING_BYTES_MAX]);
        if life.blows.is_empty() {
            // Faster, since other calls are not stopped at; but it strikes no blow.
            command.arg("--seccomp-bpf");
        }
        command.args(["-e", "signal=none", "-e", &format!("trace={CALLS}")]);
        for blow in &life.blows {
            let inject = format!("inject={}:{}:when={}", blow.call, blow.what, blow.when);
            command.args(["-e", &inject]);
        }
        command.arg("-o").arg(trace).arg("--");
        if let Some(bytes) = life.file_bytes_max {
            // Without the signal the write fails as on a full disk; what is ignored stays so.
            let blocks = bytes / 512;
            let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
            command.args(["sh", "-c", &script]);
        }
        command.arg(&program.limpid);
        command.args(&program.arguments);
        Self::spawn(command, program, true)
    }

    fn spawn(mut command: Command, program: &Program, is_traced: bool) -> Result<Self> {
        let messages = fs::File::create(&program.messages)?;
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.stderr(messages).spawn();
        let child = child.with_context(|| {
            let name = command.get_program().display();
            format!("cannot start {name}; the Debian package `strace` is needed for recordings")
        })?;
        Ok(Self {
            child,
            is_traced,
            program: program.clone(),
        })
    }

    /// Its address, once it listens; `None` if it ended before.
    pub(crate) async fn url(&mut self) -> Result<Option<String>> {
        let started = Instant::now();
        loop {
            if let Some(url) = serve::read_url(&self.program.folder) {
                return Ok(Some(url));
            }
            if self.child.try_wait()?.is_some() {
                return Ok(None);
            }
            if started.elapsed() > START_MAX {
                bail!(
                    "the daemon does not listen after {START_MAX:?}: {}",
                    self.said()
                );
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The last line of what it wrote.
    pub(crate) fn said(&self) -> String {
        let text = fs::read_to_string(&self.program.messages).unwrap_or_default();
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let last: Vec<&str> = lines.rev().take(3).collect();
        last.into_iter().rev().collect::<Vec<_>>().join(" | ")
    }

    /// Whether it has ended.
    pub(crate) fn is_gone(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Sends a signal and waits for the end, of `strace` too.
    pub(crate) async fn end(mut self, signal: Signal) -> Result<()> {
        if let Some(pid) = self.pid() {
            // Gone already is what is wanted.
            let _ = kill_process(pid, signal);
        }
        let asked = Instant::now();
        while self.child.try_wait()?.is_none() {
            // Dropping it kills it.
            ensure!(
                asked.elapsed() < END_MAX,
                "the daemon does not end after {END_MAX:?}"
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// The daemon itself.
    fn pid(&self) -> Option<Pid> {
        let id = self.child.id();
        let id = if self.is_traced {
            let path = format!("/proc/{id}/task/{id}/children");
            let children = fs::read_to_string(path).ok()?;
            children.split_whitespace().next()?.parse().ok()?
        } else {
            id
        };
        Pid::from_raw(id.cast_signed())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            if let Some(pid) = self.pid() {
                let _ = kill_process(pid, Signal::KILL);
            }
            if !self.is_traced {
                drop(self.child.kill());
            }
            drop(self.child.wait());
        }
    }
}
