//! Second looks at samples at rest: what may be granted, and that no more was looked at.

use audit::judge::Severity;
use statement::{
    CheckpointRef, FileDigest, OutcomeCounts, Reanalyses, ReanalysisGrant, StatementDigest,
};

use crate::{
    honest::{
        chain::center_log,
        custody::{digest, erasure, grant, receipts, say_one},
        keys::Key,
        roster::{DAY, NOT_AFTER, NOW},
        sayings::heartbeat,
        story::{Story, Told},
    },
    replay,
};

fn supervisor() -> Key {
    Key::of("supervisor", "supervisor")
}

fn center() -> Key {
    Key::of("vendor", "center")
}

/// Rules were released, and a thousand samples are at rest.
fn rules() -> Told {
    let mut told = Story::honest().of_rules().tell();
    let batch = statement::Receipts {
        count: 1_000,
        ..receipts()
    };
    say_one(&mut told.log, batch, &center());
    told.log.publish(NOW + 4_000);
    told
}

/// A grant that names what stands now.
fn honest(told: &Told) -> ReanalysisGrant {
    let size = told.log.published.last().unwrap().0;
    let root = FileDigest::new(told.log.root(size));
    grant(told.made.release(), CheckpointRef { size, root })
}

fn looked(grant: StatementDigest, seq: u64, count: u64) -> Reanalyses {
    Reanalyses {
        audience: vec![center_log()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        home: "CH".parse().unwrap(),
        grant,
        seq,
        count,
        outcomes: OutcomeCounts {
            clean: count,
            ..OutcomeCounts::default()
        },
        root: FileDigest::of(b"records"),
    }
}

/// What is found about second looks, and by which entry.
fn found(told: &Told) -> Vec<(&'static str, Option<u64>)> {
    let findings = replay(&told.log, told.anchor).findings();
    let about = findings.into_iter().filter(|finding| {
        finding.code.starts_with("grant.") || finding.code.starts_with("reanalyses.")
    });
    let mut found: Vec<_> = about
        .map(|finding| {
            assert_eq!(finding.severity, Severity::Red);
            (finding.code, finding.entry)
        })
        .collect();
    found.sort_by_key(|(_, entry)| *entry);
    found
}

/// The honest grant with a change, logged.
fn changed(change: impl FnOnce(&mut ReanalysisGrant)) -> Vec<&'static str> {
    let mut told = rules();
    let mut grant = honest(&told);
    change(&mut grant);
    say_one(&mut told.log, grant, &supervisor());
    told.log.publish(NOW + 5_000);
    found(&told).into_iter().map(|(code, _)| code).collect()
}

#[test]
fn an_honest_grant_and_what_was_looked_at_under_it_are_no_findings() {
    let mut told = rules();
    let grant = honest(&told);
    say_one(&mut told.log, grant.clone(), &supervisor());
    say_one(&mut told.log, looked(digest(grant), 1, 10), &center());
    told.log.publish(NOW + 5_000);
    assert_eq!(found(&told), []);
}

#[test]
fn a_grant_over_a_bound_or_over_unreleased_rules_is_found() {
    assert_eq!(changed(|grant| grant.count = 11), ["grant.day"]);
    assert_eq!(changed(|grant| grant.stock = 1_001), ["grant.stock"]);
    let other = |grant: &mut ReanalysisGrant| grant.home = "RU".parse().unwrap();
    assert_eq!(changed(other), ["grant.stock"]);
    let early = |grant: &mut ReanalysisGrant| grant.checkpoint.size = 10_000;
    assert_eq!(changed(early), ["grant.checkpoint"]);
    let unlogged = |grant: &mut ReanalysisGrant| grant.rules = StatementDigest::of(b"rules");
    assert_eq!(changed(unlogged), ["grant.unreleased"]);
    let named = |grant: &mut ReanalysisGrant| grant.scoring = StatementDigest::of(b"a table");
    assert_eq!(changed(named), ["grant.unreleased"]);
    let mut told = rules();
    say_one(&mut told.log, erasure(), &center());
    told.log.publish(NOW + 4_500);
    let grant = honest(&told);
    let at = say_one(&mut told.log, grant, &supervisor());
    told.log.publish(NOW + 5_000);
    assert_eq!(found(&told), [("grant.stock", Some(at))]);
}

#[test]
fn the_sixth_percent_of_a_quarter_is_found() {
    let mut told = rules();
    let mut last = 0;
    for day in 0..6 {
        let time = NOW + 5_000 + day * (DAY + 100);
        let mut grant = honest(&told);
        grant.root = FileDigest::of(&day.to_be_bytes());
        told.log.push(heartbeat(&format!("day {day}")));
        told.log.publish(time - 30);
        last = say_one(&mut told.log, grant, &supervisor());
        told.log.publish(time);
    }
    assert_eq!(found(&told), [("grant.quarter", Some(last))]);
}

#[test]
fn a_look_without_a_grant_beyond_it_or_abroad_is_found() {
    let mut told = rules();
    let grant = honest(&told);
    let granted = digest(grant.clone());
    let early = say_one(&mut told.log, looked(granted, 1, 1), &center());
    say_one(&mut told.log, grant, &supervisor());
    say_one(&mut told.log, looked(granted, 2, 9), &center());
    let many = say_one(&mut told.log, looked(granted, 3, 1), &center());
    let mut abroad = looked(granted, 4, 1);
    abroad.home = "RU".parse().unwrap();
    let abroad = say_one(&mut told.log, abroad, &center());
    let nothing = StatementDigest::of(b"no grant");
    let alone = say_one(&mut told.log, looked(nothing, 5, 1), &center());
    told.log.publish(NOW + 5_000);
    let expected = [
        ("reanalyses.grant", Some(early)),
        ("reanalyses.count", Some(many)),
        ("reanalyses.home", Some(abroad)),
        ("reanalyses.grant", Some(alone)),
    ];
    assert_eq!(found(&told), expected);
}

#[test]
fn a_batch_of_second_looks_that_is_missing_or_said_twice_is_found() {
    let mut told = rules();
    let granted = honest(&told);
    let grant = digest(granted.clone());
    say_one(&mut told.log, granted, &supervisor());
    say_one(&mut told.log, looked(grant, 1, 1), &center());
    let gap = say_one(&mut told.log, looked(grant, 3, 1), &center());
    let twice = say_one(&mut told.log, looked(grant, 3, 2), &center());
    told.log.publish(NOW + 5_000);
    let findings = replay(&told.log, told.anchor).findings();
    let about = findings
        .iter()
        .filter(|finding| finding.code.starts_with("batch."));
    let mut about: Vec<_> = about.map(|finding| (finding.code, finding.entry)).collect();
    about.sort_by_key(|(_, entry)| *entry);
    assert_eq!(
        about,
        [("batch.gap", Some(gap)), ("batch.fork", Some(twice))]
    );
}
