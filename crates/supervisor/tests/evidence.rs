//! What a build rests on is had and hashed by the supervisor itself before it says yes.

use crate::world::{Built, World, archive_bytes, artifact_bytes, recipe_bytes};
use statement::{FileDigest, Kind};

async fn repeated_by_both(world: &World, built: &Built) {
    world.rebuild(built, "lab-a").await;
    world.rebuild(built, "lab-b").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn archive_and_recipe_must_be_had_even_if_no_blob_names_them() {
    let world = World::found().await;
    let mut room = world.supervisor_room();
    let version = "1.0.0";
    let built = world
        .begin_build_naming(version, Kind::Software, Vec::new())
        .await;
    repeated_by_both(&world, &built).await;
    assert_eq!(room.round().await.unwrap().approved, []);
    let [refused] = &room.refusals()[..] else {
        panic!("{:?}", room.refusals());
    };
    assert_eq!(
        (refused.code, &refused.subject),
        ("blob.missing", &built.build.to_string())
    );
    // Which one, and everything that is known about why.
    let archive = FileDigest::of(&archive_bytes(version)).to_string();
    for expected in [&archive, "the log did not answer", "404"] {
        assert!(refused.detail.contains(expected), "{}", refused.detail);
    }
    for bytes in [archive_bytes(version), recipe_bytes(version)] {
        assert_eq!(room.round().await.unwrap().approved, []);
        world.put(&bytes).await;
    }
    assert_eq!(room.round().await.unwrap().approved, [built.build]);
    assert_eq!(room.refusals(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_that_was_seen_does_not_pass_under_another_size() {
    let world = World::found().await;
    let mut room = world.supervisor_room();
    let first = world.build("1.0.0").await;
    assert_eq!(room.round().await.unwrap().approved, [first.build]);
    let mut named = world.put(&archive_bytes("1.0.0")).await;
    named.bytes += 1;
    let others = [archive_bytes("1.1.0"), recipe_bytes("1.1.0")];
    for bytes in &others {
        world.put(bytes).await;
    }
    let second = world
        .begin_build_naming("1.1.0", Kind::Software, vec![named])
        .await;
    repeated_by_both(&world, &second).await;
    assert_eq!(room.round().await.unwrap().approved, []);
    assert_eq!(room.refusals()[0].code, "blob.bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_is_fetched_up_to_the_size_that_is_configured_and_no_larger_one() {
    let world = World::found().await;
    let built = world.build("1.0.0").await;
    let largest = artifact_bytes("1.0.0").len() as u64;
    let mut config = world.supervisor_config();
    config.blob_bytes_max = largest - 1;
    let mut room = world.supervisor_room_of(config.clone());
    assert_eq!(room.round().await.unwrap().approved, []);
    assert_eq!(room.refusals()[0].code, "blob.too_large");
    drop(room);
    config.blob_bytes_max = largest;
    let mut room = world.supervisor_room_of(config);
    assert_eq!(room.round().await.unwrap().approved, [built.build]);
}
