//! Killed after any step, then run again: each file arrives once, and nothing readable stays behind.

use std::ops::ControlFlow;

use endpoint::sharing::{Extent, ShareStep, SharingError, send, share, shared};

use crate::{
    sharing::street::{Street, contains, go_on},
    world::NOW,
};

const CONTENT: &[u8] = b"a file that arrives once and only once: 5d0a1c77e2";

fn until(last: ShareStep) -> impl Fn(ShareStep) -> ControlFlow<()> + Sync {
    move |step| match step == last {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    }
}

/// Every step of a file that is sent in pieces, and of one that is sent in one call.
pub fn all_steps() -> impl Iterator<Item = (ShareStep, bool)> {
    let of_pieces = [ShareStep::SentFront, ShareStep::SentPiece];
    let both = |step| [(step, true), (step, false)];
    let steps = ShareStep::ALL.into_iter().flat_map(both);
    steps.filter(move |(step, in_pieces)| *in_pieces || !of_pieces.contains(step))
}

#[tokio::test]
async fn what_a_center_has_in_part_goes_on_in_pieces() {
    let street = Street::new().await;
    street.agree("DE");
    street.zurich.lock().in_pieces = true;
    let file = street.file("a", &CONTENT.repeat(5));
    let sample = street.share(&file).await.unwrap().sample;
    let pieces = std::sync::atomic::AtomicUsize::new(0);
    let count = |step| {
        if step == ShareStep::SentPiece {
            pieces.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
        ControlFlow::Continue(())
    };
    let sent = send(&street.config, NOW + 2, &count).await.unwrap();
    assert_eq!(sent.sent, std::slice::from_ref(&sample), "{sent}");
    assert!(pieces.into_inner() > 1);
    let inner = street.zurich.lock();
    assert_eq!(inner.open(sample.as_str()), CONTENT.repeat(5));
}

#[tokio::test]
async fn a_file_survives_a_kill_between_any_two_steps() {
    for (step, in_pieces) in all_steps() {
        let street = Street::new().await;
        street.zurich.lock().in_pieces = in_pieces;
        street.agree("DE");
        let file = street.file("a", &CONTENT.repeat(5));
        let stopped = match share(
            &street.config,
            &[&file],
            Extent::Whole,
            NOW + 1,
            &until(step),
        )
        .await
        {
            Ok(_) => send(&street.config, NOW + 2, &until(step)).await.err(),
            Err(error) => Some(error),
        };
        assert!(
            matches!(stopped, Some(SharingError::Stopped { after }) if after == step),
            "{step}: {stopped:?}"
        );
        if step < ShareStep::Queued {
            // Not in the queue yet: its owner is told so by the error and shares it again.
            assert!(shared(&street.config).unwrap().samples.is_empty(), "{step}");
            share(&street.config, &[&file], Extent::Whole, NOW + 1, &go_on)
                .await
                .unwrap();
        }
        street.send().await;
        let report = shared(&street.config).unwrap();
        assert_eq!(report.samples.len(), 1, "{step}");
        assert_eq!(report.samples[0].state, "analysed", "{step}");
        let inner = street.zurich.lock();
        assert_eq!(inner.samples.len(), 1, "{step}");
        assert_eq!(
            inner.open(report.samples[0].sample.as_str()),
            CONTENT.repeat(5),
            "{step}"
        );
        drop(inner);
        let directory = street.config.dir.join("samples");
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1, "{step}");
        let left = directory
            .join(report.samples[0].sample.as_str())
            .join("ciphertext");
        assert!(!left.exists(), "{step}");
        assert!(!contains(&street.everything_on_disk(), CONTENT), "{step}");
    }
}

#[tokio::test]
async fn a_center_that_is_full_is_asked_again_and_one_that_refuses_for_good_is_not() {
    let street = Street::new().await;
    street.agree("DE");
    let file = street.file("a", CONTENT);
    street.share(&file).await.unwrap();
    street.zurich.lock().refuse = Some("intake.full");
    let waiting = street.send().await;
    assert!(waiting.waiting[0].1.starts_with("intake.full"), "{waiting}");
    street.zurich.lock().refuse = Some("intake.epoch");
    let declined = street.send().await;
    assert_eq!(declined.declined[0].1, "intake.epoch");
    street.zurich.lock().refuse = None;
    let after = street.send().await;
    assert!(after.sent.is_empty());
    let listed = &shared(&street.config).unwrap().samples[0];
    assert_eq!(
        (listed.state, listed.declined.as_deref()),
        ("declined", Some("intake.epoch"))
    );
}

#[tokio::test]
async fn a_sample_that_a_cell_does_not_draw_is_dropped_and_its_owner_told_why() {
    let street = Street::new().await;
    street.agree("DE");
    street.share(&street.file("a", CONTENT)).await.unwrap();
    street.zurich.lock().refuse = Some("intake.sampled");
    let sent = street.send().await;
    assert_eq!(sent.sampled_out[0].1, Some(8));
    let told = "not taken: the cell samples 1 in 8";
    assert!(
        sent.declined.is_empty() && sent.to_string().contains(told),
        "{sent}"
    );
    // It is not asked for again, and nothing of it is left to be sent.
    let requests = street.zurich.lock().requests;
    street.zurich.lock().refuse = None;
    assert!(street.send().await.sent.is_empty());
    assert_eq!(street.zurich.lock().requests, requests);
    let report = shared(&street.config).unwrap();
    let listed = &report.samples[0];
    assert_eq!((listed.state, listed.one_in), ("declined", Some(8)));
    assert!(report.to_string().contains(told), "{report}");
    let left = street
        .config
        .dir
        .join("samples")
        .join(listed.sample.as_str());
    assert!(!left.join("ciphertext").exists());
}

#[tokio::test]
async fn what_waited_until_its_key_was_over_is_not_sent() {
    let street = Street::new().await;
    street.agree("DE");
    street.share(&street.file("a", CONTENT)).await.unwrap();
    let sent = send(&street.config, NOW + 86_401, &go_on).await.unwrap();
    assert_eq!(sent.declined[0].1, "epoch.time");
    assert!(street.zurich.lock().samples.is_empty());
}

#[tokio::test]
async fn an_intake_that_moves_goes_on_from_where_it_is() {
    let street = Street::new().await;
    street.zurich.lock().in_pieces = true;
    street.agree("DE");
    let sample = street
        .share(&street.file("a", &CONTENT.repeat(9)))
        .await
        .unwrap()
        .sample;
    let forgets = |step| {
        if step == ShareStep::SentPiece {
            let mut inner = street.zurich.lock();
            if inner.requests == 3 {
                inner
                    .samples
                    .get_mut(sample.as_str())
                    .unwrap()
                    .ciphertext
                    .truncate(10);
            }
        }
        ControlFlow::Continue(())
    };
    let sent = send(&street.config, NOW + 2, &forgets).await.unwrap();
    assert_eq!(sent.sent.len(), 1, "{sent}");
    assert_eq!(
        street.zurich.lock().open(sample.as_str()),
        CONTENT.repeat(9)
    );
}
