//! One sandbox for many orders, each in a child of its own: starting a sandbox takes longer than most orders.
//!
//! The program in the sandbox calls [`crate::attend`]. What an order may take is the caller's to say, each time; the
//! limits of the [`Sandbox`] hold for all of its processes together. When an order passes one, the whole sandbox is
//! killed with everything in it, and the caller starts another.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::orders::{BY_CODE, BY_SIGNAL, ORDER_BYTES_MAX, READY, receive, send};
use crate::watch::Control;
use crate::{Exit, Finished, LimitKind, Ready, Refusal, Sandbox, SandboxError};

/// How long a program may take until it is ready for orders.
const READY_MS: u64 = 60_000;
/// How long a sandbox may take to be gone after its program is.
const GONE: Duration = Duration::from_secs(5);
/// Bytes of an output that are read at once.
const PIECE_BYTES: usize = 64 << 10;

/// What one order may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderLimits {
    /// Wall clock, milliseconds.
    pub wall_ms: u64,
    /// What the child may write.
    pub output_bytes_max: u64,
}

/// A sandbox with a program that waits for orders. Dropped, it is ended, and nothing of it is left.
#[derive(Debug)]
pub struct Nursery {
    socket: OwnedFd,
    control: Arc<Control>,
    /// The kernel ties the sandbox's life to this thread.
    running: Option<JoinHandle<Result<Finished, SandboxError>>>,
}

/// Why there is no more to be had from an order.
enum Broken {
    /// It passed a limit of its own.
    Limit(LimitKind),
    /// The program in the sandbox is gone.
    Gone,
}

impl Nursery {
    /// Starts the sandbox and waits until its program is ready. The wall clock and the output that the sandbox's own
    /// limits name are those of its whole life.
    ///
    /// # Errors
    /// As [`Sandbox::run`]; [`SandboxError::NotReady`] when the program ended or said nothing.
    pub fn start(sandbox: Sandbox, ready: Ready) -> Result<Self, SandboxError> {
        let (ours, theirs) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )
        .map_err(|error| SandboxError::io("make", "a pair of sockets")(error.into()))?;
        let control = Arc::new(Control::default());
        let told = Arc::clone(&control);
        let running = std::thread::Builder::new()
            .name("nursery".to_owned())
            .spawn(move || sandbox.run_on(&ready, theirs, &told))
            .map_err(SandboxError::io("start", "a thread"))?;
        let mut nursery = Self {
            socket: ours,
            control,
            running: Some(running),
        };
        let mut said = [0_u8; READY.len()];
        let deadline = Instant::now() + Duration::from_millis(READY_MS);
        match nursery.hear(&mut said, deadline) {
            Ok(count) if &said[..count] == READY => Ok(nursery),
            _ => match nursery.end(GONE)? {
                Some(Finished { exit, stderr, .. }) => Err(SandboxError::NotReady {
                    exit,
                    said: String::from_utf8_lossy(&stderr).chars().take(400).collect(),
                }),
                None => Err(SandboxError::NotStarted {
                    said: String::new(),
                }),
            },
        }
    }

    /// Has one child do one order, and waits for its end: how it ended, and what it wrote.
    ///
    /// # Errors
    /// The sandbox ended in a way that says nothing about the order.
    pub fn run(
        &mut self,
        order: &[u8],
        input: BorrowedFd<'_>,
        limits: OrderLimits,
    ) -> Result<(Exit, Vec<u8>), SandboxError> {
        if order.is_empty() || order.len() > ORDER_BYTES_MAX {
            return Err(Refusal::BadRequest {
                field: "order",
                value: format!("{} bytes", order.len()),
                want: "1 to 16384 bytes",
            }
            .into());
        }
        let pipe = pipe_with(PipeFlags::CLOEXEC);
        let (output, theirs) =
            pipe.map_err(|error| SandboxError::io("make", "a pipe")(error.into()))?;
        self.control.busy.store(true, Ordering::SeqCst);
        let sent = send(&self.socket, order, &[input, theirs.as_fd()]);
        drop(theirs);
        let deadline = Instant::now() + Duration::from_millis(limits.wall_ms);
        let done = match sent {
            Ok(()) => self.await_child(output, limits.output_bytes_max, deadline),
            Err(_) => Err(Broken::Gone),
        };
        match done {
            Ok(done) => {
                self.control.busy.store(false, Ordering::SeqCst);
                Ok(done)
            }
            Err(Broken::Limit(kind)) => {
                self.end(Duration::ZERO)?;
                Ok((Exit::LimitExceeded(kind), Vec::new()))
            }
            Err(Broken::Gone) => match self.end(GONE)? {
                Some(finished) => Ok((finished.exit, Vec::new())),
                None => Err(SandboxError::NotStarted {
                    said: String::new(),
                }),
            },
        }
    }

    /// Whether another order can be given.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.running
            .as_ref()
            .is_some_and(|running| !running.is_finished())
    }

    fn await_child(
        &self,
        output: OwnedFd,
        bytes_max: u64,
        deadline: Instant,
    ) -> Result<(Exit, Vec<u8>), Broken> {
        let mut written = Vec::new();
        let mut output = std::fs::File::from(output);
        let mut piece = vec![0_u8; PIECE_BYTES];
        loop {
            wait(&output, deadline)?;
            match output.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => written.extend_from_slice(&piece[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Broken::Gone),
            }
            if written.len() as u64 > bytes_max {
                return Err(Broken::Limit(LimitKind::Output));
            }
        }
        let mut end = [0_u8; 2];
        self.hear(&mut end, deadline)?;
        match end {
            [BY_CODE, code] => Ok((Exit::Code(code.into()), written)),
            [BY_SIGNAL, number] => Ok((Exit::Signal(number.into()), written)),
            _ => Err(Broken::Gone),
        }
    }

    /// One packet of the program; 0 when it is gone.
    fn hear(&self, bytes: &mut [u8], deadline: Instant) -> Result<usize, Broken> {
        wait(&self.socket, deadline)?;
        receive(&self.socket, bytes).map_or(Err(Broken::Gone), |(count, _)| Ok(count))
    }

    /// Says how the sandbox ended; nothing if that was said before. What ends by itself is given the time to, so that
    /// its own reason is heard; then it is killed.
    fn end(&mut self, patience: Duration) -> Result<Option<Finished>, SandboxError> {
        let Some(running) = self.running.take() else {
            return Ok(None);
        };
        let deadline = Instant::now() + patience;
        while !running.is_finished() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.control.stop.store(true, Ordering::SeqCst);
        let finished = running.join().expect("the thread does not panic")?;
        Ok(Some(finished))
    }
}

impl Drop for Nursery {
    fn drop(&mut self) {
        // Somebody who still waits for the order's end is told by `run`.
        drop(self.end(Duration::ZERO));
    }
}

/// Waits until there is something to read, or the end of it.
fn wait(fd: impl AsFd, deadline: Instant) -> Result<(), Broken> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Broken::Limit(LimitKind::Wall));
        }
        let left = Timespec::try_from(left).map_err(|_| Broken::Limit(LimitKind::Wall))?;
        let mut polled = [PollFd::new(&fd, PollFlags::IN)];
        match poll(&mut polled, Some(&left)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(_) => return Err(Broken::Gone),
        }
    }
}
