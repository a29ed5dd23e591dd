//! A second look at samples at rest: an honest grant, and each condition taken away from it.

use law::{Covered, ReanalysisGrant, Refusal, SignableGrant};
use statement::{
    CheckpointRef, EpochPurpose, FileDigest, Halt, SealDigest, StatementDigest, Withdrawal,
};

use crate::{
    honest::{
        chain::{Step, center_log},
        custody::{digest, epoch, erasure, grant, receipts, say_one, seals},
        keys::Key,
        roster::{DAY, NOT_AFTER, NOW, party_mut},
        sayings::heartbeat,
        story::{Story, Told},
    },
    refused_with,
};

type Grant = statement::ReanalysisGrant;

fn supervisor() -> Key {
    Key::of("supervisor", "supervisor")
}

fn center() -> Key {
    Key::of("vendor", "center")
}

/// Rules were released, and a thousand samples are at rest.
fn rules(story: Story) -> Told {
    let mut told = story.of_rules().tell();
    let batch = statement::Receipts {
        count: 1_000,
        ..receipts()
    };
    say_one(&mut told.log, batch, &center());
    say_one(&mut told.log, epoch(EpochPurpose::Analysis), &center());
    told.log.publish(NOW + 4_000);
    told
}

fn here(told: &Told) -> CheckpointRef {
    let size = told.log.published.last().unwrap().0;
    CheckpointRef {
        size,
        root: FileDigest::new(told.log.root(size)),
    }
}

/// A grant that names what stands now.
fn honest(told: &Told) -> Grant {
    grant(told.made.release(), here(told))
}

/// Logs it, and publishes at a time.
fn log(told: &mut Told, grant: Grant, key: &Key, time: u64) -> StatementDigest {
    say_one(&mut told.log, grant.clone(), key);
    told.log.publish(time);
    digest(grant)
}

fn judged(told: &Told, digest: StatementDigest, now: u64) -> Result<ReanalysisGrant, Refusal> {
    ReanalysisGrant::check(told.replay().settled().unwrap(), digest, now)
}

/// The honest grant with a change, logged and judged.
fn changed(change: impl FnOnce(&mut Grant)) -> Result<ReanalysisGrant, Refusal> {
    let mut told = rules(Story::honest());
    let mut grant = honest(&told);
    change(&mut grant);
    let digest = log(&mut told, grant, &supervisor(), NOW + 5_000);
    judged(&told, digest, NOW + 5_100)
}

fn covered(
    grant: &ReanalysisGrant,
    home: &str,
    seal: &SealDigest,
    index: u64,
) -> Result<Covered, Refusal> {
    let (_, path) = seals(10).place(&seals(10).seals()[3]).unwrap();
    grant.cover(&home.parse().unwrap(), seal, (index, &path))
}

#[test]
fn a_grant_over_released_rules_within_its_bounds_covers_its_samples() {
    let grant = changed(|_| {}).unwrap();
    let seal = seals(10).seals()[3];
    let one = covered(&grant, "CH", &seal, 3).unwrap();
    assert_eq!((one.grant(), one.seal()), (grant.digest(), seal));
    let told = rules(Story::honest());
    let replay = told.replay();
    let view = replay.settled().unwrap();
    let signable = SignableGrant::check(view, honest(&told), NOW + 5_000).unwrap();
    assert_eq!(*signable, honest(&told));
    let target = grant.target(view, NOW + 5_000).unwrap();
    assert_eq!(target.purpose, EpochPurpose::Analysis);
    assert_eq!(view.stock(&"CH".parse().unwrap(), here(&told).size), 1_000);
    assert_eq!(view.stock(&"RU".parse().unwrap(), here(&told).size), 0);
}

#[test]
fn another_sample_another_place_or_another_home_is_not_covered() {
    let grant = changed(|_| {}).unwrap();
    let seal = seals(10).seals()[3];
    let other = SealDigest::of(b"another");
    refused_with!("grant.sample", covered(&grant, "CH", &other, 3));
    refused_with!("grant.sample", covered(&grant, "CH", &seal, 4));
    refused_with!("grant.home", covered(&grant, "RU", &seal, 3));
    // Shares of a home without machines at work go nowhere.
    let told = rules(Story::honest());
    let replay = told.replay();
    let abroad = changed(|grant| grant.home = "RU".parse().unwrap());
    refused_with!("grant.stock", abroad);
    refused_with!(
        "epoch.time",
        grant.target(replay.settled().unwrap(), NOW + 2 * DAY)
    );
}

#[test]
fn nothing_counts_that_the_supervisor_did_not_sign() {
    let mut told = rules(Story::honest());
    let grant = honest(&told);
    refused_with!("grant.missing", judged(&told, digest(grant.clone()), NOW));
    let mut elsewhere = grant.clone();
    elsewhere.audience = vec!["supervisor.example/log".parse().unwrap()];
    let elsewhere = log(&mut told, elsewhere, &supervisor(), NOW + 4_500);
    refused_with!("entry.audience", judged(&told, elsewhere, NOW + 5_100));
    let alone = log(&mut told, grant, &center(), NOW + 5_000);
    refused_with!("entry.role", judged(&told, alone, NOW + 5_100));
}

#[test]
fn a_supervisor_of_the_center_s_owner_is_no_other_party() {
    let mut told = rules(Story::under(|draft| {
        let owner = party_mut(draft, "vendor").legal_owner.clone();
        party_mut(draft, "supervisor").legal_owner = owner;
        party_mut(draft, "vendor").vendor = false;
    }));
    let grant = honest(&told);
    let digest = log(&mut told, grant, &supervisor(), NOW + 5_000);
    refused_with!("grant.one_party", judged(&told, digest, NOW + 5_100));
    let mut told = rules(Story::under(|draft| {
        party_mut(draft, "supervisor").vendor = true;
    }));
    let grant = honest(&told);
    let digest = log(&mut told, grant, &supervisor(), NOW + 5_000);
    refused_with!("grant.one_party", judged(&told, digest, NOW + 5_100));
}

#[test]
fn a_grant_ends() {
    let short = |now| {
        let mut told = rules(Story::honest());
        let mut grant = honest(&told);
        grant.valid_until = NOW + 6_000;
        let digest = log(&mut told, grant, &supervisor(), NOW + 5_000);
        judged(&told, digest, now)
    };
    short(NOW + 6_000).unwrap();
    refused_with!("grant.expired", short(NOW + 6_001));
    // Nor does a slow clock of the opener keep it alive: the log's witnesses know the time.
    let ended = changed(|grant| grant.valid_until = NOW + 4_999);
    refused_with!("grant.expired", ended);
}

#[test]
fn the_stock_is_what_the_log_shows_below_the_named_checkpoint() {
    refused_with!("grant.stock", changed(|grant| grant.stock = 1_001));
    refused_with!(
        "grant.checkpoint",
        changed(|grant| grant.checkpoint.size = 10_000)
    );
    let forged = |grant: &mut Grant| grant.checkpoint.root = FileDigest::of(b"another log");
    refused_with!("grant.checkpoint", changed(forged));
    // Samples that came after it do not count, and what was erased is no stock.
    refused_with!("grant.stock", changed(|grant| grant.checkpoint.size = 3));
    let mut told = rules(Story::honest());
    say_one(&mut told.log, erasure(), &center());
    told.log.publish(NOW + 4_500);
    let grant = honest(&told);
    let digest = log(&mut told, grant, &supervisor(), NOW + 5_000);
    refused_with!("grant.stock", judged(&told, digest, NOW + 5_100));
}

#[test]
fn rules_are_a_release_of_rules_that_stands_below() {
    let unlogged = |grant: &mut Grant| grant.rules = StatementDigest::of(b"new rules");
    refused_with!("grant.unreleased", changed(unlogged));
    let named = |grant: &mut Grant| grant.scoring = StatementDigest::of(b"a table");
    refused_with!("grant.unreleased", changed(named));
    // Half a release; complete only after the grant; a release of a program.
    let mut half = rules(Story::honest().without(Step::ReleaseSupervisor));
    let grant = honest(&half);
    let granted = log(&mut half, grant, &supervisor(), NOW + 5_000);
    refused_with!("grant.unreleased", judged(&half, granted, NOW + 5_100));
    let late = half.made.envelope(Step::ReleaseSupervisor);
    half.then(late);
    refused_with!("grant.unreleased", judged(&half, granted, NOW + 5_200));
    let mut program = Story::honest().tell();
    let batch = statement::Receipts {
        count: 1_000,
        ..receipts()
    };
    say_one(&mut program.log, batch, &center());
    program.log.publish(NOW + 4_000);
    let grant = honest(&program);
    let granted = log(&mut program, grant, &supervisor(), NOW + 5_000);
    refused_with!("grant.unreleased", judged(&program, granted, NOW + 5_100));
}

#[test]
fn withdrawn_rules_and_a_halt_end_a_grant() {
    let withdraw = |told: &mut Told| {
        let withdrawal = Withdrawal {
            audience: vec![center_log()],
            not_after: NOT_AFTER,
            blobs: Vec::new(),
            release: told.made.release(),
            reason: "They hunt documents.".to_owned(),
        };
        say_one(&mut told.log, withdrawal, &supervisor());
    };
    let mut told = rules(Story::honest());
    let grant = honest(&told);
    let granted = log(&mut told, grant, &supervisor(), NOW + 5_000);
    withdraw(&mut told);
    told.log.publish(NOW + 5_100);
    refused_with!("grant.withdrawn", judged(&told, granted, NOW + 5_200));
    let mut told = rules(Story::honest());
    let grant = honest(&told);
    let granted = log(&mut told, grant, &supervisor(), NOW + 5_000);
    let halt = Halt {
        audience: vec![center_log()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        product: None,
        reason: "Stop.".to_owned(),
    };
    say_one(&mut told.log, halt, &Key::of("lab-a", "rebuilder"));
    told.log.publish(NOW + 5_100);
    refused_with!("adverse.halt", judged(&told, granted, NOW + 5_200));
}

/// One more grant of another ten samples, logged on this day; what becomes of it.
fn one_more(told: &mut Told, number: u64, time: u64) -> Result<ReanalysisGrant, Refusal> {
    let mut grant = honest(told);
    grant.root = FileDigest::of(&number.to_be_bytes());
    told.log.push(heartbeat(&format!("before {number}")));
    told.log.publish(time - 30);
    let digest = log(told, grant, &supervisor(), time);
    judged(told, digest, time)
}

#[test]
fn a_day_has_one_percent_of_the_stock() {
    refused_with!("grant.day", changed(|grant| grant.count = 11));
    let mut told = rules(Story::honest());
    one_more(&mut told, 1, NOW + 5_000).unwrap();
    // Any 24 hours, by what is certain of both intervals.
    refused_with!("grant.day", one_more(&mut told, 2, NOW + 5_000 + DAY));
    // What was refused opened nothing, and takes nothing from the next.
    one_more(&mut told, 3, NOW + 5_031 + DAY).unwrap();
    let replay = told.replay();
    let again = SignableGrant::check(replay.settled().unwrap(), honest(&told), NOW + 2 * DAY);
    refused_with!("grant.day", again);
}

#[test]
fn a_quarter_has_five_percent_of_the_stock() {
    let mut told = rules(Story::honest());
    for day in 0..5 {
        one_more(&mut told, day, NOW + 5_000 + day * (DAY + 100)).unwrap();
    }
    refused_with!("grant.quarter", one_more(&mut told, 9, NOW + 20 * DAY));
}
