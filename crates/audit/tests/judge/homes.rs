//! Where policies send files is computed again, and what cells count is held against it; promises keep their first day.

use std::collections::BTreeSet;

use audit::judge::{Documents, Judge, Severity};
use statement::{
    Census, Day, Declaration, Facility, FileDigest, Met, OutcomeCounts, Promise, ResidencyPolicy,
    StatementDigest,
};

use crate::{
    honest::{
        chain::center_log,
        custody::{self, digest, founded, quorum, say_all, say_one},
        keys::Key,
        log::Log,
        roster::{self, NOT_AFTER, NOW},
    },
    only, replay,
};

const SCHEMA: &str = "entity Region; entity Country in [Region]; entity Home;
action \"keep\" appliesTo { principal: [Country], resource: [Home] };";

/// The rules: each region with its home.
fn rules(of: &[(&str, &str)]) -> String {
    let rule = |(region, home): &(&str, &str)| {
        let principal = format!("principal in Region::\"{region}\"");
        let name = format!("{region}-to-{home}").to_lowercase();
        format!(
            "@id(\"{name}\") permit ({principal}, action == Action::\"keep\", resource == Home::\"{home}\");\n",
        )
    };
    of.iter().map(rule).collect()
}

pub(crate) const TO_ZURICH: &[(&str, &str)] = &[("europe", "CH"), ("rest", "CH")];
const REST_TO_MOSCOW: &[(&str, &str)] = &[("europe", "CH"), ("rest", "RU")];

pub(crate) fn declared() -> Declaration {
    let mut declared = custody::declaration(1, None);
    declared.facilities.insert(
        0,
        Facility {
            id: "moscow-1".parse().unwrap(),
            city: "Moscow".to_owned(),
            country: "RU".parse().unwrap(),
            operator: "vendor".parse().unwrap(),
            purpose: "Keeps files".to_owned(),
        },
    );
    declared
}

/// A policy, and its documents.
pub(crate) struct Written {
    pub(crate) policy: ResidencyPolicy,
    text: String,
    entities: String,
}

impl Written {
    fn new(
        (version, previous): (u64, Option<StatementDigest>),
        declared: &Declaration,
        of: &[(&str, &str)],
    ) -> Self {
        let homes: BTreeSet<_> = of.iter().map(|(_, home)| home.parse().unwrap()).collect();
        let entities = residency::entities(declared, &homes);
        Self::with((version, previous), declared, (rules(of), entities))
    }

    fn with(
        (version, previous): (u64, Option<StatementDigest>),
        declared: &Declaration,
        (text, entities): (String, String),
    ) -> Self {
        let mut policy = custody::policy(version, previous, digest(declared.clone()));
        let documents = [&*text, SCHEMA, &*entities];
        let [words, schema, listed] = documents.map(|it| FileDigest::of(it.as_bytes()));
        (policy.text, policy.schema, policy.entities) = (words, schema, listed);
        for (blob, document) in policy.blobs.iter_mut().zip(documents) {
            blob.sha256 = FileDigest::of(document.as_bytes());
            blob.bytes = document.len() as u64;
        }
        Self {
            policy,
            text,
            entities,
        }
    }

    fn digest(&self) -> StatementDigest {
        digest(self.policy.clone())
    }

    fn documents(&self) -> Documents<'_> {
        Documents {
            text: self.text.as_bytes(),
            schema: SCHEMA.as_bytes(),
            entities: self.entities.as_bytes(),
        }
    }
}

pub(crate) fn first(of: &[(&str, &str)]) -> Written {
    Written::new((1, None), &declared(), of)
}

/// A census of Zurich of the day on which everything happens.
fn census(regions: &[(&str, u64)]) -> Census {
    Census {
        audience: vec![center_log()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        home: "CH".parse().unwrap(),
        day: Day::of(NOW).unwrap(),
        receipts: None,
        verdicts: None,
        received: 0,
        declined: 0,
        sampled_out: 0,
        one_in_max: 1,
        sampling: statement::SamplingRule::default(),
        draw: None,
        analysed: 0,
        outcomes: OutcomeCounts::default(),
        waiting: 0,
        set_aside: 0,
        erased: 0,
        regions: regions
            .iter()
            .map(|(region, count)| (region.parse().unwrap(), *count))
            .collect(),
        countries: [].into(),
    }
}

fn told(policies: &[&Written]) -> Log {
    let mut log = founded();
    say_all(&mut log, declared(), &quorum());
    for written in policies {
        say_all(&mut log, written.policy.clone(), &quorum());
        log.publish(NOW + 90);
    }
    log
}

pub(crate) fn judged(log: &mut Log, policies: &[&Written]) -> Judge {
    log.publish(NOW + 120);
    let mut judge = replay(log, roster::digest(&roster::constitution()));
    for written in policies {
        let replayed = judge.judge_policy(written.digest(), written.documents());
        replayed.unwrap();
    }
    judge
}

#[test]
fn every_country_is_counted_where_the_rules_send_it() {
    let written = first(REST_TO_MOSCOW);
    let judge = judged(&mut told(&[&written]), &[&written]);
    assert!(judge.findings().is_empty(), "{:?}", judge.findings());
    let policy = judge.latest().policy.unwrap();
    assert_eq!((policy.version, policy.digest), (1, written.digest()));
    let countries: Vec<_> = policy.homes.values().copied().collect();
    assert_eq!(countries, [2, 247]);
    let seen = judge.policies();
    assert_eq!(seen[0].text, FileDigest::of(written.text.as_bytes()));
}

/// The same documents by the code that endpoints use: both say the same of each, or both refuse.
#[test]
fn two_evaluations_of_one_policy_agree() {
    let two = rules(&[("europe", "CH"), ("rest", "RU")]) + &rules(&[("europe", "RU")]);
    let twice = rules(TO_ZURICH) + &rules(&[("europe", "CH")]).replace("europe-to-ch", "again");
    let many: String = (0..65)
        .map(|n| rules(&[("europe", "CH")]).replace("europe-to-ch", &format!("again-{n}")))
        .collect();
    let other = "permit (principal, action, resource);".to_owned();
    let texts = [
        rules(TO_ZURICH),
        rules(REST_TO_MOSCOW),
        rules(&[("europe", "CH")]),
        two,
        twice,
        rules(&[("europe", "CH"), ("rest", "DE")]),
        rules(REST_TO_MOSCOW)
            .replace("europe-to-ch", "to-nobody")
            .replace("permit", "forbid"),
        rules(REST_TO_MOSCOW).replace("keep", "sell"),
        other,
        many,
        rules(REST_TO_MOSCOW).replace("rest-to-ru", "europe-to-ch"),
        rules(REST_TO_MOSCOW).replace("rest-to-ru", "Rest"),
    ];
    let declared = declared();
    for text in texts {
        let homes = ["CH", "RU", "DE"].map(|home| home.parse().unwrap());
        for homes in [&homes[..1], &homes[..2], &homes] {
            let entities = residency::entities(&declared, &homes.iter().cloned().collect());
            let written = Written::with((1, None), &declared, (text.clone(), entities));
            let documents = residency::Documents {
                text: &written.text,
                schema: SCHEMA,
                entities: &written.entities,
            };
            let first = residency::Residency::open(&written.policy, &declared, &documents);
            let judge = judged(&mut told(&[&written]), &[&written]);
            let counted = judge.latest().policy.unwrap().homes;
            let Ok(first) = &first else {
                let why = first.unwrap_err();
                assert!(counted.is_empty(), "{text}: {counted:?}, and {why}");
                assert_eq!(only(&judge, Severity::Red).0, "policy.undecided");
                continue;
            };
            for (home, count) in counted {
                let same = first.decisions().filter(|decision| decision.home == home);
                assert_eq!(same.count() as u64, count, "{text}: {home}");
            }
        }
    }
}

#[test]
fn entities_that_move_a_country_are_found() {
    let honest = first(REST_TO_MOSCOW);
    let moved = honest.entities.replace(
        r#""id":"DE"},"attrs":{},"parents":[{"type":"Region","id":"europe"}]"#,
        r#""id":"DE"},"attrs":{},"parents":[{"type":"Region","id":"rest"}]"#,
    );
    assert_ne!(moved, honest.entities);
    let written = Written::with((1, None), &declared(), (honest.text, moved));
    let judge = judged(&mut told(&[&written]), &[&written]);
    assert_eq!(only(&judge, Severity::Red).0, "policy.undecided");
    assert!(judge.findings()[0].what.contains("DE"));
}

#[test]
fn documents_of_another_policy_or_evaluator_say_nothing() {
    let written = first(REST_TO_MOSCOW);
    let mut judge = judged(&mut told(&[&written]), &[]);
    let other = first(TO_ZURICH);
    let refused = judge.judge_policy(written.digest(), other.documents());
    assert_eq!(refused.unwrap_err().code, "policy.not_replayed");
    assert!(judge.latest().policy.unwrap().homes.is_empty());
    let mut later = first(REST_TO_MOSCOW);
    later.policy.language = "cedar 5.0.0".to_owned();
    let mut judge = judged(&mut told(&[&later]), &[]);
    let refused = judge.judge_policy(later.digest(), later.documents());
    assert_eq!(refused.unwrap_err().code, "policy.not_replayed");
}

#[test]
fn a_policy_that_is_widened_names_every_country_that_it_moves() {
    let old = first(TO_ZURICH);
    let new = Written::new((2, Some(old.digest())), &declared(), REST_TO_MOSCOW);
    let judge = judged(&mut told(&[&old, &new]), &[&old, &new]);
    let (code, _) = only(&judge, Severity::Note);
    assert_eq!(code, "policy.moved");
    let what = &judge.findings()[0].what;
    assert!(
        what.contains("AD, AE") && what.ends_with("235 more from CH to RU"),
        "{what}"
    );
}

#[test]
fn a_census_with_files_that_were_promised_to_another_home_is_a_broken_promise() {
    let written = first(REST_TO_MOSCOW);
    let center = Key::of("vendor", "center");
    for (regions, is_right) in [
        (&["europe"][..], true),
        (&["europe", "rest"], false),
        (&["mars"], false),
    ] {
        let mut log = told(&[&written]);
        let regions: Vec<_> = regions.iter().map(|region| (*region, 1)).collect();
        let mut said = census(&regions);
        said.received = regions.len() as u64;
        said.receipts = Some(statement::BatchRange { first: 1, last: 1 });
        let received = statement::Receipts {
            count: said.received,
            ..custody::receipts()
        };
        say_one(&mut log, received, &center);
        say_one(&mut log, said, &center);
        let at = log.size() - 1;
        let judge = judged(&mut log, &[&written]);
        if is_right {
            assert!(judge.findings().is_empty(), "{:?}", judge.findings());
        } else {
            assert_eq!(only(&judge, Severity::Red), ("census.home", Some(at)));
        }
    }
}

#[test]
fn a_country_in_a_census_must_be_of_that_home_and_both_policies_of_a_day_count() {
    let (old, center) = (first(TO_ZURICH), Key::of("vendor", "center"));
    let new = Written::new((2, Some(old.digest())), &declared(), REST_TO_MOSCOW);
    let say = |policies: &[&Written], day: Day| {
        let mut log = told(policies);
        let mut said = census(&[("rest", 20)]);
        said.day = day;
        said.countries = [("BR".parse().unwrap(), 20)].into();
        said.received = 20;
        said.receipts = Some(statement::BatchRange { first: 1, last: 1 });
        let received = statement::Receipts {
            count: 20,
            ..custody::receipts()
        };
        say_one(&mut log, received, &center);
        say_one(&mut log, said, &center);
        judged(&mut log, policies)
    };
    let today = Day::of(NOW).unwrap();
    let day_after = Day::of(NOW + 2 * 86_400).unwrap();
    let reds = |judge: Judge| {
        let found = judge.findings().into_iter();
        found
            .filter(|found| found.severity == Severity::Red)
            .count()
    };
    assert_eq!(reds(say(&[&old, &new], today)), 0);
    assert_eq!(reds(say(&[&old, &new], day_after)), 1);
    let moscow = first(REST_TO_MOSCOW);
    assert_eq!(reds(say(&[&moscow], today)), 1);
}

fn promise(due: u64, met: Option<u64>) -> Promise {
    Promise {
        id: "swiss".parse().unwrap(),
        text: "Everything is kept in Zurich".to_owned(),
        due: Day::of(due).unwrap(),
        met: met.map(|met| Met {
            day: Day::of(met).unwrap(),
            evidence: StatementDigest::of(b"shown"),
        }),
    }
}

fn promised(versions: &[Vec<Promise>]) -> Judge {
    let mut log = founded();
    let mut previous = None;
    for (number, promises) in (1..).zip(versions) {
        let mut declared = custody::declaration(number, previous);
        declared.promises = promises.clone();
        previous = Some(digest(declared.clone()));
        say_all(&mut log, declared, &quorum());
        log.publish(NOW + 60 + number);
    }
    judged(&mut log, &[])
}

#[test]
fn a_promise_is_open_kept_late_or_broken_by_the_day_named_first() {
    let day = 86_400;
    let later = promise(NOW + 9 * day, None);
    let open = promised(&[vec![later.clone()]]);
    assert!(open.findings().is_empty(), "{:?}", open.findings());
    assert_eq!(open.latest().promises.len(), 1);
    let kept = promised(&[vec![later.clone()], vec![promise(NOW + 9 * day, Some(NOW))]]);
    assert!(kept.findings().is_empty(), "{:?}", kept.findings());
    assert_eq!(kept.latest().promises[0].met, Day::of(NOW));

    let past = promise(NOW - 2 * day, None);
    let broken = promised(&[vec![past.clone()]]);
    assert_eq!(only(&broken, Severity::Red).0, "promise.late");
    let late = promised(&[vec![past.clone()], vec![promise(NOW - 2 * day, Some(NOW))]]);
    assert_eq!(only(&late, Severity::Note).0, "promise.late");

    let moved = promised(&[vec![past], vec![later.clone()]]);
    let codes: Vec<_> = moved.findings().iter().map(|found| found.code).collect();
    assert_eq!(codes, ["promise.moved", "promise.late"]);
    let dropped = promised(&[vec![later], vec![]]);
    assert_eq!(only(&dropped, Severity::Red).0, "promise.dropped");
}
