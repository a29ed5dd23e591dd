//! Where files go: policy and declaration in force, each with one condition taken away.

use law::{Refusal, Residence};
use statement::{Declaration, ResidencyPolicy, StatementDigest};

use crate::{
    honest::{
        custody::{declaration, digest, founded, policy, quorum, say_all},
        log::Log,
        roster::{self, NOT_AFTER, NOW},
        sayings::heartbeat,
    },
    refused_with,
};

const LATER: u64 = NOW + 120;

fn anchor() -> StatementDigest {
    roster::digest(&roster::constitution())
}

/// Asks a replay of the whole log and a bundle of it; they must not differ.
fn judged_at(mut log: Log, time: u64) -> Result<Residence, Refusal> {
    log.publish(time);
    let replayed = log.replay(anchor());
    let by_replay = Residence::check(replayed.settled().unwrap());
    let bundle = log.whole_bundle().open(anchor()).unwrap();
    let by_bundle = Residence::check(bundle.view());
    match (&by_replay, &by_bundle) {
        (Ok(one), Ok(other)) => assert_eq!(one, other),
        (Err(one), Err(other)) => assert_eq!(one.code(), other.code()),
        _ => panic!("{by_replay:?} and {by_bundle:?}"),
    }
    by_bundle
}

fn judged(log: Log) -> Result<Residence, Refusal> {
    judged_at(log, LATER)
}

fn first_declaration() -> (Declaration, StatementDigest) {
    let first = declaration(1, None);
    (first.clone(), digest(first))
}

fn declared() -> (Log, StatementDigest) {
    let mut log = founded();
    let (first, named) = first_declaration();
    say_all(&mut log, first, &quorum());
    (log, named)
}

/// A log with version 1 of both in force.
fn settled() -> (Log, ResidencyPolicy) {
    let (mut log, named) = declared();
    let first = policy(1, None, named);
    say_all(&mut log, first.clone(), &quorum());
    (log, first)
}

#[test]
fn policy_and_declaration_of_a_quorum_are_in_force_and_say_which_entries_show_it() {
    let (log, first) = settled();
    let residence = judged(log).unwrap();
    assert_eq!(residence.policy().digest(), digest(first));
    assert_eq!(residence.declaration().digest(), first_declaration().1);
    assert_eq!(residence.entries(), (4..10).collect::<Vec<_>>());
    assert_eq!(residence.policy().signers().len(), 3);
    residence.check_age(LATER + 10, 10).unwrap();
    refused_with!("policy.stale", residence.check_age(LATER + 11, 10));
}

#[test]
fn without_any_there_is_no_residence() {
    refused_with!("policy.missing", judged(founded()));
    let (log, _) = declared();
    refused_with!("policy.missing", judged(log));

    let mut undeclared = founded();
    let first = policy(1, None, first_declaration().1);
    say_all(&mut undeclared, first, &quorum());
    refused_with!("declaration.missing", judged(undeclared));
}

#[test]
fn one_signature_less_is_no_quorum_and_a_party_that_signs_twice_is_one() {
    let (mut log, named) = declared();
    let first = policy(1, None, named);
    let few = &quorum()[1..];
    say_all(&mut log, first.clone(), few);
    refused_with!("policy.quorum", judged(log.clone()));
    say_all(&mut log, first.clone(), few);
    refused_with!("policy.quorum", judged(log.clone()));
    say_all(&mut log, first, &quorum()[..1]);
    judged(log).unwrap();

    let mut log = founded();
    let (first, named) = first_declaration();
    say_all(&mut log, first, few);
    say_all(&mut log, policy(1, None, named), &quorum());
    refused_with!("declaration.quorum", judged(log));
}

#[test]
fn signatures_under_other_words_do_not_add_up() {
    let (mut log, named) = declared();
    let keys = quorum();
    say_all(&mut log, policy(1, None, named), &keys[1..]);
    let mut other = policy(1, None, named);
    other.not_after -= 1;
    say_all(&mut log, other, &keys[..1]);
    refused_with!("policy.quorum", judged(log));
}

#[test]
fn what_is_included_after_its_time_is_no_policy() {
    let (log, _) = settled();
    judged_at(log.clone(), NOT_AFTER).unwrap();
    refused_with!("entry.too_late", judged_at(log, NOT_AFTER + 1));
}

#[test]
fn an_excerpt_that_is_made_later_shows_by_an_older_checkpoint_what_stood_in_time() {
    let (mut log, _) = settled();
    let anchor = anchor();
    log.publish(LATER);
    log.push(heartbeat("a year later"));
    log.publish(NOT_AFTER + 1);
    let mut bundle = log.bundle(&(0..10).collect::<Vec<_>>());
    let judged = |bundle: &law::Bundle| {
        let bundle = law::Bundle::parse(&bundle.to_bytes().unwrap()).unwrap();
        Residence::check(bundle.open(anchor).unwrap().view())
    };
    refused_with!("entry.too_late", judged(&bundle));
    bundle.archived = log.archived();
    judged(&bundle).unwrap();
    // It must be witnessed like the newest one, and of this log.
    let text = String::from_utf8(bundle.archived[0].clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    bundle.archived[0] = (lines[..lines.len() - 1].join("\n") + "\n").into_bytes();
    refused_with!("checkpoint.unwitnessed", bundle.open(anchor));
    // Older than the newest is what it is for.
    bundle.archived = vec![bundle.checkpoint.clone()];
    assert!(bundle.to_bytes().is_err());
}

#[test]
fn a_version_follows_the_one_before_or_has_no_effect() {
    let (log, first) = settled();
    let named = first.declaration;
    let in_force = |next: ResidencyPolicy| {
        let mut log = log.clone();
        say_all(&mut log, next, &quorum());
        judged(log).unwrap().policy().version
    };
    assert_eq!(in_force(policy(2, Some(digest(first.clone())), named)), 2);
    assert_eq!(in_force(policy(2, Some(named), named)), 1);
    assert_eq!(in_force(policy(3, Some(digest(first)), named)), 1);

    let (mut log, named) = declared();
    say_all(&mut log, policy(2, Some(named), named), &quorum());
    refused_with!("policy.version", judged(log));

    let mut log = founded();
    say_all(&mut log, declaration(2, Some(named)), &quorum());
    say_all(&mut log, policy(1, None, named), &quorum());
    refused_with!("declaration.version", judged(log));
}

#[test]
fn a_signature_before_the_version_that_it_follows_does_not_count() {
    let (mut log, named) = declared();
    let first = policy(1, None, named);
    let next = policy(2, Some(digest(first.clone())), named);
    let keys = quorum();
    say_all(&mut log, next.clone(), &keys[..1]);
    say_all(&mut log, first, &keys);
    say_all(&mut log, next.clone(), &keys[1..]);
    assert_eq!(judged(log.clone()).unwrap().policy().version, 1);
    say_all(&mut log, next, &keys[..1]);
    // The log answers a second submission of one payload by one key with the first entry; here it is a second entry.
    assert_eq!(judged(log).unwrap().policy().version, 2);
}

#[test]
fn two_of_one_version_stop_until_the_next_version_says_which() {
    let (mut log, first) = settled();
    let named = first.declaration;
    let mut rival = first.clone();
    rival.not_after -= 1;
    say_all(&mut log, rival.clone(), &quorum());
    refused_with!("policy.fork", judged(log.clone()));
    say_all(&mut log, policy(2, Some(digest(rival)), named), &quorum());
    assert_eq!(judged(log).unwrap().policy().version, 2);

    let (mut log, first) = settled();
    let mut rival = declaration(1, None);
    rival.not_after -= 1;
    say_all(&mut log, rival, &quorum());
    refused_with!("declaration.fork", judged(log));
    drop(first);
}

#[test]
fn a_policy_speaks_of_a_declaration_that_stands_below_it() {
    let (mut log, _) = declared();
    let other = StatementDigest::of(b"another declaration");
    say_all(&mut log, policy(1, None, other), &quorum());
    refused_with!("policy.declaration", judged(log));

    let mut log = founded();
    let (first, named) = first_declaration();
    say_all(&mut log, policy(1, None, named), &quorum());
    say_all(&mut log, first, &quorum());
    refused_with!("policy.declaration", judged(log));
}

#[test]
fn a_later_declaration_changes_no_region_until_a_policy_speaks_of_it() {
    let (mut log, first) = settled();
    let mut next = declaration(2, Some(first.declaration));
    next.regions[0].countries.pop();
    say_all(&mut log, next, &quorum());
    let residence = judged(log).unwrap();
    assert_eq!(residence.declaration().version, 1);
    assert_eq!(residence.declarations().len(), 2);
}

#[test]
fn an_excerpt_that_hides_a_version_in_the_middle_shows_no_later_one() {
    let (mut log, first) = settled();
    let next = policy(2, Some(digest(first.clone())), first.declaration);
    say_all(&mut log, next, &quorum());
    log.publish(LATER);
    let without_first: Vec<u64> = (0..7).chain(10..13).collect();
    let bundle = log.bundle(&without_first).open(anchor()).unwrap();
    refused_with!("policy.version", Residence::check(bundle.view()));
    let old: Vec<u64> = (0..10).collect();
    // That a newer one stands cannot be seen in an excerpt: therefore its age is bounded, and whoever reads it remembers.
    let bundle = log.bundle(&old).open(anchor()).unwrap();
    assert_eq!(Residence::check(bundle.view()).unwrap().policy().version, 1);
}
