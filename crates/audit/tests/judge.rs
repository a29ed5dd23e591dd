//! What the second judgement finds in a log: nothing in an honest one, and in each of the others exactly
//! what is wrong, with the entry that proves it.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../../law/tests/honest/mod.rs"]
mod honest;

#[path = "judge/again.rs"]
mod again;
#[path = "judge/beside.rs"]
mod beside;
#[path = "judge/custody.rs"]
mod custody;
#[path = "judge/homes.rs"]
mod homes;
#[path = "judge/residence.rs"]
mod residence;

use audit::judge::{Finding, Gate, Judge, Refused, Ruling, Severity};
use honest::{
    amendment::Amendment,
    chain::{Step, center_log},
    keys::Key,
    log::Log,
    metadata::listing,
    roster::{self, DAY, NOT_AFTER, NOW, PARTIES, governance, party_mut},
    sayings::{closure, finding, halt, heartbeat, revocation, withdrawal},
    story::{Made, Story, Told, say, sign},
};
use statement::{Predicate, Revocation, StatementDigest, SuspectFrom};

fn replay(log: &Log, anchor: StatementDigest) -> Judge {
    let mut judge = Judge::new(center_log(), anchor);
    for (size, time) in &log.published {
        while judge.next_index() < *size {
            let index = judge.next_index();
            judge.entry(index, &log.entries[index as usize]).unwrap();
        }
        judge.checkpoint(&log.checkpoint(*size, *time)).unwrap();
    }
    judge
}

fn judged(told: &Told) -> Judge {
    replay(&told.log, told.anchor)
}

fn at_least(judge: &Judge, severity: Severity) -> Vec<Finding> {
    let found = judge.findings().into_iter();
    found.filter(|found| found.severity >= severity).collect()
}

/// The only finding of at least this severity.
fn only(judge: &Judge, severity: Severity) -> (&'static str, Option<u64>) {
    let found = at_least(judge, severity);
    let [one] = found.as_slice() else {
        panic!("{found:#?}");
    };
    assert_eq!(one.severity, severity, "{one:?}");
    assert!(!one.what.is_empty() && !one.remedy.is_empty());
    (one.code, one.entry)
}

#[test]
fn nothing_is_wrong_with_an_honest_log_of_two_releases() {
    let first = Story::honest().tell();
    let second = first.next("1.1.0").tell();
    let mut judge = judged(&second);
    assert_eq!(at_least(&judge, Severity::Note), []);
    let publications = judge.publications();
    let entries: Vec<_> = publications.iter().map(|seen| seen.entry).collect();
    assert_eq!(entries.len(), 2);
    let files = [None, Some(&*first.made.metadata)];
    let news = [&first.made.metadata, &second.made.metadata];
    for ((entry, previous), file) in entries.into_iter().zip(files).zip(news) {
        assert_eq!(judge.judge_publication(entry, previous, file), Ok(None));
    }
    assert_eq!(at_least(&judge, Severity::Note), []);
    let latest = judge.latest();
    assert_eq!(latest.entries, second.log.size());
    assert_eq!(
        (latest.witnessed, latest.counted),
        (latest.entries, latest.entries)
    );
    assert_eq!(
        (latest.builds, latest.releases, latest.approvals),
        (2, 2, 2)
    );
    assert_eq!((latest.releases_signed, latest.releases_withdrawn), (2, 0));
    assert_eq!((latest.publications, latest.publications_judged), (2, 2));
    assert_eq!((latest.constitution, latest.constitutions), (1, 1));
    assert_eq!(latest.newest["software"].version, 2);
    assert_eq!(latest.parties.len(), PARTIES.len());
    let named: u64 = judge.blobs().map(|blob| u64::from(blob.public)).sum();
    assert_eq!(named, 2);
}

#[test]
fn a_release_that_both_signed_without_approval_is_a_broken_promise_of_both() {
    let told = Story::honest().without(Step::Approval).tell();
    let found = at_least(&judged(&told), Severity::Red);
    let entries: Vec<_> = found
        .iter()
        .map(|found| (found.code, found.entry))
        .collect();
    let by = |step| ("approval.missing", Some(told.indices[&step]));
    assert_eq!(
        entries,
        [by(Step::ReleaseCenter), by(Step::ReleaseSupervisor)]
    );
}

#[test]
fn an_approval_of_a_build_with_too_few_rebuilds_is_a_broken_promise() {
    let told = Story::honest()
        .until(Step::Approval)
        .without(Step::RebuildB)
        .tell();
    let approval = told.indices[&Step::Approval];
    assert_eq!(
        only(&judged(&told), Severity::Red),
        ("rebuild.too_few", Some(approval))
    );
}

fn by_lab_a(made: &Made) -> Vec<u8> {
    finding(made.build(), &Key::of("lab-a", "rebuilder"))
}

#[test]
fn a_finding_that_came_while_the_release_was_signed_makes_it_amber() {
    // Everything up to the approval was witnessed before; the finding was not.
    let first = Story::honest().until(Step::Approval).tell();
    let raced = || {
        let mut log = first.log.clone();
        log.push(by_lab_a(&first.made));
        for step in [Step::ReleaseCenter, Step::ReleaseSupervisor] {
            log.push(first.made.envelope(step));
        }
        log
    };
    let mut log = raced();
    log.publish(NOW + 2 * 3600);
    let judge = replay(&log, first.anchor);
    assert_eq!(at_least(&judge, Severity::Red), []);
    let codes: Vec<_> = judge.findings().iter().map(|found| found.code).collect();
    assert_eq!(codes, ["adverse.open"; 3]);
}

#[test]
fn open_adverse_statements_and_halts_are_amber_until_they_are_closed() {
    let mut told = Story::honest().tell();
    let stop = halt(Some("other"), &governance("lab-b"));
    told.then(stop.clone());
    let at = told.log.size() - 1;
    assert_eq!(
        only(&judged(&told), Severity::Amber),
        ("adverse.halt", Some(at))
    );
    assert_eq!(judged(&told).latest().adverse_open, 1);
    let said = statement::Envelope::parse(&stop).unwrap().digest();
    told.then(closure(said, "lab-b"));
    assert_eq!(at_least(&judged(&told), Severity::Amber), []);
    let latest = judged(&told).latest();
    assert_eq!((latest.adverse, latest.adverse_open), (1, 0));
}

fn in_other_words(made: &Made, step: Step) -> Vec<u8> {
    let mut statement = made.statement(step);
    match &mut statement.predicate {
        Predicate::Release(release) => release.not_after -= 1,
        Predicate::Publication(publication) => publication.not_after -= 1,
        _ => panic!("neither release nor publication"),
    }
    sign(&statement.to_payload().unwrap(), made.key(step))
}

#[test]
fn two_releases_with_one_predecessor_are_a_public_fault() {
    let mut told = Story::honest().tell();
    told.then(in_other_words(&told.made, Step::ReleaseCenter));
    let found = at_least(&judged(&told), Severity::Red);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found.iter().all(|found| found.code == "release.fork"));
}

#[test]
fn two_publications_of_one_version_are_a_public_fault() {
    let mut told = Story::honest().tell();
    told.then(in_other_words(&told.made, Step::Publication));
    let at = Some(told.log.size() - 1);
    assert_eq!(
        only(&judged(&told), Severity::Red),
        ("publication.fork", at)
    );
}

#[test]
fn metadata_that_lists_what_nobody_released_is_found_by_recomputing_the_signers_diff() {
    let mut told = Story::honest().tell();
    let supervisor = Key::of("supervisor", "supervisor");
    told.then(withdrawal(told.made.release(), &supervisor, NOT_AFTER));
    let kept = listing(2, &[&told.made.payload(Step::ReleaseCenter).to_vec()]);
    let mut statement = told.made.statement(Step::Publication);
    if let Predicate::Publication(publication) = &mut statement.predicate {
        publication.version = 2;
        publication.metadata = statement::FileDigest::of(&kept);
    }
    let payload = statement.to_payload().unwrap();
    told.then(sign(&payload, told.made.key(Step::Publication)));
    let mut judge = judged(&told);
    let entry = told.log.size() - 1;
    let refused = judge.judge_publication(entry, Some(&told.made.metadata), &kept);
    let refused: Refused = refused.unwrap().unwrap();
    assert_eq!(refused.code, "metadata.target_without_release");
    assert_eq!(only(&judge, Severity::Red), (refused.code, Some(entry)));
    judge
        .judge_publication(entry, None, b"another file")
        .unwrap_err();
}

#[test]
fn what_a_key_signed_since_it_may_have_been_stolen_turns_amber() {
    let told = Story::honest();
    let told = told
        .appended(|_| {
            let revocation = Revocation {
                audience: vec![center_log()],
                not_after: NOT_AFTER,
                blobs: Vec::new(),
                key: Key::of("lab-b", "rebuilder").id(),
                suspect_from: vec![SuspectFrom {
                    origin: center_log(),
                    index: 8,
                }],
                reason: "The machine was stolen".to_owned(),
            };
            say(revocation, &governance("lab-b"))
        })
        .tell();
    let rebuild = told.indices[&Step::RebuildB];
    assert!(told.indices[&Step::CommitB] < 8 && rebuild >= 8);
    assert_eq!(
        only(&judged(&told), Severity::Amber),
        ("entry.suspect", Some(rebuild))
    );
}

#[test]
fn a_party_that_signs_two_successors_is_found() {
    let mut other = Amendment::of(|draft| party_mut(draft, "lab-a").name.push('x')).next;
    party_mut(&mut other, "lab-b").name = "Yet another name".to_owned();
    let second = sign(&roster::payload(&other), &governance("vendor"));
    let enacted = Amendment::of(|draft| party_mut(draft, "lab-a").name.push('x'))
        .after(second)
        .enact();
    let judge = replay(&enacted.log, enacted.anchor);
    assert_eq!(
        only(&judge, Severity::Red),
        ("constitution.two_successors", Some(5))
    );
    assert_eq!(judge.latest().constitution, 1);
}

#[test]
fn a_party_that_fell_silent_is_amber() {
    let mut told = Story::honest().tell();
    told.then(heartbeat("I am here"));
    let at = told.log.size() - 1;
    assert_eq!(at_least(&judged(&told), Severity::Note), []);
    let supervisor = Key::of("supervisor", "supervisor");
    told.log.push(say(
        statement::Heartbeat {
            audience: vec![center_log()],
            not_after: NOT_AFTER,
            blobs: Vec::new(),
            note: "me too".to_owned(),
        },
        &supervisor,
    ));
    told.log.publish(NOW + 3 * DAY);
    assert_eq!(
        only(&judged(&told), Severity::Amber),
        ("heartbeat.silent", Some(at))
    );
}

#[test]
fn a_checkpoint_of_other_entries_is_a_second_history() {
    let told = Story::honest().tell();
    let mut judge = judged(&told);
    let mut other = told.log.clone();
    other.entries[7].push(b' ');
    let (size, time) = *told.log.published.last().unwrap();
    let refused = judge.checkpoint(&other.checkpoint(size, time)).unwrap_err();
    assert_eq!(refused.code, "checkpoint.root");
    assert_eq!(
        only(&judge, Severity::Red),
        ("checkpoint.root", Some(size - 1))
    );
    let unseen = told.log.checkpoint_by(size, time, &["lab-a"]);
    assert_eq!(
        judge.checkpoint(&unseen).unwrap_err().code,
        "checkpoint.unwitnessed"
    );
    let smaller = told.log.checkpoint(size - 1, time);
    assert_eq!(
        judge.checkpoint(&smaller).unwrap_err().code,
        "view.incomplete"
    );
}

#[test]
fn entries_are_fed_in_order_and_gates_ask_only_what_was_witnessed() {
    let told = Story::honest().tell();
    let mut judge = judged(&told);
    let next = judge.next_index();
    let refused = judge.entry(next + 1, b"").unwrap_err();
    assert_eq!((refused.expected, refused.got), (next, next + 1));
    let ruling = judge.entry(next, b"no entry").unwrap();
    assert!(matches!(
        ruling,
        Ruling::Ignored {
            code: "entry.malformed",
            ..
        }
    ));
    let gate = Gate::Approval {
        build: told.made.build(),
    };
    judge.gate(&gate, next).unwrap();
    for as_of in [0, next + 1] {
        assert_eq!(
            judge.gate(&gate, as_of).unwrap_err().code,
            "view.incomplete"
        );
    }
    // Of the past, only what stood then.
    let early = told.indices[&Step::RebuildB];
    assert_eq!(
        judge.gate(&gate, early).unwrap_err().code,
        "rebuild.too_few"
    );
    judge.gate(&gate, early + 1).unwrap();
}

#[test]
fn late_entries_and_foreign_revocations_are_noted() {
    let key = Key::of("vendor", "author").id();
    let late = withdrawal(StatementDigest::of(b"x"), &Key::of("vendor", "center"), NOW);
    let mut told = Story::honest().tell();
    told.then(late);
    told.then(revocation(key, "lab-a"));
    let found = at_least(&judged(&told), Severity::Note);
    let codes: Vec<_> = found
        .iter()
        .map(|found| (found.code, found.severity))
        .collect();
    let note = |code| (code, Severity::Note);
    assert_eq!(codes, [note("entry.too_late"), note("revocation.foreign")]);
}
