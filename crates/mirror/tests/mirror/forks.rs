//! A log that signs two histories is stopped, and the evidence is there for everybody.

use tlog::{ForkEvidence, VerifierKey};

use crate::world::{Daemon, TestLog, refused};

async fn check_stopped(mirror: &Daemon, log: &TestLog, mirrored: u64) -> Vec<u8> {
    let talk = &mirror.talk;
    let code = |reply| {
        let reply = refused(reply);
        assert_eq!(reply.status, 422);
        reply.problem.unwrap().code
    };
    for size in [mirrored, 700] {
        let offered = talk.add_checkpoint(&log.add_checkpoint(0, size)).await;
        assert_eq!(code(offered), "mirror.stopped");
    }
    let uploaded = talk.add_entries(log.upload(mirrored, mirrored)).await;
    assert_eq!(code(uploaded), "mirror.stopped");
    // What was mirrored stays.
    assert_eq!(talk.published(log).await, mirrored);
    talk.check_served(log, mirrored).await;
    talk.get(log, "fork-evidence").await.unwrap()
}

fn check_evidence(evidence: &[u8], log: &TestLog, sizes: (u64, u64)) {
    let key: VerifierKey = log.vkey().parse().unwrap();
    let evidence = ForkEvidence::parse(evidence).unwrap();
    let fork = evidence.open(&[key]).unwrap();
    assert_eq!((fork.smaller().size(), fork.larger().size()), sizes);
}

#[tokio::test]
async fn two_roots_of_one_size_stop_the_log_for_ever_and_no_other_log() {
    let (log, forked) = (TestLog::new(700, "a"), TestLog::new(700, "b"));
    let mut other = TestLog::named("other.example/log");
    other.push(b"x".to_vec());
    let mirror = Daemon::start(&[&log, &other]).await;
    let talk = &mirror.talk;
    talk.mirror(&log, 0, 300).await;
    talk.offer(&log, 300, 600).await;
    assert_eq!(talk.get(&log, "fork-evidence").await, None);
    // The old size may be anything: both checkpoints are signed.
    let answer = talk.add_checkpoint(&forked.add_checkpoint(5, 600)).await;
    let answer = refused(answer);
    assert_eq!(answer.status, 422);
    let evidence = check_stopped(&mirror, &log, 300).await;
    check_evidence(&evidence, &log, (600, 600));
    talk.mirror(&other, 0, 1).await;

    let dir = mirror.stop().await;
    let folder = crate::world::Folder::of(dir.path(), &log);
    std::fs::remove_file(folder.0.join("fork-evidence")).unwrap();
    let mirror = Daemon::start_in(dir, &[&log, &other]).await;
    assert_eq!(check_stopped(&mirror, &log, 300).await, evidence);
}

#[tokio::test]
async fn a_smaller_tree_that_is_no_beginning_of_the_mirrored_one_stops_the_log() {
    let (log, forked) = (TestLog::new(700, "a"), TestLog::new(700, "b"));
    let mirror = Daemon::start(&[&log]).await;
    mirror.talk.mirror(&log, 0, 300).await;
    // Small, but true: no fork. It is only too old.
    let old = refused(mirror.talk.add_checkpoint(&log.add_checkpoint(0, 77)).await);
    assert_eq!((old.status, &old.body[..]), (409, &b"300\n"[..]));
    let answer = refused(
        mirror
            .talk
            .add_checkpoint(&forked.add_checkpoint(0, 77))
            .await,
    );
    assert_eq!(answer.status, 422);
    let evidence = check_stopped(&mirror, &log, 300).await;
    check_evidence(&evidence, &log, (77, 300));
}

#[tokio::test]
async fn a_proof_that_fails_is_no_evidence() {
    let (log, forked) = (TestLog::new(700, "a"), TestLog::new(700, "b"));
    let mirror = Daemon::start(&[&log]).await;
    mirror.talk.mirror(&log, 0, 300).await;
    let answer = mirror
        .talk
        .add_checkpoint(&forked.add_checkpoint(300, 600))
        .await;
    assert_eq!(refused(answer).status, 422);
    assert_eq!(mirror.talk.get(&log, "fork-evidence").await, None);
    mirror.talk.mirror(&log, 300, 700).await;
    mirror.talk.check_served(&log, 700).await;
}

#[tokio::test]
async fn a_tile_that_was_damaged_here_accuses_nobody() {
    let log = TestLog::new(700, "a");
    let mirror = Daemon::start(&[&log]).await;
    mirror.talk.mirror(&log, 0, 300).await;
    let folder = crate::world::Folder::of(mirror.dir.path(), &log);
    let tile = folder.0.join("tile/0/000");
    let mut bytes = std::fs::read(&tile).unwrap();
    bytes[40] ^= 1;
    std::fs::write(&tile, bytes).unwrap();
    let old = refused(mirror.talk.add_checkpoint(&log.add_checkpoint(0, 77)).await);
    assert_eq!(old.status, 409);
    assert_eq!(mirror.talk.get(&log, "fork-evidence").await, None);
}
