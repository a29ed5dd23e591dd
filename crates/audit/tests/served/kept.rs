//! Checkpoints that entries keep: each is compared with the history that is shown.

use audit::{Outcome, Report};
use statement::{Anchor, CheckpointRef, FileDigest};
use tlog::{Checkpoint, Note};

use crate::place::{Served, audit_of, codes, log_blob, served};
use crate::world::roster::{self, CENTER, FOR_EVER, beat, envelope};
use crate::world::{World, submit_witnessed};

fn anchor(note: &[u8]) -> Anchor {
    let text = Note::parse(note).unwrap();
    let checkpoint = Checkpoint::parse(text.text()).unwrap();
    Anchor {
        audience: vec![roster::origin()],
        not_after: FOR_EVER,
        blobs: Vec::new(),
        origin: checkpoint.origin().clone(),
        checkpoint: CheckpointRef {
            size: checkpoint.size(),
            root: FileDigest::new(*checkpoint.root()),
        },
        note: String::from_utf8(note.to_vec()).unwrap(),
    }
}

/// A log of 7 entries, the last of which (entry 6) keeps a checkpoint of a log of that name.
async fn keeping(statement: impl FnOnce(&World) -> Anchor) -> (World, Report) {
    let world = World::founded().await;
    log_blob(&world).await;
    submit_witnessed(&world.client(), &beat("here")).await;
    let entry = envelope(statement(&world), CENTER);
    submit_witnessed(&world.client(), &entry).await;
    let report = audit_of(&world.log.dir).await;
    (world, report)
}

fn archived(world: &World, size: u64) -> Vec<u8> {
    std::fs::read(world.log.dir.join(format!("public/archive/{size}"))).unwrap()
}

#[tokio::test]
async fn a_kept_checkpoint_of_this_history_agrees_also_when_tiles_are_damaged() {
    let (world, report) = keeping(|world| anchor(&archived(world, 5))).await;
    assert_eq!(report.outcome, Outcome::Held, "{}", report.to_text());
    assert_eq!(
        (report.logs[0].kept.kept, report.logs[0].kept.agree),
        (1, 1)
    );
    let tile = world.log.dir.join("public/tile/0/000.p/7");
    let mut bytes = std::fs::read(&tile).unwrap();
    bytes[0] ^= 1;
    std::fs::remove_file(&tile).unwrap();
    std::fs::write(&tile, bytes).unwrap();
    let report = audit_of(&world.log.dir).await;
    assert_eq!(codes(&report), [("log.tile", Some(0))], "no second history");
    assert_eq!(report.logs[0].kept.agree, 1);
    world.stop().await;
}

#[tokio::test]
async fn a_kept_checkpoint_of_another_history_is_found_with_both_notes() {
    let elsewhere: Served = served(1).await;
    let note = elsewhere.read("checkpoint");
    let (world, report) = keeping(|_| anchor(&note)).await;
    assert_eq!(report.outcome, Outcome::Broken, "{}", report.to_text());
    assert_eq!(codes(&report), [("anchor.fork", Some(6))]);
    assert_eq!(report.evidence[0].earlier, note);
    assert!(report.to_text().contains("EVIDENCE"));
    world.stop().await;
}

#[tokio::test]
async fn a_kept_checkpoint_with_more_entries_than_the_log_shows_is_found() {
    let elsewhere = served(4).await;
    let note = elsewhere.read("checkpoint");
    let (world, report) = keeping(|_| anchor(&note)).await;
    assert_eq!(codes(&report), [("anchor.ahead", Some(6))]);
    world.stop().await;
}

#[tokio::test]
async fn a_kept_checkpoint_that_nobody_signed_only_raises_a_doubt() {
    let (world, report) = keeping(|world| {
        let mut statement = anchor(&archived(world, 5));
        statement.checkpoint.root = FileDigest::of(b"invented");
        statement
    })
    .await;
    assert_eq!(report.outcome, Outcome::Doubtful, "{}", report.to_text());
    let found = codes(&report);
    assert_eq!(found, [("anchor.fork", Some(6)), ("anchor.note", Some(6))]);
    world.stop().await;
}
