//! Rounds that overlap: what is sequenced while witnesses look at a checkpoint does not wait for them.

use std::sync::atomic::Ordering;

use logclient::Submitted;
use statement::Envelope;
use tlog::{Checkpoint, Note, Policy};
use tokio::task::JoinHandle;

use crate::peer::{House, Mood};
use crate::world::roster::beat;
use crate::world::{submit_at_once, until};

/// The most that a log may have under way at one witness; `REQUESTS_UNDER_WAY_MAX` of the log.
const UNDER_WAY_MAX: usize = 4;

/// Two witnesses that are both needed, and that the log knows.
async fn house() -> House {
    let house = House::founded(&[Mood::Honest; 2], 2, |config| config.wait_ms = 60_000).await;
    // Another one, so that they answered when nothing else was to be learned.
    house.witnessed(&beat("first")).await;
    house
}

/// Waits until both peers were sent so many requests more than before.
async fn until_sent(house: &House, before: usize, more: usize) {
    for peer in &house.peers {
        until("a request", async || {
            (peer.sent().len() >= before + more).then_some(())
        })
        .await;
    }
}

fn sent(house: &House) -> usize {
    assert_eq!(house.peers[0].sent().len(), house.peers[1].sent().len());
    house.peers[0].sent().len()
}

/// Submits and waits for the proof, beside the test; gives the size of the tree it is of.
fn witnessed_size(house: &House, envelope: Envelope, policy: Policy) -> JoinHandle<u64> {
    let client = house.client();
    tokio::spawn(async move {
        let Submitted::Witnessed(proof) = client.submit(&envelope).await.unwrap() else {
            panic!("only durable");
        };
        proof.open(&envelope.to_bytes(), &policy).unwrap();
        let note = Note::parse(&proof.checkpoint).unwrap();
        Checkpoint::parse(note.text()).unwrap().size()
    })
}

#[tokio::test]
async fn an_entry_does_not_wait_for_the_answers_to_the_checkpoint_before_it() {
    let house = house().await;
    let before = sent(&house);
    for peer in &house.peers {
        peer.hold_answers();
    }
    let one = witnessed_size(&house, beat("one"), house.policy());
    until_sent(&house, before, 1).await;
    let two = witnessed_size(&house, beat("two"), house.policy());
    until_sent(&house, before, 2).await;
    for peer in &house.peers {
        let offered: Vec<u64> = peer.sent()[before..].iter().map(|s| s.old_size).collect();
        assert_eq!(offered, [5, 6], "each builds on the one before");
        peer.release(1);
    }
    assert_eq!(one.await.unwrap(), 6);
    assert!(!two.is_finished());
    for peer in &house.peers {
        peer.release(1);
    }
    assert_eq!(two.await.unwrap(), 7);
}

#[tokio::test]
async fn who_waits_for_a_checkpoint_that_was_overtaken_is_answered_with_the_newer_one() {
    let house = house().await;
    let before = sent(&house);
    for peer in &house.peers {
        peer.hold_answers();
    }
    let one = witnessed_size(&house, beat("one"), house.policy());
    until_sent(&house, before, 1).await;
    let two = witnessed_size(&house, beat("two"), house.policy());
    until_sent(&house, before, 2).await;
    // The answers to the second come first.
    for peer in &house.peers {
        peer.release_newest();
    }
    assert_eq!(one.await.unwrap(), 7);
    assert_eq!(two.await.unwrap(), 7);
    for peer in &house.peers {
        peer.answer_freely();
    }
    assert_eq!(house.witnessed(&beat("three")).await, 7);
    let sizes = house.client().archived_sizes().await.unwrap();
    assert_eq!(sizes[sizes.len() - 3..], [5, 7, 8], "never back to 6");
}

#[tokio::test]
async fn what_is_under_way_at_a_witness_is_bounded_and_the_rest_gathers() {
    let house = house().await;
    let before = sent(&house);
    for peer in &house.peers {
        peer.hold_answers();
    }
    let client = house.client();
    for n in 1..=UNDER_WAY_MAX {
        submit_at_once(&client, &beat(format!("{n}"))).await;
        until_sent(&house, before, n).await;
    }
    // These find no room, and go together once there is some.
    let mut last = beat("more");
    for n in 0..5 {
        last = beat(format!("more {n}"));
        submit_at_once(&client, &last).await;
    }
    for peer in &house.peers {
        peer.release(1);
    }
    until_sent(&house, before, UNDER_WAY_MAX + 1).await;
    for peer in &house.peers {
        assert_eq!(peer.sent()[before + UNDER_WAY_MAX].old_size, 9);
        peer.answer_freely();
    }
    house.witnessed(&last).await;
    assert!(house.client().archived_sizes().await.unwrap().contains(&14));
    for peer in &house.peers {
        assert_eq!(peer.behind.most.load(Ordering::SeqCst), UNDER_WAY_MAX);
    }
}

#[tokio::test]
async fn a_request_that_overtook_the_one_it_is_built_on_costs_nothing_but_time() {
    let house = house().await;
    let before = sent(&house);
    // The first one is looked at after the second one was refused.
    for peer in &house.peers {
        peer.delay_one();
    }
    let one = witnessed_size(&house, beat("one"), house.policy());
    until_sent(&house, before, 1).await;
    let two = witnessed_size(&house, beat("two"), house.policy());
    assert!(one.await.unwrap() >= 6);
    assert_eq!(two.await.unwrap(), 7);
    let failed = house.number("limpid_log_rounds_failed_total").await;
    assert_eq!(failed, Some(0));
    for peer in &house.peers {
        let name = |what: &str| format!("limpid_log_witness_{what}{{witness=\"{}\"}}", peer.url);
        let overtaken = house.number(&name("overtaken_total")).await;
        assert_eq!(overtaken, Some(1));
        assert_eq!(house.number(&name("failing")).await, Some(0));
    }
}

#[tokio::test]
async fn witnesses_that_fall_silent_are_not_sent_more_than_the_bound() {
    let change = |config: &mut log::Config| config.witness_timeout_ms = 600_000;
    let house = House::founded(&[Mood::Honest; 3], 2, change).await;
    house.witnessed(&beat("first")).await;
    house.peers[1].set(Mood::Silent);
    house.peers[2].set(Mood::Silent);
    let before: Vec<usize> = house.peers.iter().map(|peer| peer.sent().len()).collect();
    let client = house.client();
    for n in 0..40 {
        submit_at_once(&client, &beat(format!("{n}"))).await;
    }
    until("a round", async || {
        (house.peers[0].sent().len() > before[0]).then_some(())
    })
    .await;
    for (peer, before) in house.peers.iter().zip(before).skip(1) {
        let more = peer.sent().len() - before;
        assert!(more <= UNDER_WAY_MAX, "{more} requests");
    }
}

#[tokio::test]
async fn a_witness_where_nobody_listens_holds_up_nobody() {
    let house = House::founded(&[Mood::Honest; 3], 2, |config| {
        let nobody = crate::world::free_address(7);
        config.witnesses[2].url = format!("http://{nobody}");
    })
    .await;
    for n in 0..10 {
        house.witnessed(&beat(format!("{n}"))).await;
    }
    let failed = house.number("limpid_log_rounds_failed_total").await;
    assert_eq!(failed, Some(0));
}
