//! `limpid up`, or another verb that goes on, as a process that is stopped at the end, come what may.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
};

use crate::program::LIMPID;

pub(crate) struct Up {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Up {
    pub(crate) fn start(dir: &Path, json: bool) -> Self {
        let dir = dir.to_str().unwrap();
        let up = ["--json", "up", "--dir", dir];
        Self::start_verb(&up[usize::from(!json)..])
    }

    /// With cells and a customer.
    pub(crate) fn start_with_cells(dir: &Path) -> Self {
        Self::start_verb(&["up", "--dir", dir.to_str().unwrap(), "--cells"])
    }

    /// Any verb that goes on until it is stopped.
    pub(crate) fn start_verb(arguments: &[&str]) -> Self {
        let mut child = Command::new(LIMPID)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    /// The next line; panics when there is none, since then the daemons did not start.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        let bytes = self.output.read_line(&mut line).unwrap();
        assert!(bytes > 0, "the program ended: {:?}", self.child.wait());
        line
    }

    /// Waits until everything runs.
    pub(crate) fn wait_until_running(&mut self) {
        while !self.line().starts_with("running;") {}
    }

    /// Sends SIGTERM and waits for the end; also what it still printed.
    pub(crate) fn stop(&mut self) -> (ExitStatus, String) {
        terminate(&self.child);
        let status = self.child.wait().unwrap();
        let mut rest = String::new();
        while self.output.read_line(&mut rest).unwrap() > 0 {}
        (status, rest)
    }
}

fn terminate(child: &Child) {
    let id = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
}

impl Drop for Up {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            // Only SIGTERM lets it stop its daemons.
            terminate(&self.child);
            drop(self.child.wait());
        }
    }
}
