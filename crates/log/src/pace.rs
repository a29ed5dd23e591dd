//! When the next checkpoint is made: a pure function of the time, of what waits, and of how the
//! last round went.
//!
//! A *round* makes one tree durable, signs it, has it cosigned and publishes it. An entry that
//! meets an idle log starts a round at once. While a round runs, others gather, so rounds grow with
//! the time that witnesses take; under load witnesses and disk get a rest between two rounds, and
//! the rounds are as rare as the quotas of the witnesses ask for ([`Allowance`]).
//!
//! Times are durations since a moment that the caller fixes; nothing here reads a clock.

use std::time::Duration;

use crate::limits::LOADED_ENTRIES;

/// What an operator fixes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tempo {
    /// Least time between the beginnings of two rounds.
    pub(crate) batch: Duration,
    /// Time after which an idle log has its checkpoint cosigned again.
    pub(crate) refresh: Duration,
    /// First and longest pause after a round without a quorum.
    pub(crate) backoff: (Duration, Duration),
}

/// A round that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Round {
    /// When it began.
    pub(crate) began: Duration,
    /// When it ended.
    pub(crate) ended: Duration,
    /// Entries that it was to publish.
    pub(crate) entries: u64,
    /// Rounds without a quorum in a row, this one included; 0 if it published.
    pub(crate) failures: u32,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Begin a round.
    Now,
    /// Ask again at this time, whatever arrives until then.
    At(Duration),
    /// Ask again at this time, or when an entry arrives.
    Idle(Duration),
}

/// What is to be done at `now` with `pending` entries sequenced and not published, after `last`,
/// when the witnesses' quotas leave room for a quorum at `allowed`.
pub(crate) fn plan(
    now: Duration,
    pending: u64,
    last: Option<Round>,
    allowed: Duration,
    tempo: &Tempo,
) -> Next {
    // What a restart found is cosigned again at once: its cosignatures may be old.
    let Some(last) = last else {
        return Next::Now;
    };
    if last.failures > 0 {
        let doublings = (last.failures - 1).min(16);
        let pause = (tempo.backoff.0 * (1 << doublings)).min(tempo.backoff.1);
        return begin_at(now, last.ended + pause, Next::At);
    }
    if pending == 0 {
        let due = (last.ended + tempo.refresh).max(allowed);
        return begin_at(now, due, Next::Idle);
    }
    let due = (last.began + interval(&last, tempo)).max(allowed);
    begin_at(now, due, Next::At)
}

/// Least time between the beginning of `last` and the next one: under load a fifth of it is rest.
pub(crate) fn interval(last: &Round, tempo: &Tempo) -> Duration {
    let took = last.ended.saturating_sub(last.began);
    match last.entries >= LOADED_ENTRIES {
        true => tempo.batch.max(took + took / 4),
        false => tempo.batch,
    }
}

fn begin_at(now: Duration, due: Duration, wait: fn(Duration) -> Next) -> Next {
    match due <= now {
        true => Next::Now,
        false => wait(due),
    }
}

/// How often one witness may be asked. Requests are spread before the allowance is used up: the
/// less of it is left, the longer the wait for the next one.
#[derive(Debug, Clone)]
pub(crate) struct Allowance {
    /// Time in which one request is earned.
    earns_one_in: Duration,
    /// Time in which the whole allowance is earned.
    earns_all_in: Duration,
    /// When all of it would be there again.
    full_at: Duration,
    /// When the next request is due.
    ready_at: Duration,
}

impl Allowance {
    /// At most `per_minute` requests in the long run, a sixth of that (at least two) at once.
    pub(crate) fn new(per_minute: u32) -> Self {
        let per_minute = per_minute.max(1);
        let earns_one_in = Duration::from_secs(60) / per_minute;
        Self {
            earns_one_in,
            earns_all_in: earns_one_in * (per_minute / 6).max(2),
            full_at: Duration::ZERO,
            ready_at: Duration::ZERO,
        }
    }

    /// When the next request should be made at the earliest.
    pub(crate) fn ready_at(&self) -> Duration {
        self.ready_at
    }

    /// Whether a request at `now` is within the quota, due or not.
    pub(crate) fn has_one(&self, now: Duration) -> bool {
        now.max(self.full_at) + self.earns_one_in <= now + self.earns_all_in
    }

    /// Notes a request at `now`. One that had to be (a correction of the one before) may take what
    /// is not earned yet; later ones wait for it.
    pub(crate) fn take(&mut self, now: Duration) {
        self.full_at = now.max(self.full_at) + self.earns_one_in;
        let (used, all) = (self.full_at - now, self.earns_all_in);
        // Rounded up, so that what is due is also within the quota.
        let wait = (self.earns_one_in.as_nanos() * used.as_nanos()).div_ceil(all.as_nanos());
        self.ready_at = now + Duration::from_nanos(u64::try_from(wait).unwrap_or(u64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEMPO: Tempo = Tempo {
        batch: Duration::from_millis(20),
        refresh: Duration::from_secs(60),
        backoff: (Duration::from_millis(100), Duration::from_secs(5)),
    };
    const NONE: Duration = Duration::ZERO;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn round(began: u64, ended: u64, entries: u64) -> Option<Round> {
        Some(Round {
            began: ms(began),
            ended: ms(ended),
            entries,
            failures: 0,
        })
    }

    #[test]
    fn a_log_that_starts_has_its_checkpoint_cosigned_at_once() {
        assert_eq!(plan(NONE, 0, None, NONE, &TEMPO), Next::Now);
        assert_eq!(plan(NONE, 9, None, ms(50), &TEMPO), Next::Now);
    }

    #[test]
    fn an_entry_that_meets_an_idle_log_does_not_wait() {
        let last = round(1_000, 1_015, 500);
        assert_eq!(plan(ms(1_100), 1, last, NONE, &TEMPO), Next::Now);
        let idle = plan(ms(1_100), 0, last, NONE, &TEMPO);
        assert_eq!(idle, Next::Idle(ms(61_015)));
    }

    #[test]
    fn an_idle_log_is_refreshed_and_no_earlier() {
        let last = round(1_000, 1_015, 1);
        assert_eq!(plan(ms(61_015), 0, last, NONE, &TEMPO), Next::Now);
        let early = plan(ms(61_014), 0, last, NONE, &TEMPO);
        assert_eq!(early, Next::Idle(ms(61_015)));
    }

    #[test]
    fn two_rounds_do_not_begin_within_the_least_time_between_them() {
        let last = round(1_000, 1_005, 1);
        let next = plan(ms(1_005), 3, last, NONE, &TEMPO);
        assert_eq!(next, Next::At(ms(1_020)));
        assert_eq!(plan(ms(1_020), 3, last, NONE, &TEMPO), Next::Now);
    }

    #[test]
    fn under_load_the_interval_grows_with_the_time_that_witnesses_take() {
        for took in [40, 160, 2_000] {
            let last = round(1_000, 1_000 + took, LOADED_ENTRIES);
            let next = plan(ms(1_000 + took), 5_000, last, NONE, &TEMPO);
            assert_eq!(next, Next::At(ms(1_000 + took + took / 4)));
            let light = round(1_000, 1_000 + took, LOADED_ENTRIES - 1);
            let next = plan(ms(1_000 + took), 5_000, light, NONE, &TEMPO);
            assert_eq!(next, Next::Now);
        }
    }

    #[test]
    fn quotas_hold_up_growth_and_refresh_but_not_the_first_round() {
        let last = round(1_000, 1_005, 1);
        let next = plan(ms(2_000), 1, last, ms(2_500), &TEMPO);
        assert_eq!(next, Next::At(ms(2_500)));
        let next = plan(ms(2_000), 0, last, ms(90_000), &TEMPO);
        assert_eq!(next, Next::Idle(ms(90_000)));
    }

    #[test]
    fn rounds_without_a_quorum_are_tried_again_ever_more_slowly() {
        let after = |failures| {
            let last = round(1_000, 1_010, 4).map(|round| Round { failures, ..round });
            plan(ms(1_010), 4, last, NONE, &TEMPO)
        };
        assert_eq!(after(1), Next::At(ms(1_110)));
        assert_eq!(after(2), Next::At(ms(1_210)));
        assert_eq!(after(6), Next::At(ms(4_210)));
        assert_eq!(after(7), Next::At(ms(6_010)));
        assert_eq!(after(u32::MAX), Next::At(ms(6_010)));
    }

    #[test]
    fn a_fresh_allowance_lets_single_requests_through_at_once() {
        let mut quota = Allowance::new(60);
        assert_eq!(quota.ready_at(), NONE);
        quota.take(ms(5_000));
        // One of ten is used: a tenth of a second, not a whole one.
        assert_eq!(quota.ready_at(), ms(5_100));
        quota.take(ms(60_000));
        assert_eq!(quota.ready_at(), ms(60_100), "it was full again");
    }

    #[test]
    fn an_allowance_that_is_used_up_has_nothing_until_it_earned_one() {
        let mut quota = Allowance::new(12);
        for _ in 0..2 {
            assert!(quota.has_one(NONE));
            quota.take(NONE);
        }
        assert!(!quota.has_one(ms(4_999)));
        assert!(quota.has_one(ms(5_000)));
    }

    proptest! {
        #[test]
        fn who_asks_when_it_is_due_never_exceeds_the_quota(
            per_minute in 1u32..6_000,
            pauses in proptest::collection::vec(0u64..200, 1..400),
        ) {
            let mut quota = Allowance::new(per_minute);
            let (mut now, mut asked) = (NONE, 0u32);
            for pause in pauses {
                now = quota.ready_at().max(now) + ms(pause);
                prop_assert!(quota.has_one(now));
                quota.take(now);
                asked += 1;
                let earned = now.as_secs_f64() * f64::from(per_minute) / 60.0;
                let burst = f64::from((per_minute / 6).max(2));
                prop_assert!(f64::from(asked) <= earned + burst + 1e-6);
            }
        }

        #[test]
        fn a_plan_never_waits_for_the_past(
            now in 0u64..100_000, pending in 0u64..1_000, began in 0u64..100_000,
            took in 0u64..10_000, entries in 0u64..1_000, failures in 0u32..40, allowed in 0u64..200_000,
        ) {
            let last = round(began, began + took, entries).map(|r| Round { failures, ..r });
            match plan(ms(now), pending, last, ms(allowed), &TEMPO) {
                Next::Now => {}
                Next::At(at) | Next::Idle(at) => prop_assert!(at > ms(now)),
            }
        }
    }
}
