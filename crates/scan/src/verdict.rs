//! From facts to an outcome. Pure: the same facts and the same table give the same verdict.
//!
//! A reason counts once per member; the score of a sample is that of its worst member, so many
//! harmless files in one archive never add up to something harmful.

use std::collections::BTreeSet;

use crate::reason::Reason;
use crate::report::{Fact, Named, Outcome};
use crate::scoring::{Scoring, Weight};

/// The points of one member.
pub(crate) fn score_of(facts: &[Fact], scoring: &Scoring) -> u32 {
    let reasons: BTreeSet<Reason> = facts.iter().map(|fact| fact.reason).collect();
    reasons
        .into_iter()
        .map(|reason| match scoring.weight(reason) {
            Weight::Points(points) => points,
            Weight::Anomaly => 0,
        })
        .fold(0, u32::saturating_add)
}

/// What comes of all members together: the outcome and the score it rests on.
pub(crate) fn outcome_of<'f>(
    members: impl Iterator<Item = &'f [Fact]> + Clone,
    scoring: &Scoring,
) -> (Outcome, u32) {
    let score = members
        .clone()
        .map(|facts| score_of(facts, scoring))
        .max()
        .unwrap_or(0);
    let anomaly = members
        .flatten()
        .any(|fact| scoring.weight(fact.reason) == Weight::Anomaly);
    let outcome = if score >= scoring.malicious() {
        Outcome::Malicious
    } else if anomaly {
        Outcome::Anomaly
    } else if score >= scoring.suspicious() {
        Outcome::Suspicious
    } else {
        Outcome::Clean
    };
    (outcome, score)
}

/// The facts of one member as the verdict names them.
pub(crate) fn named(path: &str, facts: &[Fact], scoring: &Scoring) -> Vec<Named> {
    facts
        .iter()
        .map(|fact| Named {
            member: path.to_owned(),
            reason: fact.reason.as_str(),
            detail: fact.detail.clone(),
            weight: match scoring.weight(fact.reason) {
                Weight::Points(points) => points.to_string(),
                Weight::Anomaly => "anomaly".to_owned(),
            },
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::scoring::FIRST_SCORING;

    fn outcome(members: &[&[Reason]]) -> (Outcome, u32) {
        let scoring = Scoring::parse(FIRST_SCORING).unwrap();
        let facts: Vec<Vec<Fact>> = members
            .iter()
            .map(|reasons| {
                reasons
                    .iter()
                    .map(|reason| Fact::new(*reason, ""))
                    .collect()
            })
            .collect();
        outcome_of(facts.iter().map(Vec::as_slice), &scoring)
    }

    #[test]
    fn the_worst_member_decides_and_members_do_not_add_up() {
        assert_eq!(outcome(&[&[]]), (Outcome::Clean, 0));
        assert_eq!(
            outcome(&[&[Reason::RuleSuspicious], &[Reason::MacroAuto]]),
            (Outcome::Suspicious, 40)
        );
        assert_eq!(
            outcome(&[
                &[Reason::MacroAuto],
                &[Reason::MacroAuto],
                &[Reason::MacroAuto]
            ]),
            (Outcome::Clean, 30)
        );
        assert_eq!(
            outcome(&[&[Reason::MacroAuto, Reason::MacroShell, Reason::MacroNetwork]]),
            (Outcome::Malicious, 100)
        );
    }

    #[test]
    fn a_reason_given_twice_counts_once() {
        assert_eq!(
            outcome(&[&[Reason::RuleSuspicious, Reason::RuleSuspicious]]),
            (Outcome::Suspicious, 40)
        );
    }

    #[test]
    fn an_anomaly_is_one_unless_it_is_malicious_anyway() {
        assert_eq!(outcome(&[&[Reason::LimitRatio]]), (Outcome::Anomaly, 0));
        assert_eq!(
            outcome(&[&[Reason::LimitRatio], &[Reason::RuleSuspicious]]),
            (Outcome::Anomaly, 40)
        );
        assert_eq!(
            outcome(&[&[Reason::LimitRatio], &[Reason::DigestKnownBad]]),
            (Outcome::Malicious, 100)
        );
    }
}
