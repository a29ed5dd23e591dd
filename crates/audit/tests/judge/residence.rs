//! Where files go: what the second judgement finds, and that it rules as the law does in histories nobody thought of.

use std::collections::BTreeMap;

use audit::judge::{Gate, Judge, Severity};
use law::{AdmissionKey, Residence, SealableEpochs};
use statement::{EpochPurpose, StatementDigest};

use crate::{
    honest::{
        custody::{
            TODAY, admission, declaration, digest, epoch, founded, policy, quorum, say_all, say_one,
        },
        keys::Key,
        log::Log,
        roster::{self, NOT_AFTER, NOW, PARTIES, governance},
    },
    replay,
};

fn anchor() -> StatementDigest {
    roster::digest(&roster::constitution())
}

fn told(mut log: Log, time: u64) -> Judge {
    log.publish(time);
    replay(&log, anchor())
}

fn declared() -> (Log, StatementDigest) {
    let mut log = founded();
    say_all(&mut log, declaration(1, None), &quorum());
    (log, digest(declaration(1, None)))
}

#[test]
fn an_honest_policy_is_granted_and_nothing_is_found() {
    let (mut log, named) = declared();
    say_all(&mut log, policy(1, None, named), &quorum());
    for purpose in [
        EpochPurpose::Analysis,
        EpochPurpose::Center,
        EpochPurpose::Supervisor,
    ] {
        let key = match purpose {
            EpochPurpose::Supervisor => Key::of("supervisor", "supervisor"),
            _ => Key::of("vendor", "center"),
        };
        say_one(&mut log, epoch(purpose), &key);
    }
    let judge = told(log, NOW + 120);
    judge.gate(&Gate::Residence, judge.next_index()).unwrap();
    let home = "CH".parse().unwrap();
    let gate = Gate::Epochs {
        home: &home,
        now: NOW + 1,
    };
    judge.gate(&gate, judge.next_index()).unwrap();
    assert!(judge.findings().is_empty(), "{:?}", judge.findings());
}

#[test]
fn a_policy_of_few_two_of_one_version_and_a_key_by_the_other_side_are_found() {
    let (mut log, named) = declared();
    say_all(&mut log, policy(1, None, named), &quorum()[1..]);
    let found = told(log.clone(), NOW + 120).findings();
    assert_eq!(
        (found[0].code, found[0].severity),
        ("policy.quorum", Severity::Amber)
    );
    say_all(&mut log, policy(1, None, named), &quorum()[..1]);
    let mut rival = policy(1, None, named);
    rival.not_after -= 1;
    say_all(&mut log, rival, &quorum());
    let found = told(log, NOW + 120).findings();
    assert_eq!(
        (found[0].code, found[0].severity),
        ("policy.fork", Severity::Red)
    );

    let mut log = founded();
    say_one(
        &mut log,
        epoch(EpochPurpose::Supervisor),
        &Key::of("vendor", "center"),
    );
    let found = told(log, NOW + 120).findings();
    assert_eq!(
        (found[0].code, found[0].severity),
        ("epoch.signer", Severity::Amber)
    );
}

#[test]
fn a_key_of_an_issuer_beside_the_one_of_the_day_is_found() {
    let center = Key::of("vendor", "center");
    let mut log = founded();
    say_one(&mut log, admission(TODAY, 1), &center);
    say_one(&mut log, admission(TODAY - 86_400, 2), &center);
    assert!(told(log.clone(), NOW + 120).findings().is_empty());
    say_one(&mut log, admission(TODAY, 3), &center);
    let found = told(log, NOW + 120).findings();
    assert_eq!(
        (found[0].code, found[0].severity),
        ("admission.second", Severity::Red)
    );
    assert_eq!(found.len(), 1);

    let mut log = founded();
    let other = Key::of("supervisor", "supervisor");
    say_one(&mut log, admission(TODAY, 1), &other);
    let found = told(log, NOW + 120).findings();
    assert_eq!(
        (found[0].code, found[0].severity),
        ("admission.signer", Severity::Amber)
    );
}

/// A row of numbers that is the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// One entry that somebody may write into a log about where files go.
fn say_something(log: &mut Log, dice: &mut Dice) {
    let party = PARTIES[dice.below(4) as usize];
    let key = governance(party);
    let late = dice.below(3);
    let first = digest(declaration(1, None));
    let first_policy = digest(policy(1, None, first));
    match dice.below(12) {
        0..3 => {
            let mut said = declaration(1, None);
            said.not_after -= dice.below(8) / 7;
            say_all(log, said, &[key]);
        }
        3 => say_all(log, declaration(2, Some(first)), &[key]),
        4..7 => {
            let mut said = policy(1, None, first);
            said.not_after -= dice.below(8) / 7;
            say_all(log, said, &[key]);
        }
        7 => {
            let previous = if late == 0 { first } else { first_policy };
            say_all(log, policy(2, Some(previous), first), &[key]);
        }
        8..10 => {
            let from = TODAY - 86_400 * dice.below(2);
            let mut said = admission(from, dice.below(3) as u8);
            said.valid_until -= 86_400 * (late / 2);
            said.not_after -= dice.below(8) / 7;
            let key = match dice.below(6) {
                0 => Key::of("supervisor", "supervisor"),
                _ => Key::of("vendor", "center"),
            };
            say_one(log, said, &key);
        }
        _ => {
            let purposes = [
                EpochPurpose::Analysis,
                EpochPurpose::Center,
                EpochPurpose::Supervisor,
            ];
            let purpose = purposes[dice.below(3) as usize];
            let mut said = epoch(purpose);
            said.valid_from += 100 * late;
            said.not_after -= dice.below(8) / 7;
            let right = purpose == EpochPurpose::Supervisor;
            let key = match right == (dice.below(6) != 0) {
                true => Key::of("supervisor", "supervisor"),
                false => Key::of("vendor", "center"),
            };
            say_one(log, said, &key);
        }
    }
}

#[test]
fn law_and_audit_rule_alike_in_every_history() {
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    for seed in 0..60 {
        let mut dice = Dice(seed);
        let mut log = founded();
        // Some histories end when everything is too late.
        let time = if dice.below(5) == 0 {
            NOT_AFTER
        } else {
            NOW + 120
        };
        for round in 0..1 + dice.below(3) {
            for _ in 0..dice.below(16) {
                say_something(&mut log, &mut dice);
            }
            log.publish(time + round);
        }
        let state = log.replay(anchor());
        let view = state.settled().unwrap();
        let judge = replay(&log, anchor());
        let mut compare = |what: &str,
                           law: Result<(), law::Refusal>,
                           audit: Result<(), audit::judge::Refused>| {
            let law = law.map_err(|refusal| refusal.code().as_str());
            let audit = audit.map_err(|refused| refused.code);
            assert_eq!(law, audit, "{what}, history {seed}");
            *seen
                .entry(law.err().unwrap_or(what).to_owned())
                .or_default() += 1;
        };
        let size = judge.next_index();
        compare(
            "residence",
            Residence::check(view).map(drop),
            judge.gate(&Gate::Residence, size),
        );
        let home = "CH".parse().unwrap();
        for now in [NOW, NOW + 150, NOW + 86_401] {
            let law = SealableEpochs::check(view, &home, now).map(drop);
            compare(
                "epochs",
                law,
                judge.gate(&Gate::Epochs { home: &home, now }, size),
            );
            compare(
                "admission",
                AdmissionKey::check(view, &home, now).map(drop),
                judge.gate(&Gate::Admission { home: &home, now }, size),
            );
        }
    }
    every_ruling_was_reached(&seen);
}

fn every_ruling_was_reached(seen: &BTreeMap<String, u64>) {
    for reached in [
        "residence",
        "epochs",
        "policy.missing",
        "policy.quorum",
        "declaration.quorum",
        "epoch.missing",
        "epoch.signer",
        "epoch.time",
        "admission",
        "admission.missing",
        "admission.signer",
        "admission.second",
        "admission.time",
        "entry.too_late",
    ] {
        assert!(
            seen.contains_key(reached),
            "{reached} was never reached: {seen:?}"
        );
    }
}
