//! Which roots are followed, and what a new one undoes.

use endpoint::tuf_client::{Cause, Naming, TufClientError};
use tuf::TargetRole;
use tuf::fixture::{FixtureSigner, seats, signed_by};
use tuf::limits::DAY_S;

use super::{NOW, World, allow};

#[tokio::test]
async fn a_new_root_is_refused_before_anything_is_made_of_it() {
    let mut world = World::new().await;
    assert!(world.refresh().await.is_ok());
    let before = std::fs::read(world.memory()).unwrap();
    let mut signers = world.fixture.signers.clone();
    signers.timestamp = vec![FixtureSigner::new(60)];
    world.fixture.rotate_root(signers);
    world.fixture.publish();
    world.publish();
    let pinned = world.fixture.pinned_root();
    let only_first = |root: &[u8]| {
        if root == pinned {
            Ok(Naming::InForce)
        } else {
            Err(Cause::from("not in the constitution"))
        }
    };
    let client = world.client();
    let refused = client
        .refresh(TargetRole::Software, &only_first, NOW)
        .await
        .unwrap_err();
    assert!(
        matches!(refused, TufClientError::RootNotAllowed { version: 2, .. }),
        "{refused}"
    );
    assert_eq!(std::fs::read(world.memory()).unwrap(), before);

    let trusted = client
        .refresh(TargetRole::Software, &allow, NOW)
        .await
        .unwrap();
    assert_eq!(trusted.root_bytes(), world.fixture.newest("root"));
    // The root is remembered, and asked about again when it is the one in use.
    let refused = client
        .refresh(TargetRole::Software, &only_first, NOW)
        .await
        .unwrap_err();
    assert!(matches!(
        refused,
        TufClientError::RootNotAllowed { version: 2, .. }
    ));
}

#[tokio::test]
async fn an_allowed_root_still_needs_the_old_roots_keys() {
    let mut world = World::new().await;
    let honest = world.fixture.signers.clone();
    let mut forged = honest.clone();
    forged.root = vec![FixtureSigner::new(50), FixtureSigner::new(51)];
    world.fixture.signers.root = forged.root.clone();
    world.fixture.rotate_root(forged);
    world.publish();
    let refused = world.refresh().await.unwrap_err();
    assert!(matches!(refused, TufClientError::Threshold { ref role, .. } if role == "root"));
}

#[tokio::test]
async fn a_root_that_is_named_now_counts_when_all_old_keys_are_lost_and_is_not_asked_twice() {
    let mut world = World::new().await;
    assert_eq!(world.refresh().await.unwrap(), 2);
    let mut others = world.fixture.signers.clone();
    others.root = vec![FixtureSigner::new(50), FixtureSigner::new(51)];
    others.timestamp = vec![FixtureSigner::new(60)];
    // Only the new keys sign.
    world.fixture.signers.root = others.root.clone();
    world.fixture.rotate_root(others);
    world.fixture.publish();
    world.publish();
    let named = |_: &[u8]| Ok(Naming::InForce);
    for _ in 0..2 {
        let client = world.client();
        let trusted = client.refresh(TargetRole::Software, &named, NOW).await;
        assert_eq!(trusted.unwrap().view().delegated().version(), 3);
    }
    // It does not make up for signatures that its own keys lack.
    let mut world = World::new().await;
    let others = [FixtureSigner::new(50), FixtureSigner::new(51)];
    let signers = world.fixture.signers.clone();
    let plan = tuf::RootPlan {
        version: 2,
        expires: tuf::Expires::from_posix(NOW + DAY_S).unwrap(),
        root: seats(&others, 2),
        targets: seats(&signers.targets, 2),
        snapshot: seats(&signers.snapshot, 1),
        timestamp: seats(&signers.timestamp, 1),
    };
    let unsigned = signed_by(&others[..1], tuf::Root::build(&plan).unwrap());
    world
        .fixture
        .files
        .insert("2.root.json".to_owned(), unsigned);
    world.publish();
    let client = world.client();
    let refused = client.refresh(TargetRole::Software, &named, NOW).await;
    let refused = refused.unwrap_err();
    assert!(matches!(refused, TufClientError::Threshold { ref role, .. } if role == "root"));
}

#[tokio::test]
async fn a_version_driven_up_by_a_stolen_key_is_undone_by_a_root_without_that_key() {
    let mut world = World::new().await;
    let snapshot = world.fixture.newest("snapshot").to_vec();
    let expires = tuf::Expires::from_posix(NOW + DAY_S / 2).unwrap();
    // The highest that is believed at this time.
    let far = NOW - 1_577_836_800;
    let mut stolen =
        tuf::Timestamp::build(far, expires, world.fixture.version(), &snapshot).unwrap();
    stolen.sign(&world.fixture.signers.timestamp[0]).unwrap();
    let stolen = stolen.to_bytes().unwrap();
    let honest = world.fixture.files.clone();
    world
        .fixture
        .files
        .insert("timestamp.json".to_owned(), stolen);
    world.publish();
    assert_eq!(world.refresh().await.unwrap(), 2);
    // From now on every honest timestamp is older.
    world.fixture.files = honest;
    world.fixture.publish();
    world.publish();
    let refused = world.refresh().await.unwrap_err();
    assert!(matches!(refused, TufClientError::Rollback { trusted, .. } if trusted == far));

    let mut signers = world.fixture.signers.clone();
    signers.timestamp = vec![FixtureSigner::new(60)];
    world.fixture.rotate_root(signers);
    world.fixture.publish();
    world.publish();
    assert_eq!(world.refresh().await.unwrap(), 4);
}

#[tokio::test]
async fn a_root_once_seen_is_not_forgotten() {
    let mut world = World::new().await;
    let old = world.fixture.clone();
    let mut signers = world.fixture.signers.clone();
    signers.timestamp = vec![FixtureSigner::new(60)];
    world.fixture.rotate_root(signers);
    // The new root is served, the timestamp is still the old key's: the update fails.
    world.publish();
    assert!(world.refresh().await.is_err());
    // Without the new root the old timestamp would do; but the endpoint has seen it.
    world.fixture = old;
    world.publish();
    let refused = world.refresh().await.unwrap_err();
    assert!(
        matches!(refused, TufClientError::Threshold { .. }),
        "{refused}"
    );
}

#[tokio::test]
async fn roots_without_end_are_refused() {
    let mut world = World::new().await;
    for _ in 0..33 {
        let signers = world.fixture.signers.clone();
        world.fixture.rotate_root(signers);
    }
    world.publish();
    let refused = world.refresh().await.unwrap_err();
    assert!(matches!(refused, TufClientError::TooManyRoots), "{refused}");
}
