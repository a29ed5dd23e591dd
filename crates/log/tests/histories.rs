//! A log that might show two histories stops, and nobody follows it.
#![allow(clippy::unwrap_used, missing_docs)]

mod world;

use std::path::Path;

use log::LogError;
use logclient::LogClientError;
use world::roster::{self, beat};
use world::{
    World, code_of, copy_dir, log_config, refuse_to_start, start_log, submit_at_once,
    submit_witnessed, until,
};

/// The database of a stopped log, as it was before.
fn restore_database(backup: &Path, dir: &Path) {
    for name in ["log.sqlite3", "log.sqlite3-wal", "log.sqlite3-shm"] {
        drop(std::fs::remove_file(dir.join(name)));
        if backup.join(name).exists() {
            std::fs::copy(backup.join(name), dir.join(name)).unwrap();
        }
    }
}

/// A world whose log was stopped twice: a copy of its directory from the first time, and the
/// directory two entries later.
async fn backed_up() -> (World, std::path::PathBuf) {
    let mut world = World::founded().await;
    submit_witnessed(&world.client(), &beat("one")).await;
    let urls = world.witness_urls();
    let dir = world.log.stop().await;
    let backup = world.root.path().join("backup");
    copy_dir(&dir, &backup);
    world.log = start_log(log_config(&dir, &urls)).await;
    submit_witnessed(&world.client(), &beat("two")).await;
    submit_witnessed(&world.client(), &beat("three")).await;
    (world, backup)
}

#[tokio::test]
async fn a_database_restored_from_an_older_backup_does_not_start() {
    let (world, backup) = backed_up().await;
    let dir = world.log.stop().await;
    restore_database(&backup, &dir);
    let refused = refuse_to_start(log_config(&dir, &[])).await;
    let LogError::Behind {
        claim,
        signed,
        rows,
    } = refused
    else {
        panic!("{refused}");
    };
    assert_eq!(
        (claim.as_str(), signed, rows),
        ("`public/checkpoint`", 7, 5)
    );
    assert!(!dir.join("url").exists());
}

#[tokio::test]
async fn a_whole_directory_restored_from_an_older_backup_is_told_by_the_witnesses() {
    let (world, backup) = backed_up().await;
    let urls = world.witness_urls();
    world.log.stop().await;
    let refused = refuse_to_start(log_config(&backup, &urls)).await;
    let LogError::Behind {
        claim,
        signed,
        rows,
    } = refused
    else {
        panic!("{refused}");
    };
    assert!(claim.starts_with("witness http"), "{claim}");
    assert_eq!((signed, rows), (7, 5));
}

#[tokio::test]
async fn a_second_history_is_never_cosigned_and_kept_as_a_fault() {
    let (world, backup) = backed_up().await;
    let World {
        root,
        mut witnesses,
        log,
    } = world;
    let before = world::client_at(&log.url).checkpoint().await.unwrap();
    log.stop().await;
    // The old copy starts while no witness can tell it better, and goes another way.
    let addresses = [world::free_address(0), world::free_address(1)];
    let urls = addresses.map(|address| format!("http://{address}"));
    let log = start_log(log_config(&backup, &urls)).await;
    let client = world::client_at(&log.url);
    for note in ["other two", "other three", "other four"] {
        submit_at_once(&client, &beat(note)).await;
    }
    let mut again = Vec::new();
    for (n, address) in addresses.into_iter().enumerate() {
        let dir = witnesses.remove(0).stop().await;
        let mut config = world::witness_config(n, &dir);
        config.server.listen = address;
        again.push(world::start_witness(config).await);
    }
    for witness in &again {
        let url = format!("{}/faults", witness.url);
        let faults = until("the fault to be kept", async || {
            let text = world::http().get(&url, 1 << 20).await.unwrap();
            (!text.is_empty()).then_some(text)
        })
        .await;
        let faults = String::from_utf8(faults.to_vec()).unwrap();
        let first = format!("fault unproven {} 8 ", roster::ORIGIN);
        assert!(faults.starts_with(&first), "{faults}");
    }
    // What it shows is what it had before; the new entries are not under it.
    let shown = client.checkpoint().await.unwrap();
    let size = |note: &[u8]| {
        let text = std::str::from_utf8(note).unwrap();
        text.lines().nth(1).unwrap().parse::<u64>().unwrap()
    };
    assert_eq!((size(&before), size(&shown)), (7, 5));
    log.stop().await;
    drop(root);
}

#[tokio::test]
async fn altered_rows_do_not_start() {
    let world = World::founded().await;
    submit_witnessed(&world.client(), &beat("one")).await;
    submit_witnessed(&world.client(), &beat("two")).await;
    let dir = world.log.stop().await;
    let db = store::Db::open(&dir.join("log.sqlite3"), &[""])
        .await
        .unwrap();
    let mut transaction = db.begin().await.unwrap();
    sqlx::query("UPDATE entries SET bytes = ? WHERE idx = 4")
        .bind(beat("other").to_bytes())
        .execute(&mut *transaction)
        .await
        .unwrap();
    db.commit(transaction).await.unwrap();
    db.close().await;
    let refused = refuse_to_start(log_config(&dir, &[])).await;
    assert!(
        matches!(
            refused,
            LogError::Checkpoint { .. } | LogError::OtherHistory { .. }
        ),
        "{refused}"
    );
}

#[tokio::test]
async fn one_directory_has_one_log() {
    let world = World::start().await;
    let refused = refuse_to_start(log_config(&world.log.dir, &[])).await;
    assert!(
        matches!(refused, LogError::Store(store::StoreError::Locked { .. })),
        "{refused}"
    );
    world.stop().await;
}

#[tokio::test]
async fn a_flipped_byte_in_a_served_bundle_makes_the_follower_refuse() {
    let world = World::founded().await;
    submit_witnessed(&world.client(), &beat("one")).await;
    // A follower stops at the archived checkpoint of size 4, so it takes entries 0 to 3 from the
    // first of these bundles and only the last one from the second.
    let bundles = world.log.dir.join("public/tile/entries");
    let used_before = std::fs::read(bundles.join("000.p/4")).unwrap().len();
    for (name, first) in [("000.p/4", 0), ("000.p/5", used_before)] {
        let path = bundles.join(name);
        let honest = std::fs::read(&path).unwrap();
        let positions = (first..honest.len()).step_by(honest.len() / 40);
        for at in positions.chain([honest.len() - 1]) {
            let mut flipped = honest.clone();
            flipped[at] ^= 1;
            std::fs::write(&path, &flipped).unwrap();
            let refused = world.follower().sync().await;
            assert!(refused.is_err(), "byte {at} of {name}");
        }
        std::fs::write(&path, &honest).unwrap();
    }
    world.follower().sync().await.unwrap();
    world.stop().await;
}

#[tokio::test]
async fn a_log_that_goes_back_is_refused_also_after_another_refusal() {
    let world = World::founded().await;
    let client = world.client();
    let mut follower = world.follower();
    follower.sync().await.unwrap();
    let older = client.checkpoint().await.unwrap();
    submit_witnessed(&client, &beat("one")).await;
    follower.sync().await.unwrap();
    let newer = client.checkpoint().await.unwrap();

    let shown = world.log.dir.join("public/checkpoint");
    std::fs::write(&shown, &older).unwrap();
    let back = follower.sync().await.unwrap_err();
    assert!(
        matches!(
            back,
            LogClientError::WentBack {
                before: 5,
                now: 4,
                ..
            }
        ),
        "{back}"
    );

    // Refused for its signature, so the replay starts over; what was seen is not forgotten.
    let mut forged = newer.clone();
    let at = forged.len() - 10;
    forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
    std::fs::write(&shown, &forged).unwrap();
    let refused = follower.sync().await.unwrap_err();
    assert_eq!(code_of(&refused), "checkpoint.unwitnessed");
    std::fs::write(&shown, &older).unwrap();
    let back = follower.sync().await.unwrap_err();
    assert!(
        matches!(
            back,
            LogClientError::WentBack {
                before: 5,
                now: 4,
                ..
            }
        ),
        "{back}"
    );
    std::fs::write(&shown, &newer).unwrap();
    follower.sync().await.unwrap();
    world.stop().await;
}

#[tokio::test]
async fn a_log_that_cannot_be_reached_leaves_the_view_as_it_was() {
    let world = World::founded().await;
    let mut follower = world.follower();
    follower.sync().await.unwrap();
    world.stop().await;
    assert!(follower.sync().await.is_err());
    assert_eq!(follower.view().unwrap().constitution().unwrap().version, 1);
}
