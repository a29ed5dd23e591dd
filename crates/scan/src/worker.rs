//! The one way into a child process: a sample on one stream, a report on the other.
//!
//! The database is loaded before the first sample is there, so that a process forked after that
//! begins at once. Nothing here opens a file, a socket or another process.

use std::io::{Read, Write};

use crate::database::Database;
use crate::error::ScanError;
use crate::limits::Limits;
use crate::report::Report;
use crate::walk::scan;

/// Reads one sample to its end, scans it, writes the report as one line of JSON.
///
/// One byte more than a sample may have is read, and no further: the report then says `limit.member-bytes`.
///
/// # Errors
/// [`ScanError::Io`] if either stream breaks, [`ScanError::Report`] if the report cannot be printed.
pub fn work(
    sample: impl Read,
    mut report: impl Write,
    database: &Database,
    limits: &Limits,
) -> Result<Report, ScanError> {
    let mut bytes = Vec::new();
    sample
        .take(limits.member_bytes_max.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|source| ScanError::Io {
            what: "read the sample",
            source,
        })?;
    let found = scan(&bytes, database, limits);
    let mut line = serde_json::to_vec(&found).map_err(ScanError::Report)?;
    line.push(b'\n');
    report
        .write_all(&line)
        .and_then(|()| report.flush())
        .map_err(|source| ScanError::Io {
            what: "write the report",
            source,
        })?;
    Ok(found)
}
