//! Gathering cosignatures: witnesses are asked at once, the policy says when it is enough.
//!
//! Each witness has a lane with at most one request in it. A round asks every witness whose lane is
//! free, whose quota allows it, and who did not just fail; the rest is left out as long as the
//! others may make a quorum. What is under way when the quorum is met goes on by itself, so a
//! witness that is slow or dead holds up nobody and is up to date when it is back.
//!
//! A witness is offered nothing before it said what it cosigned last (`memory`): what is signed
//! here might contradict it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serve::ClientConfig;
use tlog::{Checkpoint, Note, Policy, SignatureLine, VerifierKey, Witnessed, open_witnessed};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

pub(crate) use crate::ask::Signed;
use crate::ask::{Answer, Asker, explain};
use crate::clock::Stopwatch;
use crate::error::{LogError, chain};
use crate::lane::{Ended, Lane};
use crate::memory::Recall;
use crate::shared::Shared;

/// The witnesses of a log.
pub(crate) struct Witnesses {
    asker: Asker,
    lanes: Vec<Lane>,
    under_way: JoinSet<Told>,
    /// The policy of the last round, for [`Witnesses::allowed_at`].
    policy: Option<Policy>,
    round: u64,
    grace: Duration,
    clock: Stopwatch,
}

/// What one request came to.
struct Told {
    lane: usize,
    took: Duration,
    answer: Answer,
}

/// A round as it stands.
struct Tally<'a> {
    signed: &'a Signed,
    policy: &'a Policy,
    /// By `witness` line of the policy.
    lines: Vec<Option<SignatureLine>>,
    /// Lanes asked in this round.
    asked: BTreeSet<usize>,
}

impl Tally<'_> {
    fn is_enough(&self) -> bool {
        let cosigned = self.policy.witnesses().iter().zip(&self.lines);
        let names = cosigned
            .filter(|(_, line)| line.is_some())
            .map(|(witness, _)| witness.name().clone());
        self.policy.is_satisfied(&names.collect())
    }

    fn into_witnessed(self) -> Option<Witnessed<Checkpoint>> {
        let mut signatures = self.signed.note.signatures().to_vec();
        signatures.extend(self.lines.into_iter().flatten());
        let note = Note::new(self.signed.note.text().to_owned(), signatures).map(|n| n.to_string());
        match note.map(|note| open_witnessed(note.as_bytes(), self.policy)) {
            Ok(Ok(witnessed)) => Some(witnessed),
            Ok(Err(error)) => {
                tracing::error!(error = %chain(&error), "the policy in force refuses our checkpoint");
                None
            }
            Err(error) => {
                tracing::error!(%error, "the cosigned checkpoint is no note");
                None
            }
        }
    }
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
            policy: None,
            round: 0,
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

    /// When the quotas of those witnesses that are known to answer leave room for a quorum. At once
    /// if that is not known, or if there is none among them.
    pub(crate) fn allowed_at(&self) -> Duration {
        let Some(policy) = &self.policy else {
            return Duration::ZERO;
        };
        let reliable = self.lanes.iter();
        let mut reliable: Vec<_> = reliable
            .filter_map(|lane| Some((lane.ready_at(), lane.reliable_names()?)))
            .collect();
        reliable.sort_by_key(|(ready_at, _)| *ready_at);
        let mut names = BTreeSet::new();
        for (ready_at, these) in reliable {
            names.extend(these.iter().cloned());
            if policy.is_satisfied(&names) {
                return ready_at;
            }
        }
        Duration::ZERO
    }

    /// Asks for cosignatures. Returns the witnessed checkpoint, or `None` if the quorum of `policy`
    /// was not met. Once it is, quick witnesses have a short grace.
    pub(crate) async fn gather(
        &mut self,
        signed: &Signed,
        policy: &Policy,
    ) -> Option<Witnessed<Checkpoint>> {
        self.round += 1;
        self.policy = Some(policy.clone());
        let mut tally = Tally {
            signed,
            policy,
            lines: vec![None; policy.witnesses().len()],
            asked: BTreeSet::new(),
        };
        while let Some(told) = self.under_way.try_join_next() {
            self.note(told, &mut tally);
        }
        for lane in self.to_ask(policy) {
            self.ask(lane, &mut tally);
        }
        let mut deadline = None;
        loop {
            if deadline.is_none() && tally.is_enough() {
                deadline = Some(Instant::now() + self.patience(&tally));
            }
            let told = match deadline {
                Some(_) if !self.is_any_under_way(&tally) => None,
                Some(at) => tokio::select! {
                    biased;
                    told = self.under_way.join_next() => told,
                    () = sleep_until(at) => None,
                },
                None => self.under_way.join_next().await,
            };
            let Some(told) = told else { break };
            let Some(free) = self.note(told, &mut tally) else {
                continue;
            };
            // It was busy with an older tree; this one may still need it.
            if deadline.is_none() && !tally.asked.contains(&free) {
                self.ask(free, &mut tally);
            }
        }
        deadline?;
        tally.into_witnessed()
    }

    /// The lanes a round begins with: those that are due, or all that may be asked if the due ones
    /// are not known to make a quorum.
    fn to_ask(&self, policy: &Policy) -> Vec<usize> {
        let now = self.clock.now();
        let free = || (0..self.lanes.len()).filter(|at| self.lanes[*at].busy_since.is_none());
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

    fn ask(&mut self, at: usize, tally: &mut Tally<'_>) {
        let now = self.clock.now();
        let lane = &mut self.lanes[at];
        if !lane.is_within_quota(now) {
            return;
        }
        lane.begin(self.round, now);
        tally.asked.insert(at);
        let (asker, asked, signed) = (self.asker.clone(), lane.asked.clone(), tally.signed.clone());
        self.under_way.spawn(async move {
            let began = Instant::now();
            let answer = asker.ask(&asked, &signed).await;
            Told {
                lane: at,
                took: began.elapsed(),
                answer,
            }
        });
    }

    /// Notes what a request came to, for the round it was made in; returns its lane.
    fn note(&mut self, told: Result<Told, JoinError>, tally: &mut Tally<'_>) -> Option<usize> {
        let told = match told {
            Ok(told) => told,
            Err(error) => {
                // Its lane stays busy: a request that panics is not made again.
                tracing::error!(%error, "asking a witness ended by a defect");
                return None;
            }
        };
        let lane = &mut self.lanes[told.lane];
        let ended = Ended {
            took: told.took,
            requests: told.answer.requests,
            size: told.answer.size,
            is_good: told.answer.lines.is_ok(),
        };
        let round = lane.end(&ended, self.clock.now());
        match told.answer.lines {
            Ok(lines) if round == Some(self.round) => {
                lane.take_valid(
                    &lines,
                    &tally.signed.checkpoint,
                    tally.policy,
                    &mut tally.lines,
                );
            }
            Ok(_) => {}
            Err(error) => {
                let url = &lane.asked.url;
                tracing::warn!(url, error = explain(&error), "no cosignature");
            }
        }
        Some(told.lane)
    }

    fn is_any_under_way(&self, tally: &Tally<'_>) -> bool {
        tally
            .asked
            .iter()
            .any(|at| self.lanes[*at].busy_since.is_some())
    }

    /// How long those of this round that are still busy are worth waiting for.
    fn patience(&self, tally: &Tally<'_>) -> Duration {
        let asked = tally.asked.iter().map(|at| &self.lanes[*at]);
        let busy = asked.filter(|lane| lane.busy_since.is_some());
        busy.map(|lane| lane.patience(self.grace))
            .max()
            .unwrap_or_default()
    }
}
