//! A rebuilder: looks at the log, and does for each build what is missing.
//!
//! The log decides what is to be done ([`plan_rebuild`]); of its own a rebuilder has only kept results and signed
//! envelopes, so it can be stopped at any point.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use binary::{Explanations, Rule};
use keys::StatementKey;
use law::BuiltArtifact;
use statement::{
    Envelope, FileDigest, Source as SourceStatement, Statement, StatementDigest,
    StatementSigner as _, Verdict,
};
use tokio::time::Instant;

use super::config::{Ground, PastConfig, RebuilderConfig};
use super::error::{RoomError, with_causes};
use super::examine::Attempt;
use super::judge::Judged;
use super::kept::Made;
use super::limits::TROUBLE_PAUSE_MS_MAX;
use super::log_view::{Has, Task, plan_rebuild, unanswered};
use super::statements::{self, Found};
use super::step::{Progress, Step};
use super::workshop::{Clock, Workshop, load_key};
use crate::variation::Variation;

/// A rebuild that stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rebuilt {
    /// The build.
    pub build: StatementDigest,
    /// The `rebuild` statement.
    pub rebuild: StatementDigest,
    /// What it says.
    pub verdict: Verdict,
}

/// Rebuilds one build and returns when the verdict stands. Nothing is built when it stands already.
///
/// # Errors
/// [`RoomError::Waited`] when the source or provenance does not come within `wait_ms`; what stopped it otherwise.
pub async fn rebuild_once(
    config: &RebuilderConfig,
    build: StatementDigest,
    progress: Progress<'_>,
    clock: Clock,
) -> Result<Rebuilt, RoomError> {
    let mut rebuilder = Rebuilder::open(config, progress, clock)?;
    let mut started = Instant::now();
    loop {
        rebuilder.workshop.sync().await?;
        let (what, last) = match rebuilder.plan(build)? {
            Some(Task::Answered { rebuild, verdict }) => {
                return Ok(Rebuilt {
                    build,
                    rebuild,
                    verdict,
                });
            }
            Some(Task::Await(refusal)) => ("the provenance", refusal.to_string()),
            None => ("the source", "no `source` of this digest stands".to_owned()),
            Some(task) => {
                rebuilder.act(build, task).await?;
                started = Instant::now();
                continue;
            }
        };
        rebuilder.tell_waiting(build, what, &last);
        if started.elapsed() >= rebuilder.workshop.wait() {
            return Err(RoomError::Waited {
                what,
                build,
                waited_ms: config.wait_ms,
                last,
            });
        }
        tokio::time::sleep(rebuilder.workshop.poll()).await;
    }
}

/// The rules of these names and no others.
fn explanations(names: &[String]) -> Result<Explanations, RoomError> {
    let wanted = names.iter().map(|name| name.parse());
    let wanted: Vec<Rule> = wanted.collect::<Result<_, binary::UnknownRule>>()?;
    let off = Rule::ALL.into_iter().filter(|rule| !wanted.contains(rule));
    Ok(off.fold(Explanations::all(), Explanations::without))
}

/// A rebuilder at work.
pub(super) struct Rebuilder<'a> {
    pub(super) workshop: Workshop<'a>,
    pub(super) key: StatementKey,
    pub(super) variation: Variation,
    pub(super) past: Option<PastConfig>,
    /// When this process began to build something of the past, by its own clock.
    pub(super) looked_back: BTreeMap<StatementDigest, u64>,
    /// Why builds failed here. Not kept on disk: after a restart it is tried again.
    failed: BTreeMap<StatementDigest, String>,
    /// Builds that could not take place here, and when they are tried again.
    trouble: BTreeMap<StatementDigest, Trouble>,
    /// Answers that were logged, also those that came too late to count.
    answered: BTreeSet<StatementDigest>,
    /// What was said last about waiting, so that it is said once.
    waiting: BTreeMap<StatementDigest, String>,
}

struct Trouble {
    pause: Duration,
    until: Instant,
}

impl<'a> Rebuilder<'a> {
    pub(super) fn open(
        config: &RebuilderConfig,
        progress: Progress<'a>,
        clock: Clock,
    ) -> Result<Self, RoomError> {
        let mut workshop = Workshop::open(Ground::from(config), progress, clock)?;
        workshop.explanations = explanations(&config.explanations)?;
        Ok(Self {
            key: load_key(&config.key, config.passphrase.as_deref())?,
            workshop,
            variation: Variation::rebuilder(config.variation),
            past: config.past,
            looked_back: BTreeMap::new(),
            failed: BTreeMap::new(),
            trouble: BTreeMap::new(),
            answered: BTreeSet::new(),
            waiting: BTreeMap::new(),
        })
    }

    /// Looks at the log and does what is missing for every build, but builds only one, since others may have
    /// revealed theirs meanwhile. With nothing to do for new builds it looks back. Returns whether anything was done.
    pub(super) async fn round(&mut self) -> Result<bool, RoomError> {
        Ok(self.round_of_new().await? || self.look_back().await?)
    }

    async fn round_of_new(&mut self) -> Result<bool, RoomError> {
        self.workshop.sync().await?;
        let now = Instant::now();
        let mut tasks = Vec::new();
        for build in unanswered(self.workshop.follower.view()?, self.key.key()) {
            let is_paused = self.trouble.get(&build).is_some_and(|t| t.until > now);
            if is_paused || self.answered.contains(&build) {
                continue;
            }
            match self.plan(build) {
                Ok(Some(task)) => tasks.push((build, task)),
                Ok(None) => {}
                // A damaged file about one build must not hold up the others.
                Err(error) => self.note_trouble(build, &error),
            }
        }
        tasks.sort_by_key(|(_, task)| matches!(task, Task::Build(_)));
        let mut moved = false;
        for (build, task) in tasks {
            let is_build = matches!(task, Task::Build(_));
            match self.act(build, task).await {
                Ok(did) => {
                    moved |= did;
                    if did {
                        self.trouble.remove(&build);
                    }
                    if is_build {
                        break;
                    }
                }
                Err(error) => self.note_trouble(build, &error),
            }
        }
        Ok(moved)
    }

    fn plan(&self, build: StatementDigest) -> Result<Option<Task>, RoomError> {
        let key = self.key.key();
        let has = if self.failed.contains_key(&build) {
            Has::Failure
        } else {
            let kept = self.workshop.results.find(build, key)?;
            kept.map_or(Has::Nothing, |kept| Has::Result(kept.commitment()))
        };
        Ok(plan_rebuild(
            self.workshop.follower.view()?,
            build,
            key,
            has,
        ))
    }

    /// Does one task; returns whether anything was done.
    async fn act(&mut self, build: StatementDigest, task: Task) -> Result<bool, RoomError> {
        match task {
            Task::Answered { .. } => return Ok(false),
            Task::Await(refusal) => {
                self.tell_waiting(build, "the provenance", &refusal.to_string());
                return Ok(false);
            }
            Task::Build(source) => self.build(build, &source).await?,
            Task::Commit => {
                if let Some(kept) = self.workshop.results.find(build, self.key.key())? {
                    self.workshop.commit(&kept, &self.key).await?;
                }
            }
            Task::Judge {
                archive,
                provenance,
                artifacts,
            } => {
                let kept = self.workshop.results.find(build, self.key.key())?;
                let made = kept.as_ref().map(Made::from);
                let made = made.ok_or_else(|| self.failed.get(&build).cloned());
                let of = (build, archive, provenance);
                let found = self.find(of, &artifacts, made).await?;
                let draft = self.rebuild_draft(&found);
                let envelope = self.workshop.sign_once(draft, &self.key)?;
                self.answer(&found, &envelope).await?;
            }
        }
        Ok(true)
    }

    async fn build(
        &mut self,
        build: StatementDigest,
        source: &SourceStatement,
    ) -> Result<(), RoomError> {
        let attempt = self.workshop.attempt(build, source, &self.variation, None);
        match attempt.await? {
            Attempt::Built(outcome) => {
                let kept = self.workshop.keep(build, &self.key, &outcome)?;
                self.workshop.commit(&kept, &self.key).await
            }
            Attempt::Failed(reason) => {
                self.workshop.tell(Step::BuildFailed {
                    build,
                    reason: reason.clone(),
                });
                self.failed.insert(build, reason);
                Ok(())
            }
        }
    }

    /// Compares what this party made, or why it could not, with what the conveyer shows.
    pub(super) async fn find(
        &self,
        (build, archive, provenance): (StatementDigest, FileDigest, StatementDigest),
        artifacts: &[BuiltArtifact],
        made: Result<Made, Option<String>>,
    ) -> Result<Found, RoomError> {
        let (judged, lock_bytes, taken_from_center) = match &made {
            Ok(made) => {
                let judged = self
                    .workshop
                    .judge(&made.artifacts, artifacts, &self.key)
                    .await?;
                let lock = self.workshop.lock_text(made.environment)?;
                let lock_bytes = lock.len() as u64;
                let from_center = self.workshop.taken_from_center(&lock)?;
                self.workshop
                    .put_blob("environment lock", lock, &self.key)
                    .await?;
                (judged, lock_bytes, from_center)
            }
            Err(reason) => (Judged::failed(reason.as_ref()), 0, Vec::new()),
        };
        Ok(Found {
            build,
            archive,
            provenance,
            verdict: judged.verdict,
            made: made.ok(),
            lock_bytes,
            differences: judged.differences,
            report: judged.report,
            taken_from_center,
        })
    }

    pub(super) fn rebuild_draft<'b>(&'b self, found: &'b Found) -> impl Fn(u64) -> Statement + 'b {
        let origin = &self.workshop.ground.origin;
        move |not_after| statements::rebuild(origin, found, not_after)
    }

    /// Logs the verdict, which opens this party's commitment if there is one.
    pub(super) async fn answer(
        &mut self,
        found: &Found,
        envelope: &Envelope,
    ) -> Result<(), RoomError> {
        self.workshop.submit(envelope).await?;
        self.answered.insert(found.build);
        self.waiting.remove(&found.build);
        self.workshop.tell(Step::RebuildLogged {
            build: found.build,
            verdict: found.verdict,
            rebuild: envelope.digest(),
        });
        Ok(())
    }

    fn tell_waiting(&mut self, build: StatementDigest, what: &'static str, why: &str) {
        if self.waiting.get(&build).is_none_or(|last| last != why) {
            self.workshop.tell(Step::Waiting {
                what,
                why: why.to_owned(),
            });
            self.waiting.insert(build, why.to_owned());
        }
    }

    /// A build that cannot take place here must not hold up the others; it is tried again, ever more rarely.
    pub(super) fn note_trouble(&mut self, build: StatementDigest, error: &RoomError) {
        let longest = Duration::from_millis(TROUBLE_PAUSE_MS_MAX);
        let before = self.trouble.get(&build).map(|trouble| trouble.pause);
        let pause = before.map_or(self.workshop.poll(), |pause| pause * 2);
        let pause = pause.min(longest);
        let until = Instant::now() + pause;
        self.trouble.insert(build, Trouble { pause, until });
        self.workshop.tell(Step::Trouble {
            build: Some(build),
            why: with_causes(error),
        });
    }
}
