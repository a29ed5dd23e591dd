//! How many samples may be begun: a bucket that fills evenly and holds what comes in a minute, and a queue that has an end.

use std::sync::{Mutex, PoisonError};

/// The bucket of a cell.
#[derive(Debug)]
pub(crate) struct Rate {
    per_minute: u64,
    bucket: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    /// Sixtieths of a sample.
    parts: u64,
    filled_at: u64,
}

impl Rate {
    pub(crate) fn new(per_minute: u64) -> Self {
        let parts = per_minute.saturating_mul(60);
        let bucket = Mutex::new(Bucket {
            parts,
            filled_at: 0,
        });
        Self { per_minute, bucket }
    }

    /// Takes a place; `false` when there is none at this second.
    pub(crate) fn take(&self, now: u64) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.saturating_sub(bucket.filled_at);
        let filled = passed.saturating_mul(self.per_minute);
        let full = self.per_minute.saturating_mul(60);
        bucket.parts = bucket.parts.saturating_add(filled).min(full);
        // A clock that was set back fills nothing until it is where it was.
        bucket.filled_at = bucket.filled_at.max(now);
        let left = bucket.parts.checked_sub(60);
        bucket.parts = left.unwrap_or(bucket.parts);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_holds_as_many_as_it_says_and_a_second_its_share() {
        let rate = Rate::new(120);
        assert_eq!((0..200).filter(|_| rate.take(1_000)).count(), 120);
        assert_eq!((0..200).filter(|_| rate.take(1_001)).count(), 2);
        assert!(!rate.take(900), "a clock set back brings nothing");
        assert_eq!((0..200).filter(|_| rate.take(5_000)).count(), 120);
        assert!(!Rate::new(0).take(7));
    }
}
