//! Builds with several artifacts, and what their tests say.

use statement::{
    Artifact, Blob, FileDigest, Predicate, Statement, StatementDigest, Subject, TestOutcome,
    TestResult, artifacts_digest, commitment_digest,
};

use crate::{
    honest::{
        chain::{Step, artifact, center_log, salt},
        keys::Key,
        sayings::closure,
        story::{Made, Story, sign},
    },
    refused_with,
};

const SECOND: (&str, &[u8]) = ("truename.so", b"a library");

fn both() -> [(&'static str, FileDigest); 2] {
    let first = FileDigest::of(&artifact("1.0.0"));
    [("truename", first), (SECOND.0, FileDigest::of(SECOND.1))]
}

fn subjects() -> Vec<Subject> {
    let named = both().into_iter();
    named
        .map(|(name, sha256)| Subject::new(name, sha256))
        .collect()
}

/// Everybody built two files.
fn two() -> Story {
    let recommit = |by: fn() -> Key| {
        move |statement: &mut Statement| {
            let Predicate::Commitment(said) = &mut statement.predicate else {
                panic!("not a commitment");
            };
            let (key, built) = (by(), artifacts_digest(both()));
            said.commitment = commitment_digest(key.id(), said.build, built, salt(&key));
        }
    };
    let rebuilt = |statement: &mut Statement| {
        statement.subject = subjects();
        let Predicate::Rebuild(rebuild) = &mut statement.predicate else {
            panic!("not a rebuild");
        };
        let named = both().into_iter();
        rebuild.artifacts = named
            .map(|(name, sha256)| Artifact::new(name, sha256))
            .collect();
    };
    Story::honest()
        .change(
            Step::CommitConveyer,
            recommit(|| Step::Provenance.honest_key()),
        )
        .change(Step::CommitA, recommit(|| Step::RebuildA.honest_key()))
        .change(Step::CommitB, recommit(|| Step::RebuildB.honest_key()))
        .change(Step::Provenance, |statement| {
            statement.subject = subjects();
            let Predicate::Provenance(provenance) = &mut statement.predicate else {
                panic!("not a provenance");
            };
            let asked = &mut provenance.build_definition.external_parameters;
            asked.blobs.push(Blob {
                sha256: FileDigest::of(SECOND.1),
                bytes: SECOND.1.len() as u64,
                public: true,
            });
        })
        .change(Step::RebuildA, rebuilt)
        .change(Step::RebuildB, rebuilt)
        .change(Step::Approval, |statement| statement.subject = subjects())
}

#[test]
fn a_build_of_two_artifacts_is_released_by_naming_one_of_them() {
    let told = two().until(Step::Approval).tell();
    let evidence = told.approvable().unwrap();
    let built = evidence.evidence().artifacts();
    assert_eq!(built.len(), 2);
    assert_eq!(built[1].bytes, SECOND.1.len() as u64);
    told.releasable().unwrap();
    let second = |statement: &mut Statement| {
        let digest = FileDigest::of(SECOND.1);
        statement.subject = vec![Subject::new(SECOND.0, digest)];
        let Predicate::Release(release) = &mut statement.predicate else {
            panic!("not a release");
        };
        release.file = SECOND.0.to_owned();
        release.artifact = digest;
        release.artifact_bytes = SECOND.1.len() as u64;
    };
    let told = two()
        .change(Step::ReleaseCenter, second)
        .until(Step::Approval);
    told.tell().releasable().unwrap();
}

#[test]
fn a_release_names_an_artifact_of_the_build_with_its_own_size() {
    type Twist = fn(&mut statement::Release);
    let twists: [Twist; 2] = [
        |release| release.artifact = FileDigest::of(b"a third file"),
        |release| release.artifact_bytes = SECOND.1.len() as u64,
    ];
    for twist in twists {
        let told = two().change_release(twist).until(Step::Approval).tell();
        refused_with!("release.fields", told.releasable());
    }
}

#[test]
fn an_approval_names_every_artifact() {
    let one = |statement: &mut Statement| statement.subject.truncate(1);
    let told = two().change(Step::Approval, one).until(Step::Approval);
    refused_with!("approval.subject", told.tell().releasable());
}

#[test]
fn a_rebuild_with_one_artifact_missing_or_in_another_order_does_not_count() {
    type Twist = fn(&mut Vec<Artifact>);
    let twists: [Twist; 3] = [
        |artifacts| artifacts.truncate(1),
        |artifacts| artifacts.reverse(),
        |artifacts| artifacts[1].sha256 = FileDigest::of(b"another library"),
    ];
    for twist in twists {
        let told = two().change(Step::RebuildB, move |statement| {
            if let Predicate::Rebuild(rebuild) = &mut statement.predicate {
                twist(&mut rebuild.artifacts);
            }
        });
        refused_with!(
            "rebuild.not_identical",
            told.until(Step::RebuildB).tell().approvable()
        );
    }
}

#[test]
fn a_commitment_to_one_of_two_artifacts_opens_nothing() {
    let told = two().change(Step::CommitB, |statement| {
        let Predicate::Commitment(said) = &mut statement.predicate else {
            panic!("not a commitment");
        };
        let (key, one) = (Step::RebuildB.honest_key(), artifacts_digest([both()[0]]));
        said.commitment = commitment_digest(key.id(), said.build, one, salt(&key));
    });
    refused_with!(
        "rebuild.uncommitted",
        told.until(Step::RebuildB).tell().approvable()
    );
}

#[test]
fn only_who_shows_every_artifact_reveals_the_build() {
    let early = |artifacts: fn(&mut Vec<Artifact>)| {
        two()
            .inserted_before(Step::CommitConveyer, move |made: &Made| {
                let mut statement = made.statement(Step::RebuildB);
                if let Predicate::Rebuild(rebuild) = &mut statement.predicate {
                    rebuild.provenance = StatementDigest::of(b"there is none yet");
                    artifacts(&mut rebuild.artifacts);
                }
                sign(&statement.to_payload().unwrap(), made.key(Step::RebuildB))
            })
            .until(Step::RebuildB)
            .tell()
            .approvable()
    };
    early(|artifacts| artifacts.truncate(1)).unwrap();
    refused_with!("provenance.uncommitted", early(|_| {}));
    // More than all of them, in another order and under other names, shows them all the same.
    let more = early(|artifacts| {
        artifacts.reverse();
        artifacts[0].name.push('x');
        artifacts.push(Artifact::new("more", FileDigest::of(b"more")));
    });
    refused_with!("provenance.uncommitted", more);
}

/// What the conveyer says about the tests of the build.
fn tested(made: &Made, failed: &[&str]) -> TestResult {
    let failed = failed.iter().map(ToString::to_string).collect();
    let passed = vec!["unit".to_owned()];
    TestResult::of((&center_log(), made.build()), [], passed, failed)
}

fn said(made: &Made, tests: TestResult) -> Vec<u8> {
    let subject = made.statement(Step::Provenance).subject;
    let payload = Statement::new(subject, tests).to_payload().unwrap();
    sign(&payload, made.key(Step::Provenance))
}

#[test]
fn a_failed_test_stops_a_build_until_it_is_closed() {
    let passed = Story::honest().appended(|made| said(made, tested(made, &[])));
    passed.tell().approvable().unwrap();
    let failed = |made: &Made| said(made, tested(made, &["fuzz"]));
    let mut told = Story::honest().appended(failed).tell();
    refused_with!("adverse.open", told.approvable());
    refused_with!("adverse.open", told.releasable());
    let tests = tested(&told.made, &["fuzz"]);
    let subject = told.made.statement(Step::Provenance).subject;
    let payload = Statement::new(subject, tests).to_payload().unwrap();
    told.then(closure(StatementDigest::of(&payload), "vendor"));
    told.approvable().unwrap();
}

#[test]
fn a_warning_stops_nothing() {
    let warned = Story::honest().appended(|made| {
        let mut tests = tested(made, &[]);
        tests.result = TestOutcome::Warned;
        said(made, tests)
    });
    warned.tell().approvable().unwrap();
}

#[test]
fn a_test_result_counts_in_its_log_only_and_for_one_build() {
    type Twist = fn(&mut TestResult);
    let twists: [Twist; 4] = [
        |tests| tests.configuration[0].uri.insert_str(0, "other."),
        |tests| tests.configuration[0].digest.sha256 = FileDigest::of(b"another build"),
        |tests| tests.configuration.push(tests.configuration[0].clone()),
        |tests| tests.configuration.clear(),
    ];
    for twist in twists {
        let story = Story::honest().appended(move |made| {
            let mut tests = tested(made, &["fuzz"]);
            twist(&mut tests);
            said(made, tests)
        });
        let told = story.tell();
        told.approvable().unwrap();
        let (_, judged) = told.log.replay_judged(told.anchor);
        refused_with!("entry.audience", judged.last().unwrap().clone());
    }
}
