//! The two calls, as the specification says.

use tlog::{Note, Policy, open_checkpoint, open_witnessed};

use crate::world::{Daemon, ORIGIN, TestLog, elsewhere, go_on, refused};

#[tokio::test]
async fn a_log_is_cosigned_when_it_is_held_and_served_as_it_is() {
    let log = TestLog::new(700, "a");
    let mirror = Daemon::start(&[&log]).await;
    let talk = &mirror.talk;
    talk.offer(&log, 0, 300).await;
    assert_eq!(
        talk.get(&log, "checkpoint").await,
        None,
        "pending is not mirrored"
    );
    let reply = talk.add_entries(log.upload(0, 300)).await.unwrap();
    assert_eq!(reply.status, 200);
    mirror.check_lines(&log.checkpoint(300), &reply.body);
    talk.check_served(&log, 300).await;

    talk.offer(&log, 300, 700).await;
    assert_eq!(talk.published(&log).await, 300);
    let reply = talk.add_entries(log.upload(300, 700)).await.unwrap();
    assert_eq!(reply.status, 200);
    talk.check_served(&log, 700).await;

    // The published checkpoint bears the log's signature and both of the mirror's, and passes a
    // policy that asks for the mirror.
    let note = talk.get(&log, "checkpoint").await.unwrap();
    let lines = Note::parse(&note).unwrap().signatures().to_vec();
    assert_eq!(lines.len(), 3);
    open_checkpoint(&note, &[log.vkey().parse().unwrap()]).unwrap();
    for vkey in &mirror.vkeys {
        let text = format!("log {}\nwitness m1 {vkey}\nquorum m1\n", log.vkey());
        let opened = open_witnessed(&note, &Policy::parse(&text).unwrap()).unwrap();
        assert_eq!(*opened, log.checkpoint(700));
    }
}

#[tokio::test]
async fn each_wrong_checkpoint_has_the_status_of_the_specification() {
    let log = TestLog::new(20, "a");
    let mirror = Daemon::start(&[&log]).await;
    let talk = &mirror.talk;
    let status =
        async |body: Vec<u8>| refused(talk.post("add-checkpoint", "text/plain", body).await).status;
    let good = |old, size| log.add_checkpoint(old, size);

    let mut stranger = TestLog::named("other.example/log");
    stranger.push(b"x".to_vec());
    assert_eq!(status(stranger.add_checkpoint(0, 1).to_bytes()).await, 404);
    let text = String::from_utf8(good(0, 8).to_bytes()).unwrap();
    let forged = text.replace("\n8\n", "\n9\n");
    assert_eq!(status(forged.into_bytes()).await, 403);
    let by_nobody = text.replace(&format!("— {ORIGIN} "), "— nobody.example ");
    assert_eq!(status(by_nobody.into_bytes()).await, 403);
    assert_eq!(status(b"old 0\n".to_vec()).await, 400);
    assert_eq!(status(good(9, 8).to_bytes()).await, 400);
    let mut proven = good(0, 8);
    proven.proof.push(tlog::Hash::EMPTY_ROOT);
    assert_eq!(status(proven.to_bytes()).await, 422);

    talk.offer(&log, 0, 8).await;
    talk.offer(&log, 8, 8).await;
    let conflict = refused(talk.add_checkpoint(&good(7, 9)).await);
    assert_eq!(conflict.status, 409);
    assert_eq!(conflict.content_type.as_deref(), Some("text/x.tlog.size"));
    assert_eq!(conflict.body, "8\n");
    let mut unproven = good(8, 20);
    unproven.proof[0] = tlog::Hash::EMPTY_ROOT;
    assert_eq!(status(unproven.to_bytes()).await, 422);
    assert_eq!(status(vec![b'x'; 70_000]).await, 413);
    talk.offer(&log, 8, 20).await;
    assert_eq!(talk.published(&log).await, 0);
}

#[tokio::test]
async fn an_upload_that_starts_or_ends_elsewhere_is_told_where_to_go_on() {
    let log = TestLog::new(9_000, "a");
    let mirror = Daemon::start(&[&log]).await;
    let talk = &mirror.talk;
    let stranger = TestLog::named("other.example/log");
    assert_eq!(
        refused(talk.add_entries(stranger.upload(0, 0)).await).status,
        404
    );
    assert_eq!(
        refused(talk.add_entries(log.upload(0, 20)).await).status,
        422
    );
    talk.offer(&log, 0, 20).await;
    assert_eq!(
        elsewhere(talk.add_entries(log.upload(0, 19)).await),
        (20, 0)
    );
    assert_eq!(
        elsewhere(talk.add_entries(log.upload(1, 20)).await),
        (20, 0)
    );
    assert_eq!(
        elsewhere(talk.add_entries(log.upload(20, 20)).await),
        (20, 0)
    );
    talk.offer(&log, 20, 700).await;
    // The older pending checkpoint may still be completed.
    assert_eq!(
        elsewhere(talk.add_entries(log.upload(3, 20)).await),
        (20, 0)
    );
    let reply = talk.add_entries(log.upload(0, 20)).await.unwrap();
    assert_eq!(reply.status, 200);
    let reply = talk.add_entries(log.upload_of(20, 700, 1)).await.unwrap();
    assert_eq!((reply.status, go_on(&reply.body)), (202, (700, 256)));
    assert_eq!(
        elsewhere(talk.add_entries(log.upload(0, 19)).await),
        (700, 256)
    );
    let reply = talk.add_entries(log.upload(256, 700)).await.unwrap();
    assert_eq!(reply.status, 200);
    // Below what is mirrored nothing is cosigned any more.
    assert_eq!(
        elsewhere(talk.add_entries(log.upload(20, 20)).await),
        (700, 700)
    );
    assert_eq!(talk.published(&log).await, 700);
    // Too much that is held already.
    talk.offer(&log, 700, 9_000).await;
    let mut held = 700;
    while held < 9_000 {
        let reply = talk
            .add_entries(log.upload_of(held, 9_000, 32))
            .await
            .unwrap();
        held = if reply.status == 202 {
            go_on(&reply.body).1
        } else {
            9_000
        };
    }
    let reply = elsewhere(talk.add_entries(log.upload_of(0, 9_000, 1)).await);
    assert_eq!(reply, (9_000, 9_000));
    talk.check_served(&log, 9_000).await;
}

#[tokio::test]
async fn the_same_checkpoint_is_cosigned_again_without_entries() {
    let log = TestLog::new(300, "a");
    let mirror = Daemon::start(&[&log]).await;
    let first = mirror.talk.mirror(&log, 0, 300).await;
    let first = mirror.check_lines(&log.checkpoint(300), &first);
    let again = mirror.talk.add_entries(log.upload(300, 300)).await.unwrap();
    assert_eq!(again.status, 200);
    assert!(mirror.check_lines(&log.checkpoint(300), &again.body) >= first);
    // All entries once more are proven once more.
    let again = mirror.talk.add_entries(log.upload(7, 300)).await.unwrap();
    assert_eq!(again.status, 200);
    let other = TestLog::new(300, "b");
    assert_eq!(
        refused(mirror.talk.add_entries(other.upload(0, 300)).await).status,
        422
    );
}

#[tokio::test]
async fn an_empty_log_is_mirrored_too() {
    let log = TestLog::new(0, "a");
    let mirror = Daemon::start(&[&log]).await;
    let body = mirror.talk.mirror(&log, 0, 0).await;
    mirror.check_lines(&log.checkpoint(0), &body);
    assert!(mirror.talk.get(&log, "checkpoint").await.is_some());
}
