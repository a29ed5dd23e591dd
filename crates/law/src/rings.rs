//! Rings: a release reaches few endpoints first (`docs/decisions/0015-rings.md`).
//!
//! A ring is a channel: `stable.r1` is for one percent, `stable.r10` for ten, `stable` for all. So each
//! widening is a `release` with its quorum and a publication of its own. This file says in which order.

use statement::{Predicate, Release, StatementDigest};

use crate::{
    line::Line,
    quorum::ReleaseQuorum,
    refusal::{Code, Refusal},
    settled::Settled,
};

/// Percent of endpoints that a channel without a ring is for.
const EVERYBODY: u64 = 100;

/// A channel taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ring {
    /// The channel that everybody ends up with.
    pub base: String,
    /// Percent of endpoints, 1 to 100.
    pub percent: u64,
}

impl Ring {
    /// Takes a channel apart: `<base>.r<percent>` is a ring when percent is 1 to 99 without leading zero.
    pub fn of(channel: &str) -> Self {
        let ring = channel.rsplit_once(".r").and_then(|(base, text)| {
            let percent: u64 = text.parse().ok()?;
            let exact = percent.to_string() == text && (1..EVERYBODY).contains(&percent);
            (exact && !base.is_empty()).then(|| Self {
                base: base.to_owned(),
                percent,
            })
        });
        ring.unwrap_or_else(|| Self {
            base: channel.to_owned(),
            percent: EVERYBODY,
        })
    }

    /// The channel of this ring.
    pub fn channel(&self) -> String {
        if self.percent == EVERYBODY {
            return self.base.clone();
        }
        format!("{}.r{}", self.base, self.percent)
    }
}

/// Refuses a release that skips a narrower ring its product uses, or follows it too soon.
///
/// The next narrower ring that has releases must have one of the same build, complete for
/// `wait_seconds` by witnessed time, and not withdrawn; unless an `emergency` names the build.
///
/// # Errors
/// [`Code::ReleaseRing`].
pub fn check_ring(view: Settled<'_>, release: &Release, wait_seconds: u64) -> Result<(), Refusal> {
    view.check_whole()?;
    let ring = Ring::of(&release.channel);
    let narrower = view
        .lines()
        .filter(|line| line.product == release.product && line.platform == release.platform)
        .map(|line| (Ring::of(&line.channel), line))
        .filter(|(other, _)| other.base == ring.base && other.percent < ring.percent)
        .max_by_key(|(other, _)| other.percent);
    let Some((_, line)) = narrower else {
        return Ok(());
    };
    if emergency(view, release.build).is_some() {
        return Ok(());
    }
    let no = |detail: String| Err(Refusal::new(Code::ReleaseRing, detail));
    let Some(at) = completed(view, line, release) else {
        return no(format!("the build was not released in {line} yet"));
    };
    let state = view.state();
    let since = state.included_by(at).unwrap_or(u64::MAX);
    let waited = state.newest_time().unwrap_or(0).saturating_sub(since);
    if waited >= wait_seconds {
        return Ok(());
    }
    no(format!(
        "released in {line} {waited} s ago; {wait_seconds} s are due"
    ))
}

/// Index at which a standing release of the same artifact in a line became complete.
fn completed(view: Settled<'_>, line: &Line, release: &Release) -> Option<u64> {
    let of_line = view.line(line).iter();
    let complete = of_line.filter_map(|digest| {
        let quorum = ReleaseQuorum::check(&view.releases(*digest).ok()?).ok()?;
        let found = quorum.release();
        let same = found.build == release.build && found.artifact == release.artifact;
        (same && view.withdrawal(*digest).is_none()).then(|| quorum.complete_at())
    });
    complete.min()
}

/// The `emergency` about a build that counts, by digest.
pub(crate) fn emergency(view: Settled<'_>, build: StatementDigest) -> Option<StatementDigest> {
    let entries = view.entries_of_build(build);
    let found = entries
        .iter()
        .find(|entry| matches!(entry.predicate(), Predicate::Emergency(_)));
    found.map(|entry| entry.digest())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_is_a_percentage_in_the_name_of_a_channel() {
        let ring = |base: &str, percent| Ring {
            base: base.to_owned(),
            percent,
        };
        assert_eq!(Ring::of("stable"), ring("stable", 100));
        assert_eq!(Ring::of("stable.r1"), ring("stable", 1));
        assert_eq!(Ring::of("a.r5.r99"), ring("a.r5", 99));
        for channel in [
            "stable.r0",
            "stable.r100",
            "stable.r01",
            "stable.r",
            "stable.r+1",
            ".r5",
        ] {
            assert_eq!(Ring::of(channel), ring(channel, 100), "{channel}");
        }
        for channel in ["stable", "stable.r1", "stable.r100"] {
            assert_eq!(Ring::of(channel).channel(), channel);
        }
    }
}
