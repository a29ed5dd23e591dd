//! Witnesses as they are: a log has its quorum whatever the others do.

use std::time::{Duration, Instant};

use log::WitnessUrl;

use crate::peer::{House, Mood};
use crate::world::roster::beat;
use crate::world::{submit_at_once, until};

/// Longer than anything here takes on a busy disk, shorter than a witness that never answers.
const SOON: Duration = Duration::from_secs(300);

#[tokio::test]
async fn one_cosignature_or_two_with_other_lines_between_them_are_taken() {
    let house = House::founded(&[Mood::OneLine, Mood::Chatty], 2, |_| {}).await;
    assert_eq!(house.witnessed(&beat("one")).await, 4);
}

#[tokio::test]
async fn a_witness_is_sent_the_logs_own_signatures_only_and_little() {
    let house = House::founded(&[Mood::Small, Mood::Small], 2, |_| {}).await;
    for n in 0..5 {
        house.witnessed(&beat(format!("{n}"))).await;
    }
    for peer in &house.peers {
        for sent in peer.sent() {
            assert_eq!(sent.signatures, 2, "{sent:?}");
            assert!(sent.bytes < 16 << 10, "{sent:?}");
        }
    }
}

#[tokio::test]
async fn a_conflict_without_its_type_and_newline_is_a_size_all_the_same() {
    let moods = [Mood::BareConflict, Mood::Always(503)];
    let house = House::start(&moods, 2, |_| {}).await;
    house.submit_founding().await;
    let one = beat("one");
    submit_at_once(&house.client(), &one).await;
    // The first cosigns what is never published, so that a log that starts again does not know.
    let cosigned = format!(
        "limpid_log_witness_cosigned{{witness=\"{}\"}}",
        house.peers[0].url
    );
    until("the first witness to cosign", async || {
        (house.number(&cosigned).await == Some(5)).then_some(())
    })
    .await;
    house.peers[1].set(Mood::Honest);
    let before = house.peers[0].sent().len();
    let house = house.restart().await;
    assert_eq!(house.witnessed(&one).await, 4);
    let offered: Vec<u64> = house.peers[0].sent()[before..]
        .iter()
        .map(|s| s.old_size)
        .collect();
    assert_eq!(offered[..2], [0, 5], "it was corrected once");
}

#[tokio::test]
async fn a_witness_that_refuses_with_any_status_holds_up_nobody() {
    for status in [400, 403, 404, 409, 413, 422, 429, 500, 503] {
        let moods = [Mood::Honest, Mood::Honest, Mood::Always(status)];
        let house = House::founded(&moods, 2, |_| {}).await;
        let started = Instant::now();
        for n in 0..3 {
            house.witnessed(&beat(format!("{n}"))).await;
        }
        assert!(started.elapsed() < SOON, "{status}");
    }
}

#[tokio::test]
async fn a_409_for_the_size_that_was_offered_is_not_tried_again_at_once() {
    let moods = [Mood::Honest, Mood::Honest, Mood::SameSizeConflict];
    let house = House::founded(&moods, 2, |_| {}).await;
    house.witnessed(&beat("one")).await;
    let sent = house.peers[2].sent();
    assert!(!sent.is_empty());
    for pair in sent.windows(2) {
        let pause = pair[1].at - pair[0].at;
        assert!(pause >= Duration::from_millis(90), "{sent:?}");
    }
}

#[tokio::test]
async fn a_witness_that_never_answers_holds_up_nobody_and_is_asked_one_thing_at_a_time() {
    let moods = [Mood::Honest, Mood::Honest, Mood::Honest];
    let house = House::founded(&moods, 2, |config| config.witness_timeout_ms = 600_000).await;
    house.peers[2].set(Mood::Silent);
    let before = house.peers[2].sent().len();
    let started = Instant::now();
    for n in 0..20 {
        house.witnessed(&beat(format!("{n}"))).await;
    }
    assert!(started.elapsed() < SOON);
    assert_eq!(house.peers[2].sent().len() - before, 1);
}

#[tokio::test]
async fn a_witness_that_comes_back_is_up_to_date_by_itself() {
    let moods = [Mood::Honest, Mood::Honest, Mood::Always(500)];
    let house = House::founded(&moods, 2, |config| config.refresh_ms = 100).await;
    for n in 0..3 {
        house.witnessed(&beat(format!("{n}"))).await;
    }
    house.peers[2].set(Mood::Honest);
    let cosigned = format!(
        "limpid_log_witness_cosigned{{witness=\"{}\"}}",
        house.peers[2].url
    );
    until("the third witness to catch up", async || {
        (house.number(&cosigned).await == Some(7)).then_some(())
    })
    .await;
    let failing = format!(
        "limpid_log_witness_failing{{witness=\"{}\"}}",
        house.peers[2].url
    );
    assert_eq!(house.number(&failing).await, Some(0));
}

#[tokio::test]
async fn a_witness_is_not_asked_more_often_than_its_quota_and_the_others_go_on() {
    let per_minute = 12;
    let started = Instant::now();
    let house = House::founded(&[Mood::Honest; 3], 2, |config| {
        let url = config.witnesses[2].url.clone();
        config.witnesses[2] = WitnessUrl {
            url,
            requests_per_minute: Some(per_minute),
        };
    })
    .await;
    for n in 0..30 {
        house.witnessed(&beat(format!("{n}"))).await;
    }
    let asked = house.peers[2].sent().len() as f64;
    let earned = started.elapsed().as_secs_f64() * f64::from(per_minute) / 60.0;
    assert!(asked <= 2.0 + earned, "{asked} requests, {earned} earned");
    assert!(house.peers[0].sent().len() >= 30);
}

#[tokio::test]
async fn checkpoints_become_rarer_when_the_quorum_has_a_quota() {
    // Twenty at once, then two a second.
    let per_minute = 120;
    let started = Instant::now();
    let house = House::founded(&[Mood::Honest; 2], 2, |config| {
        for witness in &mut config.witnesses {
            witness.requests_per_minute = Some(per_minute);
        }
    })
    .await;
    let client = house.client();
    // Entries come as fast as they are taken, for as long as it takes to use up what is allowed.
    let mut last = beat("0");
    for n in 1..400 {
        last = beat(format!("{n}"));
        submit_at_once(&client, &last).await;
    }
    house.witnessed(&last).await;
    for peer in &house.peers {
        let earned = started.elapsed().as_secs_f64() * f64::from(per_minute) / 60.0;
        let asked = peer.sent().len() as f64;
        assert!(asked <= 20.0 + earned, "{asked} requests, {earned} earned");
    }
    assert_eq!(
        house.number("limpid_log_rounds_failed_total").await,
        Some(0)
    );
}
