//! Gathering cosignatures: witnesses are asked at once, the policy says when it is enough.
//!
//! Several rounds may be under way. Each is offered to every witness that has room for it (`lane`),
//! whose quota allows it, and who did not just fail; the rest is left out as long as the others may
//! make a quorum. A round begins only when the same quorum can take it whole: witnesses that each
//! cosign other checkpoints make no quorum under any. What is under way when the quorum is met
//! goes on by itself, so a witness that is slow or dead holds up nobody and is up to date when it
//! is back.
//!
//! ```text
//! round 7    w1 cosigned, w2 under way, w3 silent
//! round 8    w1 under way, w2 under way
//! round 8 has its quorum first: round 7 is answered by it, and forgotten
//! ```
//!
//! A witness is offered nothing before it said what it cosigned last (`memory`): what is signed
//! here might contradict it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serve::ClientConfig;
use tlog::{Checkpoint, Policy, PolicyName, SignatureLine, VerifierKey, Witnessed};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use crate::ask::{Answer, Asker, NoCosignature, explain};
use crate::clock::Stopwatch;
use crate::error::LogError;
use crate::lane::{Ended, Lane, Outcome};
use crate::make::Offer;
use crate::memory::Recall;
use crate::pace::Room;
use crate::round::Round;
use crate::shared::Shared;

/// The witnesses of a log.
pub(crate) struct Witnesses {
    asker: Asker,
    lanes: Vec<Lane>,
    under_way: JoinSet<Told>,
    /// Rounds that are not over, oldest first.
    rounds: VecDeque<Round>,
    /// Of the newest round.
    number: u64,
    /// The policy of the newest round.
    policy: Option<Policy>,
    grace: Duration,
    clock: Stopwatch,
}

/// What one request came to.
struct Told {
    took: Duration,
    answer: Answer,
}

/// A checkpoint that may be published.
pub(crate) struct Cosigned {
    /// Of its round.
    pub(crate) number: u64,
    pub(crate) checkpoint: Witnessed<Checkpoint>,
    /// When its tree was decided.
    pub(crate) began: Duration,
}

/// What happened among the witnesses.
pub(crate) enum News {
    /// There is a quorum under this checkpoint, and under none that is newer.
    Cosigned(Box<Cosigned>),
    /// The newest checkpoint, of so many entries, found none.
    NoQuorum(u64),
    /// Somebody may have room again.
    Answer,
}

impl Witnesses {
    /// The witnesses of the log's configuration, and which of them were `heard` at start. They are
    /// first offered growth from what is published.
    pub(crate) fn new(
        shared: &Arc<Shared>,
        own_keys: Vec<VerifierKey>,
        heard: &[bool],
    ) -> Result<Self, LogError> {
        let config = &shared.config;
        let client = shared.surroundings.client(&ClientConfig {
            connect_timeout_ms: config.witness_timeout_ms,
            total_timeout_ms: config.witness_timeout_ms,
        })?;
        let recall = Recall::new(
            &shared.surroundings,
            &shared.origin,
            own_keys,
            config.witness_timeout_ms,
        )?;
        let published = shared.published.borrow();
        let size = published.as_ref().map_or(0, |published| published.size);
        let lanes = config.witnesses.iter().zip(heard).map(|(witness, heard)| {
            let meters = shared.meters.witness(&witness.url);
            Lane::new(witness, size, *heard, meters)
        });
        Ok(Self {
            lanes: lanes.collect(),
            under_way: JoinSet::new(),
            rounds: VecDeque::new(),
            number: 0,
            policy: None,
            grace: Duration::from_millis(config.grace_ms),
            clock: shared.clock,
            asker: Asker {
                shared: Arc::clone(shared),
                client,
                recall: Arc::new(recall),
                timeout: Duration::from_millis(config.witness_timeout_ms),
            },
        })
    }

    /// Number of the newest round.
    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    /// Number of the oldest round that is not over; of the next one if all are.
    pub(crate) fn oldest(&self) -> u64 {
        let oldest = self.rounds.front();
        oldest.map_or(self.number + 1, |round| round.number)
    }

    /// Size of the newest tree that is with the witnesses.
    pub(crate) fn newest_size(&self) -> Option<u64> {
        let newest = self.rounds.back()?;
        Some(newest.offer.signed.checkpoint.size())
    }

    /// When a quorum of those witnesses that are known to answer can take another checkpoint, by
    /// what is under way and by their quotas. At once if none is known, and nothing is under way.
    pub(crate) fn room(&self) -> Room {
        let Some(policy) = &self.policy else {
            return Room::From(Duration::ZERO);
        };
        let oldest = self.oldest();
        let with_room = self.lanes.iter().filter(|lane| lane.has_room(oldest));
        let ready = with_room.filter_map(|lane| Some((lane.ready_at(), lane.reliable_names()?)));
        if let Some(at) = quickest(ready, policy) {
            return Room::From(at);
        }
        let all = self.lanes.iter();
        let all = all.filter_map(|lane| Some((Duration::ZERO, lane.reliable_names()?)));
        match quickest(all, policy) {
            None if self.rounds.is_empty() => Room::From(Duration::ZERO),
            _ => Room::AfterAnswer,
        }
    }

    /// How long the quickest quorum takes; 0 if that is not known.
    pub(crate) fn round_trip(&self) -> Duration {
        let known = |lane: &Lane| Some((lane.round_trip()?, lane.reliable_names()?.clone()));
        let known: Vec<_> = self.lanes.iter().filter_map(known).collect();
        let known = known.iter().map(|(took, names)| (*took, names));
        let policy = self.policy.as_ref();
        policy
            .and_then(|policy| quickest(known, policy))
            .unwrap_or_default()
    }

    /// Begins a round: asks for cosignatures under a checkpoint that is durable, and is not smaller
    /// than those before it.
    pub(crate) fn offer(&mut self, offer: Offer) {
        self.number += 1;
        let lanes = self.to_ask(&offer.policy);
        self.policy = Some(offer.policy.clone());
        self.rounds.push_back(Round::new(self.number, offer));
        for lane in lanes {
            self.ask_newest(lane);
        }
    }

    /// The next thing that happens; never, while nothing is under way. Dropping the future loses nothing.
    pub(crate) async fn news(&mut self) -> News {
        loop {
            if let Some(news) = self.settle(Instant::now()) {
                return news;
            }
            let deadline = self.rounds.iter().filter_map(|round| round.deadline).min();
            tokio::select! {
                biased;
                Some(told) = self.under_way.join_next_with_id() => {
                    self.note(told);
                    return News::Answer;
                }
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {}
                else => std::future::pending().await,
            }
        }
    }

    /// Ends a round if one is over.
    fn settle(&mut self, now: Instant) -> Option<News> {
        for at in 0..self.rounds.len() {
            let round = &self.rounds[at];
            if round.deadline.is_none() && round.is_enough() {
                self.rounds[at].deadline = Some(now + self.patience(&self.rounds[at]));
            }
        }
        // The newest that has its quorum answers for those before it.
        let is_met = |round: &Round| {
            let deadline = round.deadline;
            deadline.is_some_and(|deadline| deadline <= now || !self.is_asking(round))
        };
        if let Some(at) = self.rounds.iter().rposition(is_met) {
            let met = self.rounds.drain(..=at).next_back()?;
            let (number, began) = (met.number, met.offer.began);
            let size = met.offer.signed.checkpoint.size();
            return Some(match met.witnessed() {
                None => News::NoQuorum(size),
                Some(checkpoint) => News::Cosigned(Box::new(Cosigned {
                    number,
                    checkpoint,
                    began,
                })),
            });
        }
        let is_lost = |round: &Round| round.deadline.is_none() && self.is_lost(round);
        let at = self.rounds.iter().position(is_lost)?;
        let is_newest = at + 1 == self.rounds.len();
        let lost = self.rounds.remove(at)?;
        // What is newer may still succeed; and one that was overtaken is offered anew at once.
        Some(match is_newest && !lost.was_overtaken {
            true => News::NoQuorum(lost.offer.signed.checkpoint.size()),
            false => News::Answer,
        })
    }

    /// Whether no answer can come any more that this round needs.
    fn is_lost(&self, round: &Round) -> bool {
        if self.is_asking(round) {
            return false;
        }
        // The newest is offered to those who are free later, too.
        let may_ask = |(at, lane): (usize, &Lane)| !round.asked.contains(&at) && lane.is_at_it();
        round.number < self.number || !self.lanes.iter().enumerate().any(may_ask)
    }

    /// Whether a request of this round is under way.
    fn is_asking(&self, round: &Round) -> bool {
        let mut asked = round.asked.iter();
        asked.any(|at| self.lanes[*at].flight_of(round.number).is_some())
    }

    /// How long those that are still busy with a round that has its quorum are worth waiting for.
    fn patience(&self, round: &Round) -> Duration {
        let now = self.clock.now();
        let busy = round.asked.iter().filter_map(|at| {
            let lane = &self.lanes[*at];
            let until = lane.flight_of(round.number)?.began + lane.patience(self.grace);
            Some(until.saturating_sub(now))
        });
        busy.max().unwrap_or_default()
    }

    /// The lanes a round begins with: those that are due, or all that may be asked if the due ones
    /// are not known to make a quorum.
    fn to_ask(&self, policy: &Policy) -> Vec<usize> {
        let (now, oldest) = (self.clock.now(), self.oldest());
        let free = || (0..self.lanes.len()).filter(|at| self.lanes[*at].has_room(oldest));
        let due: Vec<usize> = free()
            .filter(|at| self.lanes[*at].ready_at() <= now)
            .collect();
        let names = due.iter().filter_map(|at| self.lanes[*at].reliable_names());
        let names: BTreeSet<_> = names.flatten().cloned().collect();
        match policy.is_satisfied(&names) {
            true => due,
            false => free().collect(),
        }
    }

    /// Asks a witness for its cosignature under the newest checkpoint.
    fn ask_newest(&mut self, at: usize) {
        let now = self.clock.now();
        let lane = &mut self.lanes[at];
        let Some(round) = self.rounds.back_mut().filter(|_| lane.is_within_quota(now)) else {
            return;
        };
        round.asked.insert(at);
        let (asker, asked, offer) = (self.asker.clone(), lane.asked(), Arc::clone(&round.offer));
        let task = self.under_way.spawn(async move {
            let began = Instant::now();
            let answer = asker.ask(&asked, &offer.signed).await;
            Told {
                took: began.elapsed(),
                answer,
            }
        });
        lane.begin(task.id(), round.number, Arc::clone(&round.offer), now);
    }

    /// Notes what a request came to, for the round it was made in.
    fn note(&mut self, told: Result<(Id, Told), JoinError>) {
        let now = self.clock.now();
        let (id, told) = match told {
            Ok((id, told)) => (id, Some(told)),
            Err(error) => {
                tracing::error!(%error, "asking a witness ended by a defect");
                (error.id(), None)
            }
        };
        let Some(at) = self.lanes.iter().position(|lane| lane.holds(id)) else {
            return;
        };
        let lane = &mut self.lanes[at];
        let ended = ended(told.as_ref());
        let Some(flight) = lane.end(id, &ended, now) else {
            return;
        };
        let mut round = self.rounds.iter_mut().find(|r| r.number == flight.round);
        match told.map(|told| told.answer.lines) {
            Some(Ok(lines)) => {
                let mut nobody = vec![None; flight.offer.policy.witnesses().len()];
                let places = round.as_mut().map_or(&mut nobody, |round| &mut round.lines);
                let (checkpoint, policy) = (&flight.offer.signed.checkpoint, &flight.offer.policy);
                lane.take_valid(&lines, checkpoint, policy, places);
            }
            Some(Err(error)) => tell(lane.url(), &error),
            None => {}
        }
        if let Some(round) = round {
            round.was_overtaken |= ended.outcome == Outcome::Overtaken;
        }
        self.ask_again(at);
    }

    /// It was busy with an older tree; the newest one may still need it.
    fn ask_again(&mut self, at: usize) {
        let (now, oldest) = (self.clock.now(), self.oldest());
        let lane = &self.lanes[at];
        let is_free = lane.has_room(oldest) && lane.ready_at() <= now;
        let newest = self.rounds.back().filter(|_| is_free);
        if newest.is_some_and(|round| !round.asked.contains(&at) && !round.is_enough()) {
            self.ask_newest(at);
        }
    }
}

/// By when the earliest of these make a quorum, if they do.
fn quickest<'a>(
    lanes: impl Iterator<Item = (Duration, &'a BTreeSet<PolicyName>)>,
    policy: &Policy,
) -> Option<Duration> {
    let mut lanes: Vec<_> = lanes.collect();
    lanes.sort_by_key(|(at, _)| *at);
    let mut names = BTreeSet::new();
    for (at, these) in lanes {
        names.extend(these.iter().cloned());
        if policy.is_satisfied(&names) {
            return Some(at);
        }
    }
    None
}

/// What a request says about its witness; nothing came of it if it is `None`.
fn ended(told: Option<&Told>) -> Ended {
    let outcome = |lines: &Result<Vec<SignatureLine>, NoCosignature>| match lines {
        Ok(_) => Outcome::Good,
        Err(error) => error.outcome(),
    };
    Ended {
        took: told.map_or(Duration::ZERO, |told| told.took),
        requests: told.map_or(1, |told| told.answer.requests),
        size: told.and_then(|told| told.answer.size),
        outcome: told.map_or(Outcome::Failed, |told| outcome(&told.answer.lines)),
    }
}

fn tell(url: &str, error: &NoCosignature) {
    match error.outcome() {
        Outcome::Overtaken => tracing::debug!(url, error = explain(error), "asked too early"),
        _ => tracing::warn!(url, error = explain(error), "no cosignature"),
    }
}
