//! An entry's life, from its submission to a proof that strangers accept.
#![allow(clippy::unwrap_used, missing_docs)]

mod world;

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use logclient::Submitted;
use statement::{Activation, CheckpointRef, FileDigest};
use tlog::{BundleId, Checkpoint, Note, open_witnessed};
use world::roster::{self, beat};
use world::{
    PATIENCE, World, found, founding, post_at_once, submit_at_once, submit_witnessed, until,
};

fn opened(note: &[u8]) -> tlog::Witnessed<Checkpoint> {
    open_witnessed(note, &roster::policy()).unwrap()
}

#[tokio::test]
async fn an_entry_is_answered_with_a_proof_that_opens_under_the_constitution() {
    let world = World::founded().await;
    let proof = submit_witnessed(&world.client(), &beat("one")).await;
    assert_eq!(proof.index, 4);
    // The log's two keys, and two of each witness.
    let note = Note::parse(&proof.checkpoint).unwrap();
    assert_eq!(note.signatures().len(), 6);
    world.stop().await;
}

#[tokio::test]
async fn a_follower_replays_the_log_and_makes_bundles_of_it() {
    let world = World::founded().await;
    let client = world.client();
    let mut follower = world.follower();
    follower.sync().await.unwrap();
    for n in 0..300 {
        submit_at_once(&client, &beat(format!("beat {n}"))).await;
    }
    submit_witnessed(&client, &beat("last")).await;
    follower.sync().await.unwrap();
    assert_eq!(follower.checkpoint().unwrap().size(), 305);
    let constitution = follower.view().unwrap().constitution().unwrap();
    assert_eq!(constitution.version, 1);

    let bundle = follower.bundle(&[4, 255, 256, 304]).await.unwrap();
    let bundle = law::Bundle::parse(&bundle.to_bytes().unwrap()).unwrap();
    assert_eq!(bundle.entries.len(), 4 + 4);
    bundle.open(roster::anchor()).unwrap();
    world.stop().await;
}

#[tokio::test]
async fn a_bundle_of_what_ended_since_shows_an_older_checkpoint_with_it() {
    let world = World::founded().await;
    let client = world.client();
    let first = submit_witnessed(&client, &beat("first")).await;
    let ends = opened(&first.checkpoint).median_time() + 3;
    let brief = statement::Heartbeat {
        not_after: ends,
        ..roster::heartbeat("brief")
    };
    let brief = roster::envelope(brief, roster::SUPERVISOR);
    let index = submit_witnessed(&client, &brief).await.index;
    let mut follower = world.follower();
    follower.sync().await.unwrap();
    let bundle = follower.bundle(&[index]).await.unwrap();
    assert!(bundle.archived.is_empty(), "it did not end yet");
    // Until the witnesses' clocks are past its end.
    let mut beats = 0;
    while follower.checkpoint().unwrap().median_time() <= ends {
        beats += 1;
        submit_witnessed(&client, &beat(format!("beat {beats}"))).await;
        follower.sync().await.unwrap();
    }
    let bundle = follower.bundle(&[index]).await.unwrap();
    let [shown] = bundle.archived.as_slice() else {
        panic!("{} older checkpoints", bundle.archived.len());
    };
    let shown = opened(shown);
    assert!(shown.size() > index && shown.median_time() <= ends);
    bundle.open(roster::anchor()).unwrap();
    world.stop().await;
}

#[tokio::test]
async fn an_independent_implementation_recomputes_the_root_from_the_bundles() {
    let world = World::founded().await;
    let client = world.client();
    for n in 0..260 {
        submit_at_once(&client, &beat(format!("beat {n}"))).await;
    }
    let proof = submit_witnessed(&client, &beat("last")).await;
    let checkpoint = opened(&proof.checkpoint);
    let mut oracle = MemoryBackedTree::<sha2::Sha256, Vec<u8>>::new();
    for id in BundleId::covering(checkpoint.size()) {
        for entry in client.entries(id).await.unwrap() {
            oracle.push(entry);
        }
    }
    assert_eq!(oracle.len(), checkpoint.size());
    assert_eq!(
        oracle.root().as_bytes().as_slice(),
        checkpoint.root().as_bytes()
    );
    world.stop().await;
}

#[tokio::test]
async fn an_entry_submitted_again_keeps_its_first_index() {
    let world = World::founded().await;
    let client = world.client();
    let first = submit_witnessed(&client, &beat("one")).await;
    submit_witnessed(&client, &beat("two")).await;
    let again = submit_witnessed(&client, &beat("one")).await;
    assert_eq!(again.index, first.index);
    assert_eq!(submit_at_once(&client, &beat("one")).await, first.index);
    // Also when both arrive in one batch, and by another key it is another entry.
    let (a, b) = tokio::join!(
        post_at_once(&client, beat("three").to_bytes()),
        post_at_once(&client, beat("three").to_bytes())
    );
    assert_eq!(a.unwrap(), b.unwrap());
    let other = roster::envelope(roster::heartbeat("three"), roster::SUPERVISOR);
    assert_eq!(submit_at_once(&client, &other).await, 7);
    world.stop().await;
}

#[tokio::test]
async fn without_witnesses_entries_are_durable_and_nothing_is_published() {
    let root = tempfile::tempdir().unwrap();
    let addresses = [world::free_address(0), world::free_address(1)];
    let urls = addresses.map(|address| format!("http://{address}"));
    let mut config = world::log_config(&World::make_dir(&root, "log"), &urls);
    config.wait_ms = 300;
    let log = world::start_log(config).await;
    let client = world::client_at(&log.url);
    for envelope in founding() {
        assert!(matches!(
            client.submit(&envelope).await.unwrap(),
            Submitted::Durable { .. }
        ));
    }
    let waited = client.submit(&beat("one")).await.unwrap();
    assert_eq!(waited, Submitted::Durable { index: 4 });
    assert!(client.checkpoint().await.is_err());
    assert!(client.archived_sizes().await.unwrap().is_empty());

    // One of two is no quorum.
    let start_witness = async |n: usize| {
        let mut config =
            world::witness_config(n, &World::make_dir(&root, roster::WITNESS_NAMES[n]));
        config.server.listen = addresses[n];
        world::start_witness(config).await
    };
    let first = start_witness(0).await;
    let name = tlog::sha256(roster::ORIGIN.as_bytes()).to_hex();
    let seen = format!("{}/{name}/checkpoint", first.url);
    until("the first witness to be asked", async || {
        world::http().get_optional(&seen, 1 << 16).await.unwrap()
    })
    .await;
    assert!(client.checkpoint().await.is_err());

    // With the second the log catches up by itself.
    let second = start_witness(1).await;
    let proof = client
        .submit_until_witnessed(&beat("one"), PATIENCE)
        .await
        .unwrap();
    assert_eq!(proof.index, 4);
    log.stop().await;
    first.stop().await;
    second.stop().await;
}

#[tokio::test]
async fn an_idle_log_has_its_checkpoint_cosigned_again_but_archives_the_first() {
    let world = World::start_with(|config| config.refresh_ms = 50).await;
    let client = world.client();
    found(&client).await;
    let first = client.checkpoint().await.unwrap();
    let archived = client.archived(4).await.unwrap();
    // Times are whole seconds: one witness may be in the next one already and the other not, so
    // that the note is another and its time the same.
    let before = opened(&archived).median_time();
    let second = until("fresh cosignatures", async || {
        let now = client.checkpoint().await.unwrap();
        (opened(&now).median_time() > before).then_some(now)
    })
    .await;
    assert_eq!(opened(&second).size(), opened(&first).size());
    assert_eq!(client.archived(4).await.unwrap(), archived);
    assert_eq!(client.archived_sizes().await.unwrap(), [4]);
    world.stop().await;
}

#[tokio::test]
async fn a_restarted_log_goes_on_where_it_was() {
    let world = World::founded().await;
    submit_witnessed(&world.client(), &beat("one")).await;
    let mut follower = world.follower();
    follower.sync().await.unwrap();
    let urls = world.witness_urls();
    let dir = world.log.stop().await;

    let log = world::start_log(world::log_config(&dir, &urls)).await;
    let client = world::client_at(&log.url);
    assert_eq!(submit_witnessed(&client, &beat("one")).await.index, 4);
    assert_eq!(submit_witnessed(&client, &beat("two")).await.index, 5);
    let mut again = logclient::Follower::new(client, roster::anchor());
    again.sync().await.unwrap();
    assert_eq!(again.checkpoint().unwrap().size(), 6);
    log.stop().await;
}

#[tokio::test]
async fn a_new_witness_policy_holds_from_its_activation_on() {
    let mut world = World::founded().await;
    let client = world.client();
    let reference = |size: u64, note: Vec<u8>| {
        let checkpoint = opened(&note);
        assert_eq!(checkpoint.size(), size);
        CheckpointRef {
            size,
            root: FileDigest::new(*checkpoint.root()),
        }
    };
    for seed in &roster::GOVERNANCE[..3] {
        submit_witnessed(&client, &roster::envelope(roster::successor(), *seed)).await;
    }
    let signed_by = reference(7, client.archived(7).await.unwrap());
    let activation = |waited_until: CheckpointRef| Activation {
        audience: vec![roster::origin()],
        not_after: roster::FOR_EVER,
        blobs: Vec::new(),
        constitution: roster::envelope(roster::successor(), 1).digest(),
        signed_by: signed_by.clone(),
        waited_until,
    };
    // A checkpoint that is not archived proves no wait; nothing is written.
    let unknown = CheckpointRef {
        size: 6,
        root: FileDigest::of(b"x"),
    };
    let entry = roster::envelope(activation(unknown), roster::CENTER_GOVERNANCE);
    let (status, code) = world::refused(&client, entry.to_bytes()).await;
    assert_eq!((status, code.as_str()), (409, "constitution.delay"));

    let entry = roster::envelope(activation(signed_by.clone()), roster::CENTER_GOVERNANCE);
    assert_eq!(submit_at_once(&client, &entry).await, 7);
    // From here on one witness is enough.
    world.witnesses.remove(1).stop().await;
    client
        .submit_until_witnessed(&entry, PATIENCE)
        .await
        .unwrap();
    let proof = client
        .submit_until_witnessed(&beat("one"), PATIENCE)
        .await
        .unwrap();
    assert!(open_witnessed(&proof.checkpoint, &roster::policy()).is_err());

    let mut follower = world.follower();
    follower.sync().await.unwrap();
    assert_eq!(follower.view().unwrap().constitution().unwrap().version, 2);
    follower
        .bundle(&[8])
        .await
        .unwrap()
        .open(roster::anchor())
        .unwrap();

    // A restart replays the archive under the policies of their time.
    let urls = world.witness_urls();
    let dir = world.log.stop().await;
    let log = world::start_log(world::log_config(&dir, &urls)).await;
    let client = world::client_at(&log.url);
    client
        .submit_until_witnessed(&beat("two"), PATIENCE)
        .await
        .unwrap();
    log.stop().await;
}

#[tokio::test]
async fn a_public_directory_of_which_only_bundles_are_left_is_made_again() {
    let world = World::founded().await;
    let client = world.client();
    for n in 0..260 {
        submit_at_once(&client, &beat(format!("beat {n}"))).await;
    }
    submit_witnessed(&client, &beat("last")).await;
    let sizes = client.archived_sizes().await.unwrap();
    let first = client.archived(sizes[0]).await.unwrap();
    let dir = world.log.stop().await;
    let bundles = dir.join("bundles");
    std::fs::rename(dir.join("public/tile/entries"), &bundles).unwrap();
    std::fs::remove_dir_all(dir.join("public")).unwrap();
    std::fs::create_dir_all(dir.join("public/tile")).unwrap();
    std::fs::rename(&bundles, dir.join("public/tile/entries")).unwrap();

    // As a crash leaves it that came before it was forgotten.
    let partial = dir.join("public/tile/entries/000.p");
    assert!(!partial.exists());
    std::fs::create_dir(&partial).unwrap();
    std::fs::write(partial.join("7"), b"partial").unwrap();

    // Without witnesses: what was published before is all there is to show.
    let log = world::start_log(world::log_config(&dir, &[])).await;
    assert!(!partial.exists());
    assert!(dir.join("public/tile/entries/001.p/9").exists());
    let client = world::client_at(&log.url);
    assert_eq!(client.archived_sizes().await.unwrap(), sizes);
    assert_eq!(client.archived(sizes[0]).await.unwrap(), first);
    let mut follower = logclient::Follower::new(client, roster::anchor());
    follower.sync().await.unwrap();
    assert_eq!(follower.checkpoint().unwrap().size(), 265);
    follower.bundle(&[4, 264]).await.unwrap();
    log.stop().await;
}

#[tokio::test]
async fn a_statement_is_signed_and_submitted_in_one_call() {
    let world = World::founded().await;
    let statement = statement::Statement::new(Vec::new(), roster::heartbeat("one"));
    let signer = roster::statement_key(roster::CENTER);
    let client = world.client();
    let done = client.sign_and_submit(&statement, &signer, PATIENCE);
    let (envelope, proof) = done.await.unwrap();
    proof.open(&envelope.to_bytes(), &roster::policy()).unwrap();
    world.stop().await;
}
