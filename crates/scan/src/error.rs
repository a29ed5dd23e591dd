//! What keeps a database from being loaded. A sample is never an error: whatever it holds is a report.

use std::io;

/// Why a scan could not begin, or its report not be handed over.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// A line of a digest list is not as `spec/digest-list.md` says.
    #[error("digest list, line {line}: {what}; write the list again with its tool")]
    Digests {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A line of a scoring table is not as `spec/scoring-table.md` says.
    #[error("scoring table, line {line}: {what}: `{value}`; correct the table")]
    Scoring {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        what: &'static str,
        /// What stands there.
        value: String,
    },
    /// A scoring table lacks a reason that this scanner can name.
    #[error("scoring table: says nothing about `{reason}`; add a line for it")]
    Unscored {
        /// The reason.
        reason: &'static str,
    },
    /// A rule file does not compile.
    #[error("rule file `{name}` does not compile: {message}; correct the rule")]
    Rules {
        /// As the caller named it.
        name: String,
        /// What the compiler says.
        message: String,
    },
    /// A part of the database is larger than any honest one.
    #[error("{what} has {bytes} bytes, at most {bytes_max} are read; split it")]
    TooLarge {
        /// Which part.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The sample could not be read, or the report not written.
    #[error("cannot {what}; see the cause, then give the sample to another worker")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// The report could not be put into JSON.
    #[error("the report cannot be printed; this is a fault of the scanner")]
    Report(#[source] serde_json::Error),
}
