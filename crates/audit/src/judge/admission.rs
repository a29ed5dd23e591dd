//! Whose blind signature admits samples, judged a second time: one key for each home and day, so that nobody has one of its own.

use statement::{Admission, CountryCode, Role};

use super::{
    Judge,
    asof::AsOf,
    codes,
    facts::Fact,
    findings::about,
    types::{Finding, Refused, Severity},
};

/// A key that was announced, as far as a rule asks.
#[derive(Debug, Clone)]
pub(super) struct Keyed {
    home: CountryCode,
    key: String,
    /// From, which names the day, and until.
    valid: (u64, u64),
}

impl Keyed {
    pub(super) fn of(said: &Admission) -> Self {
        Self {
            home: said.home.clone(),
            key: said.key.clone(),
            valid: (said.valid_from, said.valid_until),
        }
    }

    fn is_of_day(&self, other: &Self) -> bool {
        self.home == other.home && self.valid.0 == other.valid.0
    }
}

impl AsOf<'_> {
    /// Whether the center announced it, in time.
    fn is_the_centers(self, fact: &Fact<Keyed>) -> bool {
        let by = self.signer(fact).map(|seat| seat.role);
        by == Some(Role::Center) && self.late(fact).is_none()
    }

    /// An announcement before this one that gives the day another key.
    fn before<'a>(self, fact: &Fact<Keyed>, all: &'a [Fact<Keyed>]) -> Option<&'a Fact<Keyed>> {
        let mut earlier = all.iter().filter(|other| other.at < fact.at);
        let first =
            earlier.find(|other| other.said.is_of_day(&fact.said) && self.is_the_centers(other))?;
        (first.said.key != fact.said.key).then_some(first)
    }

    /// Tokens of some key are taken for a home at `now`.
    pub(super) fn gate_admission(self, home: &CountryCode, now: u64) -> Result<(), Refused> {
        let all = &self.judge.facts.admissions;
        let mut code = codes::ADMISSION_MISSING;
        for fact in all.iter().filter(|fact| fact.at < self.end) {
            if fact.said.home != *home {
                continue;
            }
            let Some(seat) = self.signer(fact) else {
                continue;
            };
            code = if let Some(late) = self.late(fact) {
                late
            } else if seat.role != Role::Center {
                codes::ADMISSION_SIGNER
            } else if self.before(fact, all).is_some() {
                codes::ADMISSION_SECOND
            } else if now < fact.said.valid.0 || now > fact.said.valid.1 {
                codes::ADMISSION_TIME
            } else {
                return Ok(());
            };
        }
        Err(Refused::new(code, format!("home {home}")))
    }
}

impl Judge {
    /// Two keys for one day, by which an issuer could tell endpoints apart; and keys that were not the center's to announce.
    pub(super) fn admission_findings(&self) -> Vec<Finding> {
        let view = self.as_of(self.next_index());
        let all = &self.facts.admissions;
        let mut found = Vec::new();
        for fact in all {
            let Keyed { home, valid, .. } = &fact.said;
            if let Some(first) = view.before(fact, all).filter(|_| view.is_the_centers(fact)) {
                let second = about(fact.at, fact.digest, codes::ADMISSION_SECOND, Severity::Red);
                let what = format!(
                    "home {home} has two keys for the day from {}: entries {} and {}",
                    valid.0, first.at, fact.at
                );
                found.push(second.says(what, "ask the center whom it gave the second one to"));
            }
            if view
                .signer(fact)
                .is_some_and(|seat| seat.role != Role::Center)
            {
                let signer = about(
                    fact.at,
                    fact.digest,
                    codes::ADMISSION_SIGNER,
                    Severity::Amber,
                );
                let what = format!("a key of an issuer for {home} by another than the center");
                found.push(signer.says(what, "no endpoint takes tokens of it; ask who signed it"));
            }
        }
        found
    }
}
