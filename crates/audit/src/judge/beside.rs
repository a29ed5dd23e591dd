//! What stood in other logs when something was decided in this one.
//!
//! Whoever runs the log of a product could keep a finding out of it, so signers read every log of the
//! constitution. Indexes order the entries of one log only. Across two logs an order is proven by
//!
//! - a checkpoint of one log in an entry of the other: what it contains stood before that entry, whatever
//!   any clock says;
//! - witnessed checkpoints: what one contains stood when its witnesses looked (the median of their
//!   clocks), and what another lacks did not.
//!
//! ```text
//! here    ...|------- release -------|...      not there when the left one was seen, there at the right one
//! beside  ..|A|.......|B|...........|C|..      A stood before; B may have; C did not
//! ```
//!
//! Nothing else is an order. Where none is proven the finding says so and is amber.

use std::collections::BTreeSet;

use statement::StatementDigest;

use super::{
    Judge,
    adverse::Concern,
    asof::AsOf,
    codes,
    findings::about,
    metadata::shown_line,
    signed::Held,
    types::{Finding, Gate, Refused, Severity},
};

/// How long before its entry a decision may have been made: what came into another log since is a race.
const DECIDED_BEFORE_SECONDS: u64 = 600;

/// What stood in another log at a moment of this one.
enum Beside {
    /// Nothing open.
    Clear,
    /// Something open, if the other log was so far by then; no order is proven.
    Perhaps(Refused),
    /// Something open, whichever of the possible moments it was.
    Surely(Refused),
}

/// The moments at which something may have happened: not before `from`, when entries below `below` stood;
/// not after `to`, when entry `index` did.
#[derive(Clone, Copy)]
struct Moment {
    from: u64,
    to: u64,
    below: u64,
    index: u64,
}

impl Judge {
    /// As [`Judge::gate`] for a signer, who reads the other logs of the constitution too: each as of an index
    /// of its own.
    ///
    /// # Errors
    /// The condition that does not hold; `view.incomplete` when a log of the constitution is not among them.
    pub fn gate_beside(
        &self,
        gate: &Gate<'_>,
        as_of: u64,
        others: &[(&Self, u64)],
    ) -> Result<(), Refused> {
        let view = self.witnessed(as_of)?;
        let concern = match *gate {
            Gate::Approval { build } => view.gate_approval(build)?,
            Gate::Release { payload, parts } => view.gate_release(payload, parts)?,
            _ => return self.gate(gate, as_of),
        };
        for log in &view.roster()?.constitution.logs {
            if log.origin == self.origin {
                continue;
            }
            let mut given = others.iter();
            let given = given.find(|(other, _)| other.origin == log.origin);
            let (other, end) = given.ok_or_else(|| {
                let detail = format!("log {} was not read", log.origin);
                Refused::new(codes::INCOMPLETE, detail)
            })?;
            let there = other.witnessed(*end)?;
            there
                .check_unopposed(&concern)
                .map_err(|refused| in_log(refused, other))?;
        }
        Ok(())
    }

    /// Approvals and releases that were signed while something stood open against them in one of `others`.
    ///
    /// Only logs that the constitution of the time names are asked. One that is not given is not judged:
    /// whoever reads the logs must say so.
    pub fn findings_beside(&self, others: &[&Self]) -> Vec<Finding> {
        let view = self.as_of(self.next_index());
        let mut found = Vec::new();
        for (digest, table) in &self.facts.approvals {
            for fact in view.all(Some(table)).filter(|fact| fact.said.passed) {
                let resource = &fact.said.resource;
                let Some(build) = super::facts::build_of(resource, &self.origin) else {
                    continue;
                };
                let concern = self.decided(fact.at, |view| view.gate_approval(build));
                let what = format!("approval of build {}", build.short());
                found.extend(self.beside(fact.at, *digest, concern, others, &what));
            }
        }
        for (digest, table) in &self.facts.releases {
            let complete = view.complete_at(*digest);
            for fact in view.all(Some(table)) {
                let said = &fact.said;
                if !complete.as_ref().is_ok_and(|at| fact.at <= *at) {
                    continue;
                }
                let concern = self.decided(fact.at, |view| {
                    view.judge_release(said, *digest, Held::Later)
                });
                let line = shown_line(&said.release);
                let what = format!("release {} of {line}", said.release.seq);
                found.extend(self.beside(fact.at, *digest, concern, others, &what));
            }
        }
        found
    }

    /// What a decision was about, if its own log justified it; if not, that is a finding already.
    fn decided(
        &self,
        at: u64,
        gate: impl Fn(AsOf<'_>) -> Result<Concern, Refused>,
    ) -> Option<Concern> {
        match self.at_some_time(at, gate) {
            Ok(concern) => Some(concern),
            Err((_, concern)) => concern,
        }
    }

    fn beside(
        &self,
        at: u64,
        digest: StatementDigest,
        concern: Option<Concern>,
        others: &[&Self],
        what: &str,
    ) -> Vec<Finding> {
        let Some((concern, roster)) = concern.zip(self.chain.at(at)) else {
            return Vec::new();
        };
        let named: BTreeSet<_> = roster.constitution.logs.iter().map(|l| &l.origin).collect();
        let others = others.iter().filter(|other| other.origin != self.origin);
        let others = others.filter(|other| named.contains(&other.origin));
        let judged = others.filter_map(|other| {
            let whole = other.as_of(other.next_index());
            if !whole.is_contested(&concern) {
                return None;
            }
            let (severity, when, refused) = self.opposed(at, other, &concern)?;
            let found = about(at, digest, refused.code, severity);
            let says = format!("{what}: {when}: {}", in_log(refused, other));
            Some(found.says(says, "ask the signer which logs it read, and up to where"))
        });
        judged.collect()
    }

    /// How bad it is that something stood in another log when this entry was made; none if nothing did.
    fn opposed(
        &self,
        at: u64,
        other: &Self,
        concern: &Concern,
    ) -> Option<(Severity, &'static str, Refused)> {
        let when = self.moment(at);
        let refused = match self.stood(when, other, concern) {
            Beside::Clear => return None,
            Beside::Perhaps(refused) => {
                let order =
                    "no order between the two logs is proven, it may have been open by then";
                return Some((Severity::Amber, order, refused));
            }
            Beside::Surely(refused) => refused,
        };
        match self.stood(self.shortly_before(when), other, concern) {
            Beside::Surely(_) => Some((Severity::Red, "signed while it stood open", refused)),
            Beside::Perhaps(_) | Beside::Clear => {
                let raced = "it may have come in while this was signed";
                Some((Severity::Amber, raced, refused))
            }
        }
    }

    /// When an entry came in.
    fn moment(&self, at: u64) -> Moment {
        Moment {
            from: self.clock.absent_at(at),
            to: self.clock.by(at).unwrap_or(u64::MAX),
            below: at,
            index: at,
        }
    }

    /// The earliest moment at which an entry may have been decided on.
    fn shortly_before(&self, when: Moment) -> Moment {
        let time = when.from.saturating_sub(DECIDED_BEFORE_SECONDS);
        Moment {
            from: time,
            to: time,
            below: self.clock.surely_before(time),
            ..when
        }
    }

    fn stood(&self, when: Moment, other: &Self, concern: &Concern) -> Beside {
        let (surely, possibly) = self.extent(when, other);
        let between = other.clock.sizes(surely, possibly);
        let ends: BTreeSet<_> = between.chain([surely, possibly]).collect();
        let asked = ends.iter().map(|end| other.as_of(*end));
        let answers: Vec<_> = asked.map(|view| view.check_unopposed(concern)).collect();
        let moments = answers.len();
        let refused: Vec<_> = answers.into_iter().filter_map(Result::err).collect();
        let everywhere = refused.len() == moments;
        match refused.into_iter().next() {
            None => Beside::Clear,
            Some(first) if everywhere => Beside::Surely(first),
            Some(first) => Beside::Perhaps(first),
        }
    }

    /// How many entries of another log surely stood at a moment of this one, and how many may have.
    fn extent(&self, when: Moment, other: &Self) -> (u64, u64) {
        let kept = self.facts.anchors.iter();
        let kept = kept.filter(|kept| kept.entry < when.below && other.is_own(kept));
        let proven = kept.map(|kept| kept.size).max().unwrap_or(0);
        let kept = other.facts.anchors.iter();
        let kept = kept.filter(|kept| kept.size > when.index && self.is_own(kept));
        let after = kept.map(|kept| kept.entry).min().unwrap_or(u64::MAX);
        // What a Merkle root proves stands against any clock.
        let surely = other.clock.surely_before(when.from).min(after).max(proven);
        let possibly = other.clock.possibly_at(when.to).min(after).max(surely);
        (surely, possibly.min(other.next_index()))
    }

    /// Whether a checkpoint kept elsewhere is one that this log showed here, too.
    fn is_own(&self, kept: &super::Anchored) -> bool {
        let seen = self.clock.at_size(kept.size);
        kept.origin == self.origin && seen.is_some_and(|(root, _)| root == kept.root)
    }
}

fn in_log(refused: Refused, log: &Judge) -> Refused {
    let detail = format!("{}, in log {}", refused.detail, log.origin);
    Refused::new(refused.code, detail)
}
