//! What a release needs, and the quorum over it.

use law::{Releasable, ReleaseQuorum};
use statement::{FileDigest, Kind, Predicate, Release, Role, Statement, StatementDigest};

use crate::{
    honest::{
        chain::Step,
        keys::Key,
        metadata,
        roster::{NOT_AFTER, NOW, ed25519, party_mut},
        sayings::withdrawal,
        story::{Made, Story, Told, sign},
    },
    refused_with,
};

#[test]
fn an_honest_release_is_signed_and_reaches_its_quorum() {
    let told = Story::honest().tell();
    let granted = told.releasable().unwrap();
    assert_eq!(granted.payload(), told.made.payload(Step::ReleaseCenter));
    let state = told.replay();
    let reached: Vec<ReleaseQuorum> = state.settled().unwrap().released();
    let [quorum] = reached.as_slice() else {
        panic!("{} releases", reached.len());
    };
    assert_eq!(quorum.center().party().as_str(), "vendor");
    assert_eq!(quorum.supervisor().party().as_str(), "supervisor");
    assert_eq!(quorum.complete_at(), told.indices[&Step::ReleaseSupervisor]);
}

#[test]
fn a_release_that_does_not_stand_is_missing() {
    let told = Story::honest()
        .without(Step::ReleaseCenter)
        .without(Step::ReleaseSupervisor)
        .tell();
    refused_with!("release.missing", told.released());
}

#[test]
fn a_release_repeats_what_was_proven_and_nothing_else() {
    type Twist = fn(&mut Release);
    let twists: [Twist; 6] = [
        |release| release.product.push('x'),
        |release| release.version.push('x'),
        |release| release.platform.push('x'),
        |release| release.kind = Kind::Rules,
        |release| release.artifact = FileDigest::of(b"another"),
        |release| release.artifact_bytes += 1,
    ];
    for twist in twists {
        let told = Story::honest()
            .until(Step::Approval)
            .change_release(twist)
            .tell();
        refused_with!("release.fields", told.releasable());
        // An endpoint asks the same, should both sides have signed it.
        let told = Story::honest().change_release(twist).tell();
        assert!(told.released().is_err());
    }
    let subjects: [fn(&mut Statement); 3] = [
        |statement| statement.subject.clear(),
        |statement| statement.subject[0].name.push('x'),
        |statement| statement.subject[0].digest.sha256 = FileDigest::of(b"another"),
    ];
    for twist in subjects {
        let story = Story::honest().until(Step::Approval);
        let told = story.change(Step::ReleaseCenter, twist).tell();
        refused_with!("release.fields", told.releasable());
    }
}

#[test]
fn a_release_has_the_next_number() {
    for seq in [0, 2, u64::from(u32::MAX)] {
        // No path of a target has the number 0, so nothing is listed.
        let story = Story::honest().until(Step::Approval);
        let told = story
            .publishing(|version, _| metadata::listing(version, &[]))
            .change_release(move |release| release.seq = seq)
            .tell();
        refused_with!("release.seq", told.releasable());
    }
    let first = Story::honest().tell();
    first
        .next("1.1.0")
        .until(Step::Approval)
        .tell()
        .releasable()
        .unwrap();
    let again = first.next("1.1.0").until(Step::Approval);
    let again = again.change_release(|release| release.seq = 1).tell();
    refused_with!("release.seq", again.releasable());
}

#[test]
fn a_release_names_its_predecessor() {
    let first = Story::honest().tell();
    for predecessor in [None, Some(StatementDigest::of(b"another"))] {
        let second = first.next("1.1.0").until(Step::Approval);
        let told = second
            .change_release(move |release| release.predecessor = predecessor)
            .tell();
        refused_with!("release.predecessor", told.releasable());
    }
    let invented = Story::honest().until(Step::Approval);
    let told = invented
        .change_release(|release| release.predecessor = Some(StatementDigest::of(b"none")))
        .tell();
    refused_with!("release.predecessor", told.releasable());
}

#[test]
fn a_release_that_reached_its_quorum_may_be_signed_again_until_the_next_one_does() {
    let first = Story::honest().tell();
    let second = first.next("1.1.0").tell();
    second.releasable().unwrap();
    let third = second.next("1.2.0").tell();
    let state = third.replay();
    let payload = second.made.payload(Step::ReleaseCenter);
    refused_with!(
        "release.seq",
        Releasable::check(state.settled().unwrap(), payload)
    );
}

/// The center's entry over the same release in other words.
fn twin(made: &Made) -> Vec<u8> {
    let mut statement = made.statement(Step::ReleaseCenter);
    if let Predicate::Release(release) = &mut statement.predicate {
        release.not_after -= 1;
    }
    sign(
        &statement.to_payload().unwrap(),
        made.key(Step::ReleaseCenter),
    )
}

#[test]
fn two_releases_with_one_predecessor_stop_each_other() {
    let told = Story::honest()
        .until(Step::ReleaseCenter)
        .appended(twin)
        .tell();
    refused_with!("release.fork", told.releasable());
    let withdrawn = Story::honest()
        .until(Step::ReleaseCenter)
        .appended(twin)
        .appended(|made| {
            let twin = statement::Envelope::parse(&twin(made)).unwrap().digest();
            withdrawal(twin, made.key(Step::ReleaseCenter), NOT_AFTER)
        })
        .tell();
    withdrawn.releasable().unwrap();
}

fn withdrawn_by(key: Key, not_after: u64) -> Story {
    Story::honest()
        .until(Step::ReleaseCenter)
        .appended(move |made| withdrawal(made.release(), &key, not_after))
}

#[test]
fn a_release_that_was_withdrawn_is_not_signed() {
    for key in [
        Key::of("vendor", "center"),
        Key::of("supervisor", "supervisor"),
    ] {
        let told = withdrawn_by(key.clone(), NOT_AFTER).tell();
        refused_with!("release.withdrawn", told.releasable());
        // A withdrawal that came too late to count does not count here either.
        withdrawn_by(key, NOW).tell().releasable().unwrap();
    }
    // Not everybody may withdraw.
    withdrawn_by(Key::of("lab-a", "rebuilder"), NOT_AFTER)
        .tell()
        .releasable()
        .unwrap();
}

/// The payload of the next number for the artifact of a release that was withdrawn or not.
fn rolled_back(told: &Told) -> Vec<u8> {
    let mut statement = told.made.statement(Step::ReleaseCenter);
    if let Predicate::Release(release) = &mut statement.predicate {
        release.seq += 1;
        release.predecessor = Some(told.made.release());
    }
    statement.to_payload().unwrap()
}

#[test]
fn a_withdrawn_artifact_does_not_come_back_under_another_number() {
    let mut told = Story::honest().tell();
    let payload = rolled_back(&told);
    let check =
        |told: &Told| Releasable::check(told.replay().settled().unwrap(), &payload).map(drop);
    check(&told).unwrap();
    let supervisor = Key::of("supervisor", "supervisor");
    told.then(withdrawal(told.made.release(), &supervisor, NOT_AFTER));
    refused_with!("release.withdrawn", check(&told));
}

#[test]
fn a_release_needs_the_center() {
    let told = Story::honest().without(Step::ReleaseCenter).tell();
    refused_with!("release.quorum_center", told.released());
}

#[test]
fn a_release_needs_the_supervisor() {
    let told = Story::honest().without(Step::ReleaseSupervisor).tell();
    refused_with!("release.quorum_supervisor", told.released());
}

#[test]
fn the_supervisor_must_sign_the_identical_payload() {
    let told = Story::honest()
        .change(Step::ReleaseSupervisor, |statement| {
            if let Predicate::Release(release) = &mut statement.predicate {
                release.not_after -= 1;
            }
        })
        .tell();
    refused_with!("release.quorum_supervisor", told.released());
}

#[test]
fn two_keys_of_the_center_are_one_party() {
    let second = Key::of("vendor", "center-2");
    let told = Story::honest()
        .signed_by(Step::ReleaseSupervisor, second)
        .tell();
    refused_with!("release.quorum_one_party", told.released());
}

#[test]
fn a_supervisor_key_of_the_center_s_owner_is_one_party() {
    let told = Story::under(|draft| {
        let key = ed25519("vendor", "posing", Role::Supervisor);
        party_mut(draft, "vendor").keys.push(key);
    })
    .signed_by(Step::ReleaseSupervisor, Key::of("vendor", "posing"))
    .tell();
    refused_with!("release.quorum_one_party", told.released());
}
