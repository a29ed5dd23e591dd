//! When the next checkpoint is made: a pure function of the time, of what waits, and of how the
//! rounds before it go.
//!
//! A *round* makes one tree durable, signs it, has it cosigned and publishes it. An entry that
//! meets an idle log starts a round at once. Rounds overlap: while witnesses look at one, the next is
//! made, so that an entry waits for one round trip and not for two. They are spread over the
//! round trip, as rare as the log's own disk needs under load, and as the quotas of the witnesses ask
//! for ([`Allowance`]). Without a quorum nothing overlaps, and what is tried again is tried ever more
//! slowly.
//!
//! Times are durations since a moment that the caller fixes; nothing here reads a clock.

use std::time::Duration;

use crate::limits::{LOADED_ENTRIES, REQUESTS_UNDER_WAY_MAX};

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

/// A round that began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Beat {
    /// When it began.
    pub(crate) began: Duration,
    /// Entries that no round before it had.
    pub(crate) entries: u64,
}

/// Whether a quorum of witnesses can take a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// From this time on.
    From(Duration),
    /// Once one of them answered.
    AfterAnswer,
}

/// How things stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Entries that are sequenced, and under no checkpoint that is published or under way.
    pub(crate) waiting: u64,
    /// The round that began last, if one did since the start.
    pub(crate) last: Option<Beat>,
    /// What a round takes of the log's own disk and processor, as measured last.
    pub(crate) work: Duration,
    /// Since when no round is under way; `None` while one is.
    pub(crate) idle_since: Option<Duration>,
    /// Rounds without a quorum, in a row.
    pub(crate) failures: u32,
    /// What the witnesses have room for.
    pub(crate) room: Room,
    /// How long the quickest quorum of them takes.
    pub(crate) round_trip: Duration,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Begin a round.
    Now,
    /// Ask again at this time, whatever arrives until then.
    At(Duration),
    /// Ask again at this time if there is one, or when an entry arrives.
    Idle(Option<Duration>),
    /// Ask again when a round is further than now.
    AfterRound,
}

/// What is to be done at `now`.
pub(crate) fn plan(now: Duration, standing: &Standing, tempo: &Tempo) -> Next {
    // What a restart found is cosigned again at once: its cosignatures may be old.
    let Some(last) = standing.last else {
        return Next::Now;
    };
    if standing.failures > 0 {
        let Some(since) = standing.idle_since else {
            return Next::AfterRound;
        };
        let doublings = (standing.failures - 1).min(16);
        let pause = (tempo.backoff.0 * (1 << doublings)).min(tempo.backoff.1);
        return begin_at(now, since + pause, Next::At);
    }
    let due = match (standing.waiting, standing.idle_since) {
        (0, None) => return Next::Idle(None),
        (0, Some(since)) => since + tempo.refresh,
        _ => last.began + interval(standing, &last, tempo),
    };
    let wait = match standing.waiting {
        0 => |at| Next::Idle(Some(at)),
        _ => Next::At,
    };
    match standing.room {
        Room::From(allowed) => begin_at(now, due.max(allowed), wait),
        Room::AfterAnswer if due > now => wait(due),
        Room::AfterAnswer => Next::AfterRound,
    }
}

/// Least time between the beginning of `last` and the next one. Under load a fifth of it is rest for
/// the disk; requests that overlap are spread over the time that an answer takes.
fn interval(standing: &Standing, last: &Beat, tempo: &Tempo) -> Duration {
    let rest = match last.entries >= LOADED_ENTRIES {
        true => standing.work + standing.work / 4,
        false => Duration::ZERO,
    };
    let spread = match standing.idle_since {
        None => standing.round_trip / REQUESTS_UNDER_WAY_MAX as u32,
        Some(_) => Duration::ZERO,
    };
    tempo.batch.max(rest).max(spread)
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

    /// An idle log since 1,015 ms, after a round that began at 1,000 ms.
    const IDLE: Standing = Standing {
        waiting: 0,
        last: Some(Beat {
            began: Duration::from_millis(1_000),
            entries: 1,
        }),
        work: Duration::from_millis(5),
        idle_since: Some(Duration::from_millis(1_015)),
        failures: 0,
        room: Room::From(NONE),
        round_trip: Duration::from_millis(10),
    };
    /// The same while that round is with witnesses that take 160 ms, and entries wait.
    const OVERLAPPING: Standing = Standing {
        waiting: 3,
        idle_since: None,
        round_trip: Duration::from_millis(160),
        ..IDLE
    };

    #[test]
    fn a_log_that_starts_has_its_checkpoint_cosigned_at_once() {
        for (waiting, room) in [(0, Room::From(NONE)), (9, Room::From(ms(50)))] {
            let last = None;
            let standing = Standing {
                waiting,
                room,
                last,
                ..IDLE
            };
            assert_eq!(plan(NONE, &standing, &TEMPO), Next::Now);
        }
    }

    #[test]
    fn an_entry_that_meets_an_idle_log_does_not_wait() {
        let last = Some(Beat {
            began: ms(1_000),
            entries: 500,
        });
        let one = Standing {
            waiting: 1,
            last,
            ..IDLE
        };
        assert_eq!(plan(ms(1_100), &one, &TEMPO), Next::Now);
        let idle = plan(ms(1_100), &IDLE, &TEMPO);
        assert_eq!(idle, Next::Idle(Some(ms(61_015))));
    }

    #[test]
    fn an_idle_log_is_refreshed_and_no_earlier() {
        assert_eq!(plan(ms(61_015), &IDLE, &TEMPO), Next::Now);
        let early = plan(ms(61_014), &IDLE, &TEMPO);
        assert_eq!(early, Next::Idle(Some(ms(61_015))));
    }

    #[test]
    fn nothing_is_refreshed_while_a_round_is_under_way() {
        let standing = Standing {
            waiting: 0,
            ..OVERLAPPING
        };
        assert_eq!(plan(ms(90_000), &standing, &TEMPO), Next::Idle(None));
    }

    #[test]
    fn two_rounds_do_not_begin_within_the_least_time_between_them() {
        let standing = Standing { waiting: 3, ..IDLE };
        assert_eq!(plan(ms(1_016), &standing, &TEMPO), Next::At(ms(1_020)));
        assert_eq!(plan(ms(1_020), &standing, &TEMPO), Next::Now);
    }

    #[test]
    fn a_round_begins_while_another_waits_for_its_answers() {
        assert_eq!(plan(ms(1_016), &OVERLAPPING, &TEMPO), Next::At(ms(1_040)));
        assert_eq!(plan(ms(1_040), &OVERLAPPING, &TEMPO), Next::Now);
    }

    #[test]
    fn witnesses_without_room_are_waited_for() {
        let room = Room::AfterAnswer;
        let full = Standing {
            room,
            ..OVERLAPPING
        };
        assert_eq!(plan(ms(1_030), &full, &TEMPO), Next::At(ms(1_040)));
        assert_eq!(plan(ms(1_200), &full, &TEMPO), Next::AfterRound);
    }

    #[test]
    fn under_load_the_disk_has_a_fifth_of_the_time_to_rest() {
        for work in [40, 160, 2_000] {
            let light = Standing {
                work: ms(work),
                ..OVERLAPPING
            };
            let next = plan(ms(1_001), &light, &TEMPO);
            assert_eq!(next, Next::At(ms(1_040)), "a few entries");
            let last = Some(Beat {
                began: ms(1_000),
                entries: LOADED_ENTRIES,
            });
            let loaded = Standing { last, ..light };
            let next = plan(ms(1_001), &loaded, &TEMPO);
            assert_eq!(next, Next::At(ms(1_000 + work + work / 4)));
        }
    }

    #[test]
    fn quotas_hold_up_growth_and_refresh_but_not_the_first_round() {
        let room = Room::From(ms(2_500));
        let growth = Standing {
            waiting: 1,
            room,
            ..IDLE
        };
        assert_eq!(plan(ms(2_000), &growth, &TEMPO), Next::At(ms(2_500)));
        let room = Room::From(ms(90_000));
        let refresh = Standing { room, ..IDLE };
        let next = plan(ms(2_000), &refresh, &TEMPO);
        assert_eq!(next, Next::Idle(Some(ms(90_000))));
    }

    #[test]
    fn rounds_without_a_quorum_are_tried_again_ever_more_slowly_and_one_at_a_time() {
        let after = |failures| {
            let idle_since = Some(ms(1_010));
            let standing = Standing {
                failures,
                idle_since,
                waiting: 4,
                ..IDLE
            };
            plan(ms(1_010), &standing, &TEMPO)
        };
        assert_eq!(after(1), Next::At(ms(1_110)));
        assert_eq!(after(2), Next::At(ms(1_210)));
        assert_eq!(after(6), Next::At(ms(4_210)));
        assert_eq!(after(7), Next::At(ms(6_010)));
        assert_eq!(after(u32::MAX), Next::At(ms(6_010)));
        let other = Standing {
            failures: 1,
            ..OVERLAPPING
        };
        assert_eq!(plan(ms(9_000), &other, &TEMPO), Next::AfterRound);
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
        fn a_plan_never_waits_for_the_past_and_something_ends_each_wait(
            now in 0u64..100_000, waiting in 0u64..1_000, began in 0u64..100_000,
            work in 0u64..10_000, entries in 0u64..1_000, failures in 0u32..40,
            allowed in proptest::option::of(0u64..200_000),
            idle_since in proptest::option::of(0u64..100_000),
        ) {
            let standing = Standing {
                waiting,
                last: Some(Beat { began: ms(began), entries }),
                work: ms(work),
                idle_since: idle_since.map(ms),
                failures,
                room: allowed.map_or(Room::AfterAnswer, |at| Room::From(ms(at))),
                round_trip: ms(work),
            };
            match plan(ms(now), &standing, &TEMPO) {
                Next::Now => {}
                Next::At(at) | Next::Idle(Some(at)) => prop_assert!(at > ms(now)),
                Next::Idle(None) => prop_assert!(waiting == 0 && idle_since.is_none()),
                Next::AfterRound => prop_assert!(idle_since.is_none() || allowed.is_none()),
            }
        }
    }
}
