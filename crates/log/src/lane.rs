//! One witness as the log knows it: what it cosigned last, how it answers, how often it may be
//! asked. A witness has one request at a time, so none overtakes another.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tlog::{Checkpoint, Policy, PolicyName, SignatureLine, verify_cosignature};
use tokio::sync::Mutex;

use crate::config::WitnessUrl;
use crate::limits::BACKOFF;
use crate::meters::WitnessMeters;
use crate::pace::Allowance;

/// What a request to a witness needs to know of it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) url: String,
    /// Size it cosigned last, as far as is known; it corrects us (409).
    pub(crate) size: u64,
    /// Whether it ever said what it cosigned last.
    pub(crate) heard: Arc<AtomicBool>,
    /// Held while it is asked that, so that it is asked once at a time.
    pub(crate) recalling: Arc<Mutex<()>>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) asked: Asked,
    /// The round whose request is under way.
    pub(crate) busy_since: Option<u64>,
    /// The `witness` lines of the policy that its cosignatures verified under.
    names: BTreeSet<PolicyName>,
    allowance: Option<Allowance>,
    /// Requests that failed, in a row.
    failures: u32,
    rests_until: Duration,
    /// How long its last good answer took.
    round_trip: Option<Duration>,
    pub(crate) meters: WitnessMeters,
}

/// How a request ended.
pub(crate) struct Ended {
    /// How long it took.
    pub(crate) took: Duration,
    /// Requests it needed.
    pub(crate) requests: u32,
    /// What it cosigned last, if that was learned.
    pub(crate) size: Option<u64>,
    pub(crate) is_good: bool,
}

impl Lane {
    /// A witness that is first offered growth from `size`. `heard`: whether it said at the start
    /// what it cosigned last.
    pub(crate) fn new(witness: &WitnessUrl, size: u64, heard: bool, meters: WitnessMeters) -> Self {
        Self {
            asked: Asked {
                url: witness.url.clone(),
                size,
                heard: Arc::new(AtomicBool::new(heard)),
                recalling: Arc::default(),
            },
            busy_since: None,
            names: BTreeSet::new(),
            allowance: witness.requests_per_minute.map(Allowance::new),
            failures: 0,
            rests_until: Duration::ZERO,
            round_trip: None,
            meters,
        }
    }

    /// When it should be asked next.
    pub(crate) fn ready_at(&self) -> Duration {
        let allowed = self
            .allowance
            .as_ref()
            .map_or(Duration::ZERO, Allowance::ready_at);
        allowed.max(self.rests_until)
    }

    /// Whether it may be asked at `now` if there is no other way.
    pub(crate) fn is_within_quota(&self, now: Duration) -> bool {
        self.allowance
            .as_ref()
            .is_none_or(|quota| quota.has_one(now))
    }

    /// Whether it is known to answer, and for whom it counts then.
    pub(crate) fn reliable_names(&self) -> Option<&BTreeSet<PolicyName>> {
        (self.failures == 0 && !self.names.is_empty()).then_some(&self.names)
    }

    /// How long it is worth waiting for once there is a quorum without it.
    pub(crate) fn patience(&self, grace: Duration) -> Duration {
        match (self.failures, self.round_trip) {
            (0, Some(usual)) if usual * 2 <= grace => usual * 2,
            (0, None) => grace,
            _ => Duration::ZERO,
        }
    }

    /// Notes that the request of round `round` is under way.
    pub(crate) fn begin(&mut self, round: u64, now: Duration) {
        self.busy_since = Some(round);
        if let Some(quota) = &mut self.allowance {
            quota.take(now);
        }
    }

    /// Notes how it ended; returns the round it was for.
    pub(crate) fn end(&mut self, ended: &Ended, now: Duration) -> Option<u64> {
        if let Some(quota) = &mut self.allowance {
            (1..ended.requests).for_each(|_| quota.take(now));
        }
        self.asked.size = ended.size.unwrap_or(self.asked.size);
        if ended.is_good {
            self.failures = 0;
            self.rests_until = Duration::ZERO;
            self.round_trip = Some(ended.took);
        } else {
            let pause = BACKOFF.0 * (1 << self.failures.min(16));
            self.failures = self.failures.saturating_add(1);
            self.rests_until = now + pause.min(BACKOFF.1);
        }
        self.meters.note(ended, self.failures, self.asked.size);
        self.busy_since.take()
    }

    /// Keeps the lines of an answer that verify under a key of the policy. Others would spoil the
    /// whole note for everybody who knows their key, or mean nothing.
    pub(crate) fn take_valid(
        &mut self,
        answer: &[SignatureLine],
        checkpoint: &Checkpoint,
        policy: &Policy,
        lines: &mut [Option<SignatureLine>],
    ) {
        for (witness, place) in policy.witnesses().iter().zip(lines) {
            let by_it = answer.iter().find(|line| line.is_by(witness.vkey()));
            let Some(line) = by_it else { continue };
            match verify_cosignature(checkpoint, line, witness.vkey()) {
                Ok(_) => {
                    *place = Some(line.clone());
                    self.names.insert(witness.name().clone());
                }
                Err(error) => {
                    let name = witness.name();
                    tracing::error!(%name, %error, "a witness sent a false cosignature");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_millis(200);

    fn lane(requests_per_minute: Option<u32>) -> Lane {
        let witness = WitnessUrl {
            url: "http://w.example".to_owned(),
            requests_per_minute,
        };
        Lane::new(&witness, 7, true, WitnessMeters::default())
    }

    fn ended(took_ms: u64, is_good: bool) -> Ended {
        Ended {
            took: Duration::from_millis(took_ms),
            requests: 1,
            size: is_good.then_some(9),
            is_good,
        }
    }

    #[test]
    fn a_quick_witness_is_waited_for_and_a_failing_one_is_not() {
        let mut lane = lane(None);
        assert_eq!(lane.patience(GRACE), GRACE, "nothing is known of it");
        lane.begin(1, Duration::ZERO);
        assert_eq!(lane.end(&ended(10, true), Duration::ZERO), Some(1));
        assert_eq!(lane.patience(GRACE), Duration::from_millis(20));
        assert_eq!(lane.asked.size, 9);
        lane.begin(2, Duration::ZERO);
        lane.end(&ended(101, true), Duration::ZERO);
        assert_eq!(lane.patience(GRACE), Duration::ZERO, "slow by nature");
        lane.begin(2, Duration::ZERO);
        lane.end(&ended(5_000, false), Duration::from_secs(5));
        assert_eq!(lane.patience(GRACE), Duration::ZERO);
        assert_eq!(lane.asked.size, 9, "nothing was learned");
    }

    #[test]
    fn a_failing_witness_is_asked_ever_more_rarely_until_it_answers() {
        let mut lane = lane(None);
        let now = Duration::from_secs(100);
        let mut rests = Vec::new();
        for _ in 0..8 {
            lane.end(&ended(1, false), now);
            rests.push((lane.ready_at() - now).as_millis());
        }
        assert_eq!(rests, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        lane.end(&ended(1, true), now);
        assert_eq!(lane.ready_at(), Duration::ZERO);
    }

    #[test]
    fn each_request_counts_against_the_quota() {
        let mut lane = lane(Some(12));
        let now = Duration::from_secs(100);
        lane.begin(1, now);
        assert!(lane.is_within_quota(now));
        let corrected = Ended {
            requests: 2,
            ..ended(1, true)
        };
        lane.end(&corrected, now);
        assert!(!lane.is_within_quota(now));
        assert_eq!(lane.ready_at(), now + Duration::from_secs(5));
    }
}
