//! Keys that files may be sealed to, each with one condition taken away.

use law::{Refusal, SealableEpochs};
use statement::{Constitution, Epoch, EpochPurpose};

use crate::{
    honest::{
        custody::{epoch, say_one},
        keys::Key,
        log::Log,
        roster::{self, NOT_AFTER, NOW, party_mut},
        story::signed_by_all,
    },
    refused_with,
};

const PURPOSES: [EpochPurpose; 3] = [
    EpochPurpose::Analysis,
    EpochPurpose::Center,
    EpochPurpose::Supervisor,
];

/// Three announced keys under a constitution; the test changes one of them.
struct Announced {
    constitution: Constitution,
    epochs: Vec<(Epoch, Key)>,
    witnessed_at: u64,
}

impl Announced {
    fn honest() -> Self {
        let key = |purpose| match purpose {
            EpochPurpose::Supervisor => Key::of("supervisor", "supervisor"),
            _ => Key::of("vendor", "center"),
        };
        Self {
            constitution: roster::constitution(),
            epochs: PURPOSES
                .map(|purpose| (epoch(purpose), key(purpose)))
                .to_vec(),
            witnessed_at: NOW + 120,
        }
    }

    fn log(&self) -> Log {
        let mut log = Log::of_center();
        for entry in signed_by_all(&self.constitution) {
            log.push(entry);
        }
        log.publish(NOW + 60);
        for (epoch, key) in &self.epochs {
            say_one(&mut log, epoch.clone(), key);
        }
        log.publish(self.witnessed_at);
        log
    }

    fn sealable(&self, home: &str, now: u64) -> Result<SealableEpochs, Refusal> {
        let anchor = roster::digest(&self.constitution);
        let bundle = self.log().whole_bundle().open(anchor).unwrap();
        SealableEpochs::check(bundle.view(), &home.parse().unwrap(), now)
    }
}

#[test]
fn three_keys_of_their_parties_may_be_sealed_to() {
    let honest = Announced::honest();
    let epochs = honest.sealable("CH", NOW + 200).unwrap();
    for purpose in PURPOSES {
        assert_eq!(epochs.get(purpose).purpose, purpose);
    }
    assert_eq!(epochs.home().as_str(), "CH");
    assert_eq!(epochs.entries(), [4, 5, 6]);
    assert_eq!(epochs.valid_until(), NOW + 86_400);
}

#[test]
fn a_key_that_is_not_logged_or_of_another_home_is_no_key() {
    for left_out in 0..3 {
        let mut few = Announced::honest();
        few.epochs.remove(left_out);
        refused_with!("epoch.missing", few.sealable("CH", NOW + 200));
    }
    refused_with!(
        "epoch.missing",
        Announced::honest().sealable("RU", NOW + 200)
    );
}

#[test]
fn each_key_is_announced_by_the_side_that_opens_with_it() {
    for (at, key) in [
        (0, Key::of("supervisor", "supervisor")),
        (1, Key::of("supervisor", "supervisor")),
        (2, Key::of("vendor", "center")),
    ] {
        let mut other = Announced::honest();
        other.epochs[at].1 = key;
        refused_with!("epoch.signer", other.sealable("CH", NOW + 200));
    }
}

#[test]
fn a_key_is_sealed_to_while_it_is_valid() {
    let honest = Announced::honest();
    honest.sealable("CH", NOW).unwrap();
    honest.sealable("CH", NOW + 86_400).unwrap();
    refused_with!("epoch.time", honest.sealable("CH", NOW - 1));
    refused_with!("epoch.time", honest.sealable("CH", NOW + 86_401));
}

#[test]
fn of_several_the_one_that_began_last_is_taken() {
    for place in [0, 1] {
        let mut two = Announced::honest();
        let mut next = two.epochs[0].clone();
        next.0.valid_from += 100;
        two.epochs.insert(place, next);
        let at = |now| {
            two.sealable("CH", now)
                .unwrap()
                .get(EpochPurpose::Analysis)
                .valid_from
        };
        assert_eq!((at(NOW + 99), at(NOW + 100)), (NOW, NOW + 100));
    }
}

#[test]
fn an_announcement_after_its_time_does_not_count() {
    let mut late = Announced::honest();
    late.witnessed_at = NOT_AFTER + 1;
    late.epochs[0].0.not_after = NOT_AFTER + 1;
    refused_with!("entry.too_late", late.sealable("CH", NOW + 200));
}

#[test]
fn center_and_supervisor_are_not_of_one_owner() {
    let mut one = Announced::honest();
    let owner = party_mut(&mut one.constitution, "vendor")
        .legal_owner
        .clone();
    party_mut(&mut one.constitution, "supervisor").legal_owner = owner;
    refused_with!("epoch.one_party", one.sealable("CH", NOW + 200));
    // One owner, though nobody says it is the vendor; and a vendor under two names.
    party_mut(&mut one.constitution, "vendor").vendor = false;
    refused_with!("epoch.one_party", one.sealable("CH", NOW + 200));
    let mut two = Announced::honest();
    party_mut(&mut two.constitution, "supervisor").vendor = true;
    refused_with!("epoch.one_party", two.sealable("CH", NOW + 200));
}
