//! What grants and refusals say: the reason that counts, the place, and the file.

use law::{Approvable, Bundle, BundleError, Code, InForce, Opened, SignableMetadata};
use statement::{FileDigest, Predicate, StatementDigest};

use crate::honest::{
    amendment::Amendment,
    chain::{Step, artifact, center_log},
    keys::Key,
    roster::{NOW, lab, party_mut},
    story::{Made, Story, sign},
};
use crate::refused_with;

/// The statement of a step as the center signs it, which may not; of this build or another.
fn by_the_center(made: &Made, step: Step, another: bool) -> Vec<u8> {
    let mut statement = made.statement(step);
    let build = StatementDigest::of(b"another build");
    match &mut statement.predicate {
        Predicate::Provenance(provenance) if another => {
            let parameters = &mut provenance.build_definition.external_parameters;
            parameters.build = build;
        }
        Predicate::Rebuild(rebuild) if another => rebuild.build = build,
        _ => {}
    }
    let center = Key::of("vendor", "center");
    sign(&statement.to_payload().unwrap(), &center)
}

#[test]
fn what_is_wrong_about_another_build_is_no_reason_for_this_one() {
    for (step, missing) in [
        (Step::Provenance, Code::ProvenanceMissing),
        (Step::RebuildB, Code::RebuildTooFew),
    ] {
        for (another, code) in [(false, Code::EntryRole), (true, missing)] {
            let told = Story::honest()
                .without(step)
                .appended(move |made| by_the_center(made, step, another))
                .tell();
            assert_eq!(told.approvable().unwrap_err().code(), code, "{step:?}");
        }
    }
}

#[test]
fn a_conflict_of_provenances_names_the_files_that_differ_and_no_other() {
    let (same, one, other) = ("notes", artifact("1.0.0"), b"trojan");
    let also = |made: &Made, file: &[u8]| {
        let mut statement = made.statement(Step::Provenance);
        let mut subject = statement.subject[0].clone();
        let Predicate::Provenance(provenance) = &mut statement.predicate else {
            panic!("not a provenance");
        };
        let blobs = &mut provenance.build_definition.external_parameters.blobs;
        let mut blob = blobs[0].clone();
        statement.subject[0].digest.sha256 = FileDigest::of(file);
        blobs[0].sha256 = FileDigest::of(file);
        subject.name = same.to_owned();
        subject.digest.sha256 = FileDigest::of(b"the same");
        blob.sha256 = FileDigest::of(b"the same");
        statement.subject.push(subject);
        blobs.push(blob);
        sign(&statement.to_payload().unwrap(), made.key(Step::Provenance))
    };
    let first = one.clone();
    let told = Story::honest()
        .without(Step::Provenance)
        .appended(move |made| also(made, &first))
        .appended(move |made| also(made, other))
        .tell();
    let refusal = told.approvable().unwrap_err();
    assert_eq!(refusal.code(), Code::ProvenanceConflict);
    let text = refusal.to_string();
    for file in [one.as_slice(), other] {
        let named = format!("{} (truename)", FileDigest::of(file));
        assert!(text.contains(&named), "{text}");
    }
    assert!(!text.contains(same), "{text}");
}

#[test]
fn a_bundle_of_the_largest_size_is_read() {
    let largest = vec![b' '; law::BUNDLE_BYTES_MAX];
    let refused = Bundle::parse(&largest).unwrap_err();
    assert!(!matches!(refused, BundleError::TooLong { .. }), "{refused}");
}

#[test]
fn the_archived_checkpoint_that_does_not_ascend_is_named_by_its_size() {
    let told = Story::honest().tell();
    let mut bundle = told.log.whole_bundle();
    bundle.archived = [9, 5].map(|size| told.log.checkpoint(size, NOW)).into();
    let BundleError::Field { at, value, .. } = bundle.to_bytes().unwrap_err() else {
        panic!("another error");
    };
    assert_eq!((at, value.as_str()), (1, "5"));
}

#[test]
fn a_bundle_under_another_anchor_is_refused_for_its_constitution() {
    let told = Story::honest().tell();
    let anchor = StatementDigest::of(b"another constitution");
    let refused = told.log.whole_bundle().open(anchor).map(drop);
    refused_with!("constitution.anchor", refused);
}

#[test]
fn what_counts_names_the_owner_who_signed_and_the_constitutions_that_were_in_force() {
    let told = Story::honest().tell();
    let granted = told.approvable().unwrap();
    let owner = granted.evidence().provenance().standing().legal_owner();
    let vendor = crate::honest::roster::constitution().parties[0].clone();
    assert_eq!(owner, vendor.legal_owner);
    let state = told.replay();
    let chain: Vec<_> = state.constitutions().collect();
    assert_eq!(chain, [&crate::honest::roster::constitution()]);
}

#[test]
fn of_a_log_without_entries_nothing_is_settled() {
    let told = Story::honest().tell();
    let empty = InForce::replay(center_log(), told.anchor);
    refused_with!("view.incomplete", empty.settled().map(drop));
}

#[test]
fn a_later_checkpoint_of_one_size_does_not_move_the_time_of_its_entries() {
    let told = Story::honest().tell();
    let mut state = told.replay();
    let time = state.newest_time().unwrap();
    let again = told.log.witnessed(&state, told.log.size(), time + 60);
    state.settle(&again).unwrap();
    assert_eq!(state.newest_time(), Some(time));
}

#[test]
fn a_key_is_revoked_only_after_its_revocation() {
    let told = Story::honest().tell();
    assert!(!told.replay().is_revoked(told.made.key(Step::Source).id()));
}

#[test]
fn metadata_lives_as_long_as_its_role_may() {
    let days = |role| law::RoleExpiry::of(role).map(|life| life.max_seconds / 86_400);
    let lives = ["rules", "software", "targets", "other"].map(days);
    assert_eq!(lives, [Some(14), Some(90), Some(365), None]);
}

#[test]
fn a_line_is_written_as_in_the_path_of_its_targets() {
    let told = Story::honest().tell();
    let statement = told.made.statement(Step::ReleaseCenter);
    let Predicate::Release(release) = statement.predicate else {
        panic!("not a release");
    };
    assert_eq!(
        law::Line::of(&release).to_string(),
        "truename/stable/linux-x86_64"
    );
}

#[test]
fn a_signature_that_was_verified_once_is_remembered_and_a_wrong_key_changes_nothing() {
    let told = Story::honest().tell();
    let raw = |key: &Key| key.public().try_into().unwrap();
    let author = told.made.key(Step::Source);
    let mut opened = Opened::read(&told.made.envelope(Step::Source)).unwrap();
    assert!(!opened.is_verified());
    opened.verify(&raw(&Key::of("vendor", "center")));
    assert!(!opened.is_verified());
    opened.verify(&raw(author));
    assert!(opened.is_verified());
    opened.verify(&raw(&Key::of("vendor", "center")));
    assert!(opened.is_verified());
}

#[test]
fn what_was_tested_is_told_of_its_build() {
    let told = Story::honest()
        .appended(|made| {
            let log = center_log();
            let tests = statement::TestResult::of((&log, made.build()), [], vec![], vec![]);
            let subject = made.statement(Step::Provenance).subject;
            let said = statement::Statement::new(subject, tests);
            sign(&said.to_payload().unwrap(), made.key(Step::Provenance))
        })
        .tell();
    let state = told.replay();
    let view = state.settled().unwrap();
    let of_build = view.entries_of_build(told.made.build());
    let last = &of_build.last().unwrap().statement().predicate;
    assert!(matches!(last, Predicate::TestResult(_)), "{last:?}");
}

#[test]
fn a_refusal_says_its_code_the_detail_and_each_cause() {
    let told = Story::honest().tell();
    let state = told.replay();
    let view = state.settled().unwrap();
    let garbage = SignableMetadata::check(view, "targets", None, b"{}", NOW);
    let refusal = garbage.unwrap_err();
    let code = refusal.code().to_string();
    assert_eq!(code, "metadata.malformed");
    let cause = tuf::Signed::<tuf::Targets>::parse(b"{}").unwrap_err();
    assert!(
        refusal.detail().starts_with(&cause.to_string()),
        "{refusal}"
    );
    assert!(refusal.to_string().contains(refusal.detail()), "{refusal}");
}

#[test]
fn a_settled_log_tells_its_builds_its_parties_and_when_an_entry_stood() {
    let told = Story::honest().tell();
    let state = told.replay();
    let view = state.settled().unwrap();
    assert_eq!(view.builds(), [told.made.build()]);
    let of_build = view.entries_of_build(told.made.build());
    let (_, witnessed) = *told.log.published.last().unwrap();
    assert_eq!(view.included_by(of_build[0]), Some(witnessed));
    let party = view.party(of_build[0].party()).unwrap();
    assert_eq!(party.legal_owner, of_build[0].legal_owner());
}

#[test]
fn a_release_of_one_side_is_open_until_the_other_signs() {
    let open = |last| {
        let told = Story::honest().until(last).tell();
        let state = told.replay();
        let open = state.settled().unwrap().open_releases();
        open.iter().map(law::Included::digest).collect::<Vec<_>>()
    };
    let told = Story::honest().tell();
    assert_eq!(open(Step::Approval), []);
    assert_eq!(open(Step::ReleaseCenter), [told.made.release()]);
    assert_eq!(open(Step::ReleaseSupervisor), []);
}

#[test]
fn what_is_wrong_about_another_release_is_no_reason_for_this_one() {
    let by_a_lab = || {
        let lab = Key::of("lab-a", "rebuilder");
        Story::honest().signed_by(Step::ReleaseCenter, lab)
    };
    let told = by_a_lab().until(Step::ReleaseCenter).tell();
    let state = told.replay();
    let view = state.settled().unwrap();
    refused_with!("entry.role", view.releases(told.made.release()).map(drop));
    let another = StatementDigest::of(b"another release");
    refused_with!("release.missing", view.releases(another).map(drop));
}

#[test]
fn a_rebuild_of_a_lab_that_the_vendor_bought_since_does_not_count() {
    let made = Story::honest().tell().made;
    let steps = Step::ALL
        .into_iter()
        .take_while(|step| *step <= Step::RebuildB);
    let approvable = |bought: bool| {
        let amendment = Amendment::of(move |draft| {
            let owner = party_mut(draft, "lab-b").legal_owner.clone();
            let mut daughter = lab("lab-c", &owner, "NZ");
            daughter.vendor = bought;
            draft.parties.push(daughter);
        });
        let after = |amendment: Amendment, step| amendment.after(made.envelope(step));
        let enacted = steps.clone().fold(amendment, after).enact();
        assert_eq!(enacted.version(), 2);
        let view = enacted.state.settled().unwrap();
        Approvable::check(view, made.build()).map(drop)
    };
    approvable(false).unwrap();
    refused_with!("rebuild.vendor", approvable(true));
}

#[test]
fn what_stands_against_a_build_is_named_with_its_signer_and_place() {
    let told = Story::honest()
        .until(Step::RebuildB)
        .appended(|made| {
            crate::honest::sayings::finding(made.build(), &Key::of("lab-a", "rebuilder"))
        })
        .tell();
    let refusal = told.approvable().unwrap_err();
    let last = told.log.size() - 1;
    assert_eq!(
        refusal.detail(),
        format!("`finding` by lab-a at entry {last}")
    );
}
