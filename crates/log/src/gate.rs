//! How much may wait at once: a bound on entries and on bytes, and when to come back.
//!
//! A submitter takes its place before it stands in the queue and leaves it when it is answered.
//! `entries <= entries_max` and `bytes <= bytes_max` at every moment. While anybody waits, the gate
//! measures how fast they leave; whoever finds it full is told how long that will take.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serve::Gauge;

use crate::clock::Stopwatch;
use crate::limits::{DRAIN_WINDOW, RETRY_AFTER_SECONDS_MAX};

/// See the module.
#[derive(Debug)]
pub(crate) struct Gate {
    entries_max: usize,
    bytes_max: usize,
    clock: Stopwatch,
    crowd: Mutex<Crowd>,
    shown: Shown,
}

/// Where the gate shows its numbers.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    pub(crate) entries: Gauge,
    pub(crate) bytes: Gauge,
    pub(crate) per_second: Gauge,
}

#[derive(Debug, Default)]
struct Crowd {
    entries: usize,
    bytes: usize,
    drain: Drain,
}

/// Room for one entry, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    gate: Arc<Gate>,
    bytes: usize,
}

/// The gate is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full {
    /// When there will be room, as far as can be told.
    pub(crate) retry_after_seconds: u32,
}

impl Gate {
    pub(crate) fn new(
        entries_max: usize,
        bytes_max: usize,
        clock: Stopwatch,
        shown: Shown,
    ) -> Arc<Self> {
        Arc::new(Self {
            entries_max,
            bytes_max,
            clock,
            crowd: Mutex::default(),
            shown,
        })
    }

    /// The most entries that can ever be in.
    pub(crate) const fn entries_max(&self) -> usize {
        self.entries_max
    }

    /// The most bytes that can ever be in.
    pub(crate) const fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Takes one place for each size in bytes; all of them or none.
    pub(crate) fn enter(
        self: &Arc<Self>,
        sizes: impl ExactSizeIterator<Item = usize> + Clone,
    ) -> Result<Vec<Place>, Full> {
        let now = self.clock.now();
        let mut crowd = self.lock();
        let entries = crowd.entries + sizes.len();
        let bytes = sizes.clone().fold(crowd.bytes, usize::saturating_add);
        if entries > self.entries_max || bytes > self.bytes_max {
            return Err(Full {
                retry_after_seconds: crowd.drain.seconds_for(crowd.entries),
            });
        }
        (crowd.entries, crowd.bytes) = (entries, bytes);
        if entries > 0 {
            crowd.drain.begin(now);
        }
        self.show(&crowd);
        drop(crowd);
        let place = |bytes| Place {
            gate: Arc::clone(self),
            bytes,
        };
        Ok(sizes.map(place).collect())
    }

    fn leave(&self, bytes: usize) {
        let now = self.clock.now();
        let mut crowd = self.lock();
        crowd.entries -= 1;
        crowd.bytes -= bytes;
        let is_empty = crowd.entries == 0;
        crowd.drain.leave(now, is_empty);
        self.show(&crowd);
    }

    fn show(&self, crowd: &Crowd) {
        let shown = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.shown.entries.set(shown(crowd.entries));
        self.shown.bytes.set(shown(crowd.bytes));
        self.shown
            .per_second
            .set(crowd.drain.per_second.round() as i64);
    }

    fn lock(&self) -> MutexGuard<'_, Crowd> {
        // Nothing in between can panic.
        self.crowd.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.gate.leave(self.bytes);
    }
}

/// How fast places are left, counting only the time in which somebody waits.
#[derive(Debug, Default)]
struct Drain {
    /// 0 while it is not known.
    per_second: f64,
    /// Since when somebody waits and nobody was counted.
    busy_since: Option<Duration>,
    busy: Duration,
    left: u32,
}

impl Drain {
    fn begin(&mut self, now: Duration) {
        self.busy_since.get_or_insert(now);
    }

    fn leave(&mut self, now: Duration, is_empty: bool) {
        let since = self.busy_since.unwrap_or(now);
        self.busy += now.saturating_sub(since);
        self.busy_since = (!is_empty).then_some(now);
        self.left += 1;
        if self.busy >= DRAIN_WINDOW {
            let sample = f64::from(self.left) / self.busy.as_secs_f64();
            self.per_second = match self.per_second {
                0.0 => sample,
                before => (before + sample) / 2.0,
            };
            (self.busy, self.left) = (Duration::ZERO, 0);
        }
    }

    /// Whole seconds until so many have left, at least 1.
    fn seconds_for(&self, entries: usize) -> u32 {
        // Until a window is full, what it holds is the best guess.
        let rate = match self.per_second {
            0.0 if self.left > 0 => f64::from(self.left) / self.busy.as_secs_f64().max(0.001),
            known => known,
        };
        match rate {
            0.0 => 1,
            rate => ((entries as f64 / rate).ceil() as u32).clamp(1, RETRY_AFTER_SECONDS_MAX),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn gate(entries_max: usize, bytes_max: usize) -> Arc<Gate> {
        Gate::new(entries_max, bytes_max, Stopwatch::start(), Shown::default())
    }

    #[tokio::test]
    async fn a_full_gate_lets_nobody_in_by_entries_or_by_bytes_until_somebody_leaves() {
        let gate = gate(3, 100);
        let first = gate.enter([10, 20].into_iter()).unwrap();
        assert!(gate.enter([1, 1].into_iter()).is_err(), "four entries");
        assert!(gate.enter([71].into_iter()).is_err(), "101 bytes");
        let second = gate.enter([70].into_iter()).unwrap();
        assert!(gate.enter([0].into_iter()).is_err());
        assert_eq!(gate.shown.entries.get(), 3);
        assert_eq!(gate.shown.bytes.get(), 100);
        drop(first);
        assert_eq!(gate.shown.bytes.get(), 70);
        gate.enter([30, 0].into_iter()).unwrap();
        drop(second);
        assert_eq!(gate.shown.entries.get(), 0);
    }

    #[tokio::test]
    async fn what_is_refused_takes_nothing() {
        let gate = gate(2, 10);
        gate.enter([5, 5, 5].into_iter()).unwrap_err();
        gate.enter([usize::MAX, usize::MAX].into_iter())
            .unwrap_err();
        assert_eq!(gate.enter([5, 5].into_iter()).unwrap().len(), 2);
    }

    #[test]
    fn who_is_refused_is_told_when_those_before_have_left() {
        let mut drain = Drain::default();
        assert_eq!(drain.seconds_for(1_000), 1, "nothing is known");
        drain.begin(Duration::ZERO);
        // One hundred a second.
        for n in 1..=200 {
            drain.leave(Duration::from_millis(n * 10), false);
        }
        assert_eq!(drain.seconds_for(50), 1);
        assert_eq!(drain.seconds_for(401), 5);
        assert_eq!(drain.seconds_for(1_000_000), RETRY_AFTER_SECONDS_MAX);
    }

    #[test]
    fn time_in_which_nobody_waits_is_not_counted() {
        let mut drain = Drain::default();
        for n in 0..100 {
            let came = Duration::from_secs(n * 3600);
            drain.begin(came);
            drain.leave(came + Duration::from_millis(10), true);
        }
        assert!((drain.per_second - 100.0).abs() < 1.0, "{drain:?}");
    }

    proptest! {
        #[test]
        fn the_answer_is_always_a_sensible_wait(
            steps in proptest::collection::vec((0u64..2_000, any::<bool>()), 0..300),
            entries in 0usize..10_000_000,
        ) {
            let (mut drain, mut now) = (Drain::default(), Duration::ZERO);
            for (pause, is_empty) in steps {
                drain.begin(now);
                now += Duration::from_millis(pause);
                drain.leave(now, is_empty);
                let seconds = drain.seconds_for(entries);
                prop_assert!((1..=RETRY_AFTER_SECONDS_MAX).contains(&seconds));
            }
        }
    }
}
