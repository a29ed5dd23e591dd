//! What a center says about samples, proven one by one under the constitution chain of a bundle.

use law::{Bundle, Logged, OpenBundle, Refusal};
use statement::StatementDigest;
use tlog::TlogProof;

use crate::{
    honest::{
        custody::{anomaly, digest, erasure, founded, receipts, say_one, verdicts},
        keys::Key,
        log::Log,
        roster::{self, NOT_AFTER, NOW},
        sayings::heartbeat,
    },
    refused_with,
};

fn anchor() -> StatementDigest {
    roster::digest(&roster::constitution())
}

fn center() -> Key {
    Key::of("vendor", "center")
}

/// The chain of constitutions under the first checkpoint, and a log that went on.
fn handed_out() -> (Bundle, Log) {
    let mut log = founded();
    let chain = log.bundle(&[0, 1, 2, 3]);
    say_one(&mut log, receipts(), &center());
    log.push(heartbeat("between"));
    say_one(&mut log, verdicts(), &center());
    say_one(&mut log, erasure(), &center());
    say_one(&mut log, anomaly(), &center());
    log.publish(NOW + 120);
    (chain, log)
}

/// An entry with a `.tlog-proof` under the newest checkpoint.
fn logged(log: &Log, index: u64) -> Logged {
    let proof = log.bundle(&[index]).to_tlog_proofs().remove(0);
    Logged {
        entry: log.entries[index as usize].clone(),
        proof,
    }
}

fn opened(change: impl FnOnce(&mut Vec<Logged>, &Log)) -> Result<OpenBundle, Refusal> {
    let (chain, log) = handed_out();
    let mut more: Vec<Logged> = [4, 6, 7, 8].map(|index| logged(&log, index)).to_vec();
    change(&mut more, &log);
    chain.open_with(anchor(), &more)
}

#[test]
fn proofs_that_come_one_by_one_count_like_a_bundle() {
    let open = opened(|_, _| {}).unwrap();
    let view = open.view();
    let (one, two, gone, odd) = (receipts(), verdicts(), erasure(), anomaly());
    assert_eq!(
        view.anomaly(digest(odd.clone())).unwrap().reasons,
        odd.reasons
    );
    assert_eq!(view.receipts(digest(one)).unwrap().standing().index(), 4);
    assert_eq!(view.verdicts(digest(two)).unwrap().seq, 1);
    assert_eq!(
        view.erasure(digest(gone.clone())).unwrap().demand,
        gone.demand
    );
    // In any order, and again.
    opened(|more, log| {
        more.reverse();
        more.push(logged(log, 4));
    })
    .unwrap();
}

#[test]
fn what_is_not_shown_is_missing_and_one_kind_is_not_another() {
    let open = opened(|more, _| more.clear()).unwrap();
    let view = open.view();
    refused_with!("receipts.missing", view.receipts(digest(receipts())));
    refused_with!("verdicts.missing", view.verdicts(digest(verdicts())));
    refused_with!("erasure.missing", view.erasure(digest(erasure())));
    let open = opened(|_, _| {}).unwrap();
    refused_with!("receipts.missing", open.view().receipts(digest(verdicts())));
    refused_with!("anomaly.missing", open.view().anomaly(digest(verdicts())));
    // A first verdict is no second look.
    let first = digest(verdicts());
    refused_with!("reanalyses.missing", open.view().reanalyses(first));
}

#[test]
fn an_entry_that_no_witness_saw_or_that_stands_elsewhere_is_refused() {
    refused_with!(
        "checkpoint.unwitnessed",
        opened(|more, log| more[0].proof.checkpoint = log.checkpoint_by(9, NOW + 120, &["lab-a"]))
    );
    refused_with!(
        "entry.not_included",
        opened(|more, _| more[0].proof.index = 5)
    );
    refused_with!(
        "entry.not_included",
        opened(|more, _| more[0].entry = more[1].entry.clone())
    );
    let elsewhere = |log: &Log| {
        let mut other = Log::of("supervisor");
        other.entries.clone_from(&log.entries);
        other.published.clone_from(&log.published);
        logged(&other, 4)
    };
    refused_with!(
        "checkpoint.origin",
        opened(|more, log| more[0] = elsewhere(log))
    );
    refused_with!(
        "checkpoint.origin",
        opened(|more, _| more[0].proof = TlogProof {
            checkpoint: b"x\n".to_vec(),
            ..more[0].proof.clone()
        })
    );
}

#[test]
fn a_checkpoint_from_before_there_was_a_constitution_has_no_witnesses() {
    // The fourth entry brought it into force; the witnesses it names saw three.
    let young = |more: &mut Vec<Logged>, log: &Log| {
        let mut young = log.clone();
        young.published = vec![(3, NOW + 30)];
        more.push(logged(&young, 0));
    };
    refused_with!("checkpoint.unwitnessed", opened(young));
}

#[test]
fn two_trees_of_one_size_are_refused() {
    let forked = |more: &mut Vec<Logged>, log: &Log| {
        let mut other = log.clone();
        other.entries[5] = heartbeat("another history");
        more.push(logged(&other, 7));
    };
    refused_with!("checkpoint.root", opened(forked));
}

#[test]
fn who_may_not_say_it_and_who_says_it_too_late_says_nothing() {
    let by = |key: Key, time: u64| {
        let mut log = founded();
        let chain = log.bundle(&[0, 1, 2, 3]);
        say_one(&mut log, receipts(), &key);
        log.publish(time);
        let open = chain.open_with(anchor(), &[logged(&log, 4)])?;
        open.view().receipts(digest(receipts()))
    };
    by(center(), NOT_AFTER).unwrap();
    refused_with!("entry.too_late", by(center(), NOT_AFTER + 1));
    refused_with!(
        "entry.role",
        by(Key::of("supervisor", "supervisor"), NOW + 120)
    );
}
