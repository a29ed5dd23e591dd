//! What a mirror finds when it starts again.

use std::path::Path;

use mirror::{Mirror, MirrorError};

use crate::world::{Daemon, Folder, TestLog, config, elsewhere, go_on};

async fn open_error(dir: &Path, log: &TestLog) -> MirrorError {
    match Mirror::open(&config(dir, &[log])).await {
        Ok(_) => panic!("it opened"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn an_upload_goes_on_where_the_last_process_stopped() {
    let log = TestLog::new(2_000, "a");
    let mut mirror = Daemon::start(&[&log]).await;
    mirror.talk.offer(&log, 0, 1_500).await;
    let mut held = 0;
    while held < 1_024 {
        let reply = mirror
            .talk
            .add_entries(log.upload_of(held, 1_500, 2))
            .await
            .unwrap();
        held = go_on(&reply.body).1;
        mirror = Daemon::start_in(mirror.stop().await, &[&log]).await;
        let asked = mirror.talk.add_entries(log.upload(1_500, 1_500)).await;
        assert_eq!(elsewhere(asked), (1_500, held));
    }
    let reply = mirror
        .talk
        .add_entries(log.upload(held, 1_500))
        .await
        .unwrap();
    assert_eq!(reply.status, 200);
    mirror = Daemon::start_in(mirror.stop().await, &[&log]).await;
    assert_eq!(mirror.talk.published(&log).await, 1_500);
    mirror.talk.mirror(&log, 1_500, 2_000).await;
    mirror.talk.check_served(&log, 2_000).await;
}

#[tokio::test]
async fn a_checkpoint_that_was_decided_and_not_shown_is_shown_at_the_next_start() {
    let log = TestLog::new(300, "a");
    let mirror = Daemon::start(&[&log]).await;
    mirror.talk.mirror(&log, 0, 300).await;
    let shown = mirror.talk.get(&log, "checkpoint").await.unwrap();
    let dir = mirror.stop().await;
    std::fs::remove_file(Folder::of(dir.path(), &log).0.join("checkpoint")).unwrap();
    let mirror = Daemon::start_in(dir, &[&log]).await;
    assert_eq!(mirror.talk.get(&log, "checkpoint").await.unwrap(), shown);
}

#[tokio::test]
async fn an_old_copy_of_the_database_is_not_gone_on_from() {
    let log = TestLog::new(700, "a");
    let mirror = Daemon::start(&[&log]).await;
    mirror.talk.mirror(&log, 0, 300).await;
    let dir = mirror.stop().await;
    let database = dir.path().join("mirror.sqlite3");
    let copy = std::fs::read(&database).unwrap();
    let mirror = Daemon::start_in(dir, &[&log]).await;
    mirror.talk.mirror(&log, 300, 700).await;
    let dir = mirror.stop().await;
    for suffix in ["-wal", "-shm"] {
        drop(std::fs::remove_file(
            dir.path().join(format!("mirror.sqlite3{suffix}")),
        ));
    }
    std::fs::write(&database, copy).unwrap();
    let error = open_error(dir.path(), &log).await;
    assert!(
        matches!(
            error,
            MirrorError::WentBack {
                published: 700,
                known: 300,
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn files_that_do_not_hold_what_was_cosigned_stop_the_start() {
    let log = TestLog::new(700, "a");
    let mirror = Daemon::start(&[&log]).await;
    mirror.talk.mirror(&log, 0, 700).await;
    let dir = mirror.stop().await;
    let folder = Folder::of(dir.path(), &log);
    for name in ["tile/0/002.p/188", "tile/0/001", "tile/1/000.p/2"] {
        let path = folder.0.join(name);
        let good = std::fs::read(&path).unwrap();
        let mut bad = good.clone();
        bad[33] ^= 1;
        std::fs::write(&path, &bad).unwrap();
        let error = open_error(dir.path(), &log).await;
        assert!(
            matches!(error, MirrorError::OtherTree { .. }),
            "{name}: {error}"
        );
        std::fs::write(&path, good).unwrap();
    }
    let last = folder.0.join("tile/0/002.p/188");
    std::fs::remove_file(last).unwrap();
    let error = open_error(dir.path(), &log).await;
    assert!(matches!(error, MirrorError::Tiles { .. }), "{error}");
}

#[tokio::test]
async fn two_mirrors_never_work_on_one_directory() {
    let log = TestLog::new(1, "a");
    let mirror = Daemon::start(&[&log]).await;
    let error = open_error(mirror.dir.path(), &log).await;
    assert!(
        matches!(error, MirrorError::Store(store::StoreError::Locked { .. })),
        "{error}"
    );
}
