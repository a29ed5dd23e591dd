//! A log that might show two histories stops, and nobody follows it.
#![allow(clippy::unwrap_used, missing_docs)]

mod world;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use log::{LogError, WitnessUrl};
use logclient::LogClientError;
use world::liar::{self, HUGE, Lies};
use world::roster::{self, beat};
use world::{
    Log, PATIENCE, Witness, World, client_at, code_of, copy_dir, log_config, post_at_once,
    refuse_to_start, start_log, submit_at_once, submit_witnessed, until,
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

/// Size and root line of a checkpoint.
fn tree_of(note: &[u8]) -> (u64, String) {
    let mut lines = std::str::from_utf8(note).unwrap().lines().skip(1);
    let size = lines.next().unwrap().parse().unwrap();
    (size, lines.next().unwrap().to_owned())
}

async fn faults_of(witness: &Witness) -> String {
    let url = format!("{}/faults", witness.url);
    let text = world::http().get(&url, 1 << 20).await.unwrap();
    String::from_utf8(text.to_vec()).unwrap()
}

/// An old copy of a log of 7 entries starts with 5 while no witness answers, and takes these; then
/// one witness comes back. Returns why the log stopped, and why it does not start again.
async fn fork_in_the_dark(notes: &[&str]) -> [LogError; 2] {
    let (world, backup) = backed_up().await;
    let World {
        root,
        mut witnesses,
        log,
    } = world;
    log.stop().await;
    let before = std::fs::read(backup.join("public/checkpoint")).unwrap();
    let addresses = [world::free_address(0), world::free_address(1)];
    let urls = addresses.map(|address| format!("http://{address}"));
    let mut config = log_config(&backup, &urls);
    config.wait_ms = 10 * PATIENCE.as_millis() as u64;
    let log = start_log(config).await;
    let client = world::client_at(&log.url);
    let (last, first) = notes.split_last().unwrap();
    for note in first {
        submit_at_once(&client, &beat(*note)).await;
    }
    // The last submitter waits for witnesses; its entry is in the log when it is in a bundle.
    let (waiting, last) = (client.clone(), beat(*last));
    let waiting = tokio::spawn(async move { waiting.submit(&last).await });
    let bundle = backup.join(format!("public/tile/entries/000.p/{}", 5 + notes.len()));
    until("the last entry", async || bundle.exists().then_some(())).await;

    let dir = witnesses.remove(0).stop().await;
    let mut config = world::witness_config(0, &dir);
    config.server.listen = addresses[0];
    let witness = world::start_witness(config).await;
    let answer = waiting.await.unwrap().unwrap_err();
    assert_eq!(code_of(&answer), "submit.unavailable", "{answer}");
    let stopped = log.failed().await;
    // Nobody listens any more, and nothing of the other history was shown to anybody.
    let late = post_at_once(&client, beat("late").to_bytes()).await;
    assert!(late.is_err(), "{late:?}");
    let shown = std::fs::read(backup.join("public/checkpoint")).unwrap();
    assert_eq!(tree_of(&shown), tree_of(&before));
    assert_eq!(faults_of(&witness).await, "");
    let again = refuse_to_start(log_config(&backup, &urls)).await;
    witness.stop().await;
    drop(root);
    [stopped, again]
}

#[tokio::test]
async fn a_log_restored_while_no_witness_answered_stops_when_one_does() {
    for stopped in fork_in_the_dark(&["other two"]).await {
        let said = stopped.to_string();
        let LogError::Behind {
            claim,
            signed,
            rows,
        } = stopped
        else {
            panic!("{said}");
        };
        assert!(claim.starts_with("witness http"), "{said}");
        assert_eq!((signed, rows), (7, 6));
    }
}

#[tokio::test]
async fn a_restored_log_that_outgrew_what_it_forgot_stops_too() {
    for stopped in fork_in_the_dark(&["other two", "other three", "other four"]).await {
        let said = stopped.to_string();
        let LogError::OtherHistory { claim, size, .. } = stopped else {
            panic!("{said}");
        };
        assert!(claim.starts_with("witness http"), "{said}");
        assert_eq!(size, 7);
    }
}

/// A log of 5 entries, and a running copy of it that had its witnesses cosign these.
async fn two_copies(notes: &[&str]) -> (World, Log) {
    let world = World::founded().await;
    // After this the log rests, so its directory can be copied.
    submit_witnessed(&world.client(), &beat("one")).await;
    let dir = world.root.path().join("copy");
    copy_dir(&world.log.dir, &dir);
    std::fs::remove_file(dir.join("url")).unwrap();
    let copy = start_log(log_config(&dir, &world.witness_urls())).await;
    for note in notes {
        submit_witnessed(&world::client_at(&copy.url), &beat(*note)).await;
    }
    (world, copy)
}

#[tokio::test]
async fn a_second_history_is_never_cosigned_kept_as_a_fault_and_stops_its_log() {
    let (world, copy) = two_copies(&["two"]).await;
    submit_at_once(&world.client(), &beat("other two")).await;
    let World {
        root,
        witnesses,
        log,
    } = world;
    let dir = log.dir.clone();
    let stopped = log.failed().await;
    assert!(
        matches!(stopped, LogError::OtherHistory { size: 6, .. }),
        "{stopped}"
    );
    // At the least the witness that stopped it has kept why.
    let first = format!("fault split {} 6 ", roster::ORIGIN);
    let faults = [
        faults_of(&witnesses[0]).await,
        faults_of(&witnesses[1]).await,
    ];
    assert!(faults.iter().any(|f| f.starts_with(&first)), "{faults:?}");
    let shown = std::fs::read(dir.join("public/checkpoint")).unwrap();
    assert_eq!(tree_of(&shown).0, 5);
    // The copy that the witnesses know goes on.
    submit_witnessed(&world::client_at(&copy.url), &beat("three")).await;
    copy.stop().await;
    drop(root);
}

#[tokio::test]
async fn a_log_stops_when_a_witness_answers_with_a_larger_tree_that_it_signed() {
    let (world, copy) = two_copies(&["two", "three"]).await;
    submit_at_once(&world.client(), &beat("other two")).await;
    let stopped = world.log.failed().await;
    assert!(
        matches!(
            stopped,
            LogError::Behind {
                signed: 7,
                rows: 6,
                ..
            }
        ),
        "{stopped}"
    );
    copy.stop().await;
}

#[tokio::test]
async fn a_witness_that_lies_about_its_size_does_not_stop_the_log() {
    let root = tempfile::tempdir().unwrap();
    let lies = Arc::new(Lies::default());
    let liar = liar::start(root.path(), Arc::clone(&lies)).await;
    let url = liar.url.clone();
    let world = World::start_with(|config| config.witnesses.push(WitnessUrl::new(url))).await;
    world::found(&world.client()).await;
    let honest = world.client().checkpoint().await.unwrap();
    let honest = String::from_utf8(honest.to_vec()).unwrap();
    let huge = honest.replacen("\n4\n", &format!("\n{HUGE}\n"), 1);
    assert_ne!(huge, honest);
    let unsigned = huge.split_inclusive("\n\n").next().unwrap().to_owned();
    // Nothing; a size without a signature; signatures over another size; what the log did sign.
    for note in [String::new(), unsigned, huge, honest] {
        *lies.note.lock().unwrap() = note.clone();
        let counts = || {
            let count = |n: &AtomicUsize| n.load(Ordering::SeqCst);
            (count(&lies.shown), count(&lies.refused))
        };
        let before = counts();
        let beats = AtomicUsize::new(0);
        // Each is witnessed by the others; one that failed is asked again after a rest.
        until("the liar to be asked", async || {
            let number = beats.fetch_add(1, Ordering::SeqCst);
            let entry = beat(format!("{before:?} {number}"));
            submit_witnessed(&world.client(), &entry).await;
            let now = counts();
            (now.0 > before.0 + 1 && now.1 > before.1 + 1).then_some(())
        })
        .await;
    }
    // It stops only when it is told to.
    world.stop().await;
    liar.stop().await;
}

#[tokio::test]
async fn altered_entries_do_not_start_be_they_in_the_database_or_in_a_bundle() {
    let world = World::founded().await;
    let client = world.client();
    for n in 0..256 {
        submit_at_once(&client, &beat(format!("beat {n}"))).await;
    }
    submit_witnessed(&client, &beat("last")).await;
    let dir = world.log.stop().await;
    let copy = world.root.path().join("copy");
    copy_dir(&dir, &copy);
    let is_refused = async |dir: &Path| {
        let refused = refuse_to_start(log_config(dir, &[])).await;
        assert!(
            matches!(
                refused,
                LogError::Checkpoint { .. } | LogError::OtherHistory { .. }
            ),
            "{refused}"
        );
    };

    // A byte of the newest entry.
    let path = dir.join("log.sqlite3");
    let db = store::Db::open(&path, &["", ""]).await.unwrap();
    let mut transaction = db.begin().await.unwrap();
    let altered = sqlx::query(
        "UPDATE tail SET bytes = CAST(replace(bytes, 'keyid', 'keyie') AS BLOB)
         WHERE first = (SELECT max(first) FROM tail)",
    )
    .execute(&mut *transaction)
    .await
    .unwrap();
    assert_eq!(altered.rows_affected(), 1);
    db.commit(transaction).await.unwrap();
    db.close().await;
    is_refused(&dir).await;

    // A byte of an entry that the database left to its bundle.
    let path = copy.join("public/tile/entries/000");
    let mut bundle = std::fs::read(&path).unwrap();
    bundle[100] ^= 1;
    std::fs::write(&path, bundle).unwrap();
    is_refused(&copy).await;
}

#[tokio::test]
async fn a_lost_bundle_does_not_start_and_is_named() {
    let world = World::founded().await;
    let client = world.client();
    for n in 0..256 {
        submit_at_once(&client, &beat(format!("beat {n}"))).await;
    }
    // What is in a full bundle is forgotten elsewhere with the batch after it.
    submit_witnessed(&client, &beat("next")).await;
    submit_witnessed(&client, &beat("last")).await;
    let urls = world.witness_urls();
    let dir = world.log.stop().await;
    let bundle = dir.join("public/tile/entries/000");
    let bytes = std::fs::read(&bundle).unwrap();
    let is_refused = async || {
        let refused = refuse_to_start(log_config(&dir, &[])).await;
        let LogError::Lost { path, size, .. } = &refused else {
            panic!("{refused}");
        };
        assert_eq!((path.as_str(), *size), ("tile/entries/000", 256));
    };
    std::fs::remove_file(&bundle).unwrap();
    is_refused().await;
    std::fs::write(&bundle, &bytes[..bytes.len() - 1]).unwrap();
    is_refused().await;
    // Restored from a copy, it goes on.
    std::fs::write(&bundle, &bytes).unwrap();
    let log = start_log(log_config(&dir, &urls)).await;
    submit_witnessed(&client_at(&log.url), &beat("after")).await;
    log.stop().await;
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
