//! Why an audit cannot be made. What is wrong with the logs is a finding, never one of these.

use std::path::PathBuf;

use tlog::Origin;

/// The input or this machine is not as needed, so nothing can be judged.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// A directory of a log or repository cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file of the audit itself cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Something that is served is larger than anything of its kind may be.
    #[error("{what} has more than the {bytes_max} bytes that it may have")]
    TooLarge {
        /// Path or address.
        what: String,
        /// The limit.
        bytes_max: usize,
    },
    /// An address did not answer.
    #[error("{url} cannot be had")]
    Http {
        /// The address.
        url: String,
        /// Why.
        #[source]
        source: serve::ClientError,
    },
    /// The HTTP client cannot be set up.
    #[error("the HTTP client cannot be set up")]
    Client(#[source] serve::ClientError),
    /// What was given after `--log` is neither a directory nor an address nor the name of a log.
    #[error(
        "`{given}` is no log; give ORIGIN=PLACE, or a directory or an http address that serves a checkpoint"
    )]
    Log {
        /// What was given.
        given: String,
    },
    /// One log was given twice.
    #[error("log {origin} was given twice; give each log one place")]
    LogTwice {
        /// Its origin.
        origin: Origin,
    },
    /// No log was given.
    #[error("no log was given; give at least one with --log ORIGIN=PLACE")]
    NoLog,
    /// The place has no checkpoint: no log is there, or it has published nothing.
    #[error("{place} shows no checkpoint; is it a log, and has it published anything?")]
    NoCheckpoint {
        /// Where was looked.
        place: String,
    },
    /// A checkpoint that was given to compare with is no checkpoint.
    #[error("{what} is no checkpoint")]
    Checkpoint {
        /// Where it came from.
        what: String,
        /// Why.
        #[source]
        source: tlog::ParseError,
    },
    /// The cursor file is not one that an audit wrote under this anchor.
    #[error("{} is no cursor of an audit under this anchor ({why}); remove it only if you accept to forget what was seen", path.display())]
    Cursor {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A part of this program ended early.
    #[error("{part} ended without a result; this is a defect of the program, please report it")]
    Ended {
        /// Which part.
        part: &'static str,
    },
}
