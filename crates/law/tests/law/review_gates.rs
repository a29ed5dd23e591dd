//! Gates that a hostile reader tried to walk around: each test is a way that was open once.

use crate::honest::{
    chain::Step,
    keys::Key,
    metadata::{both, listing, signed, target, unsigned},
    roster::{DAY, NOT_AFTER, NOW, ed25519, party_mut},
    sayings::{closure, finding, revocation, withdrawal},
    story::{Made, Story, Told, sign},
};
use crate::refused_with;
use law::{Approvable, PublishedMetadata, Refusal, Releasable, SignableMetadata};
use statement::{
    Constitution, Envelope, FileDigest, Predicate, Role, Statement, StatementDigest, Verdict,
};
use tuf::{Expires, Targets};

fn payload(told: &Told) -> Vec<u8> {
    told.made.payload(Step::ReleaseCenter).to_vec()
}

fn signable(told: &Told, previous: &[u8], next: &[u8]) -> Result<SignableMetadata, Refusal> {
    let state = told.replay();
    SignableMetadata::check(
        state.settled().unwrap(),
        "software",
        Some(previous),
        next,
        NOW,
    )
}

fn believed(told: &Told) -> Result<PublishedMetadata, Refusal> {
    let bundle = told.bundle();
    PublishedMetadata::check(bundle.view(), "software", &told.made.metadata)
}

/// The same release under another number, which nobody released.
fn invented(release: &[u8]) -> Vec<u8> {
    let mut statement = Statement::parse(release).unwrap();
    if let Predicate::Release(release) = &mut statement.predicate {
        release.seq = 7;
    }
    statement.to_payload().unwrap()
}

#[test]
fn a_withdrawn_target_does_not_stay_listed_in_the_next_version() {
    let mut told = Story::honest().tell();
    let previous = told.made.metadata.clone();
    let kept = listing(2, &[&payload(&told)]);
    signable(&told, &previous, &kept).unwrap();
    let supervisor = Key::of("supervisor", "supervisor");
    told.then(withdrawal(told.made.release(), &supervisor, NOT_AFTER));
    refused_with!(
        "metadata.target_without_release",
        signable(&told, &previous, &kept)
    );
    signable(&told, &previous, &listing(2, &[])).unwrap();
}

#[test]
fn a_target_that_only_the_center_published_is_not_signed_as_unchanged() {
    let told = Story::honest()
        .publishing(|version, release| {
            let targets = [release.clone(), invented(release)];
            let targets = targets.iter().map(|payload| target(payload)).collect();
            let expires = Expires::from_posix(NOW + DAY).unwrap();
            let file = Targets::listing(version, expires, targets).unwrap();
            signed(file, &both()[..1])
        })
        .tell();
    let release = payload(&told);
    let next = listing(2, &[&release, &invented(&release)]);
    refused_with!(
        "metadata.target_without_release",
        signable(&told, &told.made.metadata, &next)
    );
}

#[test]
fn a_revoked_tuf_key_does_not_sign_metadata() {
    let key = Key::of("supervisor", "tuf").id();
    let before =
        Story::honest().inserted_before(Step::Publication, move |_| revocation(key, "supervisor"));
    refused_with!("metadata.quorum", believed(&before.tell()));
    let after = Story::honest().appended(move |_| revocation(key, "supervisor"));
    believed(&after.tell()).unwrap();
}

#[test]
fn a_tuf_key_does_not_sign_metadata_after_its_last_day() {
    let ending = |not_after| {
        let end = move |draft: &mut Constitution| {
            let keys = &mut party_mut(draft, "supervisor").keys;
            let key = keys.iter_mut().find(|key| key.role == Role::Tuf).unwrap();
            key.not_after = not_after;
        };
        believed(&Story::under(end).witnessed_at(NOW + 3660).tell())
    };
    ending(NOW + 3660).unwrap();
    refused_with!("metadata.quorum", ending(NOW + 3659));
}

fn by_lab_a(about: StatementDigest) -> Vec<u8> {
    finding(about, &Key::of("lab-a", "rebuilder"))
}

fn said(entry: &[u8]) -> StatementDigest {
    Envelope::parse(entry).unwrap().digest()
}

#[test]
fn an_open_finding_about_a_release_stops_its_artifact_under_another_number() {
    let mut told = Story::honest().tell();
    let mut statement = told.made.statement(Step::ReleaseCenter);
    if let Predicate::Release(release) = &mut statement.predicate {
        release.seq += 1;
        release.predecessor = Some(told.made.release());
    }
    let again = statement.to_payload().unwrap();
    let check = |told: &Told| Releasable::check(told.replay().settled().unwrap(), &again).map(drop);
    check(&told).unwrap();
    let open = by_lab_a(told.made.release());
    told.then(open.clone());
    refused_with!("adverse.open", check(&told));
    told.then(closure(said(&open), "lab-a"));
    check(&told).unwrap();
}

/// The second build has the very source of the first, named by another statement.
fn same_source_again(first: &Told) -> Story {
    first.next("1.0.0").change(Step::Source, |statement| {
        if let Predicate::Source(source) = &mut statement.predicate {
            source.not_after -= 1;
        }
    })
}

#[test]
fn an_open_finding_about_a_source_stops_every_build_of_that_source() {
    let mut first = Story::honest().tell();
    let open = by_lab_a(first.made.build());
    let again = |first: &Told| same_source_again(first).until(Step::Approval).tell();
    again(&first).approvable().unwrap();
    first.then(open.clone());
    assert_ne!(again(&first).made.build(), first.made.build());
    refused_with!("adverse.open", again(&first).approvable());
    refused_with!("adverse.open", again(&first).releasable());
    first.then(closure(said(&open), "lab-a"));
    again(&first).releasable().unwrap();
    // Another source is another matter.
    let mut other = Story::honest().tell();
    other.then(by_lab_a(other.made.build()));
    other
        .next("1.1.0")
        .until(Step::Approval)
        .tell()
        .releasable()
        .unwrap();
}

/// Lab-b says that it is independent and belongs to the vendor.
fn vendor_owned(draft: &mut Constitution) {
    let owner = party_mut(draft, "vendor").legal_owner.clone();
    party_mut(draft, "lab-b").legal_owner = owner;
}

#[test]
fn a_lab_of_the_vendor_s_owner_is_the_vendor_whatever_its_flag_says() {
    let told = Story::under(vendor_owned).tell();
    refused_with!("rebuild.vendor", told.approvable());
    let closed = Story::under(|draft| {
        vendor_owned(draft);
        draft.floors.rebuilds_min = 1;
    })
    .until(Step::Approval)
    .appended(|made| by_lab_a(made.build()))
    .appended(|made| closure(said(&by_lab_a(made.build())), "supervisor"))
    .appended(|made| closure(said(&by_lab_a(made.build())), "lab-b"));
    refused_with!("adverse.open", closed.tell().releasable());
}

#[test]
fn a_supervisor_that_belongs_to_the_vendor_supervises_nothing() {
    let told = Story::under(|draft| party_mut(draft, "supervisor").vendor = true).tell();
    refused_with!("approval.missing", told.releasable());
    refused_with!("release.quorum_supervisor", told.released());
    refused_with!("metadata.quorum", believed(&told));
}

#[test]
fn a_builder_does_not_confirm_its_own_build() {
    let key = Key::of("lab-b", "conveyer");
    let told = Story::under(|draft| {
        let key = ed25519("lab-b", "conveyer", Role::Conveyer);
        party_mut(draft, "lab-b").keys.push(key);
    })
    .signed_by(Step::CommitConveyer, key.clone())
    .signed_by(Step::Provenance, key)
    .tell();
    refused_with!("rebuild.same_owner", told.approvable());
}

/// A rebuild by lab-b that shows this artifact before anybody committed to anything.
fn early(artifact: FileDigest) -> impl Fn(&Made) -> Vec<u8> {
    move |made| {
        let mut statement = made.statement(Step::RebuildB);
        if let Predicate::Rebuild(rebuild) = &mut statement.predicate {
            rebuild.artifacts[0].sha256 = artifact;
            rebuild.provenance = StatementDigest::of(b"there is none yet");
            rebuild.verdict = Verdict::Identical;
        }
        sign(&statement.to_payload().unwrap(), made.key(Step::RebuildB))
    }
}

#[test]
fn an_invented_result_does_not_make_every_commitment_late() {
    let before = |artifact| {
        let story = Story::honest().inserted_before(Step::CommitConveyer, early(artifact));
        story.tell().approvable()
    };
    let granted: Approvable = before(FileDigest::of(b"garbage")).unwrap();
    assert_eq!(granted.evidence().rebuilds().len(), 2);
    // The true one can be copied from there on.
    let shown = FileDigest::of(&crate::honest::chain::artifact("1.0.0"));
    refused_with!("provenance.uncommitted", before(shown));
}

#[test]
fn a_provenance_names_the_environment() {
    let told = Story::honest()
        .change(Step::Provenance, |statement| {
            if let Predicate::Provenance(provenance) = &mut statement.predicate {
                let inputs = &mut provenance.build_definition.resolved_dependencies;
                inputs.retain(|input| input.uri != "environment");
            }
        })
        .tell();
    refused_with!("provenance.source", told.approvable());
}

#[test]
fn honest_metadata_is_still_unsigned_here() {
    // The helpers above sign; the gate itself does not look at signatures.
    let told = Story::honest().tell();
    let next = signed(unsigned(2, NOW + DAY, &[&payload(&told)]), &[]);
    signable(&told, &told.made.metadata, &next).unwrap();
}
