//! What a log leaves out of its archive: nobody judges an activation by less than the log did.
#![allow(clippy::unwrap_used, missing_docs)]

mod world;

use logclient::LogClientError;
use statement::{Activation, CheckpointRef, FileDigest};
use world::roster::{self, beat};
use world::{World, submit_witnessed};

/// A log with a successor signed at size 7 and activated at entry 8, and its directory.
async fn with_an_activation() -> (World, std::path::PathBuf) {
    let world = World::founded().await;
    let client = world.client();
    for seed in &roster::GOVERNANCE[..3] {
        submit_witnessed(&client, &roster::envelope(roster::successor(), *seed)).await;
    }
    let note = client.archived(7).await.unwrap();
    let checkpoint = tlog::open_witnessed(&note, &roster::policy()).unwrap();
    let signed_by = CheckpointRef {
        size: 7,
        root: FileDigest::new(*checkpoint.root()),
    };
    submit_witnessed(&client, &beat("between")).await;
    let activation = Activation {
        audience: vec![roster::origin()],
        not_after: roster::FOR_EVER,
        blobs: Vec::new(),
        constitution: roster::envelope(roster::successor(), 1).digest(),
        signed_by: signed_by.clone(),
        waited_until: signed_by,
    };
    let activation = roster::envelope(activation, roster::CENTER_GOVERNANCE);
    client
        .submit_until_witnessed(&activation, world::PATIENCE)
        .await
        .unwrap();
    let public = world.log.dir.join("public");
    (world, public)
}

#[tokio::test]
async fn a_checkpoint_that_the_index_leaves_out_is_asked_for_when_an_activation_names_it() {
    let (world, public) = with_an_activation().await;
    for index in ["", "4\n", "8\n", "9\n", "4\n5\n6\n8\n9\n"] {
        std::fs::write(public.join("archive/index"), index).unwrap();
        let mut follower = world.follower();
        follower.sync().await.unwrap();
        let version = follower.view().unwrap().constitution().unwrap().version;
        assert_eq!(version, 2, "index {index:?}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_follower_that_went_past_a_checkpoint_goes_back_when_an_activation_names_it() {
    let (world, public) = with_an_activation().await;
    let shown = public.join("checkpoint");
    let newest = std::fs::read(&shown).unwrap();
    std::fs::write(public.join("archive/index"), "").unwrap();
    // It sees the log as it was with 8 entries, without the archived checkpoint of 7.
    std::fs::copy(public.join("archive/8"), &shown).unwrap();
    let mut follower = world.follower();
    follower.sync().await.unwrap();
    assert_eq!(follower.view().unwrap().constitution().unwrap().version, 1);
    std::fs::write(&shown, &newest).unwrap();
    follower.sync().await.unwrap();
    assert_eq!(follower.view().unwrap().constitution().unwrap().version, 2);
    world.stop().await;
}

#[tokio::test]
async fn a_log_that_does_not_serve_a_named_checkpoint_is_not_followed_past_the_activation() {
    let (world, public) = with_an_activation().await;
    std::fs::write(public.join("archive/index"), "4\n8\n9\n").unwrap();
    let aside = public.join("aside");
    std::fs::rename(public.join("archive/7"), &aside).unwrap();
    let mut follower = world.follower();
    let missing = follower.sync().await.unwrap_err();
    assert!(
        matches!(missing, LogClientError::NotArchived { size: 7, .. }),
        "{missing}"
    );
    std::fs::rename(&aside, public.join("archive/7")).unwrap();
    follower.sync().await.unwrap();
    assert_eq!(follower.view().unwrap().constitution().unwrap().version, 2);
    world.stop().await;
}

#[tokio::test]
async fn time_is_that_of_the_archived_checkpoint_also_where_the_log_shows_a_later_signature() {
    let (world, public) = with_an_activation().await;
    let archived = std::fs::read(public.join("archive/9")).unwrap();
    std::fs::write(public.join("archive/9"), "not a checkpoint").unwrap();
    assert!(
        world.follower().sync().await.is_err(),
        "it was not asked for"
    );
    std::fs::write(public.join("archive/9"), archived).unwrap();
    world.follower().sync().await.unwrap();
    world.stop().await;
}
