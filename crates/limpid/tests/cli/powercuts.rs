//! The power is cut on paper, and processes are killed: the log and the witness of this very
//! program keep everything they said. `cargo xtask long powercuts` and `long kills` do it far
//! more often.

use std::{path::Path, sync::Arc};

use powercut::{
    Blow, Life, Recording, Room, kill_log, omit, record_log, record_witness, survey, try_log,
};

use crate::program::LIMPID;

/// Disks that are looked at for each kind of `fsync`.
const OMISSION_TRIES: usize = 6;
/// Kills of the log.
const KILLS: usize = 200;

fn killed_at(call: &str, number: usize) -> Life {
    let blow = Blow {
        call: call.to_owned(),
        what: "signal=KILL".to_owned(),
        when: number.to_string(),
    };
    Life {
        entries: 3,
        blows: vec![blow],
        ..Life::default()
    }
}

fn left_alone(entries: usize, is_stopped: bool) -> Life {
    Life {
        entries,
        is_stopped,
        ..Life::default()
    }
}

async fn nothing_is_lost<R: Room>(room: R, recording: &Recording, cuts: usize) -> Arc<R> {
    let room = Arc::new(room);
    let found = survey(&room, recording, cuts, 1).await.unwrap();
    assert!(found.broken.is_empty(), "{:#?}", found.broken);
    assert!(found.total() > cuts / 2, "{found:?}");
    room
}

/// Every kind of `fsync` that the daemon did is missed when it is left out, alone or, if another
/// one of its folder comes before anything is said, together with that.
async fn every_sync_is_needed<R: Room>(room: &Arc<R>, recording: &Recording, kinds_min: usize) {
    let classes = recording.classes();
    assert!(classes.len() >= kinds_min, "{classes:?}");
    let mut alone = 0;
    // The journal served only while an empty database was made.
    for class in classes.iter().filter(|class| !class.ends_with("-journal")) {
        let found = omit(room, recording, class, OMISSION_TRIES).await.unwrap();
        assert!(
            found.noticed.is_some() || found.noticed_together.is_some(),
            "nobody misses the fsync: {class}"
        );
        alone += usize::from(found.noticed.is_some());
    }
    assert!(
        2 * alone >= kinds_min,
        "only {alone} kinds are missed alone"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_takes_nothing_that_the_log_said_and_every_fsync_is_missed() {
    let lives = [left_alone(5, true), left_alone(4, false)];
    let (room, recording) = record_log(Path::new(LIMPID), &lives).await.unwrap();
    let room = nothing_is_lost(room, &recording, 60).await;
    every_sync_is_needed(&room, &recording, 18).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_takes_nothing_that_the_witness_said_and_every_fsync_is_missed() {
    let lives = [left_alone(12, true), left_alone(8, false)];
    let (room, recording) = record_witness(Path::new(LIMPID), &lives).await.unwrap();
    let room = nothing_is_lost(room, &recording, 40).await;
    every_sync_is_needed(&room, &recording, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_killed_at_a_system_call_keeps_its_word_when_the_power_fails_afterwards() {
    for (call, number) in [("fsync", 6), ("pwrite64", 20), ("renameat2", 3)] {
        let trial = try_log(Path::new(LIMPID), killed_at(call, number))
            .await
            .unwrap();
        assert!(trial.is_struck, "{call} {number} never came");
        assert!(
            trial.broken.is_empty(),
            "{call} {number}: {:#?}",
            trial.broken
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_on_a_full_disk_keeps_its_word() {
    let life = Life {
        file_bytes_max: Some(40_000),
        ..left_alone(6, false)
    };
    let trial = try_log(Path::new(LIMPID), life).await.unwrap();
    assert!(trial.broken.is_empty(), "{:#?}", trial.broken);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_killed_hundreds_of_times_under_load_loses_nothing_and_never_forks() {
    let storm = kill_log(Path::new(LIMPID), KILLS, 1, |_| ()).await.unwrap();
    assert_eq!(storm.kills, KILLS);
    assert!(storm.durable > KILLS && storm.witnessed > 0, "{storm:?}");
}
