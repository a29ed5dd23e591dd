//! A rebuilder that builds what was released again.

use crate::street::{Lab, Street, changed_lures, lures, until};
use conveyer::{
    Built, Conveyer, EnvironmentsConfig, PastConfig, RebuilderConfig, SourceFrom, Step,
    build_release, system_clock,
};
use law::{Approvable, BuildEvidence, Code, Included};
use statement::{Envelope, Kind, Predicate, Rebuild, Release, Statement, Subject, Verdict};

/// One period and an hour, so that the log's own time does not matter.
fn next_day() -> u64 {
    system_clock() + 25 * 3_600
}

/// Center and supervisor sign the build's only artifact.
async fn release(street: &Street, built: &Built) {
    let follower = street.follow().await;
    let evidence = BuildEvidence::check(follower.view().unwrap(), built.build, 1).unwrap();
    let (source, artifact) = (evidence.source(), &evidence.artifacts()[0]);
    let release = Release {
        audience: vec![crate::street::origin()],
        not_after: system_clock() + 3_600,
        blobs: Vec::new(),
        product: source.product.clone(),
        version: source.version.clone(),
        channel: "stable".to_owned(),
        platform: source.platform.clone(),
        seq: 1,
        predecessor: None,
        kind: Kind::Rules,
        file: artifact.name.clone(),
        artifact: artifact.sha256,
        artifact_bytes: artifact.bytes,
        build: built.build,
        // Nobody here asks for it: only the quorum makes a release.
        approval: built.provenance,
        signed: None,
    };
    let subject = Subject::new(artifact.name.clone(), artifact.sha256);
    let payload = Statement::new(vec![subject], release).to_payload().unwrap();
    for (party, key) in [("vendor", "center"), ("supervisor", "supervisor")] {
        let envelope = Envelope::sign(payload.clone(), &street.key(party, key)).unwrap();
        street.client().submit(&envelope).await.unwrap();
    }
    until("the release", async || {
        let follower = street.follow().await;
        (follower.view().unwrap().released().len() == 1).then_some(())
    })
    .await;
}

/// The verdicts of lab-a on a build, in log order.
async fn verdicts(street: &Street, built: &Built) -> Vec<Rebuild> {
    use statement::StatementSigner as _;
    let key = street.key("lab-a", "rebuilder").key();
    let follower = street.follow().await;
    let entries = follower.view().unwrap().entries_of_build(built.build);
    let own = entries.iter().filter(|entry| entry.key() == key);
    own.filter_map(|entry| match &entry.statement().predicate {
        Predicate::Rebuild(rebuild) => Some(rebuild.clone()),
        _ => None,
    })
    .collect()
}

/// The same lab, for which the name of the environment now means something that cannot even be had.
fn without_environment(street: &Street, config: &RebuilderConfig) -> RebuilderConfig {
    let lost = street.path().join("lost.lock");
    std::fs::write(&lost, "no lock").unwrap();
    let environments = EnvironmentsConfig {
        locks: vec![lost],
        ..EnvironmentsConfig::default()
    };
    RebuilderConfig {
        environments,
        ..config.clone()
    }
}

/// A source that nobody built yet, with this name in its script.
fn other_lures(street: &Street, name: &str) -> SourceFrom {
    changed_lures(&street.path().join(name), |script| {
        format!("# {name}\n{script}")
    })
}

/// Announces a source, and waits until the lab tried twice in vain to build it: its rounds go on.
async fn two_more_rounds(street: &Street, lab: &Lab) {
    let config = street.conveyer();
    let mut conveyer = Conveyer::open(&config, &|_| {}, system_clock).unwrap();
    let (source, recipe) = conveyer
        .import(&other_lures(street, "third"))
        .await
        .unwrap();
    conveyer.announce(&source, &recipe).await.unwrap();
    let is_trouble = |step: &Step| matches!(step, Step::Trouble { build: Some(_), .. });
    until("two more rounds", async || {
        (lab.told.count(is_trouble) >= 2).then_some(())
    })
    .await;
}

fn is_looking_back(step: &Step) -> bool {
    matches!(step, Step::LookingBack(_))
}

/// Both verdicts are there, and the second counts for nothing.
async fn assert_nothing_changed(street: &Street, built: &Built, before: &BuildEvidence) {
    let said = verdicts(street, built).await;
    let [first, again] = &said[..] else {
        panic!("{said:?}");
    };
    assert_eq!(again.verdict, Verdict::Identical);
    assert_eq!(
        again.salt, None,
        "it opens no commitment, so it cannot count"
    );
    assert_eq!(
        (&again.artifacts, again.environment, again.provenance),
        (&first.artifacts, first.environment, built.provenance)
    );
    assert!(again.not_after > first.not_after + 24 * 3_600);
    let follower = street.follow().await;
    let view = follower.view().unwrap();
    Approvable::check(view, built.build).unwrap();
    let after = BuildEvidence::check(view, built.build, 1).unwrap();
    let counted = |evidence: &BuildEvidence| -> Vec<_> {
        evidence.rebuilds().iter().map(Included::digest).collect()
    };
    assert_eq!(counted(&after), counted(before));
    let refused = BuildEvidence::check(view, built.build, 2).unwrap_err();
    assert_eq!(refused.code(), Code::RebuildNotIdentical, "one lab is one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_is_rebuilt_once_when_its_period_is_over_and_not_before() {
    let street = Street::open(160, 1).await;
    let config = RebuilderConfig {
        past: Some(PastConfig::default()),
        ..street.lab(1)
    };
    let lab = Lab::start(config.clone());
    let conveyer = street.conveyer();
    let build = async |order| build_release(&conveyer, order, &|_| {}, system_clock).await;
    let built = build(lures()).await.unwrap();
    let rebuilder = street.key("lab-a", "rebuilder");
    street.verdict(built.build, &rebuilder).await;
    release(&street, &built).await;

    // Another build is answered after the release was there to be seen: the round had its chance and took none.
    let another = build(other_lures(&street, "another")).await.unwrap();
    street.verdict(another.build, &rebuilder).await;
    assert_eq!(lab.told.count(is_looking_back), 0);
    lab.stop().await;
    assert_eq!(verdicts(&street, &built).await.len(), 1);

    let before = street.follow().await;
    let before = BuildEvidence::check(before.view().unwrap(), built.build, 1).unwrap();
    let lab = Lab::start_at(without_environment(&street, &config), next_day);
    until("the second verdict", async || {
        (verdicts(&street, &built).await.len() == 2).then_some(())
    })
    .await;
    two_more_rounds(&street, &lab).await;
    let told = lab.told.all();
    assert_eq!(lab.told.count(is_looking_back), 1, "{told:?}");
    lab.stop().await;
    assert_eq!(verdicts(&street, &another).await.len(), 1);
    assert_nothing_changed(&street, &built, &before).await;
}
