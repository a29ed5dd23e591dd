//! Runs the program once and keeps what it said.

use std::{path::Path, process::Command};

use serde_json::Value;

pub(crate) const LIMPID: &str = env!("CARGO_BIN_EXE_limpid");

/// What one run came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn limpid(arguments: &[&str]) -> Ran {
    run(Command::new(LIMPID)
        .args(arguments)
        .env("COLUMNS", "80")
        .stdin(std::process::Stdio::null()))
}

pub(crate) fn run(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran {
        status: output.status.code().unwrap(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

impl Ran {
    /// The status, and nothing but one JSON value on standard output.
    #[track_caller]
    pub(crate) fn json(&self, status: i32) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.stderr, "", "{self:?}");
        assert_eq!(self.stdout.matches('\n').count(), 1, "{self:?}");
        // `from_str` refuses anything behind the first value.
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// The status, nothing on standard output, and every one of these parts on standard error.
    #[track_caller]
    pub(crate) fn refused(&self, status: i32, parts: &[&str]) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        for part in parts {
            assert!(self.stderr.contains(part), "{part:?} is not in {self:?}");
        }
    }
}
