//! Receipts and verdicts: believed only as far as they are proven, and judged again whenever they are shown.

use std::fs;

use endpoint::sharing::{Proof, shared};

use crate::{
    sharing::cell::Lie,
    sharing::looks::Look,
    sharing::rules::{SIGNERS, release_rules},
    sharing::street::Street,
    world::NOW,
};

const CONTENT: &[u8] = b"what became of me?";

async fn sent(lie: Lie) -> (Street, endpoint::sharing::Sent) {
    let street = Street::new().await;
    street.agree("DE");
    street.zurich.lock().lie = lie;
    shared_by(street).await
}

/// One file is shared and sent.
async fn shared_by(street: Street) -> (Street, endpoint::sharing::Sent) {
    street
        .share(&street.file("lure.exe", CONTENT))
        .await
        .unwrap();
    let sent = street.send().await;
    (street, sent)
}

#[tokio::test]
async fn every_file_is_listed_with_where_it_is_what_it_is_and_who_touched_it() {
    let (street, sent) = sent(Lie::None).await;
    assert_eq!((sent.sent.len(), sent.learned.len()), (1, 1), "{sent}");
    let report = shared(&street.config).unwrap();
    let listed = &report.samples[0];
    assert!(listed.label.ends_with("lure.exe"));
    let Proof::Verified { said: home, .. } = &listed.home else {
        panic!("{:?}", listed.home);
    };
    assert_eq!(
        (home.home.as_str(), home.rule.as_str(), home.version),
        ("CH", "europe-to-zurich", 1)
    );
    let Proof::Verified {
        said: receipt,
        log,
        by,
        ..
    } = &listed.receipt
    else {
        panic!("{:?}", listed.receipt);
    };
    assert_eq!(
        (receipt.received, log.as_str(), *by),
        (NOW + 5, "center.example/log", NOW + 10)
    );
    let Proof::Verified { said: verdict, .. } = &listed.verdict else {
        panic!("{:?}", listed.verdict);
    };
    assert_eq!(
        (verdict.score, verdict.reasons.as_slice()),
        (90, &["yara:Lure".to_owned()][..])
    );
    assert_eq!(verdict.rules.product.as_deref(), Some("rules-CH 7"));
    assert_eq!(verdict.worker.product, None);
    assert_eq!(listed.touched.len(), 1);
    let text = report.to_string();
    assert!(
        text.contains("by yara:Lure") && text.contains("proven at entry"),
        "{text}"
    );
    // As JSON, too.
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["samples"][0]["receipt"]["proof"], "verified");
}

#[tokio::test]
async fn a_lying_receipt_is_refused_by_name_and_not_kept() {
    for (lie, code) in [
        (Lie::OtherSeal, "proof.other_sample"),
        (Lie::OtherRoot, "proof.batch"),
        (Lie::Unwitnessed, "checkpoint.unwitnessed"),
    ] {
        let (street, done) = sent(lie).await;
        assert_eq!(done.sent.len(), 1, "{done}");
        assert!(done.refused[0].1.starts_with(code), "{lie:?}: {done}");
        let listed = &shared(&street.config).unwrap().samples[0];
        assert_eq!(
            (listed.state, &listed.receipt),
            ("sent", &Proof::None),
            "{lie:?}"
        );
        let kept = street
            .config
            .dir
            .join("samples")
            .join(listed.sample.as_str())
            .join("receipt.json");
        assert!(!kept.exists());
    }
}

/// By which signatures the rules are shown, when machines judged by them.
async fn judged_by(signers: &[&str], shown: usize) -> (Street, endpoint::sharing::Sent) {
    let street = Street::new().await;
    street.agree("DE");
    {
        let mut cell = street.zurich.lock();
        let (release, mut entries) = release_rules(&cell.world, "rules-of-its-own", signers);
        entries.truncate(shown);
        cell.rules = vec![(release, entries)];
    }
    street.show();
    shared_by(street).await
}

#[tokio::test]
async fn a_verdict_by_rules_that_nobody_else_signed_is_refused_by_name_and_not_kept() {
    let (_street, honest) = judged_by(&SIGNERS, 2).await;
    assert!(honest.refused.is_empty(), "{honest}");
    let twice = ["vendor/center", "vendor/center-2"];
    for (signers, shown) in [
        (&SIGNERS[..1], 1),
        (&SIGNERS, 1),
        (&SIGNERS, 0),
        (&twice, 2),
    ] {
        let (street, done) = judged_by(signers, shown).await;
        let refused = &done.refused[0].1;
        assert!(refused.starts_with("tools.unreleased"), "{shown}: {done}");
        let listed = &shared(&street.config).unwrap().samples[0];
        assert_eq!((listed.state, &listed.verdict), ("received", &Proof::None));
    }
}

#[tokio::test]
async fn a_proof_that_was_changed_on_disk_is_shown_as_refused() {
    let (street, _) = sent(Lie::None).await;
    let sample = shared(&street.config).unwrap().samples[0].sample.clone();
    let directory = street.config.dir.join("samples").join(sample.as_str());
    let path = directory.join("receipt.json");
    let text = fs::read_to_string(&path).unwrap();
    let other = fs::read_to_string(directory.join("verdict.json")).unwrap();
    fs::write(&path, text.replacen("home CH", "home RU", 1)).unwrap();
    let listed = |street: &Street| shared(&street.config).unwrap().samples.remove(0);
    assert!(matches!(listed(&street).receipt, Proof::Refused { .. }));
    fs::write(&path, other).unwrap();
    assert!(matches!(listed(&street).receipt, Proof::Refused { .. }));
    fs::write(&path, "{}").unwrap();
    assert!(matches!(listed(&street).receipt, Proof::Refused { .. }));
    fs::write(&path, text).unwrap();
    assert!(matches!(listed(&street).receipt, Proof::Verified { .. }));
    // And so is a record that says another home than the policy.
    let path = directory.join("sample.json");
    let record = fs::read_to_string(&path).unwrap();
    fs::write(&path, record.replace("\"home\":\"CH\"", "\"home\":\"RU\"")).unwrap();
    let moved = listed(&street);
    assert!(matches!(moved.home, Proof::Refused { .. }));
    assert!(matches!(moved.receipt, Proof::Refused { .. }));
}

/// Machines looked again; what the owner is shown of it.
async fn looked_again(look: Look) -> (Street, endpoint::sharing::SharedReport) {
    let (street, _) = sent(Lie::None).await;
    let before = shared(&street.config).unwrap();
    let sample = before.samples[0].sample.to_string();
    street.zurich.lock().look_again(&sample, look);
    street.show();
    street.send().await;
    let report = shared(&street.config).unwrap();
    assert_eq!(report.samples[0].verdict, before.samples[0].verdict);
    (street, report)
}

#[tokio::test]
async fn a_second_look_is_shown_beside_the_first_verdict_with_its_grant() {
    let (_street, report) = looked_again(Look::Honest).await;
    let [Proof::Verified { said, .. }] = report.samples[0].again.as_slice() else {
        panic!("{:?}", report.samples[0].again);
    };
    assert_eq!(said.granted_by, "supervisor");
    assert_ne!(Some(said.verdict.rules.release), rules_of(&report));
    let text = report.to_string();
    assert!(text.contains("by leave of supervisor, grant "), "{text}");
}

fn rules_of(report: &endpoint::sharing::SharedReport) -> Option<statement::StatementDigest> {
    match &report.samples[0].verdict {
        Proof::Verified { said, .. } => Some(said.rules.release),
        _ => None,
    }
}

#[tokio::test]
async fn a_second_look_without_a_grant_for_this_sample_is_refused_and_not_kept() {
    for look in [Look::OtherSample, Look::CenterGranted, Look::OtherRules] {
        let (_street, report) = looked_again(look).await;
        assert!(report.samples[0].again.is_empty(), "{look:?}");
    }
}
