//! A candidate is compared with the newest published file: the one that was kept, else the one that is served.

use std::{collections::BTreeMap, net::SocketAddr, path::Path};

use crate::world::{CENTER_LOG, World, now};
use statement::{FileDigest, Publication, Statement, Subject};
use supervisor::SupervisorError;
use tuf::{Expires, Targets, limits::DAY_S};

/// An empty `software`, signed by the center.
fn candidate(world: &World, version: u64) -> Vec<u8> {
    let expires = Expires::from_posix(now() + 80 * DAY_S).unwrap();
    let mut file = Targets::listing(version, expires, BTreeMap::new()).unwrap();
    file.sign(&world.tuf_key("vendor", "tuf-software")).unwrap();
    file.to_bytes().unwrap()
}

/// Has version 1 cosigned and published; the file.
async fn publish_first(world: &World) -> Vec<u8> {
    let mut room = world.supervisor_room();
    room.cosign("software", &candidate(world, 1)).await.unwrap();
    let file = room.cosigned_file("software", 1).unwrap().unwrap();
    let metadata = FileDigest::of(&file);
    let publication = Publication {
        audience: vec![CENTER_LOG.parse().unwrap()],
        not_after: world.not_after,
        blobs: Vec::new(),
        role: "software".to_owned(),
        version: 1,
        metadata,
    };
    let subject = Subject::new("software", metadata);
    let center = world.statement_key("vendor", "center");
    world
        .say(&center, Statement::new(vec![subject], publication))
        .await;
    file
}

/// Serves a directory on a loopback port; its address.
async fn serve_directory(directory: &Path) -> String {
    let listener = serve::bind(SocketAddr::from(([127, 0, 0, 1], 0)));
    let listener = listener.await.unwrap();
    let url = serve::bound_url(&listener).unwrap();
    let router = serve::static_dir(directory, serve::published_caching);
    tokio::spawn(async move {
        let config = serve::ServerConfig::default();
        serve::run(listener, router, &config, std::future::pending()).await
    });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_version_is_compared_with_the_published_file_that_was_kept() {
    let world = World::found().await;
    publish_first(&world).await;
    let mut room = world.supervisor_room();
    let second = candidate(&world, 2);
    room.cosign("software", &second).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_that_lost_its_files_compares_with_what_was_published_if_that_is_served() {
    let world = World::found().await;
    let first = publish_first(&world).await;
    let served = tempfile::tempdir().unwrap();
    let metadata = served.path().join("metadata");
    std::fs::create_dir(&metadata).unwrap();
    let mut config = world.supervisor_config();
    config.dir = world.path().join("another-room");
    config.repository_url = Some(serve_directory(served.path()).await);
    let mut room = world.supervisor_room_of(config);
    let second = candidate(&world, 2);
    // Not served, then another file of that version, then the published one.
    let lost = room.cosign("software", &second).await.unwrap_err();
    assert!(matches!(lost, SupervisorError::PreviousLost { .. }));
    let path = metadata.join("1.software.json");
    std::fs::write(&path, candidate(&world, 1)).unwrap();
    let lost = room.cosign("software", &second).await.unwrap_err();
    assert!(
        matches!(lost, SupervisorError::PreviousLost { version: 1, .. }),
        "{lost}"
    );
    std::fs::write(&path, first).unwrap();
    room.cosign("software", &second).await.unwrap();
}
