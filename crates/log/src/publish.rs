//! From sequenced to published: when a round begins, and what becomes of it.
//!
//! ```text
//! Publisher    decides (pace)       -> goal        one task; the law fixes tree and policy
//! Maker        files, keys, table   -> offer       one at a time, beside it
//! Witnesses    cosignatures         -> cosigned    several at a time, beside it
//! Announcer    archive, checkpoint  -> published   one at a time, beside it
//! ```
//!
//! Each stage is durable before the next begins, and each goes from a tree to one that is at least as large,
//! so `published <= integrated <= sequenced` holds. A checkpoint that has its quorum while an older
//! one is being published is published next; what it overtook is not published at all, and whoever
//! waits for that is answered with the newer one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep_until;

use crate::announce::Announcer;
use crate::error::LogError;
use crate::gather::{Cosigned, News, Witnesses};
use crate::limits::{BACKOFF, ROUNDS_UNDER_WAY_MAX};
use crate::make::{Goal, Maker, Offer};
use crate::pace::{Beat, Next, Room, Standing, Tempo, plan};
use crate::shared::Shared;
use crate::worker::Worker;
use crate::write::Wishes;

/// The task's own state.
pub(crate) struct Publisher {
    shared: Arc<Shared>,
    wishes: Arc<Wishes>,
    tempo: Tempo,
    witnesses: Witnesses,
    maker: Worker<Maker, Result<Option<Offer>, LogError>>,
    announcer: Worker<Announcer, Result<(), LogError>>,
    /// Size of the tree whose checkpoint is being made.
    making: Option<u64>,
    /// When it has its quorum and the one before it is being published.
    next: Option<Box<Cosigned>>,
    /// When that one's round began, and when it began to be published.
    announcing: Option<(Duration, Duration)>,
    /// Size of the newest tree that has its quorum.
    cosigned: u64,
    last: Option<Beat>,
    /// How long the last checkpoint took to be made, and to be published.
    work: [Duration; 2],
    idle_since: Option<Duration>,
    failures: u32,
}

impl Publisher {
    /// What decides, at the start, over those who do it.
    pub(crate) fn new(maker: Maker, witnesses: Witnesses, announcer: Announcer) -> Self {
        let (shared, wishes) = (Arc::clone(&maker.shared), Arc::clone(&maker.wishes));
        let published = shared.published.borrow().as_ref().map(|shown| shown.size);
        let config = &shared.config;
        Self {
            tempo: Tempo {
                batch: Duration::from_millis(config.batch_ms),
                refresh: Duration::from_millis(config.refresh_ms),
                backoff: BACKOFF,
            },
            witnesses,
            maker: Worker::new(maker),
            announcer: Worker::new(announcer),
            making: None,
            next: None,
            announcing: None,
            cosigned: published.unwrap_or(0),
            last: None,
            work: [Duration::ZERO; 2],
            idle_since: None,
            failures: 0,
            shared,
            wishes,
        }
    }

    /// Publishes until `stop` changes.
    ///
    /// # Errors
    /// When the disk or a key refuses, the rows give another tree than was fed to the law, or a
    /// witness remembers another history under the log's own signature.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) -> Result<(), LogError> {
        let shared = Arc::clone(&self.shared);
        tokio::select! {
            // First, so that nothing is published after it.
            biased;
            () = shared.contradicted() => {
                let ended = LogError::Ended { part: "publisher" };
                Err(shared.take_contradiction().unwrap_or(ended))
            }
            ended = self.publish_for_ever() => ended,
            _ = stop.wait_for(|stop| *stop) => Ok(()),
        }
    }

    async fn publish_for_ever(&mut self) -> Result<(), LogError> {
        let clock = self.shared.clock;
        let mut sequenced = self.shared.sequenced.subscribe();
        loop {
            self.announce_next();
            self.note_idle();
            let entries = *sequenced.borrow_and_update();
            let (until, for_entries) = match self.begin_if_due(entries) {
                Next::Now | Next::AfterRound => (None, false),
                Next::At(at) => (Some(at), false),
                Next::Idle(at) => (at, true),
            };
            tokio::select! {
                biased;
                announced = self.announcer.done() => self.announced(announced)?,
                made = self.maker.done() => self.made(made)?,
                news = self.witnesses.news() => self.noted(news),
                changed = sequenced.changed(), if for_entries => {
                    changed.map_err(|_| LogError::Ended { part: "sequencer" })?;
                }
                () = sleep_until(clock.at(until.unwrap_or_default())), if until.is_some() => {}
            }
        }
    }

    /// Begins a round if it is time, and says what else is waited for.
    fn begin_if_due(&mut self, sequenced: u64) -> Next {
        if !self.maker.is_free() {
            return Next::AfterRound;
        }
        let now = self.shared.clock.now();
        let standing = self.standing(sequenced);
        let next = plan(now, &standing, &self.tempo);
        if next != Next::Now {
            return next;
        }
        let Some(goal) = Goal::take(&self.shared, &self.wishes) else {
            // Before the constitution is complete there is no policy to publish under, and only an
            // entry can change that.
            return Next::Idle(None);
        };
        let size = goal.checkpoint.size();
        let beat = Beat {
            began: goal.began,
            entries: size.saturating_sub(self.covered()),
        };
        let interval = self.last.map(|last| beat.began.saturating_sub(last.began));
        self.shared.meters.round_began(interval);
        self.last = Some(beat);
        self.making = Some(size);
        self.maker.begin(|maker| maker.make(goal));
        Next::Now
    }

    fn standing(&self, sequenced: u64) -> Standing {
        let oldest = self.witnesses.oldest();
        let oldest = self.next.as_ref().map_or(oldest, |next| next.number);
        let is_full = self.witnesses.number() + 1 >= oldest + ROUNDS_UNDER_WAY_MAX;
        Standing {
            waiting: sequenced.saturating_sub(self.covered()),
            last: self.last,
            work: self.work.iter().sum(),
            idle_since: self.idle_since,
            failures: self.failures,
            room: match is_full {
                true => Room::AfterAnswer,
                false => self.witnesses.room(),
            },
            round_trip: self.witnesses.round_trip(),
        }
    }

    /// Size of the newest tree that is published or under way.
    fn covered(&self) -> u64 {
        let under_way = self.making.max(self.witnesses.newest_size());
        self.cosigned.max(under_way.unwrap_or(0))
    }

    fn note_idle(&mut self) {
        let is_idle = self.making.is_none()
            && self.witnesses.newest_size().is_none()
            && self.next.is_none()
            && self.announcer.is_free();
        self.idle_since = match is_idle {
            false => None,
            true => Some(self.idle_since.unwrap_or_else(|| self.shared.clock.now())),
        };
    }

    fn made(&mut self, made: Result<Option<Offer>, LogError>) -> Result<(), LogError> {
        self.making = None;
        if let Some(offer) = made? {
            self.work[0] = self.shared.clock.now().saturating_sub(offer.began);
            self.witnesses.offer(offer);
        }
        Ok(())
    }

    fn noted(&mut self, news: News) {
        match news {
            News::Cosigned(cosigned) => {
                self.failures = 0;
                self.cosigned = cosigned.checkpoint.size();
                self.next = Some(cosigned);
            }
            News::NoQuorum(size) => {
                tracing::warn!(size, "no quorum of witnesses");
                self.failures = self.failures.saturating_add(1);
                self.shared.meters.round_failed(self.failures);
            }
            News::Answer => {}
        }
    }

    /// Publishes what has its quorum, unless something is being published.
    fn announce_next(&mut self) {
        let Some(next) = self.next.take_if(|_| self.announcer.is_free()) else {
            return;
        };
        self.announcing = Some((next.began, self.shared.clock.now()));
        let checkpoint = next.checkpoint;
        self.announcer
            .begin(|announcer| announcer.publish(checkpoint));
    }

    fn announced(&mut self, announced: Result<(), LogError>) -> Result<(), LogError> {
        announced?;
        let now = self.shared.clock.now();
        if let Some((round_began, began)) = self.announcing.take() {
            self.work[1] = now.saturating_sub(began);
            self.shared
                .meters
                .round_published(now.saturating_sub(round_began));
        }
        Ok(())
    }
}
