//! What is right is found right, wherever it is read.

use audit::{Age, Audit, Outcome, Place, Request};
use statement::StatementDigest;

use crate::place::{log_blob, now, request, served};
use crate::world::roster::{self, beat};
use crate::world::{World, submit_witnessed};

#[tokio::test]
async fn an_honest_log_is_judged_whole_and_nothing_is_found() {
    let served = served(300).await;
    let report = served.audit().await;
    assert_eq!(report.outcome, Outcome::Held, "{}", report.to_text());
    assert!(report.findings.is_empty());
    let log = &report.logs[0];
    // Four signatures found the log, one entry names the blob.
    assert_eq!((log.entries, log.size, log.age), (305, 305, Age::Fresh));
    assert_eq!(log.summary.counted, 305);
    assert_eq!(log.summary.kinds["heartbeat"], 301);
    assert_eq!(log.archived.0, log.archived.1);
    assert!(log.archived.0 > 1);
    // Two tiles of leaves, one above them.
    assert_eq!(log.tiles, 3);
    assert_eq!((log.blobs.0, log.blobs.1), (1, 1));
    assert_eq!(log.witnesses, ["w1.example", "w2.example"]);
}

#[tokio::test]
async fn a_running_log_is_judged_over_http_and_what_is_new_later() {
    let world = World::founded().await;
    log_blob(&world).await;
    let request = Request {
        logs: vec![audit::find_log(&world.log.url).await.unwrap()],
        ..request("unused".as_ref())
    };
    let mut audit = Audit::new(request).unwrap();
    let report = audit.look(now()).await.unwrap();
    assert_eq!(report.outcome, Outcome::Held, "{}", report.to_text());
    assert_eq!(report.logs[0].size, 5);
    submit_witnessed(&world.client(), &beat("later")).await;
    let report = audit.look(now()).await.unwrap();
    assert_eq!(report.outcome, Outcome::Held, "{}", report.to_text());
    assert_eq!(report.logs[0].size, 6);
    world.stop().await;
}

#[tokio::test]
async fn a_log_is_found_by_its_directory_by_name_and_address_or_not_at_all() {
    let served = served(1).await;
    let dir = served.dir.to_str().unwrap();
    let (origin, _) = audit::find_log(dir).await.unwrap();
    assert_eq!(origin, roster::origin());
    let given = format!("{}={dir}", roster::ORIGIN);
    assert_eq!(audit::find_log(&given).await.unwrap().0, roster::origin());
    assert!(
        audit::find_log("center.example/log=/nowhere")
            .await
            .is_err()
    );
    assert!(audit::find_log("a b").await.is_err());
}

#[tokio::test]
async fn under_another_anchor_nothing_is_owed() {
    let served = served(1).await;
    let mut other = request(&served.dir);
    other.anchor = StatementDigest::of(b"another");
    let report = Audit::new(other).unwrap().look(now()).await.unwrap();
    assert_eq!(report.outcome, Outcome::Broken);
    let codes = crate::place::codes(&report);
    assert!(
        codes
            .iter()
            .any(|(code, _)| *code == "entry.no_constitution"),
        "{codes:?}"
    );
    assert_eq!(report.logs[0].summary.counted, 0);
}

#[tokio::test]
async fn old_evidence_turns_amber_then_red() {
    let served = served(1).await;
    for (days, outcome) in [
        (0, Outcome::Held),
        (2, Outcome::Doubtful),
        (15, Outcome::Broken),
    ] {
        let mut audit = Audit::new(request(&served.dir)).unwrap();
        let report = audit.look(now() + days * 86_400).await.unwrap();
        assert_eq!(report.outcome, outcome, "{}", report.to_text());
    }
}

#[tokio::test]
async fn a_place_that_is_not_there_is_no_judgement() {
    let nowhere = tempfile::tempdir().unwrap();
    let mut audit = Audit::new(request(nowhere.path())).unwrap();
    assert!(audit.look(now()).await.is_err());
    let mut twice = request(nowhere.path());
    twice
        .logs
        .push((roster::origin(), Place::directory(nowhere.path())));
    assert!(Audit::new(twice).is_err());
}

#[tokio::test]
async fn the_report_fits_80_columns_and_the_page_names_no_other_place() {
    let served = served(2).await;
    let report = served.audit().await;
    let text = report.to_text();
    let dir = served.dir.to_str().unwrap();
    for line in text.lines().filter(|line| !line.contains(dir)) {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(text.contains("What this does not prove"));
    let page = report.to_html();
    for outside in ["http://", "https://", "<script", "src=", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
}
