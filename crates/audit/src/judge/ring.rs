//! Rings: a release for many waits for the same build in a narrower ring (`docs/decisions/`, on rings).
//!
//! ```text
//! stable.r1 -> stable.r10 -> stable       one percent, ten percent, everybody
//! ```

use statement::{Predicate, Release, Statement};

use super::{asof::AsOf, codes, facts::line_of, types::Refused};

/// Base of a channel, and the percentage of endpoints it is for.
fn ring(channel: &str) -> (&str, u64) {
    let narrow = channel.rsplit_once(".r").and_then(|(base, text)| {
        let percent = text.parse::<u64>().ok()?;
        let is_ring = !base.is_empty() && (1..=99).contains(&percent);
        (is_ring && text == percent.to_string()).then_some((base, percent))
    });
    narrow.unwrap_or((channel, 100))
}

impl AsOf<'_> {
    /// The release in this payload does not skip a narrower ring, or follow it too soon.
    pub(super) fn gate_ring(self, payload: &[u8], wait_seconds: u64) -> Result<(), Refused> {
        let statement = Statement::parse(payload);
        let said = statement.map_err(|error| Refused::new(codes::MALFORMED, error.to_string()))?;
        match &said.predicate {
            Predicate::Release(release) => self.check_ring(release, wait_seconds),
            _ => Err(Refused::new(codes::MALFORMED, "it is no release")),
        }
    }

    pub(super) fn check_ring(self, release: &Release, wait_seconds: u64) -> Result<(), Refused> {
        let facts = &self.judge.facts;
        let (base, percent) = ring(&release.channel);
        let wanted = line_of(release);
        let stood = |release: &statement::StatementDigest| {
            self.shown(facts.releases.get(release)).next().is_some()
        };
        let mut narrower = facts.lines.iter().filter_map(|(line, releases)| {
            let (other, narrow) = ring(&line.channel);
            let same = (&line.product, &line.platform) == (&wanted.product, &wanted.platform);
            let is_narrower = same && other == base && narrow < percent;
            (is_narrower && releases.iter().any(stood)).then_some((narrow, releases))
        });
        let first = narrower.next();
        let widest = narrower.fold(first, |best, found| match best {
            Some((percent, _)) if percent > found.0 => best,
            _ => Some(found),
        });
        let Some((narrow, releases)) = widest else {
            return Ok(());
        };
        if self
            .all(facts.emergencies.get(&release.build))
            .next()
            .is_some()
        {
            return Ok(());
        }
        let complete = releases.iter().filter_map(|digest| {
            let fact = self.all(facts.releases.get(digest)).next()?;
            let said = &fact.said.release;
            let same = (said.build, said.artifact) == (release.build, release.artifact);
            let at = self.complete_at(*digest).ok()?;
            (same && !self.is_withdrawn(*digest)).then_some(at)
        });
        let Some(at) = complete.min() else {
            let detail = format!("the build was not released to {narrow} percent");
            return Err(Refused::new(codes::RELEASE_RING, detail));
        };
        let newest = self.judge.clock.sizes(0, self.end).next();
        let now = newest.and_then(|size| self.judge.clock.at_size(size));
        let now = now.map_or(0, |(_, time)| time);
        let waited = now.saturating_sub(self.judge.clock.by(at).unwrap_or(u64::MAX));
        if waited >= wait_seconds {
            return Ok(());
        }
        let detail = format!("released to {narrow} percent {waited} s ago, {wait_seconds} are due");
        Err(Refused::new(codes::RELEASE_RING, detail))
    }
}
