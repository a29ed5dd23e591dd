//! Entries that do not count, whatever they say.

use law::{Code, Fed, InForce, Opened, Releasable};
use statement::{Envelope, Predicate};

use crate::{
    honest::{
        chain::{Step, center_log},
        keys::Key,
        roster::{self, NOT_AFTER, NOW, SUPERVISOR_LOG, party_mut},
        sayings::{heartbeat, revocation},
        story::{Story, signed_by_all},
    },
    refused_with,
};

#[test]
fn an_honest_entry_counts_and_every_step_of_the_honest_story_is_granted() {
    let told = Story::honest().tell();
    for step in Step::ALL {
        assert_eq!(told.judged(step), Ok(told.made.digest(step)), "{step:?}");
    }
    told.approvable().unwrap();
    told.releasable().unwrap();
    told.released().unwrap();
}

#[test]
fn every_code_has_a_text_of_its_own_and_a_meaning() {
    let mut texts: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), Code::ALL.len());
    assert!(Code::ALL.iter().all(|code| !code.meaning().is_empty()));
}

#[test]
fn bytes_that_are_no_statement_do_not_count() {
    let cut = Story::honest()
        .garble(Step::Source, |bytes| bytes.truncate(40))
        .tell();
    refused_with!("entry.malformed", cut.judged(Step::Source));

    let told = Story::honest().until(Step::Approval).tell();
    let state = told.replay();
    let view = state.settled().unwrap();
    refused_with!("entry.malformed", Releasable::check(view, b"{}"));
    let not_a_release = told.made.payload(Step::Approval);
    refused_with!("entry.malformed", Releasable::check(view, not_a_release));
}

#[test]
fn a_key_that_is_not_on_the_roster_does_not_count() {
    let stranger = Key::of("stranger", "author");
    let told = Story::honest().signed_by(Step::Source, stranger).tell();
    refused_with!("entry.key_unknown", told.judged(Step::Source));
    refused_with!("entry.key_unknown", told.approvable());
}

#[test]
fn a_signature_that_does_not_verify_does_not_count() {
    let told = Story::honest()
        .garble(Step::Source, |bytes| {
            let at = bytes.len() - 20;
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        })
        .tell();
    refused_with!("entry.signature", told.judged(Step::Source));
}

#[test]
fn a_key_of_another_role_does_not_count() {
    let center = Key::of("vendor", "center");
    let told = Story::honest().signed_by(Step::Source, center).tell();
    refused_with!("entry.role", told.judged(Step::Source));
}

#[test]
fn a_key_does_not_count_after_its_party_revoked_it() {
    let author = Key::of("vendor", "author").id();
    let before = Story::honest()
        .inserted_before(Step::Source, move |_| revocation(author, "vendor"))
        .tell();
    refused_with!("entry.key_revoked", before.judged(Step::Source));
    assert!(before.replay().is_revoked(author));

    let after = Story::honest()
        .inserted_before(Step::CommitA, move |_| revocation(author, "vendor"))
        .tell();
    after.releasable().unwrap();
    let by_another_party = Story::honest()
        .inserted_before(Step::Source, move |_| revocation(author, "lab-a"))
        .tell();
    by_another_party.releasable().unwrap();
}

#[test]
fn an_entry_that_was_included_after_the_last_day_of_its_key_does_not_count() {
    let with_last_day = |day: u64| {
        Story::under(move |draft| {
            let author = roster::ed25519("vendor", "author", statement::Role::Author).public;
            let mut keys = party_mut(draft, "vendor").keys.iter_mut();
            keys.find(|key| key.public == author).unwrap().not_after = day;
        })
        .witnessed_at(NOW + 500)
        .tell()
    };
    with_last_day(NOW + 500).approvable().unwrap();
    refused_with!("entry.key_expired", with_last_day(NOW + 499).approvable());
}

#[test]
fn a_statement_for_another_log_does_not_count() {
    let told = Story::honest()
        .change(Step::Source, |statement| {
            let Predicate::Source(source) = &mut statement.predicate else {
                panic!("not a source");
            };
            source.audience = vec![SUPERVISOR_LOG.parse().unwrap()];
        })
        .tell();
    refused_with!("entry.audience", told.judged(Step::Source));

    let elsewhere = Story::honest()
        .until(Step::Approval)
        .change_release(|release| release.audience = vec![SUPERVISOR_LOG.parse().unwrap()])
        .tell();
    refused_with!("entry.audience", elsewhere.releasable());

    let approval = Story::honest()
        .change(Step::Approval, |statement| {
            let Predicate::Approval(summary) = &mut statement.predicate else {
                panic!("not an approval");
            };
            let center = center_log().to_string();
            summary.resource_uri = summary.resource_uri.replace(&center, SUPERVISOR_LOG);
        })
        .tell();
    refused_with!("entry.audience", approval.judged(Step::Approval));
}

#[test]
fn an_entry_that_was_included_after_its_not_after_does_not_count() {
    Story::honest()
        .witnessed_at(NOT_AFTER)
        .tell()
        .approvable()
        .unwrap();
    let late = Story::honest().witnessed_at(NOT_AFTER + 1).tell();
    refused_with!("entry.too_late", late.approvable());
}

#[test]
fn nothing_counts_before_a_constitution_is_in_force() {
    let constitution = roster::constitution();
    let founding = signed_by_all(&constitution);
    let mut state = InForce::replay(center_log(), roster::digest(&constitution));
    for (index, entry) in (0..3).zip(&founding) {
        state.feed(index, entry).unwrap();
    }
    let mut half_founded = state.clone();
    let Fed::Ignored(refusal) = half_founded.feed(3, &heartbeat("hello")).unwrap() else {
        panic!("it counts");
    };
    refused_with!("entry.no_constitution", Err::<(), _>(refusal));

    state.feed(3, &founding[3]).unwrap();
    let fed = state.feed(4, &heartbeat("hello")).unwrap();
    assert!(matches!(fed, Fed::Counts(_)), "{fed:?}");
}

#[test]
fn a_candidate_is_judged_as_the_entry_would_be_and_changes_nothing() {
    let told = Story::honest().until(Step::Approval).tell();
    let state = told.replay();
    let entry = told.made.envelope(Step::ReleaseCenter);
    let digest = told.made.release();
    assert_eq!(state.judge_candidate(&entry, NOW), Ok(digest));
    refused_with!(
        "entry.too_late",
        state.judge_candidate(&entry, NOT_AFTER + 1)
    );
    let late = roster::KEY_NOT_AFTER + 1;
    let approval = told.made.envelope(Step::Approval);
    refused_with!("entry.key_expired", state.judge_candidate(&approval, late));
    assert_eq!(state.next_index(), told.log.size());
}

#[test]
fn an_entry_that_was_opened_before_is_judged_and_counts_as_its_bytes_would() {
    let told = Story::honest().until(Step::Approval).tell();
    let entry = told.made.envelope(Step::ReleaseCenter);
    let raw = Step::ReleaseCenter
        .honest_key()
        .public()
        .try_into()
        .unwrap();
    let mut opened = Opened::read(&entry).unwrap();
    opened.verify(&raw);
    let (mut by_bytes, mut by_opened) = (told.replay(), told.replay());
    assert_eq!(
        by_opened.judge_opened(&opened, NOW),
        by_bytes.judge_candidate(&entry, NOW)
    );
    let index = told.log.size();
    assert_eq!(
        by_opened.feed_opened(index, opened),
        by_bytes.feed(index, &entry)
    );
    assert_eq!(by_opened.mark(), by_bytes.mark());
}

#[test]
fn a_signature_that_is_wrong_stays_wrong_with_whatever_key_it_was_verified_before() {
    let told = Story::honest().until(Step::Approval).tell();
    let honest = Envelope::parse(&told.made.envelope(Step::ReleaseCenter)).unwrap();
    let forged = Envelope::new(honest.payload().to_vec(), honest.key(), [1; 64]).unwrap();
    let mut opened = Opened::read(&forged.to_bytes()).unwrap();
    for key in [
        Step::ReleaseCenter.honest_key(),
        Key::of("lab-a", "rebuilder"),
    ] {
        opened.verify(&key.public().try_into().unwrap());
    }
    refused_with!("entry.signature", told.replay().judge_opened(&opened, NOW));
}
