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

/// Seconds for which a count of what waits is good enough, where counting is dear and others take samples in too.
const COUNT_SECONDS: u64 = 2;

/// How many samples wait, as it was counted a moment ago, and what this process let in since. Others let in what
/// they may beside it, so a queue grows longer than it may by what they take in while a count is good enough.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    counted: Mutex<Option<(u64, u64)>>,
}

impl Backlog {
    /// The last count, if it is good enough; whoever asks may let `coming` more in.
    pub(crate) fn recent(&self, now: u64, coming: u64) -> Option<u64> {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, waiting) = counted.as_mut()?;
        let is_good = (*at..at.saturating_add(COUNT_SECONDS)).contains(&now);
        is_good.then(|| std::mem::replace(waiting, waiting.saturating_add(coming)))
    }

    /// What was just counted.
    pub(crate) fn set(&self, now: u64, waiting: u64) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        *counted = Some((now, waiting));
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

    #[test]
    fn a_count_is_good_for_two_seconds_and_grows_by_what_was_let_in() {
        let backlog = Backlog::default();
        assert_eq!(backlog.recent(10, 1), None);
        backlog.set(10, 5);
        assert_eq!(
            [(10, 1), (11, 0), (11, 1), (11, 1)].map(|(now, coming)| backlog.recent(now, coming)),
            [Some(5), Some(6), Some(6), Some(7)]
        );
        assert_eq!(backlog.recent(12, 0), None);
        assert_eq!(backlog.recent(9, 0), None, "a clock set back");
    }
}
