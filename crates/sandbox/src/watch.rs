//! Looks at a running command until it ends or passes a limit, and makes sure that nothing of it is left.

use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::limits::{GONE_MS, POLL_MS, REST_MS, SAMPLE_MS};
use crate::output::Meter;
use crate::{LimitKind, Limits, SandboxError, disk, processes};

/// Which process the watchdog follows: bubblewrap itself, and the file where it tells about the namespace.
pub(crate) struct Watch<'a> {
    pub(crate) child: &'a mut Child,
    pub(crate) status: PathBuf,
    pub(crate) uid: u32,
    pub(crate) limits: &'a Limits,
    pub(crate) writable: &'a [PathBuf],
    pub(crate) meter: Meter,
    /// Of a caller with a clock of its own.
    pub(crate) control: Option<&'a Control>,
}

/// What a caller says to the watchdog of a sandbox that it keeps.
#[derive(Debug, Default)]
pub(crate) struct Control {
    /// The caller's clock is over.
    pub(crate) stop: AtomicBool,
    /// Something is done for the caller. While nothing is, only our own program waits in the sandbox, and nobody measures it.
    pub(crate) busy: AtomicBool,
}

/// What the watchdog saw.
pub(crate) struct Seen {
    pub(crate) status: ExitStatus,
    pub(crate) breach: Option<LimitKind>,
    pub(crate) peak_memory_bytes: u64,
    pub(crate) peak_processes: u64,
    pub(crate) wall_ms: u64,
}

impl Watch<'_> {
    /// Waits for the end, killing on the first breach.
    pub(crate) fn follow(&mut self) -> Result<Seen, SandboxError> {
        let start = Instant::now();
        let (mut peak_memory_bytes, mut peak_processes) = (0, 0);
        let mut sample_due = Instant::now();
        let mut disk_due = Instant::now();
        let (status, breach) = loop {
            if let Some(status) = self
                .child
                .try_wait()
                .map_err(SandboxError::io("wait for", "bwrap"))?
            {
                break (status, self.meter.is_over().then_some(LimitKind::Output));
            }
            let mut breach = self.cheap_breach(start);
            if breach.is_none() && self.rests() {
                std::thread::sleep(Duration::from_millis(REST_MS));
                continue;
            }
            if breach.is_none() && Instant::now() >= sample_due {
                let (memory, count) = self.sample();
                peak_memory_bytes = peak_memory_bytes.max(memory);
                peak_processes = peak_processes.max(count);
                breach = self.sampled_breach(memory, count);
                sample_due = Instant::now() + Duration::from_millis(SAMPLE_MS);
            }
            if breach.is_none() && Instant::now() >= disk_due {
                let before = Instant::now();
                breach = self.disk_breach();
                // A big tree takes long to walk: never spend more than a fifth of the time on it.
                disk_due =
                    Instant::now() + (before.elapsed() * 4).max(Duration::from_millis(SAMPLE_MS));
            }
            if breach.is_some() {
                break (self.kill()?, breach);
            }
            std::thread::sleep(Duration::from_millis(POLL_MS));
        };
        self.wait_until_gone()?;
        let wall_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(Seen {
            status,
            breach,
            peak_memory_bytes,
            peak_processes,
            wall_ms,
        })
    }

    fn rests(&self) -> bool {
        self.control
            .is_some_and(|control| !control.busy.load(Ordering::SeqCst))
    }

    fn cheap_breach(&self, start: Instant) -> Option<LimitKind> {
        let stopped = self
            .control
            .is_some_and(|control| control.stop.load(Ordering::SeqCst));
        if stopped || start.elapsed() >= Duration::from_millis(self.limits.wall_ms) {
            Some(LimitKind::Wall)
        } else {
            self.meter.is_over().then_some(LimitKind::Output)
        }
    }

    /// Resident bytes and tasks of the namespace now, without its first process, which is bubblewrap's.
    fn sample(&self) -> (u64, u64) {
        let Some(first) = self.first_process() else {
            return (0, 0);
        };
        let all = processes::namespace_of(first);
        let theirs = all.iter().filter(|process| process.pid != first);
        theirs.fold((0, 0), |(memory, count), process| {
            (memory + process.resident_bytes, count + process.threads)
        })
    }

    fn sampled_breach(&self, memory: u64, count: u64) -> Option<LimitKind> {
        if memory > self.limits.memory_bytes_max {
            Some(LimitKind::Memory)
        } else {
            (count > self.limits.processes_max).then_some(LimitKind::Processes)
        }
    }

    fn disk_breach(&self) -> Option<LimitKind> {
        let max = self.limits.disk_bytes_max;
        let all = self
            .first_process()
            .map(processes::namespace_of)
            .unwrap_or_default();
        (disk::used(self.writable, &all, max.saturating_add(1)) > max).then_some(LimitKind::Disk)
    }

    /// Kills bubblewrap and, if that is not enough, the first process of the namespace; with either, the kernel
    /// kills the whole namespace (`pid_namespaces(7)`). Waits first until bubblewrap has said which process that
    /// is, because a bubblewrap killed between making it and telling would leave it waiting for ever.
    fn kill(&mut self) -> Result<ExitStatus, SandboxError> {
        let patience = Instant::now() + Duration::from_secs(2);
        while self.first_process().is_none() && Instant::now() < patience {
            if let Some(status) = self
                .child
                .try_wait()
                .map_err(SandboxError::io("wait for", "bwrap"))?
            {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.child
            .kill()
            .map_err(SandboxError::io("kill", "bwrap"))?;
        self.child
            .wait()
            .map_err(SandboxError::io("wait for", "bwrap"))
    }

    /// bubblewrap's end is not yet the end of what it started.
    fn wait_until_gone(&self) -> Result<(), SandboxError> {
        let Some(pid) = self.first_process() else {
            return Ok(());
        };
        let patience = Instant::now() + Duration::from_millis(GONE_MS);
        while processes::is_first_of_namespace(pid, self.uid) && !processes::is_gone(pid) {
            if let Some(pid) = Pid::from_raw(pid) {
                // It may be gone by now, which is what we want.
                let _ = kill_process(pid, Signal::KILL);
            }
            if Instant::now() >= patience {
                return Err(SandboxError::StillAlive {
                    pid,
                    waited_ms: GONE_MS,
                });
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn first_process(&self) -> Option<i32> {
        let pid = number_after(
            &std::fs::read_to_string(&self.status).ok()?,
            "\"child-pid\":",
        )?;
        i32::try_from(pid).ok()
    }
}

/// The exit code bubblewrap reported, or nothing when the command never started.
pub(crate) fn reported_exit_code(status: &str) -> Option<i32> {
    number_after(status, "\"exit-code\":").and_then(|code| i32::try_from(code).ok())
}

/// bubblewrap writes one flat JSON object a line, numbers only; this reads one of them.
fn number_after(status: &str, name: &str) -> Option<i64> {
    let (_, rest) = status.split_once(name)?;
    let digits = rest.trim_start();
    let end = digits.find(|c: char| !c.is_ascii_digit())?;
    digits[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_file_is_read_also_while_half_written() {
        assert_eq!(
            reported_exit_code(
                "{ \"child-pid\": 12, \"net-namespace\": 9 }\n{ \"exit-code\": 3 }\n"
            ),
            Some(3)
        );
        assert_eq!(number_after("{ \"child-pid\": 12", "\"child-pid\":"), None);
        assert_eq!(
            number_after("{ \"child-pid\": 12,", "\"child-pid\":"),
            Some(12)
        );
        assert_eq!(reported_exit_code(""), None);
    }
}
