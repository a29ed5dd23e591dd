//! What cells say of customers' files is added up.

use audit::judge::{Judge, Severity};
use statement::{
    BatchRange, Census, Day, FileDigest, OutcomeCounts, Predicate, Receipts, SamplingRule,
    SamplingStep, Verdicts,
};

use crate::{
    homes::{self, TO_ZURICH, declared, first},
    honest::{
        chain::center_log,
        custody::{founded, quorum, receipts, say_all, say_one, verdicts},
        keys::Key,
        log::Log,
        roster::{NOT_AFTER, NOW},
    },
    only,
};

fn received(seq: u64, count: u64) -> Receipts {
    Receipts {
        seq,
        count,
        ..receipts()
    }
}

fn analysed(seq: u64, clean: u64, anomaly: u64) -> Verdicts {
    let outcomes = OutcomeCounts {
        clean,
        anomaly,
        ..OutcomeCounts::default()
    };
    Verdicts {
        seq,
        count: clean + anomaly,
        outcomes,
        ..verdicts()
    }
}

/// Of batches 1 and 2 of each kind: 250 taken in, 248 analysed, one anomaly.
fn census() -> Census {
    let range = Some(BatchRange { first: 1, last: 2 });
    Census {
        audience: vec![center_log()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        home: "CH".parse().unwrap(),
        day: Day::of(NOW).unwrap(),
        receipts: range,
        verdicts: range,
        received: 250,
        declined: 0,
        sampled_out: 0,
        one_in_max: 1,
        sampling: SamplingRule::default(),
        draw: None,
        analysed: 248,
        outcomes: OutcomeCounts {
            clean: 247,
            anomaly: 1,
            ..OutcomeCounts::default()
        },
        waiting: 2,
        set_aside: 0,
        erased: 0,
        regions: [("europe".parse().unwrap(), 250)].into(),
        countries: [].into(),
    }
}

/// The entry of a log that says where files go before anything else.
fn at(index: u64) -> Option<u64> {
    Some(index + 2 * quorum().len() as u64)
}

fn census_of(day: &str, sampled_out: u64, one_in_max: u64) -> Census {
    Census {
        day: day.parse().unwrap(),
        declined: 3,
        sampled_out,
        one_in_max,
        sampling: SamplingRule::new(vec![
            SamplingStep {
                waiting: 10,
                one_in: 2,
            },
            SamplingStep {
                waiting: 20,
                one_in: 8,
            },
        ])
        .unwrap(),
        draw: Some(FileDigest::of(b"key")),
        ..census()
    }
}

fn judged(said: impl IntoIterator<Item = Predicate>) -> Judge {
    let mut log: Log = founded();
    let written = first(TO_ZURICH);
    say_all(&mut log, declared(), &quorum());
    say_all(&mut log, written.policy.clone(), &quorum());
    for predicate in said {
        say_one(&mut log, predicate, &Key::of("vendor", "center"));
    }
    homes::judged(&mut log, &[&written])
}

fn batches() -> Vec<Predicate> {
    vec![
        received(1, 200).into(),
        analysed(1, 199, 1).into(),
        received(2, 50).into(),
        analysed(2, 48, 0).into(),
    ]
}

fn with(more: impl Into<Predicate>) -> Judge {
    judged(batches().into_iter().chain([more.into()]))
}

#[test]
fn the_share_that_machines_dealt_with_alone_is_computed_from_batches() {
    let judge = with(census());
    assert!(judge.findings().is_empty(), "{:?}", judge.findings());
    let cells = judge.latest().cells;
    let zurich = &cells[&"CH".parse().unwrap()];
    assert_eq!(
        (zurich.received, zurich.analysed, zurich.batches),
        (250, 248, 4)
    );
    let share = zurich.automatic_share().unwrap();
    assert!((share - 247.0 / 248.0).abs() < 1e-12, "{share}");
    let nothing = judged([received(1, 1).into()]).latest().cells;
    let waiting = nothing[&"CH".parse().unwrap()];
    assert_eq!(waiting.automatic_share(), None);
}

#[test]
fn whom_a_cell_turned_away_is_in_the_report_as_its_censuses_claim_it() {
    let zurich = |judge: Judge| judge.latest().cells[&"CH".parse().unwrap()];
    let unsaid = zurich(judged(batches()));
    assert_eq!((unsaid.censuses, unsaid.one_in_max), (0, 0));
    let quiet = Census {
        receipts: None,
        verdicts: None,
        received: 0,
        analysed: 0,
        outcomes: OutcomeCounts::default(),
        regions: [].into(),
        ..census_of("2027-01-16", 2, 2)
    };
    let said = batches()
        .into_iter()
        .chain([census_of("2027-01-15", 40, 8).into(), quiet.into()]);
    let judge = judged(said);
    assert!(judge.findings().is_empty(), "{:?}", judge.findings());
    let cell = zurich(judge);
    assert_eq!(
        (
            cell.censuses,
            cell.declined,
            cell.sampled_out,
            cell.one_in_max
        ),
        (2, 6, 42, 8)
    );
}

#[test]
fn sampling_by_a_rule_that_was_not_announced_is_a_doubt() {
    let judge = with(census_of("2027-01-15", 40, 4));
    assert_eq!(only(&judge, Severity::Amber), ("census.sampling", at(8)));
}

#[test]
fn a_census_that_understates_is_a_broken_promise() {
    let wrong: [fn(&mut Census); 4] = [
        |census| {
            census.received = 249;
            census.regions = [("europe".parse().unwrap(), 249)].into();
        },
        |census| {
            census.analysed = 247;
            census.outcomes.clean = 246;
        },
        |census| {
            census.outcomes.clean = 248;
            census.outcomes.anomaly = 0;
        },
        |census| {
            census.outcomes.clean = 246;
            census.outcomes.suspicious = 1;
        },
    ];
    for change in wrong {
        let mut census = census();
        change(&mut census);
        let judge = with(census);
        assert_eq!(only(&judge, Severity::Red), ("census.sums", at(8)));
    }
}

#[test]
fn a_census_of_batches_that_do_not_stand_is_a_doubt() {
    let range = Some(BatchRange { first: 1, last: 3 });
    let many = Census {
        receipts: range,
        ..census()
    };
    assert_eq!(
        only(&with(many), Severity::Amber),
        ("census.unproven", at(8))
    );
}

#[test]
fn two_censuses_of_one_day_are_a_broken_promise() {
    let said = batches().into_iter().chain([census().into()]);
    let other = Census {
        declined: 1,
        ..census()
    };
    let judge = judged(said.chain([other.into()]));
    assert_eq!(only(&judge, Severity::Red), ("census.fork", at(9)));
}

#[test]
fn a_day_goes_on_where_the_one_before_ended() {
    let range = Some(BatchRange { first: 2, last: 2 });
    let later = Census {
        receipts: range,
        verdicts: range,
        received: 50,
        analysed: 48,
        outcomes: OutcomeCounts {
            clean: 48,
            ..OutcomeCounts::default()
        },
        regions: [("europe".parse().unwrap(), 50)].into(),
        ..census()
    };
    let codes: Vec<_> = with(later).findings().iter().map(|it| it.code).collect();
    assert_eq!(codes, ["census.range"; 2]);
}

#[test]
fn a_number_that_was_used_twice_is_a_broken_promise_and_one_left_out_a_doubt() {
    let judge = with(received(2, 49));
    assert_eq!(only(&judge, Severity::Red), ("batch.fork", at(8)));
    // The first one counts.
    assert_eq!(judge.latest().cells[&"CH".parse().unwrap()].received, 250);
    assert_eq!(
        only(&with(analysed(4, 1, 0)), Severity::Amber),
        ("batch.gap", at(8))
    );
    assert_eq!(
        only(&judged([received(2, 1).into()]), Severity::Amber),
        ("batch.gap", at(4))
    );
    // The same entry once more says nothing new.
    assert!(with(received(2, 50)).findings().is_empty());
}
