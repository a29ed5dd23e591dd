//! Changes of keys, of the constitution, and of who gets a release first.

use law::{MetadataChange, Refusal, SignableMetadata, check_ring};
use statement::{Emergency, FileDigest, Predicate, Publication, Release, Role, Statement};
use tuf::{Expires, Seats, Signed, TargetRole, Targets};

use crate::{
    honest::{
        amendment::Amendment,
        chain::{Step, center_log},
        keys::Key,
        roster::{DAY, DELAY, NOT_AFTER, NOW, ed25519, party_mut},
        story::{Story, Told, say, sign},
    },
    refused_with,
};

/// The top-level file that hands both roles to these keys of center and supervisor.
fn delegating(version: u64, center: &str, supervisor: &str) -> Vec<u8> {
    let key = |party, name| tuf::TufSigner::key(&Key::of(party, name)).clone();
    let seats = Seats {
        keys: vec![key("vendor", center), key("supervisor", supervisor)],
        threshold: 2,
    };
    let roles = TargetRole::ALL.map(|role| (role, seats.clone()));
    let expires = Expires::from_posix(NOW + 200 * DAY).unwrap();
    let file: Signed<Targets> = Targets::delegating(version, expires, &roles).unwrap();
    file.to_bytes().unwrap()
}

fn published(file: &[u8]) -> Vec<u8> {
    let publication = Publication {
        audience: vec![center_log()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        role: "targets".to_owned(),
        version: 1,
        metadata: FileDigest::of(file),
    };
    say(publication, &Key::of("vendor", "center"))
}

/// Version 1 of `targets` is published, then a constitution with a new TUF key of the supervisor takes
/// force.
fn amended() -> law::InForce {
    Amendment::of(|draft| {
        let key = ed25519("supervisor", "tuf-new", Role::Tuf);
        party_mut(draft, "supervisor").keys.push(key);
    })
    .after(published(&delegating(1, "tuf", "tuf")))
    .enact()
    .state
}

fn signable(state: &law::InForce, next: &[u8]) -> Result<SignableMetadata, Refusal> {
    let previous = delegating(1, "tuf", "tuf");
    let view = state.settled().unwrap();
    SignableMetadata::check(view, "targets", Some(&previous), next, NOW)
}

#[test]
fn delegations_change_only_after_a_new_constitution_and_to_keys_that_it_lists() {
    let state = amended();
    let granted = signable(&state, &delegating(2, "tuf", "tuf-new")).unwrap();
    assert_eq!(granted.version(), 2);
    let constitution = state.constitution_digest().unwrap();
    assert_eq!(
        granted.changes(),
        [MetadataChange::Delegated { constitution }]
    );
    let strange = delegating(2, "tuf", "tuf-strange");
    refused_with!("metadata.other_change", signable(&state, &strange));
    // A key that is on the roster for something else.
    let other = delegating(2, "tuf", "supervisor");
    refused_with!("metadata.other_change", signable(&state, &other));
    // Unchanged delegations need no constitution.
    signable(&state, &delegating(2, "tuf", "tuf")).unwrap();
}

#[test]
fn the_first_delegations_go_to_keys_of_the_constitution_too() {
    let state = Story::honest().tell().replay();
    let first = |center| {
        let file = delegating(1, center, "tuf");
        SignableMetadata::check(state.settled().unwrap(), "targets", None, &file, NOW)
    };
    let granted = first("tuf").unwrap();
    let constitution = state.constitution_digest().unwrap();
    assert_eq!(
        granted.changes(),
        [MetadataChange::Delegated { constitution }]
    );
    refused_with!("metadata.other_change", first("tuf-strange"));
    refused_with!("metadata.other_change", first("center"));
}

#[test]
fn delegations_do_not_change_under_the_constitution_they_were_published_under() {
    let told = Story::honest()
        .appended(|_| published(&delegating(1, "tuf", "tuf")))
        .tell();
    let state = told.replay();
    signable(&state, &delegating(2, "tuf", "tuf")).unwrap();
    // A key of the roster, and still nobody decided it.
    let changed = delegating(2, "tuf-2", "tuf");
    refused_with!("metadata.other_change", signable(&state, &changed));
}

/// A release of the build of `told` in another channel, as it would be proposed.
fn in_channel(told: &Told, channel: &str) -> Release {
    let statement = told.made.statement(Step::ReleaseCenter);
    let Predicate::Release(release) = statement.predicate else {
        panic!("not a release");
    };
    Release {
        channel: channel.to_owned(),
        ..release
    }
}

fn ringed(told: &Told, channel: &str, wait_seconds: u64) -> Result<(), Refusal> {
    let state = told.replay();
    let view = state.settled().unwrap();
    check_ring(view, &in_channel(told, channel), wait_seconds)
}

/// The first release went to ten percent.
fn first_ring() -> Story {
    Story::honest().change_release(|release| release.channel = "stable.r10".to_owned())
}

#[test]
fn a_wider_ring_follows_the_narrower_one_after_its_wait() {
    let mut told = first_ring().tell();
    ringed(&told, "stable", 0).unwrap();
    refused_with!("release.ring", ringed(&told, "stable", DAY));
    ringed(&told, "stable.r10", DAY).unwrap();
    ringed(&told, "stable.r1", DAY).unwrap();
    ringed(&told, "beta", DAY).unwrap();
    let now = told.log.published.last().unwrap().1;
    told.then(crate::honest::sayings::heartbeat("a day later"));
    told.log.published.last_mut().unwrap().1 = now + DAY;
    ringed(&told, "stable", DAY).unwrap();
}

#[test]
fn a_ring_counts_for_its_platform_and_its_artifact_only() {
    let told = first_ring().tell();
    let state = told.replay();
    let view = state.settled().unwrap();
    let mut release = in_channel(&told, "stable");
    release.artifact = FileDigest::of(b"another file of this build");
    refused_with!("release.ring", check_ring(view, &release, 0));
    release.platform = "windows-x86_64".to_owned();
    check_ring(view, &release, DAY).unwrap();
}

#[test]
fn a_build_that_a_ring_in_use_never_saw_is_refused_for_everybody() {
    // The ring was used by the first version; the second is proposed to all at once.
    let first = first_ring().tell();
    let second = first.next("1.1.0").until(Step::Approval).tell();
    let state = second.replay();
    let view = state.settled().unwrap();
    check_ring(view, &in_channel(&first, "stable"), 0).unwrap();
    let unseen = in_channel(&second, "stable");
    refused_with!("release.ring", check_ring(view, &unseen, 0));
    // A half-signed or withdrawn release in the narrower ring is none.
    let half = first_ring().until(Step::ReleaseCenter).tell();
    refused_with!("release.ring", ringed(&half, "stable", 0));
    let mut withdrawn = first_ring().tell();
    let supervisor = Key::of("supervisor", "supervisor");
    let digest = withdrawn.made.release();
    let entry = crate::honest::sayings::withdrawal(digest, &supervisor, NOT_AFTER);
    withdrawn.then(entry);
    refused_with!("release.ring", ringed(&withdrawn, "stable", 0));
}

#[test]
fn an_emergency_in_the_log_lets_one_build_skip_the_rings() {
    let emergency = |made: &crate::honest::story::Made, key: &Key| {
        let emergency = Emergency {
            audience: vec![center_log()],
            not_after: NOT_AFTER,
            blobs: Vec::new(),
            build: made.build(),
            reason: "The old one is being attacked".to_owned(),
        };
        let statement = Statement::new(Vec::new(), emergency);
        sign(&statement.to_payload().unwrap(), key)
    };
    let told = first_ring()
        .appended(move |made| emergency(made, &Key::of("vendor", "center")))
        .tell();
    ringed(&told, "stable", DAY).unwrap();
    // Only a center or a supervisor says so.
    let told = first_ring()
        .appended(move |made| emergency(made, &Key::of("lab-a", "rebuilder")))
        .tell();
    refused_with!("release.ring", ringed(&told, "stable", DAY));
}

#[test]
fn the_checkpoints_of_an_activation_are_found_in_the_log() {
    let waiting = |seconds: u64| {
        let enacted = Amendment::of(|draft| draft.floors.rebuilds_min = 3)
            .waiting(seconds)
            .enact();
        // The log as it was before the activation.
        let mut log = enacted.log;
        log.entries.pop();
        log.published.pop();
        // All signatures but the last.
        log.published.insert(1, (7, NOW + 120));
        log.replay(enacted.anchor)
    };
    let state = waiting(DELAY);
    let [successor] = &state.successors()[..] else {
        panic!("one successor");
    };
    assert_eq!(
        (successor.constitution.version, successor.signers.len()),
        (2, 4)
    );
    let archived = [4, 7, 8, 9].into();
    let wait = state.plan_activation(successor.digest, &archived).unwrap();
    assert_eq!((wait.signed_by.size, wait.waited_until.size), (8, 9));
    assert_eq!(successor.last_signature, 7);
    // What is not archived cannot be named.
    let digest = successor.digest;
    for archived in [[4, 8], [7, 8], [7, 9]] {
        let planned = state.plan_activation(digest, &archived.into());
        refused_with!("constitution.delay", planned);
    }

    let early = waiting(DELAY - 1);
    let digest = early.successors()[0].digest;
    refused_with!(
        "constitution.delay",
        early.plan_activation(digest, &archived)
    );
    let none = statement::StatementDigest::of(b"nobody proposed this");
    refused_with!(
        "constitution.version",
        state.plan_activation(none, &archived)
    );
}
