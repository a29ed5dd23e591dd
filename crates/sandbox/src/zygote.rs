//! The program inside a nursery: it forks one child for each order, and no child is used again.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;

use fork::{Fork, fork};
use rustix::process::{Pid, WaitOptions, WaitStatus, waitpid};
use zeroize::{Zeroize as _, Zeroizing};

use crate::SandboxError;
use crate::confine::refuse_threads;
use crate::narrow::{Narrow, leave_files};
use crate::orders::{BY_CODE, BY_SIGNAL, ORDER_BYTES_MAX, READY, receive, send};

/// Takes orders from standard input, which is the socket of a [`crate::Nursery`], until it closes. For each one, `work`
/// runs in a child of its own and its result is the child's exit code. What the caller loaded before is there in each
/// child as it was then.
///
/// A child has its order, its input and its output, and nothing else: standard streams lead nowhere, no file can be
/// opened, and a system call beyond those of computing kills it.
///
/// # Errors
/// Threads run already, so that a fork would copy half a program; the kernel refuses to narrow; the socket is none.
pub fn attend(work: impl Fn(&[u8], File, File) -> u8) -> Result<(), SandboxError> {
    refuse_threads()?;
    let null = "/dev/null";
    let null = File::options()
        .read(true)
        .write(true)
        .open(null)
        .map_err(SandboxError::io("open", null))?;
    let narrow = Narrow::new()?;
    leave_files()?;
    let socket = io::stdin();
    let broken = || SandboxError::io("talk over", "the nursery's socket");
    send(&socket, READY, &[]).map_err(broken())?;
    let mut order = Zeroizing::new(vec![0_u8; ORDER_BYTES_MAX]);
    loop {
        let (bytes, fds) = receive(&socket, &mut order).map_err(broken())?;
        if bytes == 0 {
            return Ok(());
        }
        let Ok([input, output]) = <[_; 2]>::try_from(fds) else {
            let what = io::Error::from(io::ErrorKind::InvalidData);
            return Err(broken()(what));
        };
        match fork().map_err(SandboxError::io("fork", "a child"))? {
            Fork::Child => {
                let (input, output) = (File::from(input), File::from(output));
                let code = match alone(&null, &narrow) {
                    Ok(()) => work(&order[..bytes], input, output),
                    Err(_) => u8::MAX,
                };
                std::process::exit(i32::from(code));
            }
            Fork::Parent(child) => {
                // The child has its own. Held here, the output would never end.
                drop((input, output));
                order[..bytes].zeroize();
                let status = ended(child).map_err(SandboxError::io("wait for", "a child"))?;
                send(&socket, &status, &[]).map_err(broken())?;
            }
        }
    }
}

/// Takes from a child what is not for it: the socket with the orders of others, and the kernel.
fn alone(null: &File, narrow: &Narrow) -> Result<(), SandboxError> {
    let leads_nowhere = SandboxError::io("replace", "the standard streams");
    rustix::stdio::dup2_stdin(null.as_fd())
        .and_then(|()| rustix::stdio::dup2_stdout(null))
        .and_then(|()| rustix::stdio::dup2_stderr(null))
        .map_err(|error| leads_nowhere(error.into()))?;
    narrow.enter()
}

/// Waits for a child's end, and says it as [`crate::orders`] has it.
fn ended(child: i32) -> io::Result<[u8; 2]> {
    let status: WaitStatus = loop {
        match waitpid(Pid::from_raw(child), WaitOptions::empty()) {
            Ok(Some((_, status))) => break status,
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    };
    let number = |number: i32| u8::try_from(number).unwrap_or(u8::MAX);
    Ok(match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => [BY_CODE, number(code)],
        (None, signal) => [BY_SIGNAL, number(signal.unwrap_or_default())],
    })
}
