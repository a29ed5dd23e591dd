//! What stood in the supervisor's log when the center's release was signed, and which order can be proven.

use audit::judge::{Gate, Judge, Severity};
use statement::StatementDigest;
use statement::{Anchor, CheckpointRef, Closure, Envelope, FileDigest, Finding, Halt};
use tlog::Origin;

use crate::honest::{
    chain::{Step, center_log},
    keys::Key,
    log::Log,
    roster::{self, NOT_AFTER, NOW, SUPERVISOR_LOG, governance},
    sayings::heartbeat,
    story::{Story, Told, say, signed_by_all},
};

fn there() -> Origin {
    SUPERVISOR_LOG.parse().unwrap()
}

/// Nothing in particular, in the supervisor's log.
fn tick() -> Vec<u8> {
    let heartbeat = statement::Heartbeat {
        audience: vec![there()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        note: "still here".to_owned(),
    };
    say(heartbeat, &governance("lab-a"))
}

fn finding(about: StatementDigest) -> Vec<u8> {
    let finding = Finding {
        audience: vec![there()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        about,
        title: "A password is compiled in".to_owned(),
        detail: "The other log does not take this.".to_owned(),
    };
    say(finding, &Key::of("lab-a", "rebuilder"))
}

fn halt(product: &str) -> Vec<u8> {
    let halt = Halt {
        audience: vec![there()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        product: Some(product.to_owned()),
        reason: "A key may be stolen".to_owned(),
    };
    say(halt, &Key::of("lab-a", "rebuilder"))
}

fn closure(entry: &[u8]) -> Vec<u8> {
    let closure = Closure {
        audience: vec![there()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        closes: Envelope::parse(entry).unwrap().digest(),
        reason: "It was explained".to_owned(),
    };
    say(closure, &governance("lab-a"))
}

/// The checkpoint of `of` with all its entries, to be kept in the log `to`.
fn anchor(of: &Log, origin: Origin, to: Origin) -> Vec<u8> {
    let (size, time) = *of.published.last().unwrap();
    let anchor = Anchor {
        audience: vec![to],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        origin,
        checkpoint: CheckpointRef {
            size,
            root: FileDigest::new(of.root(size)),
        },
        note: String::from_utf8(of.checkpoint(size, time)).unwrap(),
    };
    say(anchor, &governance("lab-a"))
}

/// A log with the constitution in it, and then what witnesses saw at these seconds after the beginning.
fn log(party: &'static str, told: &[(u64, Vec<Vec<u8>>)]) -> Log {
    let mut log = Log::of(party);
    for entry in signed_by_all(&roster::constitution()) {
        log.push(entry);
    }
    log.publish(NOW + 60);
    then(&mut log, told);
    log
}

fn then(log: &mut Log, told: &[(u64, Vec<Vec<u8>>)]) {
    for (seconds, entries) in told {
        for entry in entries {
            log.push(entry.clone());
        }
        log.publish(NOW + seconds);
    }
}

fn judge(origin: Origin, log: &Log) -> Judge {
    let mut judge = Judge::new(origin, roster::digest(&roster::constitution()));
    for (size, time) in &log.published {
        while judge.next_index() < *size {
            let index = judge.next_index();
            judge.entry(index, &log.entries[index as usize]).unwrap();
        }
        judge.checkpoint(&log.checkpoint(*size, *time)).unwrap();
    }
    judge
}

/// Approved by second 3,660; then these entries, and both signatures of the release between 20,000 and 20,060.
struct Center {
    approved: Told,
    log: Log,
}

fn center(before: &[(u64, Vec<Vec<u8>>)]) -> Center {
    let approved = Story::honest().until(Step::Approval).tell();
    let mut log = approved.log.clone();
    then(&mut log, before);
    then(&mut log, &[(20_000, vec![heartbeat("before")])]);
    let signed = [Step::ReleaseCenter, Step::ReleaseSupervisor];
    let signed = signed.map(|step| approved.made.envelope(step)).to_vec();
    then(&mut log, &[(20_060, signed)]);
    Center { approved, log }
}

impl Center {
    fn build(&self) -> StatementDigest {
        self.approved.made.build()
    }

    /// What is wrong with the two signatures, given what the supervisor's log shows and when.
    fn beside(&self, told: &[(u64, Vec<Vec<u8>>)]) -> Vec<(&'static str, Severity)> {
        let mut shown = vec![(4_000, vec![tick()])];
        shown.extend(told.iter().cloned());
        self.against(&log("supervisor", &shown))
    }

    fn against(&self, other: &Log) -> Vec<(&'static str, Severity)> {
        let (home, other) = (judge(center_log(), &self.log), judge(there(), other));
        assert_eq!(other.findings_beside(&[&home, &other]), []);
        let found = home.findings_beside(&[&home, &other]);
        let signed = [self.log.size() - 2, self.log.size() - 1];
        for (found, at) in found.iter().zip(signed) {
            assert_eq!(found.entry, Some(at), "{found:?}");
            assert!(found.what.contains(SUPERVISOR_LOG), "{found:?}");
        }
        assert!(found.is_empty() || found.len() == 2, "{found:#?}");
        found.iter().map(|f| (f.code, f.severity)).collect()
    }
}

const RED: [(&str, Severity); 2] = [("adverse.open", Severity::Red); 2];
const AMBER: [(&str, Severity); 2] = [("adverse.open", Severity::Amber); 2];

#[test]
fn what_stood_open_in_another_log_before_a_release_is_a_broken_promise_of_both_signers() {
    let center = center(&[]);
    assert_eq!(center.beside(&[]), []);
    let found = finding(center.build());
    assert_eq!(center.beside(&[(10_000, vec![found.clone()])]), RED);
    let later = [
        (10_000, vec![found.clone()]),
        (20_100, vec![tick()]),
        (30_000, vec![closure(&found)]),
    ];
    assert_eq!(center.beside(&later), RED);
    let stop = center.beside(&[(10_000, vec![halt("truename")])]);
    assert_eq!(stop, [("adverse.halt", Severity::Red); 2]);
    assert_eq!(center.beside(&[(10_000, vec![halt("another")])]), []);
}

#[test]
fn what_was_closed_before_or_came_after_stood_in_nobodys_way() {
    let center = center(&[]);
    let found = finding(center.build());
    let closed = [
        (10_000, vec![found.clone()]),
        (12_000, vec![closure(&found)]),
    ];
    assert_eq!(center.beside(&closed), []);
    let after = [(20_100, vec![tick()]), (30_000, vec![found])];
    assert_eq!(center.beside(&after), []);
}

#[test]
fn what_came_while_it_was_signed_or_in_no_proven_order_is_amber() {
    let center = center(&[]);
    let found = finding(center.build());
    // The release was not there 600 s after the finding was, or it was.
    assert_eq!(center.beside(&[(19_399, vec![found.clone()])]), RED);
    for seconds in [19_400, 19_999] {
        assert_eq!(center.beside(&[(seconds, vec![found.clone()])]), AMBER);
    }
    // Neither was first for certain; a clock that shows one second shows no order in it.
    for seconds in [20_000, 20_030, 30_000] {
        assert_eq!(center.beside(&[(seconds, vec![found.clone()])]), AMBER);
    }
    let barely = |seconds| [(seconds, vec![tick()]), (30_000, vec![found.clone()])];
    assert_eq!(center.beside(&barely(20_060)), AMBER);
    assert_eq!(center.beside(&barely(20_061)), []);
    // Closed at an unknown moment around it.
    let closed = [
        (10_000, vec![found.clone()]),
        (20_030, vec![closure(&found)]),
    ];
    assert_eq!(center.beside(&closed), AMBER);
}

#[test]
fn a_checkpoint_that_one_log_keeps_of_the_other_proves_the_order_against_any_clock() {
    let build = Story::honest().until(Step::Approval).tell().made.build();
    // The witnesses of the supervisor's log say it was long after the release.
    let late = [(4_000, vec![tick()]), (90_000, vec![finding(build)])];
    let other = log("supervisor", &late);
    let kept = anchor(&other, there(), center_log());
    assert_eq!(center(&[(10_000, vec![kept.clone()])]).against(&other), RED);
    assert_eq!(center(&[(19_900, vec![kept])]).against(&other), AMBER);
    // One of another history proves nothing.
    let mut forged = other.clone();
    forged.entries[5].push(b' ');
    let kept = anchor(&forged, there(), center_log());
    let unproven = center(&[(10_000, vec![kept])]);
    assert_eq!(unproven.against(&other), AMBER);
    // And the other way round: the finding stands above the release.
    let center = center(&[]);
    let kept = anchor(&center.log, center_log(), there());
    let both = vec![kept, finding(build)];
    assert_eq!(center.beside(&[(20_030, both)]), []);
}

#[test]
fn an_approval_is_judged_beside_other_logs_too() {
    let first = Story::honest().tell();
    let second = first.next("1.1.0").tell();
    let other = log("supervisor", &[(1_000, vec![halt("truename")])]);
    let (home, other) = (judge(center_log(), &second.log), judge(there(), &other));
    let found = home.findings_beside(&[&other]);
    let mut red: Vec<_> = found
        .iter()
        .filter(|f| f.severity == Severity::Red)
        .collect();
    red.sort_by_key(|found| found.entry);
    let steps = [Step::Approval, Step::ReleaseCenter, Step::ReleaseSupervisor];
    let signed = steps.map(|step| Some(second.indices[&step]));
    assert_eq!(red.iter().map(|f| f.entry).collect::<Vec<_>>(), signed);
    assert_eq!(found.len(), 6, "{found:#?}");
    // A log that no constitution names is nothing that a signer has to read.
    let unnamed = Story::under(|draft| draft.logs.truncate(1)).tell();
    let mut home = Judge::new(center_log(), unnamed.anchor);
    for (index, entry) in (0..).zip(&unnamed.log.entries) {
        home.entry(index, entry).unwrap();
    }
    let (size, time) = *unnamed.log.published.last().unwrap();
    home.checkpoint(&unnamed.log.checkpoint(size, time))
        .unwrap();
    assert!(home.latest().releases == 1);
    assert_eq!(home.findings_beside(&[&other]), []);
}

#[test]
fn a_gate_that_a_signer_passes_asks_every_log_of_the_constitution() {
    let center = center(&[]);
    let other = log("supervisor", &[(10_000, vec![finding(center.build())])]);
    let (home, other) = (judge(center_log(), &center.log), judge(there(), &other));
    let (end, all) = (home.next_index(), other.next_index());
    let approval = Gate::Approval {
        build: center.build(),
    };
    let payload = center.approved.made.payload(Step::ReleaseCenter);
    let release = Gate::Release {
        payload,
        parts: None,
    };
    for gate in [approval, release] {
        home.gate(&gate, end).unwrap();
        home.gate_beside(&gate, end, &[(&other, all - 1)]).unwrap();
        for (others, code) in [
            (vec![(&other, all)], "adverse.open"),
            (vec![(&other, all + 1)], "view.incomplete"),
            (vec![(&home, end)], "view.incomplete"),
            (vec![], "view.incomplete"),
        ] {
            let refused = home.gate_beside(&gate, end, &others).unwrap_err();
            assert_eq!(refused.code, code);
        }
    }
    let release = StatementDigest::of(payload);
    let released = Gate::Released {
        release,
        rebuilds_min: 1,
        parts: None,
    };
    home.gate_beside(&released, end, &[]).unwrap();
}
