//! What happened in a run, as lines; and their digest, which is the same for the same seed.

use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use tlog::{Hash, sha256};

/// The events of one run.
#[derive(Debug, Default)]
pub(crate) struct Trace(Mutex<Vec<(u64, String)>>);

impl Trace {
    /// Notes what happened at a time, in milliseconds since the start.
    pub(crate) fn note(&self, at: u64, what: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push((at, what));
    }

    /// All lines. Within a millisecond there is no order, so they are sorted there.
    pub(crate) fn text(&self) -> String {
        let mut lines = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        lines.sort();
        lines.iter().fold(String::new(), |mut text, (at, what)| {
            // Writing to a string cannot fail.
            writeln!(text, "{:>6}.{:03} {what}", at / 1000, at % 1000).ok();
            text
        })
    }

    pub(crate) fn digest(&self) -> Hash {
        sha256(self.text().as_bytes())
    }
}
