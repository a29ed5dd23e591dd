//! What a build needs before it may be approved.

use statement::{
    FileDigest, Predicate, Provenance, Role, Source, StatementDigest, Subject, Verdict,
};

use crate::{
    honest::{
        chain::Step,
        keys::Key,
        roster::{NOT_AFTER, NOW, ed25519, lab, party_mut},
        story::{Story, sign},
    },
    refused_with,
};

fn provenance(statement: &mut statement::Statement) -> &mut Provenance {
    let Predicate::Provenance(provenance) = &mut statement.predicate else {
        panic!("not a provenance");
    };
    provenance
}

#[test]
fn an_honest_build_is_approvable_and_names_what_it_rests_on() {
    let told = Story::honest().until(Step::RebuildB).tell();
    let granted = told.approvable().unwrap();
    let digest = |step| told.made.digest(step);
    let mut inputs = granted.inputs();
    inputs.sort_unstable();
    let mut honest = [Step::Provenance, Step::RebuildA, Step::RebuildB].map(digest);
    honest.sort_unstable();
    assert_eq!(inputs, honest);
    assert_eq!(granted.constitution(), told.anchor);
}

#[test]
fn a_build_without_source_is_nothing() {
    let told = Story::honest().without(Step::Source).tell();
    refused_with!("source.missing", told.approvable());
}

#[test]
fn a_build_without_provenance_is_not_approvable() {
    let told = Story::honest().without(Step::Provenance).tell();
    refused_with!("provenance.missing", told.approvable());
}

#[test]
fn a_provenance_must_name_the_source_with_its_arguments_the_recipe_the_kind_of_build_and_artifacts()
{
    type Twist = fn(&mut statement::Statement);
    let twists: [Twist; 10] = [
        |s| provenance(s).build_definition.build_type.push('2'),
        |s| dependency(s, "source").digest.sha256 = FileDigest::of(b"another"),
        |s| dependency(s, "recipe").digest.sha256 = FileDigest::of(b"another"),
        |s| provenance(s).build_definition.resolved_dependencies.clear(),
        |s| {
            // Named twice is not named.
            let named = dependency(s, "source").clone();
            provenance(s)
                .build_definition
                .resolved_dependencies
                .push(named);
        },
        |s| {
            provenance(s)
                .build_definition
                .external_parameters
                .blobs
                .clear()
        },
        |s| s.subject.clear(),
        // Two artifacts of one name.
        |s| s.subject.push(s.subject[0].clone()),
        // An artifact whose size nobody says.
        |s| {
            s.subject
                .push(Subject::new("another", FileDigest::of(b"another")))
        },
        |s| {
            let asked = &mut provenance(s).build_definition.external_parameters;
            asked.arguments.insert("tls".to_owned(), "off".to_owned());
        },
    ];
    for twist in twists {
        let told = Story::honest().change(Step::Provenance, twist).tell();
        refused_with!("provenance.source", told.approvable());
    }
}

fn dependency<'a>(
    statement: &'a mut statement::Statement,
    uri: &str,
) -> &'a mut statement::ResourceDescriptor {
    let dependencies = &mut provenance(statement).build_definition.resolved_dependencies;
    dependencies
        .iter_mut()
        .find(|found| found.uri == uri)
        .unwrap()
}

/// The same provenance with another artifact, or only another run.
fn another_provenance(made: &crate::honest::story::Made, artifact: &[u8]) -> Vec<u8> {
    let mut statement = made.statement(Step::Provenance);
    statement.subject[0].digest.sha256 = FileDigest::of(artifact);
    let provenance = provenance(&mut statement);
    provenance.build_definition.external_parameters.blobs[0].sha256 = FileDigest::of(artifact);
    provenance.run_details.metadata.invocation_id = "2".to_owned();
    sign(&statement.to_payload().unwrap(), made.key(Step::Provenance))
}

#[test]
fn two_provenances_with_different_artifacts_stop_a_build() {
    let same = Story::honest().appended(|made| another_provenance(made, &made.artifact()));
    same.tell().approvable().unwrap();
    let other = Story::honest().appended(|made| another_provenance(made, b"trojan"));
    refused_with!("provenance.conflict", other.tell().approvable());
}

#[test]
fn the_conveyer_commits_before_anybody_shows_a_result() {
    let never = Story::honest().without(Step::CommitConveyer).tell();
    refused_with!("provenance.uncommitted", never.approvable());
    let late = Story::honest()
        .moved_behind(Step::CommitConveyer, Step::Provenance)
        .tell();
    refused_with!("provenance.uncommitted", late.approvable());
    let other_salt = Story::honest()
        .change(Step::Provenance, |statement| {
            let definition = &mut provenance(statement).build_definition;
            definition.internal_parameters.salt = FileDigest::of(b"another salt");
        })
        .tell();
    refused_with!("provenance.uncommitted", other_salt.approvable());
}

#[test]
fn one_rebuild_is_too_few_where_two_are_needed() {
    let one = Story::honest().without(Step::RebuildB).tell();
    refused_with!("rebuild.too_few", one.approvable());
    let enough = Story::under(|draft| draft.floors.rebuilds_min = 1);
    enough.without(Step::RebuildB).tell().approvable().unwrap();
    // The same lab twice, word for word, is one.
    let twice = Story::honest()
        .without(Step::RebuildB)
        .appended(|made| made.envelope(Step::RebuildA));
    refused_with!("rebuild.same_owner", twice.tell().approvable());
}

/// The same lab looks at the build again, when everybody has seen what came out: without a salt.
fn looked_at_again(made: &crate::honest::story::Made, verdict: Verdict) -> Vec<u8> {
    let mut statement = made.statement(Step::RebuildA);
    let Predicate::Rebuild(rebuild) = &mut statement.predicate else {
        panic!("not a rebuild");
    };
    rebuild.salt = None;
    rebuild.verdict = verdict;
    sign(&statement.to_payload().unwrap(), made.key(Step::RebuildA))
}

#[test]
fn a_second_look_by_the_same_lab_adds_nothing_and_is_adverse_if_it_differs() {
    let again = |story: Story, verdict| {
        let story = story.until(Step::Approval);
        story
            .appended(move |made| looked_at_again(made, verdict))
            .tell()
    };
    again(Story::honest(), Verdict::Identical)
        .approvable()
        .unwrap();
    again(Story::honest(), Verdict::Identical)
        .releasable()
        .unwrap();
    let alone = Story::honest().without(Step::RebuildB);
    let alone = again(alone, Verdict::Identical);
    refused_with!("rebuild.not_identical", alone.approvable());
    for verdict in [Verdict::Explained, Verdict::Unexplained, Verdict::Failed] {
        let told = again(Story::honest(), verdict);
        refused_with!("adverse.open", told.approvable());
        refused_with!("adverse.open", told.releasable());
    }
}

fn with_second_rebuild(change: impl Fn(&mut statement::Rebuild) + 'static) -> Story {
    Story::honest().change(Step::RebuildB, move |statement| {
        let Predicate::Rebuild(rebuild) = &mut statement.predicate else {
            panic!("not a rebuild");
        };
        change(rebuild);
    })
}

#[test]
fn a_rebuild_that_is_not_identical_does_not_count() {
    for verdict in [Verdict::Explained, Verdict::Unexplained, Verdict::Failed] {
        let told = with_second_rebuild(move |rebuild| rebuild.verdict = verdict).tell();
        refused_with!("rebuild.not_identical", told.approvable());
    }
    type Twist = fn(&mut statement::Rebuild);
    let twists: [Twist; 6] = [
        |rebuild| rebuild.artifacts[0].sha256 = FileDigest::of(b"another"),
        |rebuild| rebuild.artifacts[0].name.push('2'),
        |rebuild| rebuild.artifacts.clear(),
        |rebuild| rebuild.artifacts.push(rebuild.artifacts[0].clone()),
        |rebuild| rebuild.salt = None,
        |rebuild| rebuild.provenance = StatementDigest::of(b"another"),
    ];
    for twist in twists {
        refused_with!(
            "rebuild.not_identical",
            with_second_rebuild(twist).tell().approvable()
        );
    }
}

#[test]
fn a_rebuild_by_the_vendor_does_not_count() {
    let told = Story::under(|draft| {
        let key = ed25519("vendor", "rebuilder", Role::Rebuilder);
        party_mut(draft, "vendor").keys.push(key);
    })
    .second_rebuilder(Key::of("vendor", "rebuilder"))
    .tell();
    refused_with!("rebuild.vendor", told.approvable());
}

#[test]
fn two_labs_of_one_legal_owner_count_once() {
    let told = Story::under(|draft| {
        let owner = party_mut(draft, "lab-a").legal_owner.clone();
        party_mut(draft, "lab-b").legal_owner = owner;
    })
    .tell();
    refused_with!("rebuild.same_owner", told.approvable());
    let third = Story::under(|draft| {
        let owner = party_mut(draft, "lab-a").legal_owner.clone();
        draft.parties.push(lab("lab-c", &owner, "JP"));
    });
    let third = third.second_rebuilder(Key::of("lab-c", "rebuilder")).tell();
    refused_with!("rebuild.same_owner", third.approvable());
}

#[test]
fn a_rebuild_that_opens_no_commitment_does_not_count() {
    let never = Story::honest().without(Step::CommitB).tell();
    refused_with!("rebuild.uncommitted", never.approvable());
}

/// What everybody commits to in the honest story.
fn honest_result() -> FileDigest {
    let artifact = FileDigest::of(&crate::honest::chain::artifact("1.0.0"));
    statement::artifacts_digest([("truename", artifact)])
}

#[test]
fn a_commitment_copied_from_another_party_opens_nothing() {
    let told = Story::honest()
        .change(Step::CommitB, |statement| {
            let Predicate::Commitment(commitment) = &mut statement.predicate else {
                panic!("not a commitment");
            };
            let theirs = Key::of("lab-a", "rebuilder");
            commitment.commitment = statement::commitment_digest(
                theirs.id(),
                commitment.build,
                honest_result(),
                crate::honest::chain::salt(&theirs),
            );
        })
        .tell();
    refused_with!("rebuild.uncommitted", told.approvable());
}

#[test]
fn a_commitment_above_the_first_reveal_does_not_count() {
    let late = Story::honest()
        .moved_behind(Step::CommitB, Step::Provenance)
        .tell();
    refused_with!("rebuild.committed_late", late.approvable());
    // The first reveal may be a rebuild, not the provenance.
    let revealed = Story::honest()
        .moved_behind(Step::RebuildA, Step::CommitA)
        .tell();
    refused_with!("rebuild.committed_late", revealed.approvable());
}

#[test]
fn a_statement_of_the_build_that_came_too_late_is_the_reason_that_is_given() {
    let told = Story::honest()
        .change(Step::Provenance, |statement| {
            let definition = &mut provenance(statement).build_definition;
            definition.external_parameters.not_after = NOW + 100;
        })
        .tell();
    refused_with!("entry.too_late", told.approvable());
    let in_time: fn(&mut Source) = |source| source.not_after = NOT_AFTER;
    let told = Story::honest()
        .change(Step::Source, move |statement| {
            if let Predicate::Source(source) = &mut statement.predicate {
                in_time(source);
            }
        })
        .tell();
    told.approvable().unwrap();
}
