//! What stands in other logs of the constitution stops a signer as if it stood in his own.

use crate::honest::{
    chain::Step,
    keys::Key,
    log::Log,
    roster::{self, NOT_AFTER, NOW, SUPERVISOR_LOG, governance},
    sayings::{finding, heartbeat},
    story::{Story, Told, say, sign},
};
use crate::refused_with;
use law::{InForce, Refusal};
use statement::{Closure, Finding, Halt, Predicate, StatementDigest};
use tlog::Origin;

/// The supervisor's log with the constitution and then these entries.
fn other_log(entries: Vec<Vec<u8>>) -> InForce {
    let constitution = roster::constitution();
    let payload = roster::payload(&constitution);
    let mut log = Log::of("supervisor");
    for party in &constitution.parties {
        log.push(sign(&payload, &governance(party.id.as_str())));
    }
    log.publish(NOW + 60);
    if !entries.is_empty() {
        for entry in entries {
            log.push(entry);
        }
        log.publish(NOW + 120);
    }
    log.replay(StatementDigest::of(&payload))
}

fn there() -> Vec<Origin> {
    vec![SUPERVISOR_LOG.parse().unwrap()]
}

fn finding_there(about: StatementDigest, party: &str) -> Vec<u8> {
    let finding = Finding {
        audience: there(),
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        about,
        title: "A password is compiled in".to_owned(),
        detail: "The other log does not take this.".to_owned(),
    };
    say(finding, &Key::of(party, "rebuilder"))
}

fn halt_there(product: &str) -> Vec<u8> {
    let halt = Halt {
        audience: there(),
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        product: Some(product.to_owned()),
        reason: "A key may be stolen".to_owned(),
    };
    say(halt, &Key::of("lab-a", "rebuilder"))
}

fn closure_there(entry: &[u8], party: &str) -> Vec<u8> {
    let closure = Closure {
        audience: there(),
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        closes: statement::Envelope::parse(entry).unwrap().digest(),
        reason: "It was explained".to_owned(),
    };
    say(closure, &governance(party))
}

/// What approving and releasing come to when the other log holds these entries.
fn asked(told: &Told, entries: Vec<Vec<u8>>) -> [Result<(), Refusal>; 2] {
    let (state, other) = (told.replay(), other_log(entries));
    let (home, others) = (state.settled().unwrap(), [other.settled().unwrap()]);
    [
        told.approvable()
            .unwrap()
            .unopposed(home, &others)
            .map(drop),
        told.releasable()
            .unwrap()
            .unopposed(home, &others)
            .map(drop),
    ]
}

fn approved() -> Told {
    Story::honest().until(Step::Approval).tell()
}

#[test]
fn nothing_in_the_other_log_stops_nothing() {
    let told = approved();
    for entries in [Vec::new(), vec![halt_there("another product")]] {
        for answer in asked(&told, entries) {
            answer.unwrap();
        }
    }
}

#[test]
fn a_finding_in_the_other_log_stops_approval_and_release_until_its_issuer_closes_it_there() {
    let told = approved();
    for about in [told.made.build(), told.made.digest(Step::Provenance)] {
        let found = finding_there(about, "lab-a");
        for answer in asked(&told, vec![found.clone()]) {
            refused_with!("adverse.open", answer);
        }
        let by_the_vendor = closure_there(&found, "vendor");
        for answer in asked(&told, vec![found.clone(), by_the_vendor]) {
            refused_with!("adverse.open", answer);
        }
        let by_the_issuer = closure_there(&found, "lab-a");
        for answer in asked(&told, vec![found, by_the_issuer]) {
            answer.unwrap();
        }
    }
}

#[test]
fn a_finding_about_the_approval_or_the_release_stops_the_release_alone() {
    let told = approved();
    let release = told.made.payload(Step::ReleaseCenter);
    for about in [
        told.made.digest(Step::Approval),
        StatementDigest::of(release),
    ] {
        let [approvable, releasable] = asked(&told, vec![finding_there(about, "lab-b")]);
        approvable.unwrap();
        refused_with!("adverse.open", releasable);
    }
}

#[test]
fn a_halt_in_the_other_log_stops_both() {
    for answer in asked(&approved(), vec![halt_there("truename")]) {
        refused_with!("adverse.halt", answer);
    }
}

#[test]
fn a_finding_about_an_older_build_of_the_same_source_stops_the_next_one() {
    let told = approved();
    let first = finding_there(told.made.build(), "lab-a");
    let again = |version: &str| {
        let again = Story::honest().tell().next(version);
        let again = again.change(Step::Source, |statement| {
            if let Predicate::Source(source) = &mut statement.predicate {
                source.authored_in = "CH".to_owned();
            }
        });
        let again = again.until(Step::Approval).tell();
        assert_ne!(again.made.build(), told.made.build());
        again
    };
    for answer in asked(&again("1.0.0"), vec![first.clone()]) {
        refused_with!("adverse.open", answer);
    }
    for answer in asked(&again("1.1.0"), vec![first]) {
        answer.unwrap();
    }
}

#[test]
fn what_does_not_count_there_stops_nothing() {
    let told = approved();
    let meant_for_the_center = finding(told.made.build(), &Key::of("lab-a", "rebuilder"));
    let by_a_stranger = {
        let about = told.made.build();
        let finding = Finding {
            audience: there(),
            not_after: NOT_AFTER,
            blobs: Vec::new(),
            about,
            title: "Spam".to_owned(),
            detail: String::new(),
        };
        say(finding, &Key::of("stranger", "rebuilder"))
    };
    for answer in asked(
        &told,
        vec![meant_for_the_center, by_a_stranger, heartbeat("x")],
    ) {
        answer.unwrap();
    }
}

#[test]
fn a_signer_that_did_not_read_a_log_of_the_constitution_may_not_sign() {
    let told = approved();
    let state = told.replay();
    let home = state.settled().unwrap();
    for others in [Vec::new(), vec![home]] {
        refused_with!(
            "view.incomplete",
            told.approvable().unwrap().unopposed(home, &others)
        );
        refused_with!(
            "view.incomplete",
            told.releasable().unwrap().unopposed(home, &others)
        );
    }
}
