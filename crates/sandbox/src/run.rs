//! One run: check, start, watch, report.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};

use crate::output::{Meter, capture};
use crate::watch::{Control, Seen, Watch, reported_exit_code};
use crate::{LimitKind, Ready, Refusal, Sandbox, SandboxError, check_reachable, processes};

/// Bytes of standard input that are handed over at once.
const PIECE_BYTES: usize = 64 * 1024;

/// `SIGXFSZ`, which the kernel sends to the writer of a too big file (`signal(7)`, x86-64 and arm64).
const SIGXFSZ: i32 = 25;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It returned this code.
    Code(i32),
    /// A signal of this number ended it. bubblewrap reports signals as code 128 + number, so a command that
    /// itself returns such a code is taken for one that was killed.
    Signal(i32),
    /// It passed a limit and was killed, or its file-size limit ended it.
    LimitExceeded(LimitKind),
}

impl Exit {
    /// Whether the command returned 0.
    #[must_use]
    pub fn is_success(self) -> bool {
        self == Self::Code(0)
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(number) => write!(f, "killed by signal {number}"),
            Self::LimitExceeded(kind) => write!(f, "stopped at the limit of {kind}"),
        }
    }
}

/// What a finished run left behind. Nothing of it is running any more.
#[derive(Clone, Debug)]
pub struct Finished {
    /// How it ended.
    pub exit: Exit,
    /// Standard output; cut where both outputs together reached the limit.
    pub stdout: Vec<u8>,
    /// Standard error; cut likewise.
    pub stderr: Vec<u8>,
    /// Wall clock, milliseconds, bubblewrap's own 10 to 20 included.
    pub wall_ms: u64,
    /// Highest sum of resident sizes that a sample (every 50 ms) found; 0 for runs shorter than that.
    pub peak_memory_bytes: u64,
    /// Highest number of processes and threads that a sample found; 0 for short runs.
    pub peak_processes: u64,
}

impl Sandbox {
    /// Runs the command to its end. Blocks; the calling thread must live until it returns (the kernel ties
    /// bubblewrap's life to that thread), which is the case for any ordinary call.
    ///
    /// # Errors
    /// [`SandboxError::Refused`] before anything ran, [`SandboxError::NotStarted`] when the command could not be
    /// started (for example because the root tree does not hold it). A command that fails or passes a limit is no
    /// error: see [`Finished::exit`].
    pub fn run(&self, ready: &Ready) -> Result<Finished, SandboxError> {
        self.run_fed(ready, std::io::empty())
    }

    /// The same, with `input` on its standard input. A command need not read all of it; that `input` cannot be
    /// read ends it early, for the command to notice.
    ///
    /// # Errors
    /// As [`Sandbox::run`].
    pub fn run_fed(
        &self,
        ready: &Ready,
        input: impl Read + Send,
    ) -> Result<Finished, SandboxError> {
        self.run_with(ready, Stdio::piped(), None, |stdin| {
            if let Some(stdin) = stdin {
                feed(input, stdin);
            }
        })
    }

    /// The same, with `stdin` as it is, until the command ends or is stopped; that counts as its wall clock.
    pub(crate) fn run_on(
        &self,
        ready: &Ready,
        stdin: OwnedFd,
        control: &Control,
    ) -> Result<Finished, SandboxError> {
        self.run_with(ready, stdin.into(), Some(control), drop)
    }

    fn run_with(
        &self,
        ready: &Ready,
        stdin: Stdio,
        control: Option<&Control>,
        feed: impl FnOnce(Option<ChildStdin>) + Send,
    ) -> Result<Finished, SandboxError> {
        self.check()?;
        self.identity.check()?;
        self.check_paths()?;
        let scratch = tempfile::tempdir()
            .map_err(SandboxError::io("make a folder in", std::env::temp_dir()))?;
        let status = scratch.path().join("status");
        let mut child = self
            .command(ready, &status)
            .stdin(stdin)
            .spawn()
            .map_err(SandboxError::io("start", &ready.bash))?;
        tracing::debug!(
            uid = self.identity.uid(),
            pid = child.id(),
            "sandbox started"
        );
        let stdin = child.stdin.take();
        let meter = Meter::new(self.limits.output_bytes_max);
        let stdout = capture(
            child.stdout.take().expect("piped in command()"),
            meter.clone(),
        );
        let stderr = capture(
            child.stderr.take().expect("piped in command()"),
            meter.clone(),
        );
        let writable: Vec<PathBuf> = self.writable.iter().map(|(host, _)| host.clone()).collect();
        let mut watch = Watch {
            child: &mut child,
            status: status.clone(),
            uid: self.identity.uid(),
            limits: &self.limits,
            writable: &writable,
            meter,
            control,
        };
        let seen = std::thread::scope(|scope| {
            // Ends at the latest when the command does: then nobody reads the other end of its pipe.
            scope.spawn(move || feed(stdin));
            watch.follow()
        })?;
        let stdout = stdout.join().expect("the reader does not panic");
        let stderr = stderr.join().expect("the reader does not panic");
        let exit = exit_of(
            &seen,
            &fs::read_to_string(&status).unwrap_or_default(),
            &stderr,
        )?;
        let Seen {
            wall_ms,
            peak_memory_bytes,
            peak_processes,
            ..
        } = seen;
        Ok(Finished {
            exit,
            stdout,
            stderr,
            wall_ms,
            peak_memory_bytes,
            peak_processes,
        })
    }

    fn command(&self, ready: &Ready, status: &Path) -> Command {
        // As root the uid is the party's alone; otherwise it is the caller's, and what runs already counts too.
        let tasks_now = if self.identity.is_dedicated() {
            0
        } else {
            processes::tasks_of(self.identity.uid())
        };
        let line = self.command_line(ready, status, tasks_now);
        let mut command = Command::new(&line[0]);
        command.args(&line[1..]).env_clear().current_dir("/");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn check_paths(&self) -> Result<(), SandboxError> {
        check_reachable(&self.root, &self.identity)?;
        for inner in ["/proc", "/dev", "/tmp"] {
            self.check_mount_point(inner)?;
        }
        for (host, _) in &self.read_only {
            check_reachable(host, &self.identity)?;
        }
        for (host, _) in &self.writable {
            check_reachable(host, &self.identity)?;
            let owner = fs::metadata(host)
                .map_err(SandboxError::io("read the owner of", host))?
                .uid();
            if owner != self.identity.uid() {
                return Err(Refusal::NotOwned {
                    path: host.clone(),
                    owner,
                    uid: self.identity.uid(),
                }
                .into());
            }
        }
        Ok(())
    }

    fn check_mount_point(&self, inner: &str) -> Result<(), SandboxError> {
        let place = self.root.join(inner.trim_start_matches('/'));
        if fs::symlink_metadata(&place).is_ok_and(|about| about.is_dir()) {
            return Ok(());
        }
        Err(Refusal::MountPointMissing {
            root: self.root.clone(),
            inner: inner.to_owned(),
        }
        .into())
    }
}

fn feed(mut input: impl Read, mut stdin: ChildStdin) {
    let mut piece = vec![0_u8; PIECE_BYTES];
    loop {
        match input.read(&mut piece) {
            Ok(0) => return,
            Ok(count) if stdin.write_all(&piece[..count]).is_ok() => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            _ => return,
        }
    }
}

fn exit_of(seen: &Seen, status: &str, stderr: &[u8]) -> Result<Exit, SandboxError> {
    if let Some(kind) = seen.breach {
        return Ok(Exit::LimitExceeded(kind));
    }
    if let Some(code) = reported_exit_code(status) {
        return Ok(match code - 128 {
            SIGXFSZ => Exit::LimitExceeded(LimitKind::File),
            number @ 1..=64 => Exit::Signal(number),
            _ => Exit::Code(code),
        });
    }
    if let Some(number) = seen.status.signal() {
        return Ok(Exit::Signal(number));
    }
    let said = String::from_utf8_lossy(stderr)
        .trim()
        .chars()
        .take(400)
        .collect();
    Err(SandboxError::NotStarted { said })
}
