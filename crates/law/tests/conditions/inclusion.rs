//! What is not in a witnessed log, or not seen whole.

use law::{Approvable, Installable, Offer, Refusal};
use statement::FileDigest;
use tlog::Hash;

use crate::{
    conditions::offers::policy,
    honest::{
        chain::Step,
        log::Log,
        roster::NOW,
        story::{Story, Told},
    },
    refused_with,
};

/// The same entries in the log that the supervisor runs.
fn in_the_other_log(told: &Told) -> Log {
    let mut other = Log::of("supervisor");
    other.entries.clone_from(&told.log.entries);
    other.published.clone_from(&told.log.published);
    other
}

#[test]
fn a_checkpoint_of_another_log_settles_nothing() {
    let told = Story::honest().tell();
    let mut state = told.replay();
    let (size, time) = (told.log.size(), NOW + 7200);
    let own = told.log.witnessed(&state, size, time);
    let foreign = in_the_other_log(&told).witnessed(&state, size, time);
    state.mark();
    state.settle_marked(&own).unwrap();
    refused_with!("checkpoint.origin", state.settle_marked(&foreign));
    state.settle(&own).unwrap();
    refused_with!("checkpoint.origin", state.settle(&foreign));
}

#[test]
fn a_release_and_a_publication_of_different_logs_do_not_belong_together() {
    let told = Story::honest().tell();
    let bundle = told.bundle();
    // The constitution is for both logs; the publication has to be, too, to count there.
    let both = Story::honest()
        .change(Step::Publication, |statement| {
            let statement::Predicate::Publication(publication) = &mut statement.predicate else {
                panic!("not a publication");
            };
            publication.audience = vec!["supervisor.example/log".parse().unwrap()];
        })
        .tell();
    let other = in_the_other_log(&both)
        .whole_bundle()
        .open(both.anchor)
        .unwrap();
    let artifact = told.made.artifact();
    let offer = Offer {
        bundle: &bundle,
        release: told.made.release(),
        publication: &bundle,
        metadata: &told.made.metadata,
        role: "software",
        withdrawals: &[],
        artifact: FileDigest::of(&artifact),
        artifact_bytes: artifact.len() as u64,
        attached: None,
    };
    Installable::check(offer, &policy(), None, NOW).unwrap();
    let mixed = Offer {
        publication: &other,
        ..offer
    };
    refused_with!(
        "checkpoint.origin",
        Installable::check(mixed, &policy(), None, NOW)
    );
}

#[test]
fn a_bundle_that_too_few_witnesses_saw_is_not_opened() {
    let told = Story::honest().tell();
    let mut bundle = told.log.whole_bundle();
    let (size, time) = *told.log.published.last().unwrap();
    for witnesses in [&[][..], &["lab-a"], &["lab-b"]] {
        bundle.checkpoint = told.log.checkpoint_by(size, time, witnesses);
        refused_with!("checkpoint.unwitnessed", bundle.open(told.anchor));
    }
    bundle.checkpoint = told.log.checkpoint_by(size, time, &["lab-a", "lab-b"]);
    bundle.open(told.anchor).unwrap();
}

#[test]
fn a_bundle_without_the_signature_of_its_log_is_not_opened() {
    let told = Story::honest().tell();
    let bundle = told.log.whole_bundle();
    let text = String::from_utf8(bundle.checkpoint.clone()).unwrap();
    let signed_by_log = |line: &str| line.starts_with("\u{2014} center.example/log ");
    for dropped in 0..2 {
        let mut seen = 0;
        let kept = text.lines().filter(|line| {
            let drop = signed_by_log(line) && seen == dropped;
            seen += usize::from(signed_by_log(line));
            !drop
        });
        let mut cut = bundle.clone();
        cut.checkpoint = kept
            .map(|line| format!("{line}\n"))
            .collect::<String>()
            .into();
        refused_with!("checkpoint.unwitnessed", cut.open(told.anchor));
    }
}

#[test]
fn a_replay_of_other_entries_than_the_witnesses_saw_is_not_settled() {
    let told = Story::honest().tell();
    let mut state = told.replay();
    let mut other = told.log.clone();
    let last = other.entries.last_mut().unwrap();
    last.push(b' ');
    let (size, time) = (other.size(), NOW + 7200);
    let checkpoint = other.witnessed(&state, size, time);
    refused_with!("checkpoint.root", state.settle(&checkpoint));
    state.mark();
    refused_with!("checkpoint.root", state.settle_marked(&checkpoint));
    let smaller = told.log.witnessed(&state, size - 1, time);
    refused_with!("checkpoint.root", state.settle(&smaller));
}

#[test]
fn an_entry_whose_path_leads_elsewhere_is_not_in_the_log() {
    let told = Story::honest().tell();
    let honest = told.log.whole_bundle();
    honest.open(told.anchor).unwrap();
    for at in 0..honest.entries.len() {
        let mut bundle = honest.clone();
        bundle.entries[at].path[0] = Hash::EMPTY_ROOT;
        refused_with!("entry.not_included", bundle.open(told.anchor));
        let mut bundle = honest.clone();
        bundle.entries[at].path.pop();
        refused_with!("entry.not_included", bundle.open(told.anchor));
    }
    // An entry with valid signatures that the log never took.
    let mut riding = honest;
    let last = riding.entries.last_mut().unwrap();
    last.entry = told.made.envelope(Step::ReleaseCenter);
    refused_with!("entry.not_included", riding.open(told.anchor));
}

#[test]
fn an_excerpt_does_not_answer_what_needs_the_whole_log() {
    let told = Story::honest().tell();
    let opened = told.bundle();
    let build = told.made.build();
    let payload = told.made.payload(Step::ReleaseCenter);
    told.approvable().unwrap();
    refused_with!("view.incomplete", Approvable::check(opened.view(), build));
    refused_with!(
        "view.incomplete",
        law::Releasable::check(opened.view(), payload)
    );
    let signable: Result<_, Refusal> =
        law::SignableMetadata::check(opened.view(), "software", None, &told.made.metadata, NOW);
    refused_with!("view.incomplete", signable);
}

#[test]
fn a_replay_above_its_last_witnessed_checkpoint_is_not_settled() {
    let told = Story::honest().tell();
    let mut state = told.replay();
    state.settled().unwrap();
    let entry = told.made.envelope(Step::Publication);
    state.feed(told.log.size(), &entry).unwrap();
    refused_with!("view.incomplete", state.settled());
}
