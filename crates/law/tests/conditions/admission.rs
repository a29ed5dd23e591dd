//! The key of an issuer of tokens, with one condition taken away each time.

use law::{AdmissionKey, Refusal};
use statement::Admission;

use crate::{
    honest::{
        custody::{TODAY, admission, founded, say_one},
        keys::Key,
        roster::{self, NOT_AFTER, NOW},
    },
    refused_with,
};

const DAY: u64 = 86_400;

fn center() -> Key {
    Key::of("vendor", "center")
}

/// What counts at `now` of what was announced in this order.
fn key_at(
    announced: &[(Admission, Key)],
    now: u64,
    witnessed_at: u64,
) -> Result<AdmissionKey, Refusal> {
    let mut log = founded();
    for (said, key) in announced {
        say_one(&mut log, said.clone(), key);
    }
    log.publish(witnessed_at);
    let anchor = roster::digest(&roster::constitution());
    let bundle = log.whole_bundle().open(anchor).unwrap();
    let home = "CH".parse().unwrap();
    AdmissionKey::check(bundle.view(), &home, now)
}

#[test]
fn a_key_that_the_center_announced_counts_while_it_is_valid() {
    let announced = [(admission(TODAY, 1), center())];
    let at = |now| key_at(&announced, now, NOW + 120);
    assert_eq!(**at(NOW).unwrap().admission(), announced[0].0);
    at(TODAY).unwrap();
    at(TODAY + 2 * DAY).unwrap();
    refused_with!("admission.time", at(TODAY - 1));
    refused_with!("admission.time", at(TODAY + 2 * DAY + 1));
}

#[test]
fn a_key_that_is_not_logged_or_of_another_home_admits_nobody() {
    refused_with!("admission.missing", key_at(&[], NOW, NOW + 120));
    let mut abroad = admission(TODAY, 1);
    abroad.home = "RU".parse().unwrap();
    let announced = [(abroad, center())];
    refused_with!("admission.missing", key_at(&announced, NOW, NOW + 120));
}

#[test]
fn only_the_center_announces_a_key() {
    let announced = [(admission(TODAY, 1), Key::of("supervisor", "supervisor"))];
    refused_with!("admission.signer", key_at(&announced, NOW, NOW + 120));
}

#[test]
fn of_two_keys_for_one_day_the_second_never_counts() {
    let two = [
        (admission(TODAY, 1), center()),
        (admission(TODAY, 2), center()),
    ];
    let found = key_at(&two, NOW, NOW + 120).unwrap();
    assert_eq!(**found.admission(), two[0].0);
    // The first one ends earlier: that does not make room for the second.
    let mut ended = two.clone();
    ended[0].0.valid_until = TODAY + 1;
    let now = TODAY + DAY;
    refused_with!("admission.second", key_at(&ended, now, NOW + 120));
    // The same key said twice is one key.
    let twice = [two[0].clone(), two[0].clone()];
    key_at(&twice, NOW, NOW + 120).unwrap();
}

#[test]
fn the_day_that_began_last_is_taken() {
    let days = [
        (admission(TODAY, 2), center()),
        (admission(TODAY - DAY, 1), center()),
    ];
    let found = key_at(&days, NOW, NOW + 120).unwrap();
    assert_eq!(found.admission().valid_from, TODAY);
}

#[test]
fn an_announcement_after_its_time_does_not_count() {
    let mut late = admission(TODAY, 1);
    late.not_after = NOT_AFTER + 1;
    late.valid_until = TODAY + 8 * DAY;
    let announced = [(late, center())];
    refused_with!("entry.too_late", key_at(&announced, NOW, NOT_AFTER + 2));
}
