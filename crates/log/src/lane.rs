//! One witness as the log knows it: what it cosigned last, how it answers, how often it may be
//! asked.
//!
//! ```text
//! old 0    -> 500       under way
//! old 500  -> 620       under way too: built on the answer that is expected
//! ```
//!
//! A witness that answers may be sent a few requests that build on each other before it answered the
//! first: else an entry that just misses a checkpoint waits for two round trips. It judges them in
//! order whatever we do, for each names the size it builds on. One that overtook another is refused
//! (409); then the witness gets one at a time, until it gave some good answers. One that
//! fails or is not known gets one at a time, too.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tlog::{Checkpoint, Policy, PolicyName, SignatureLine, verify_cosignature};
use tokio::sync::Mutex;
use tokio::task::Id;

use crate::config::WitnessUrl;
use crate::limits::{BACKOFF, CALM_ANSWERS_MAX, REQUESTS_UNDER_WAY_MAX};
use crate::make::Offer;
use crate::meters::WitnessMeters;
use crate::pace::Allowance;

/// What a request to a witness needs to know of it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) url: String,
    /// Size it will have cosigned last, as far as is known; it corrects us (409).
    pub(crate) size: u64,
    /// Whether that follows from requests that it did not answer yet.
    pub(crate) is_built_on: bool,
    /// Whether it ever said what it cosigned last.
    pub(crate) heard: Arc<AtomicBool>,
    /// Held while it is asked that, so that it is asked once at a time.
    pub(crate) recalling: Arc<Mutex<()>>,
}

/// A request that is under way.
#[derive(Debug)]
pub(crate) struct Flight {
    /// Its task.
    pub(crate) id: Id,
    /// Its round.
    pub(crate) round: u64,
    pub(crate) offer: Arc<Offer>,
    pub(crate) began: Duration,
    is_built_on: bool,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Lane {
    asked: Asked,
    /// What is under way, oldest first. At most [`REQUESTS_UNDER_WAY_MAX`].
    flights: Vec<Flight>,
    /// The `witness` lines of the policy that its cosignatures verified under.
    names: BTreeSet<PolicyName>,
    allowance: Option<Allowance>,
    /// Requests that failed, in a row.
    failures: u32,
    /// When the last failure was counted: what was under way then fails for the same reason.
    failed_at: Option<Duration>,
    rests_until: Duration,
    /// How long its last good answer took.
    round_trip: Option<Duration>,
    /// Good answers until it is sent several requests again, and how many that will be next time.
    calm: u32,
    calm_next: u32,
    meters: WitnessMeters,
}

/// How a request ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    /// How long it took.
    pub(crate) took: Duration,
    /// Requests it needed.
    pub(crate) requests: u32,
    /// What it cosigned last, if that was learned.
    pub(crate) size: Option<u64>,
    pub(crate) outcome: Outcome,
}

/// What a request brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Signature lines.
    Good,
    /// It came before what it was built on, which may be nobody's fault.
    Overtaken,
    /// Anything else.
    Failed,
}

impl Lane {
    /// A witness that is first offered growth from `size`. `heard`: whether it said at the start
    /// what it cosigned last.
    pub(crate) fn new(witness: &WitnessUrl, size: u64, heard: bool, meters: WitnessMeters) -> Self {
        Self {
            asked: Asked {
                url: witness.url.clone(),
                size,
                is_built_on: false,
                heard: Arc::new(AtomicBool::new(heard)),
                recalling: Arc::default(),
            },
            flights: Vec::new(),
            names: BTreeSet::new(),
            allowance: witness.requests_per_minute.map(Allowance::new),
            failures: 0,
            failed_at: None,
            rests_until: Duration::ZERO,
            round_trip: None,
            calm: 0,
            calm_next: 1,
            meters,
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.asked.url
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

    /// Whether another request may be made, when the rounds from `oldest` on are not over. One that
    /// is behind the others is not pressed: it has one thing at a time to answer.
    pub(crate) fn has_room(&self, oldest: u64) -> bool {
        let is_abreast = self.flights.iter().all(|flight| flight.round >= oldest);
        let may_overlap = self.calm == 0 && self.reliable_names().is_some() && is_abreast;
        match may_overlap {
            true => self.flights.len() < REQUESTS_UNDER_WAY_MAX,
            false => self.flights.is_empty(),
        }
    }

    /// The request of a round that is under way.
    pub(crate) fn flight_of(&self, round: u64) -> Option<&Flight> {
        self.flights.iter().find(|flight| flight.round == round)
    }

    /// Whether it has something to answer and may well do so.
    pub(crate) fn is_at_it(&self) -> bool {
        self.failures == 0 && !self.flights.is_empty()
    }

    /// The request with this task.
    pub(crate) fn holds(&self, id: Id) -> bool {
        self.flights.iter().any(|flight| flight.id == id)
    }

    /// How long its last good answer took.
    pub(crate) const fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// How long it is worth waiting for, from the beginning of its request on, once there is a quorum
    /// without it.
    pub(crate) fn patience(&self, grace: Duration) -> Duration {
        match (self.failures, self.round_trip) {
            (0, Some(usual)) if usual * 2 <= grace => usual * 2,
            (0, None) => grace,
            _ => Duration::ZERO,
        }
    }

    /// What the next request needs to know.
    pub(crate) fn asked(&self) -> Asked {
        let mut asked = self.asked.clone();
        if let Some(last) = self.flights.last() {
            asked.size = last.offer.signed.checkpoint.size();
            asked.is_built_on = true;
        }
        asked
    }

    /// Notes that the request of a round is under way.
    pub(crate) fn begin(&mut self, id: Id, round: u64, offer: Arc<Offer>, now: Duration) {
        self.flights.push(Flight {
            id,
            round,
            offer,
            began: now,
            is_built_on: !self.flights.is_empty(),
        });
        if let Some(quota) = &mut self.allowance {
            quota.take(now);
        }
    }

    /// Notes how it ended; returns what was under way.
    pub(crate) fn end(&mut self, id: Id, ended: &Ended, now: Duration) -> Option<Flight> {
        let at = self.flights.iter().position(|flight| flight.id == id)?;
        let flight = self.flights.remove(at);
        if let Some(quota) = &mut self.allowance {
            (1..ended.requests).for_each(|_| quota.take(now));
        }
        match ended.outcome {
            Outcome::Good => {
                // Answers may come in another order than they were given.
                self.asked.size = ended.size.unwrap_or(0).max(self.asked.size);
                self.failures = 0;
                self.rests_until = Duration::ZERO;
                self.round_trip = Some(ended.took);
                self.relax(flight.is_built_on);
            }
            Outcome::Overtaken => {
                self.asked.size = ended.size.unwrap_or(self.asked.size);
                self.calm = self.calm_next;
                self.calm_next = (self.calm_next * 2).min(CALM_ANSWERS_MAX);
            }
            Outcome::Failed => {
                self.asked.size = ended.size.unwrap_or(self.asked.size);
                if self.failed_at.is_none_or(|at| flight.began >= at) {
                    let pause = BACKOFF.0 * (1 << self.failures.min(16));
                    self.failures = self.failures.saturating_add(1);
                    self.rests_until = now + pause.min(BACKOFF.1);
                    self.failed_at = Some(now);
                }
            }
        }
        self.meters.note(ended, self.failures, self.asked.size);
        Some(flight)
    }

    /// A good answer leads back to several requests at a time.
    fn relax(&mut self, was_built_on: bool) {
        match was_built_on {
            false => self.calm = self.calm.saturating_sub(1),
            // Where requests keep their order nothing is held against it for ever.
            true if self.calm == 0 => self.calm_next = (self.calm_next - 1).max(1),
            true => {}
        }
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
#[allow(clippy::unwrap_used)]
#[path = "lane_tests.rs"]
mod tests;
