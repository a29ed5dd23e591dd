//! Conveyer and rebuilders with recipes that do more than one thing.

use std::collections::BTreeMap;
use std::path::Path;

use crate::street::{Lab, Street, directory};
use conveyer::{BuildOrder, Built, RebuilderConfig, build_release, rebuild_once, system_clock};
use law::{Approvable, BuildEvidence, Code};
use statement::{Predicate, TestOutcome, Verdict};

const HEAD: &str = r#"
product = "pair"
version = "1.0.0"
kind = "software"
platform = "linux-x86_64"
[environment]
name = "busybox"
"#;

/// Builds a source of nothing but this recipe, with two labs.
async fn built(street: &Street, recipe: &str, arguments: &[(&str, &str)]) -> Built {
    let _labs = [Lab::start(street.lab(1)), Lab::start(street.lab(2))];
    let built = announced(street, recipe, arguments).await;
    for lab in ["lab-a", "lab-b"] {
        street
            .verdict(built.build, &street.key(lab, "rebuilder"))
            .await;
    }
    built
}

async fn announced(street: &Street, recipe: &str, arguments: &[(&str, &str)]) -> Built {
    let source = street.path().join("source");
    std::fs::create_dir_all(&source).unwrap();
    std::fs::write(source.join("README"), "a pair\n").unwrap();
    let beside = street.path().join("recipe.toml");
    std::fs::write(&beside, format!("{HEAD}{recipe}")).unwrap();
    let arguments = arguments.iter();
    let arguments: BTreeMap<_, _> = arguments
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let order = BuildOrder {
        recipe: Some(beside),
        arguments,
        ..directory(Path::new(&source)).into()
    };
    let config = street.conveyer();
    build_release(&config, order, &|_| {}, system_clock)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_artifacts_an_argument_and_a_passed_test_stand_in_the_log() {
    let street = Street::open(290, 2).await;
    let recipe = r#"
[arguments]
colour = { values = ["red", "blue"], default = "red" }
[[step]]
command = ["sh", "-c", "echo {{colour}} > one; echo two > two"]
[[test]]
name = "has-a-colour"
command = ["grep", "-q", "blue", "one"]
[[artifact]]
path = "one"
name = "one"
[[artifact]]
path = "two"
name = "two"
"#;
    let built = built(&street, recipe, &[("colour", "blue")]).await;
    assert_eq!(built.tests, Some(TestOutcome::Passed));
    let follower = street.follow().await;
    let view = follower.view().unwrap();
    let evidence = BuildEvidence::check(view, built.build, 2).unwrap();
    let names: Vec<_> = evidence
        .artifacts()
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(names, ["one", "two"]);
    let wanted: BTreeMap<_, _> = [("colour".to_owned(), "blue".to_owned())].into();
    assert_eq!(evidence.source().arguments, wanted);
    let provenance = &evidence.provenance().build_definition;
    assert_eq!(provenance.external_parameters.arguments, wanted);
    Approvable::check(view, built.build).unwrap();
    let client = street.client();
    let one = client.blob(evidence.artifacts()[0].sha256, 100).await;
    assert_eq!(one.unwrap(), b"blue\n");
    let entries = view.entries_of_build(built.build);
    let tests = entries
        .iter()
        .find_map(|entry| match &entry.statement().predicate {
            Predicate::TestResult(tests) => Some(tests),
            _ => None,
        });
    assert_eq!(tests.unwrap().passed_tests, ["has-a-colour"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_test_is_logged_and_stops_the_approval() {
    let street = Street::open(294, 2).await;
    let recipe = r#"
[[step]]
command = ["sh", "-c", "echo built > one"]
[[test]]
name = "passes"
command = ["true"]
[[test]]
name = "fails"
command = ["false"]
[artifact]
path = "one"
name = "one"
"#;
    let built = built(&street, recipe, &[]).await;
    assert_eq!(built.tests, Some(TestOutcome::Failed));
    let follower = street.follow().await;
    let view = follower.view().unwrap();
    BuildEvidence::check(view, built.build, 2).unwrap();
    let refused = Approvable::check(view, built.build).unwrap_err();
    assert_eq!(refused.code(), Code::AdverseOpen);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_embedded_time_is_explained_unless_the_rule_is_off_and_never_counts() {
    let street = Street::open(297, 2).await;
    // Looks like a time and never is the same twice, however quickly the three build.
    let recipe = r#"
[[step]]
command = ["sh", "-c", """set -- $(od -An -N3 -tu1 /dev/urandom)
printf 'built %02d:%02d:%02d\n' $(($1 % 24)) $(($2 % 60)) $(($3 % 60)) > one"""]
[artifact]
path = "one"
name = "one"
"#;
    let with_rules = RebuilderConfig {
        explanations: vec!["embedded-time".to_owned()],
        ..street.lab(2)
    };
    // No rule is switched on at the first.
    let _labs = [Lab::start(street.lab(1)), Lab::start(with_rules)];
    let built = announced(&street, recipe, &[]).await;
    let said = async |lab: &str| {
        let key = street.key(lab, "rebuilder");
        street.verdict(built.build, &key).await
    };
    let (strict, lenient) = (said("lab-a").await, said("lab-b").await);
    assert_eq!(strict.verdict, Verdict::Unexplained, "{strict:?}");
    assert_eq!(lenient.verdict, Verdict::Explained, "{lenient:?}");
    let told = lenient.differences.join(" ");
    assert!(told.contains("embedded-time"), "{told}");
    let follower = street.follow().await;
    let refused = BuildEvidence::check(follower.view().unwrap(), built.build, 1).unwrap_err();
    assert_eq!(refused.code(), Code::RebuildNotIdentical);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_does_not_exist_is_refused_by_name() {
    let street = Street::open(288, 1).await;
    let config = RebuilderConfig {
        explanations: vec!["bad-weather".to_owned()],
        ..street.lab(1)
    };
    let build = statement::StatementDigest::of(b"any");
    let refused = rebuild_once(&config, build, &|_| {}, system_clock).await;
    assert!(refused.unwrap_err().to_string().contains("bad-weather"));
}
