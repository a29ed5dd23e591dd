//! A log gets other keys, by a constitution that names them, and goes on with its history.

use log::{Config, LogError};
use statement::{Activation, CheckpointRef, Constitution, FileDigest, Role};
use tlog::{KeyType, open_witnessed};

use crate::world::roster::{self, beat};
use crate::world::{self, PATIENCE, World, submit_at_once, submit_witnessed};

/// The keys it gets.
const NEW_SEEDS: [u8; 2] = [70, 71];

fn new_vkeys() -> [String; 2] {
    [
        roster::vkey(roster::ORIGIN, KeyType::Ed25519, NEW_SEEDS[0]),
        roster::vkey(roster::ORIGIN, KeyType::CosignatureMlDsa44, NEW_SEEDS[1]),
    ]
}

/// Constitution 2: the log's keys are others.
fn successor() -> Constitution {
    let mut next = roster::constitution();
    next.version = 2;
    next.previous = Some(roster::anchor());
    for (old, new) in roster::log_vkeys().iter().zip(new_vkeys()) {
        next.tlog_policy = next.tlog_policy.replace(old, &new);
    }
    let center = &mut next.parties[0];
    center.keys.retain(|key| key.role != Role::Log);
    center.keys.extend(roster::pair(Role::Log, NEW_SEEDS));
    next
}

/// Has the successor signed and put in force; the log cannot publish it with its old keys.
async fn activate(world: &World) {
    let client = world.client();
    for seed in &roster::GOVERNANCE[..3] {
        submit_witnessed(&client, &roster::envelope(successor(), *seed)).await;
    }
    let note = client.archived(7).await.unwrap();
    let root = *open_witnessed(&note, &roster::policy()).unwrap().root();
    let seen = CheckpointRef {
        size: 7,
        root: FileDigest::new(root),
    };
    let activation = Activation {
        audience: vec![roster::origin()],
        not_after: roster::FOR_EVER,
        blobs: Vec::new(),
        constitution: roster::envelope(successor(), 1).digest(),
        signed_by: seen.clone(),
        waited_until: seen,
    };
    let entry = roster::envelope(activation, roster::CENTER_GOVERNANCE);
    assert_eq!(submit_at_once(&client, &entry).await, 7);
}

fn with_new_keys(dir: &std::path::Path, witnesses: &[String], root: &tempfile::TempDir) -> Config {
    let mut config = world::log_config(dir, witnesses);
    let keys = World::make_dir(root, "new-keys");
    [config.ed25519_key, config.ml_dsa_key] = world::key_files(&keys, NEW_SEEDS);
    config
}

#[tokio::test]
async fn a_log_with_new_keys_goes_on_where_the_old_ones_left_it() {
    let mut world = World::founded().await;
    activate(&world).await;
    let dir = world.log.stop().await;
    // The witnesses are told of the new keys beside the old ones.
    let mut urls = Vec::new();
    for (n, witness) in std::mem::take(&mut world.witnesses).into_iter().enumerate() {
        let mut config = world::witness_config(n, &witness.stop().await);
        config.logs[0].vkeys.extend(new_vkeys());
        let witness = world::start_witness(config).await;
        urls.push(witness.url.clone());
        world.witnesses.push(witness);
    }

    let mut config = with_new_keys(&dir, &urls, &world.root);
    let refusal = world::refuse_to_start(config.clone()).await;
    assert!(matches!(refusal, LogError::Checkpoint { .. }), "{refusal}");
    config.former_vkeys = roster::log_vkeys().to_vec();
    let log = world::start_log(config.clone()).await;
    let client = world::client_at(&log.url);
    let proof = client
        .submit_until_witnessed(&beat("one"), PATIENCE)
        .await
        .unwrap();
    assert_eq!(proof.index, 8);
    let policy = tlog::Policy::parse(&successor().tlog_policy).unwrap();
    proof.open(&beat("one").to_bytes(), &policy).unwrap();
    let mut follower = logclient::Follower::new(client, roster::anchor());
    follower.sync().await.unwrap();
    assert_eq!(follower.view().unwrap().constitution().unwrap().version, 2);
    log.stop().await;
}

#[tokio::test]
async fn what_a_log_signed_with_its_former_keys_still_binds_it() {
    let mut world = World::founded().await;
    let backup = world.root.path().join("backup");
    let urls = world.witness_urls();
    let root = tempfile::tempdir().unwrap();
    submit_witnessed(&world.client(), &beat("one")).await;
    let dir = world.log.stop().await;
    world::copy_dir(&dir, &backup);
    let log = world::start_log(world::log_config(&dir, &urls)).await;
    submit_witnessed(&world::client_at(&log.url), &beat("two")).await;
    log.stop().await;
    // An older copy, with new keys and a witness that remembers what the old ones signed.
    let mut config = with_new_keys(&backup, &urls, &root);
    config.former_vkeys = roster::log_vkeys().to_vec();
    let refusal = world::refuse_to_start(config).await;
    assert!(
        matches!(
            refusal,
            LogError::Behind {
                signed: 6,
                rows: 5,
                ..
            }
        ),
        "{refusal}"
    );
    for witness in std::mem::take(&mut world.witnesses) {
        witness.stop().await;
    }
}

#[tokio::test]
async fn a_former_key_of_another_name_is_refused_by_field_and_value() {
    let root = tempfile::tempdir().unwrap();
    let mut config = world::log_config(&World::make_dir(&root, "log"), &[]);
    let other = roster::vkey("other.example/log", KeyType::Ed25519, 1);
    for wrong in [other, "x".to_owned()] {
        config.former_vkeys = vec![wrong.clone()];
        let refusal = world::refuse_to_start(config.clone()).await;
        let shown = refusal.to_string();
        assert!(
            shown.contains("former_vkeys") && shown.contains(&wrong),
            "{shown}"
        );
    }
}
