//! What goes away, and that the log says so: erased samples, destroyed keys, a day that is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use center::{Config, EpochTimes};
use seal::erasure_message;
use serve::{Clock, wait_url};
use statement::{ErasureCause, FileDigest, Predicate};

use crate::world::{Owner, PATIENCE, World, now, open_logged, text, wait_for, wait_open};

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_sample_leaves_its_erasure_and_nothing_else() {
    let world = World::found().await;
    let cell = world.start(world.config()).await;
    let keys = world.epoch_keys(&cell.url).await;
    let owner = Owner::of(b"take it back", &keys, world.policy);
    owner.send(&cell.url).await.unwrap();
    let before = owner.wait(&cell.url, "analysed", "verdict").await;
    let name = owner.sample.as_str();
    let file = world
        .path()
        .join("cell/ciphertext")
        .join(&name[..2])
        .join(name);
    assert!(file.is_file());

    assert_eq!(owner.erase(&cell.url).await.unwrap()["state"], "erased");
    assert!(!file.exists());
    assert_eq!(
        owner.erase(&cell.url).await.unwrap()["state"],
        "erased",
        "again"
    );
    let shown = owner.wait(&cell.url, "erased", "erasure").await;
    assert!(shown["receipt"].is_null() && shown["verdict"].is_null());
    let (_, said) = open_logged(&world, &shown["erasure"]).await;
    let Predicate::Erasure(erasure) = &said.predicate else {
        panic!("an erasure");
    };
    let message = erasure_message(&owner.sample, &owner.seal);
    let demand = FileDigest::of(&[message, owner.erasure_signature()].concat());
    assert_eq!(
        (erasure.cause, erasure.demand),
        (ErasureCause::Owner, Some(demand))
    );
    assert_eq!((&erasure.sample, erasure.seal), (&owner.sample, owner.seal));
    // What the owner keeps goes on proving; the salt, and so the proof, is no longer in the cell.
    let kept = text(&before["receipt"]["proven"]);
    let salt = kept
        .split("salt ")
        .nth(1)
        .unwrap()
        .split("\\n")
        .next()
        .unwrap();
    wait_for("the salt is gone", async || {
        let files =
            ["cell.sqlite3", "cell.sqlite3-wal"].map(|name| world.path().join("cell").join(name));
        let stands = files.iter().any(|file| {
            let bytes = std::fs::read(file).unwrap_or_default();
            bytes.windows(64).any(|window| window == salt.as_bytes())
        });
        (!stands).then_some(())
    })
    .await;
    // An id is used once, also after that.
    let again = owner.begin(&cell.url).await.err().unwrap();
    assert_eq!(again.code(), Some("intake.replayed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_that_waits_is_erased_and_never_analysed() {
    let world = World::found().await;
    let idle = Config {
        workers: 0,
        ..world.config()
    };
    let cell = world.start(idle).await;
    let keys = world.epoch_keys(&cell.url).await;
    let owner = Owner::of(b"on second thoughts", &keys, world.policy);
    owner.send(&cell.url).await.unwrap();
    let stranger = Owner::of(b"x", &keys, world.policy);
    let foreign = Owner {
        key: stranger.key,
        ..Owner::named(
            owner.sample.clone(),
            b"x",
            (&keys, world.policy),
            crate::world::Tweak::Nothing,
        )
    };
    let refused = foreign.erase(&cell.url).await.err().unwrap();
    assert_eq!(refused.code(), Some("sample.signature"));
    owner.erase(&cell.url).await.unwrap();
    cell.stop().await;
    let cell = world.start(world.config()).await;
    let shown = owner.wait(&cell.url, "erased", "erasure").await;
    assert_eq!(shown["touched"].as_array().unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_an_epoch_is_gone_when_it_was_promised_and_what_waits_is_named() {
    let world = World::found().await;
    let config = Config {
        workers: 0,
        epochs: EpochTimes {
            valid_seconds: 3,
            lead_seconds: 1,
            destroy_seconds: 6,
        },
        ..world.config()
    };
    let cell = world.start(config).await;
    let keys = world.epoch_keys(&cell.url).await;
    let owner = Owner::of(b"too late", &keys, world.policy);
    let named = keys.key(statement::EpochPurpose::Analysis).epoch();
    let file = world.path().join(format!("cell/epochs/{named}.key"));
    assert!(file.is_file());
    owner.send(&cell.url).await.unwrap();
    let half = Owner::of(b"never completed", &keys, world.policy);
    half.begin(&cell.url).await.unwrap();
    let shown = owner.wait(&cell.url, "set-aside", "receipt").await;
    assert!(!file.exists());
    assert_eq!(shown["touched"][0]["end"], "unopened");
    wait_for("the upload is forgotten", async || {
        let begun = half.complete(&cell.url).await.err()?;
        (begun.code() == Some("intake.unknown")).then_some(())
    })
    .await;
    let later = Owner::of(b"sealed to a key that is gone", &keys, world.policy);
    let refused = later.send(&cell.url).await.err().unwrap();
    assert_eq!(refused.code(), Some("intake.epoch"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_counted_when_it_is_over() {
    let world = World::found().await;
    let config = Config {
        epochs: EpochTimes {
            valid_seconds: 3 * 86_400,
            lead_seconds: 1,
            destroy_seconds: 9 * 86_400,
        },
        not_after_seconds: 5 * 86_400,
        ..world.config()
    };
    let behind = Arc::new(AtomicU64::new(86_400));
    let clock = Clock::reading({
        let behind = Arc::clone(&behind);
        move || now() - behind.load(Ordering::Relaxed)
    });
    let dir = config.dir.clone();
    tokio::spawn(async move { center::serve_by(config, clock, std::future::pending()).await });
    let url = wait_url(&dir, PATIENCE).await.unwrap();
    wait_open(&url).await;
    let keys = world.epoch_keys(&url).await;
    let clean = Owner::of(b"yesterday's file", &keys, world.policy);
    clean.send(&url).await.unwrap();
    clean.wait(&url, "analysed", "verdict").await;
    let erased = Owner::of(b"yesterday's mistake", &keys, world.policy);
    erased.send(&url).await.unwrap();
    erased.wait(&url, "analysed", "verdict").await;
    erased.erase(&url).await.unwrap();
    erased.wait(&url, "erased", "erasure").await;

    behind.store(0, Ordering::Relaxed);
    let census = wait_for("the census", async || {
        let said = world
            .said(|predicate| matches!(predicate, Predicate::Census(_)))
            .await;
        said.into_iter().next()
    })
    .await;
    let Predicate::Census(census) = census.predicate else {
        panic!("a census");
    };
    assert_eq!((census.received, census.analysed, census.erased), (2, 2, 1));
    assert_eq!(
        (census.outcomes.clean, census.waiting, census.set_aside),
        (2, 0, 0)
    );
    assert_eq!(census.regions.values().sum::<u64>(), 2);
    // Whoever reads the log adds up the same.
    let batches = world
        .said(|predicate| matches!(predicate, Predicate::Receipts(_)))
        .await;
    let sum: u64 = batches
        .iter()
        .map(|batch| match &batch.predicate {
            Predicate::Receipts(receipts) => receipts.count,
            _ => 0,
        })
        .sum();
    assert_eq!(sum, census.received);
}
