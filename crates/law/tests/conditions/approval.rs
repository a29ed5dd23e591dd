//! What an approval is worth, and what stands against it.

use statement::{
    FileDigest, Predicate, ResourceDescriptor, StatementDigest, VerificationResult,
    VerificationSummary, approval_resource_uri,
};

use crate::{
    honest::{
        chain::{Step, center_log},
        keys::Key,
        roster::governance,
        sayings::{closure, finding, halt},
        story::{Made, Story},
    },
    refused_with,
};

fn with_approval(change: impl Fn(&mut VerificationSummary) + 'static) -> Story {
    Story::honest().change(Step::Approval, move |statement| {
        let Predicate::Approval(summary) = &mut statement.predicate else {
            panic!("not an approval");
        };
        change(summary);
    })
}

#[test]
fn a_release_without_its_approval_is_not_signed() {
    Story::honest()
        .until(Step::Approval)
        .tell()
        .releasable()
        .unwrap();
    let told = Story::honest().until(Step::RebuildB).tell();
    refused_with!("approval.missing", told.releasable());
    // Another statement in its place is no approval.
    let confused = Story::honest()
        .change(Step::ReleaseCenter, |statement| {
            if let Predicate::Release(release) = &mut statement.predicate {
                release.approval = release.build;
            }
        })
        .until(Step::Approval)
        .tell();
    refused_with!("approval.missing", confused.releasable());
}

#[test]
fn an_approval_that_does_not_count_is_the_reason_if_the_release_names_it() {
    let by_the_center = || Story::honest().signed_by(Step::Approval, Key::of("vendor", "center"));
    let named = by_the_center().until(Step::Approval).tell();
    refused_with!("entry.role", named.releasable());
    let not_named = by_the_center()
        .change(Step::ReleaseCenter, |statement| {
            if let Predicate::Release(release) = &mut statement.predicate {
                release.approval = release.build;
            }
        })
        .until(Step::Approval)
        .tell();
    refused_with!("approval.missing", not_named.releasable());
}

#[test]
fn an_approval_above_the_release_does_not_install() {
    let told = Story::honest()
        .moved_behind(Step::Approval, Step::ReleaseSupervisor)
        .tell();
    refused_with!("approval.missing", told.released());
}

#[test]
fn a_verification_that_failed_is_no_approval() {
    let told = with_approval(|summary| summary.verification_result = VerificationResult::Failed);
    refused_with!("approval.failed", told.tell().releasable());
}

#[test]
fn an_approval_of_another_build_does_not_count() {
    let other = approval_resource_uri(&center_log(), StatementDigest::of(b"another build"));
    let told = with_approval(move |summary| summary.resource_uri.clone_from(&other));
    refused_with!("approval.resource", told.tell().releasable());
    let told = with_approval(|summary| {
        let (log, build) = summary.resource_uri.split_once("/build/").unwrap();
        summary.resource_uri = format!("{log}/build/x/build/{build}");
    });
    refused_with!("approval.resource", told.tell().releasable());
}

#[test]
fn an_approval_by_another_constitution_does_not_count() {
    let told = with_approval(|summary| {
        summary.policy.digest = ResourceDescriptor::new("x", FileDigest::of(b"x")).digest;
    });
    refused_with!("approval.policy", told.tell().releasable());
}

#[test]
fn an_approval_of_another_artifact_does_not_count() {
    let other = Story::honest().change(Step::Approval, |statement| {
        statement.subject[0].digest.sha256 = FileDigest::of(b"another artifact");
    });
    refused_with!("approval.subject", other.tell().releasable());
    let two = Story::honest().change(Step::Approval, |statement| {
        let also = statement.subject[0].clone();
        statement.subject.push(also);
    });
    refused_with!("approval.subject", two.tell().releasable());
}

#[test]
fn an_approval_rests_on_the_provenance_and_on_enough_rebuilds_below_it() {
    for dropped in 0..3 {
        let told = with_approval(move |summary| {
            summary.input_attestations.remove(dropped);
        });
        refused_with!("approval.inputs", told.tell().releasable());
    }
    let early = Story::honest()
        .moved_behind(Step::RebuildB, Step::Approval)
        .tell();
    refused_with!("approval.inputs", early.releasable());
}

/// A finding by lab-a.
fn by_lab_a(about: StatementDigest) -> Vec<u8> {
    finding(about, &Key::of("lab-a", "rebuilder"))
}

/// Digest of what an entry says.
fn said(entry: &[u8]) -> StatementDigest {
    statement::Envelope::parse(entry).unwrap().digest()
}

#[test]
fn a_finding_stops_approval_and_release_until_it_is_closed() {
    let about: [fn(&Made) -> StatementDigest; 2] =
        [Made::build, |made| made.digest(Step::Provenance)];
    for about in about {
        let open = Story::honest()
            .until(Step::Approval)
            .appended(move |made| by_lab_a(about(made)));
        let told = open.tell();
        refused_with!("adverse.open", told.approvable());
        refused_with!("adverse.open", told.releasable());
    }
    let about: [fn(&Made) -> StatementDigest; 2] =
        [|made| made.digest(Step::Approval), Made::release];
    for about in about {
        let open = Story::honest()
            .until(Step::Approval)
            .appended(move |made| by_lab_a(about(made)));
        refused_with!("adverse.open", open.tell().releasable());
    }
}

#[test]
fn a_finding_is_closed_by_its_issuer_or_by_a_quorum_that_is_not_the_vendor() {
    let closed_by = |parties: &'static [&'static str]| {
        let mut story = Story::honest()
            .until(Step::Approval)
            .appended(|made| by_lab_a(made.build()));
        for party in parties {
            story = story.appended(|made| closure(said(&by_lab_a(made.build())), party));
        }
        story.tell().releasable()
    };
    closed_by(&["lab-a"]).unwrap();
    closed_by(&["supervisor", "lab-b"]).unwrap();
    refused_with!("adverse.open", closed_by(&[]));
    refused_with!("adverse.open", closed_by(&["vendor"]));
    refused_with!("adverse.open", closed_by(&["supervisor"]));
    refused_with!("adverse.open", closed_by(&["vendor", "lab-b"]));
}

#[test]
fn who_repeats_a_finding_before_its_author_cannot_close_it_for_him() {
    let center = Key::of("vendor", "center");
    let story = |by_the_author: bool| {
        let center = center.clone();
        let mut story = Story::honest()
            .until(Step::Approval)
            .appended(move |made| finding(made.build(), &center));
        if by_the_author {
            story = story.appended(|made| by_lab_a(made.build()));
        }
        story.appended(|made| closure(said(&by_lab_a(made.build())), "vendor"))
    };
    story(false).tell().releasable().unwrap();
    refused_with!("adverse.open", story(true).tell().releasable());
}

#[test]
fn a_rebuild_that_differs_is_adverse_even_beside_enough_that_do_not() {
    let story = Story::under(|draft| {
        draft.floors.rebuilds_min = 1;
    });
    let told = story
        .change(Step::RebuildB, |statement| {
            if let Predicate::Rebuild(rebuild) = &mut statement.predicate {
                rebuild.verdict = statement::Verdict::Unexplained;
            }
        })
        .tell();
    refused_with!("adverse.open", told.approvable());
}

#[test]
fn a_failed_verification_is_adverse_until_the_supervisor_closes_it() {
    let failed = |made: &Made| {
        let mut statement = made.statement(Step::Approval);
        if let Predicate::Approval(summary) = &mut statement.predicate {
            summary.verification_result = VerificationResult::Failed;
        }
        let payload = statement.to_payload().unwrap();
        crate::honest::story::sign(&payload, made.key(Step::Approval))
    };
    let story = || Story::honest().until(Step::Approval).appended(failed);
    refused_with!("adverse.open", story().tell().releasable());
    let closed = story().appended(move |made| closure(said(&failed(made)), "supervisor"));
    closed.tell().releasable().unwrap();
}

#[test]
fn a_halt_stops_its_product_or_everything_until_it_is_closed() {
    let lab = || governance("lab-b");
    for product in [Some("truename"), None] {
        let story = || {
            let story = Story::honest().until(Step::Approval);
            story.appended(move |_| halt(product, &lab()))
        };
        refused_with!("adverse.halt", story().tell().approvable());
        refused_with!("adverse.halt", story().tell().releasable());
        let closed = story().appended(move |_| closure(said(&halt(product, &lab())), "lab-b"));
        closed.tell().releasable().unwrap();
    }
    let other = Story::honest()
        .until(Step::Approval)
        .appended(move |_| halt(Some("other"), &lab()));
    other.tell().releasable().unwrap();
}
