//! Conveyer and rebuilders over sockets, with real builds in the real sandbox.

use std::os::unix::fs::PermissionsExt;

use crate::street::{Lab, Street, Told, changed_lures, lures, until};
use conveyer::{
    Built, Conveyer, RoomError, SourceFrom, Step, build_release, rebuild_once, system_clock,
};
use law::{BuildEvidence, Code, Included};
use statement::{
    Artifact, Envelope, FileDigest, Rebuild, Statement, StatementDigest, Subject, Verdict,
};

async fn build(street: &Street, source: SourceFrom) -> Result<Built, RoomError> {
    build_release(&street.conveyer(), source, &|_| {}, system_clock).await
}

/// A dishonest conveyer: it announces one source and builds another.
async fn build_another(street: &Street, announced: SourceFrom, built: SourceFrom) -> Built {
    let config = street.conveyer();
    let mut conveyer = Conveyer::open(&config, &|_| {}, system_clock).unwrap();
    let (source, recipe) = conveyer.import(&announced).await.unwrap();
    let announced = conveyer.announce(&source, &recipe).await.unwrap();
    let (patched, recipe) = conveyer.import(&built).await.unwrap();
    let outcome = conveyer.build(&patched, &recipe).await.unwrap();
    let kept = conveyer.keep(&announced, &outcome).unwrap();
    conveyer.commit(&kept).await.unwrap();
    conveyer.await_commitments(&kept).await.unwrap();
    conveyer.reveal(&announced, &kept).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conveyer_and_two_rebuilders_give_a_build_that_the_law_accepts() {
    let street = Street::open(200, 2).await;
    let labs = [Lab::start(street.lab(1)), Lab::start(street.lab(2))];
    let told = Told::default();
    let config = street.conveyer();
    let progress = |step| told.tell(step);
    let built = build_release(&config, lures(), &progress, system_clock)
        .await
        .unwrap();
    for lab in ["lab-a", "lab-b"] {
        let verdict = street
            .verdict(built.build, &street.key(lab, "rebuilder"))
            .await;
        assert_eq!(verdict.verdict, Verdict::Identical);
        assert!(verdict.differences.is_empty());
    }
    let follower = street.follow().await;
    let evidence = BuildEvidence::check(follower.view().unwrap(), built.build, 2).unwrap();
    let [artifact] = &built.artifacts[..] else {
        panic!("one artifact");
    };
    let proven = evidence.artifact(artifact.sha256).unwrap();
    assert_eq!(
        (&proven.name, proven.bytes),
        (&artifact.name, artifact.bytes)
    );
    assert_eq!(built.tests, None);
    assert_eq!(evidence.provenance().digest(), built.provenance);
    assert_eq!(evidence.rebuilds().iter().map(Included::digest).count(), 2);
    assert_eq!(evidence.source().product, "lures");
    let blob = street
        .client()
        .blob(artifact.sha256, 1 << 20)
        .await
        .unwrap();
    assert!(blob.starts_with(b"lures-db 1 "));
    let provenance = evidence.provenance();
    for uri in ["source", "recipe", "environment"] {
        let input = provenance.dependency(uri).unwrap();
        street.client().blob(input, 1 << 20).await.unwrap();
    }

    let size = follower.checkpoint().unwrap().size();
    let again = build_release(&config, lures(), &progress, system_clock)
        .await
        .unwrap();
    assert_eq!(again, built);
    let follower = street.follow().await;
    assert_eq!(
        follower.checkpoint().unwrap().size(),
        size,
        "nothing new was said"
    );
    assert_eq!(told.count(|step| matches!(step, Step::Building { .. })), 1);
    for lab in labs {
        lab.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_rebuilder_says_where_it_is_and_that_it_is_healthy() {
    let street = Street::open(210, 2).await;
    let config = street.lab(1);
    let dir = config.dir.clone();
    let lab = Lab::start(config);
    let url = lab.url().await;
    let http = serve::Client::new(&serve::ClientConfig::default()).unwrap();
    http.get(&format!("{url}/healthz"), 1024).await.unwrap();
    lab.stop().await;
    assert_eq!(serve::read_url(&dir), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn code_that_is_not_in_the_source_comes_out_unexplained() {
    let street = Street::open(220, 2).await;
    let _labs = [Lab::start(street.lab(1)), Lab::start(street.lab(2))];
    let patched = changed_lures(&street.path().join("patched"), |script| {
        script + "echo 'secret.doc: a line without a rule' >> lures.db\n"
    });
    let built = build_another(&street, lures(), patched).await;
    for lab in ["lab-a", "lab-b"] {
        let said = street
            .verdict(built.build, &street.key(lab, "rebuilder"))
            .await;
        assert_eq!(said.verdict, Verdict::Unexplained);
        assert_ne!(said.artifacts[0].sha256, built.artifacts[0].sha256);
        let difference = said.differences.join(" ");
        assert!(
            difference.contains("34 of 1427 and 1461 bytes differ, the first at 0x593"),
            "{difference}"
        );
        let report = street.client().blob(said.report.unwrap(), 1 << 20).await;
        let report: serde_json::Value = serde_json::from_slice(&report.unwrap()).unwrap();
        assert_eq!(report["verdict"], "unexplained");
        assert_eq!(report["artifacts"][0]["name"], "lures.db");
    }
    let follower = street.follow().await;
    let refused = BuildEvidence::check(follower.view().unwrap(), built.build, 2).unwrap_err();
    assert_eq!(refused.code(), Code::RebuildNotIdentical);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuilder_that_starts_after_the_reveal_does_not_count() {
    let street = Street::open(230, 1).await;
    let _first = Lab::start(street.lab(1));
    let built = build(&street, lures()).await.unwrap();
    street
        .verdict(built.build, &street.key("lab-a", "rebuilder"))
        .await;
    let late = rebuild_once(&street.lab(2), built.build, &|_| {}, system_clock)
        .await
        .unwrap();
    assert_eq!(late.verdict, Verdict::Identical);
    let follower = street.follow().await;
    let view = follower.view().unwrap();
    assert_eq!(
        BuildEvidence::check(view, built.build, 1)
            .unwrap()
            .rebuilds()
            .len(),
        1
    );
    let refused = BuildEvidence::check(view, built.build, 2).unwrap_err();
    assert_eq!(refused.code(), Code::RebuildCommittedLate);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_build_that_was_answered_is_not_built_again() {
    let street = Street::open(240, 1).await;
    let lab = Lab::start(street.lab(1));
    let built = build(&street, lures()).await.unwrap();
    street
        .verdict(built.build, &street.key("lab-a", "rebuilder"))
        .await;
    lab.stop().await;
    let told = Told::default();
    let progress = |step| told.tell(step);
    let again = rebuild_once(&street.lab(1), built.build, &progress, system_clock)
        .await
        .unwrap();
    assert_eq!(again.verdict, Verdict::Identical);
    assert_eq!(told.all(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_few_commitments_are_an_error_that_names_who_is_missing_and_nothing_is_shown() {
    let street = Street::open(250, 2).await;
    let lab = Lab::start(street.lab(1));
    let mut config = street.conveyer();
    config.wait_ms = 15_000;
    let error = build_release(&config, lures(), &|_| {}, system_clock)
        .await
        .unwrap_err();
    let RoomError::TooFewCommitments {
        build,
        needed: 2,
        committed,
        missing,
        ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!(
        committed
            .iter()
            .map(|party| party.as_str())
            .collect::<Vec<_>>(),
        ["lab-a"]
    );
    assert_eq!(
        missing
            .iter()
            .map(|party| party.as_str())
            .collect::<Vec<_>>(),
        ["lab-b"]
    );
    let said = street.said(*build, &street.key("vendor", "conveyer")).await;
    assert!(
        said.iter().all(|(name, _)| name == "commitment"),
        "{said:?}"
    );
    let results = std::fs::read_dir(config.dir.join("results")).unwrap();
    for result in results {
        assert_eq!(
            result.unwrap().metadata().unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    // The second lab comes, and the same commitment is gone on with.
    let second = Lab::start(street.lab(2));
    let built = build_release(&config, lures(), &|_| {}, system_clock)
        .await
        .unwrap();
    assert_eq!(built.build, *build);
    let said = street.said(*build, &street.key("vendor", "conveyer")).await;
    assert_eq!(said.len(), 2, "{said:?}");
    street
        .verdict(built.build, &street.key("lab-b", "rebuilder"))
        .await;
    lab.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_does_not_build_is_failed_with_the_reason() {
    let street = Street::open(260, 1).await;
    // The first lab's commitment lets the conveyer go on; it builds what the conveyer built.
    let broken = changed_lures(&street.path().join("broken"), |_| {
        "echo the rules are empty >&2\nexit 3\n".to_owned()
    });
    let lab = Lab::start(street.lab(1));
    let config = street.conveyer();
    let mut conveyer = Conveyer::open(&config, &|_| {}, system_clock).unwrap();
    let (source, recipe) = conveyer.import(&broken).await.unwrap();
    let announced = conveyer.announce(&source, &recipe).await.unwrap();
    until("the failure", async || {
        lab.told
            .count(|step| matches!(step, Step::BuildFailed { .. }))
            .ge(&1)
            .then_some(())
    })
    .await;
    let (honest, recipe) = conveyer.import(&lures()).await.unwrap();
    let outcome = conveyer.build(&honest, &recipe).await.unwrap();
    let kept = conveyer.keep(&announced, &outcome).unwrap();
    conveyer.commit(&kept).await.unwrap();
    conveyer.reveal(&announced, &kept).await.unwrap();
    let said = street
        .verdict(announced.build(), &street.key("lab-a", "rebuilder"))
        .await;
    assert_eq!(
        (said.verdict, said.artifacts, said.salt),
        (Verdict::Failed, Vec::new(), None)
    );
    assert!(said.differences.join(" ").contains("the rules are empty"));
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_archive_that_the_log_lost_or_altered_is_failed() {
    let street = Street::open(270, 1).await;
    let config = street.conveyer();
    let mut conveyer = Conveyer::open(&config, &|_| {}, system_clock).unwrap();
    let mut builds = Vec::new();
    for (name, damage) in [("lost", None), ("altered", Some("other bytes"))] {
        let source = changed_lures(&street.path().join(name), |script| {
            format!("# {name}\n{script}")
        });
        let (source, recipe) = conveyer.import(&source).await.unwrap();
        let announced = conveyer.announce(&source, &recipe).await.unwrap();
        let path = street.blob_path(FileDigest::new(*source.archive()));
        std::fs::remove_file(&path).unwrap();
        if let Some(bytes) = damage {
            std::fs::write(&path, bytes).unwrap();
        }
        let outcome = conveyer.build(&source, &recipe).await.unwrap();
        let kept = conveyer.keep(&announced, &outcome).unwrap();
        conveyer.commit(&kept).await.unwrap();
        conveyer.reveal(&announced, &kept).await.unwrap();
        builds.push(announced.build());
    }
    let lab = Lab::start(street.lab(1));
    for (build, words) in builds.into_iter().zip(["does not hold", "another digest"]) {
        let said = street
            .verdict(build, &street.key("lab-a", "rebuilder"))
            .await;
        assert_eq!(said.verdict, Verdict::Failed);
        let reason = said.differences.join(" ");
        assert!(reason.contains(words), "{reason}");
    }
    lab.stop().await;
}

/// Has a lab show `artifact` at once, without having committed.
async fn show_early(street: &Street, lab: &str, build: StatementDigest, artifact: FileDigest) {
    let rebuild = Rebuild {
        audience: vec![crate::street::origin()],
        not_after: system_clock() + 60,
        blobs: Vec::new(),
        build,
        provenance: build,
        verdict: Verdict::Identical,
        artifacts: vec![Artifact::new("lures.db", artifact)],
        salt: Some(artifact),
        environment: None,
        taken_from_center: Vec::new(),
        differences: Vec::new(),
        report: None,
    };
    let statement = Statement::new(vec![Subject::new("lures.db", artifact)], rebuild);
    let key = street.key(lab, "rebuilder");
    let envelope = Envelope::sign(statement.to_payload().unwrap(), &key).unwrap();
    street.client().submit(&envelope).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_build_is_spoilt_by_whoever_shows_its_result_early_and_not_by_invented_bytes() {
    let street = Street::open(280, 2).await;
    let mut config = street.conveyer();
    config.wait_ms = 1_000;
    let mut conveyer = Conveyer::open(&config, &|_| {}, system_clock).unwrap();
    let (source, recipe) = conveyer.import(&lures()).await.unwrap();
    let announced = conveyer.announce(&source, &recipe).await.unwrap();
    let outcome = conveyer.build(&source, &recipe).await.unwrap();
    let kept = conveyer.keep(&announced, &outcome).unwrap();
    conveyer.commit(&kept).await.unwrap();

    let invented = FileDigest::of(b"invented");
    show_early(&street, "lab-b", announced.build(), invented).await;
    let error = conveyer.await_commitments(&kept).await.unwrap_err();
    assert!(
        matches!(&error, RoomError::TooFewCommitments { .. }),
        "{error}"
    );
    show_early(
        &street,
        "lab-a",
        announced.build(),
        kept.artifacts()[0].sha256,
    )
    .await;
    let error = conveyer.await_commitments(&kept).await.unwrap_err();
    assert!(
        matches!(&error, RoomError::RevealedEarly { party, .. } if party.as_str() == "lab-a"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_above_the_logs_limit_is_refused_before_anything_is_signed() {
    let street = Street::open(285, 1).await;
    let mut config = street.conveyer();
    config.blob_bytes_max = 1_000;
    let size = street.follow().await.checkpoint().unwrap().size();
    let error = build_release(&config, lures(), &|_| {}, system_clock)
        .await
        .unwrap_err();
    assert!(
        matches!(
            &error,
            RoomError::BlobTooLarge {
                bytes_max: 1_000,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(street.follow().await.checkpoint().unwrap().size(), size);
    assert_eq!(
        std::fs::read_dir(config.dir.join("outbox"))
            .unwrap()
            .count(),
        1,
        "only .tmp"
    );
}
