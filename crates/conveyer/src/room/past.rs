//! Rebuilding the past: builds that stand in a release are built again, the one looked at longest ago first
//! (`spec/rebuild.md`).
//!
//! The log remembers when that was, so nothing of it is kept on disk. Only a build that this party found identical
//! is looked at again: any other verdict is adverse already, and saying it again would have to be closed again.

use std::collections::{BTreeMap, BTreeSet};

use law::{BuildEvidence, Settled, Standing};
use statement::{FileDigest, KeyId, Predicate, StatementDigest, StatementSigner as _, Verdict};

use super::config::PastConfig;
use super::error::RoomError;
use super::examine::Attempt;
use super::kept::Made;
use super::rebuilder::Rebuilder;
use super::step::Step;

/// A build of the past that is to be built again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Past {
    build: StatementDigest,
    /// Digest of the lock in which this party built it the last time.
    environment: Option<FileDigest>,
}

/// What a party said last about a released build.
struct Looked {
    past: Past,
    verdict: Verdict,
    /// When it was looked at last, POSIX seconds.
    at: u64,
    /// The entry, which decides between equal times.
    index: u64,
    /// Whether that was not the first time.
    again: bool,
}

/// The verdicts of `key` on one build, in log order; nothing before the first.
fn looked(
    view: Settled<'_>,
    build: StatementDigest,
    key: KeyId,
    tried: Option<u64>,
) -> Option<Looked> {
    let entries = view.entries_of_build(build);
    let own = |entry: &&&Standing| entry.key() == key;
    let verdicts = entries.iter().filter(own).filter_map(|entry| {
        let Predicate::Rebuild(rebuild) = &entry.statement().predicate else {
            return None;
        };
        Some((*entry, rebuild))
    });
    let verdicts: Vec<_> = verdicts.collect();
    let (newest, rebuild) = verdicts.last()?;
    Some(Looked {
        past: Past {
            build,
            environment: rebuild.environment,
        },
        verdict: rebuild.verdict,
        at: view.included_by(newest).max(tried)?,
        index: newest.index(),
        again: verdicts.len() > 1 || tried.is_some(),
    })
}

/// The build that is to be built again at `now`, if there is one. `tried` is what this process began by itself: an
/// attempt that could not take place leaves nothing in the log, and must not be the oldest for ever.
fn due(
    view: Settled<'_>,
    key: KeyId,
    config: PastConfig,
    tried: &BTreeMap<StatementDigest, u64>,
    now: u64,
) -> Option<Past> {
    let released = view.released();
    let builds: BTreeSet<_> = released.iter().map(|one| one.release().build).collect();
    let builds = builds.into_iter();
    let looked = builds.filter_map(|build| looked(view, build, key, tried.get(&build).copied()));
    choose(looked.collect(), config, now)
}

fn choose(looked: Vec<Looked>, config: PastConfig, now: u64) -> Option<Past> {
    let is_over = |at: u64| at.saturating_add(config.period()) <= now;
    let (old, recent): (Vec<_>, Vec<_>) = looked.into_iter().partition(|one| is_over(one.at));
    let recent = recent.iter().filter(|one| one.again).count() as u64;
    if recent >= u64::from(config.at_a_time.get()) {
        return None;
    }
    old.into_iter()
        .filter(|one| one.verdict == Verdict::Identical)
        .min_by_key(|one| (one.at, one.index))
        .map(|one| one.past)
}

impl Rebuilder<'_> {
    /// Builds one release of the past again, if the time has come. Returns whether anything was tried.
    pub(super) async fn look_back(&mut self) -> Result<bool, RoomError> {
        let Some(config) = self.past else {
            return Ok(false);
        };
        let (view, now) = (self.workshop.follower.view()?, self.workshop.now());
        let Some(past) = due(view, self.key.key(), config, &self.looked_back, now) else {
            return Ok(false);
        };
        self.looked_back.insert(past.build, now);
        self.workshop.tell(Step::LookingBack(past.build));
        if let Err(error) = self.build_again(past).await {
            self.note_trouble(past.build, &error);
        }
        Ok(true)
    }

    /// Builds it from the very inputs of before and says what came out. Everybody has seen the artifacts, so there is no
    /// commitment and no salt: however it comes out, it never counts towards k.
    async fn build_again(&mut self, past: Past) -> Result<(), RoomError> {
        let evidence = BuildEvidence::check(self.workshop.follower.view()?, past.build, 0)?;
        let source = evidence.source();
        let attempt = self
            .workshop
            .attempt(past.build, source, &self.variation, past.environment);
        let made = match attempt.await? {
            Attempt::Built(outcome) => Ok(Made::from(&*outcome)),
            Attempt::Failed(reason) => Err(Some(reason)),
        };
        let of = (past.build, source.archive, evidence.provenance().digest());
        let found = self.find(of, evidence.artifacts(), made).await?;
        let draft = self.rebuild_draft(&found);
        let envelope = self.workshop.sign_again(draft, &self.key)?;
        self.answer(&found, &envelope).await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600;

    fn one(name: &str, at: u64, again: bool) -> Looked {
        Looked {
            past: Past {
                build: StatementDigest::of(name.as_bytes()),
                environment: None,
            },
            verdict: Verdict::Identical,
            at,
            index: 0,
            again,
        }
    }

    fn chosen(looked: Vec<Looked>, at_a_time: u32, now: u64) -> Option<StatementDigest> {
        let config = PastConfig {
            at_a_time: at_a_time.try_into().unwrap(),
            ..PastConfig::default()
        };
        choose(looked, config, now).map(|past| past.build)
    }

    #[test]
    fn the_build_looked_at_longest_ago_comes_first_and_none_before_its_period_is_over() {
        let both = || vec![one("new", 2 * HOUR, false), one("old", HOUR, false)];
        let old = Some(StatementDigest::of(b"old"));
        assert_eq!(chosen(both(), 1, 25 * HOUR - 1), None);
        assert_eq!(chosen(both(), 1, 25 * HOUR), old);
        assert_eq!(chosen(both(), 1, 90 * HOUR), old);
    }

    #[test]
    fn no_more_builds_are_looked_at_again_within_a_period_than_configured() {
        let now = 100 * HOUR;
        let looked = || vec![one("again", 99 * HOUR, true), one("old", HOUR, true)];
        assert_eq!(chosen(looked(), 1, now), None);
        assert_eq!(chosen(looked(), 2, now), Some(StatementDigest::of(b"old")));
        // The first verdict on a new build takes nobody's turn.
        let fresh = vec![one("fresh", 99 * HOUR, false), one("old", HOUR, true)];
        assert_eq!(chosen(fresh, 1, now), Some(StatementDigest::of(b"old")));
    }

    #[test]
    fn what_is_adverse_already_is_not_said_again() {
        let mut known = one("known", HOUR, false);
        known.verdict = Verdict::Explained;
        assert_eq!(chosen(vec![known], 1, 90 * HOUR), None);
    }

    #[test]
    fn a_schedule_has_defaults_and_refuses_zero_and_unknown_keys() {
        let parsed = |text: &str| toml::from_str::<PastConfig>(text);
        assert_eq!(parsed("").unwrap(), PastConfig::default());
        assert_eq!(PastConfig::default().period(), 24 * HOUR);
        assert_eq!(parsed("every_hours = 2").unwrap().period(), 2 * HOUR);
        for bad in ["every_hours = 0", "at_a_time = 0", "hours = 24"] {
            assert!(parsed(bad).is_err(), "{bad}");
        }
    }
}
