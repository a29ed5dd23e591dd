//! From a build to a repository that clients accept, over real logs, witnesses and a real supervisor.

use crate::repository::{Kept, quiet};
use crate::world::{Built, World};
use release::{Order, Published, ReleaseError, Step};
use statement::{Kind, StatementDigest};

fn stable(built: &Built) -> Order {
    Order {
        build: built.build,
        channel: "stable".to_owned(),
        artifact: None,
        rollback: false,
        signature: None,
    }
}

fn versions(published: &Published) -> Vec<u64> {
    published.roles.iter().map(|role| role.version).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_build_reaches_clients_and_the_next_one_replaces_it() {
    let world = World::found().await;
    let kept = Kept::new(&world).await;
    let mut room = kept.room(&quiet);
    let first = room
        .init_repository(&world.root, &kept.seats)
        .await
        .unwrap();
    assert_eq!(versions(&first), [1, 1, 1]);
    assert_eq!(kept.client_sees(), [] as [&str; 0]);

    let one = world.build("1.0.0").await;
    let proposed = room.propose(&stable(&one)).await.unwrap();
    assert!(proposed.is_new);
    assert_eq!(proposed.quorum.release().seq, 1);
    let published = room.publish().await.unwrap();
    assert_eq!(versions(&published), [1, 2, 1]);
    assert_eq!(
        kept.client_sees(),
        ["software/truename/stable/linux-x86_64/1/truename"]
    );
    kept.check_bundle(proposed.quorum.release().digest(), one.artifact);

    assert_eq!(room.publish().await.unwrap(), published, "nothing to do");
    let again = room.propose(&stable(&one)).await.unwrap();
    assert!(!again.is_new);

    let two = world.build("1.1.0").await;
    let newer = room.propose(&stable(&two)).await.unwrap();
    let predecessor = newer.quorum.release().predecessor;
    assert_eq!(newer.quorum.release().seq, 2);
    assert_eq!(predecessor, Some(proposed.quorum.release().digest()));
    room.publish().await.unwrap();
    assert_eq!(
        kept.client_sees(),
        ["software/truename/stable/linux-x86_64/2/truename"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_database_is_listed_by_its_own_role() {
    let world = World::found().await;
    let kept = Kept::new(&world).await;
    let mut room = kept.room(&quiet);
    room.init_repository(&world.root, &kept.seats)
        .await
        .unwrap();
    let rules = world.begin_build("7", Kind::Rules).await;
    world.rebuild(&rules, "lab-a").await;
    world.rebuild(&rules, "lab-b").await;
    room.propose(&stable(&rules)).await.unwrap();
    assert_eq!(versions(&room.publish().await.unwrap()), [1, 1, 2]);
    assert_eq!(
        kept.client_sees(),
        ["rules/truename/stable/linux-x86_64/1/truename"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn going_back_is_a_new_release_of_the_old_build_and_has_to_be_meant() {
    let world = World::found().await;
    let kept = Kept::new(&world).await;
    let mut room = kept.room(&quiet);
    room.init_repository(&world.root, &kept.seats)
        .await
        .unwrap();
    let one = world.build("1.0.0").await;
    let two = world.build("1.1.0").await;
    room.propose(&stable(&one)).await.unwrap();
    room.propose(&stable(&two)).await.unwrap();

    let careless = room.propose(&stable(&one)).await.unwrap_err();
    assert!(
        matches!(careless, ReleaseError::OlderBuild { seq: 1, .. }),
        "{careless}"
    );
    let order = Order {
        artifact: None,
        rollback: true,
        ..stable(&one)
    };
    let back = room.propose(&order).await.unwrap();
    assert_eq!(back.quorum.release().seq, 3);
    assert_eq!(back.quorum.release().artifact, one.artifact);
    room.publish().await.unwrap();
    assert_eq!(
        kept.client_sees(),
        ["software/truename/stable/linux-x86_64/3/truename"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_release_leaves_metadata_and_its_proof_is_served() {
    let world = World::found().await;
    let kept = Kept::new(&world).await;
    let mut room = kept.room(&quiet);
    room.init_repository(&world.root, &kept.seats)
        .await
        .unwrap();
    let one = world.build("1.0.0").await;
    let two = world.build("1.1.0").await;
    room.propose(&stable(&one)).await.unwrap();
    let newer = room.propose(&stable(&two)).await.unwrap();
    room.publish().await.unwrap();
    let digest = newer.quorum.release().digest();

    let withdrawn = room.withdraw(digest, "it deletes files").await.unwrap();
    assert!(withdrawn.is_new);
    assert_eq!(
        kept.client_sees(),
        ["software/truename/stable/linux-x86_64/1/truename"]
    );
    assert_eq!(kept.withdrawals(), [digest]);
    let again = room.withdraw(digest, "still").await.unwrap();
    assert_eq!(
        (again.is_new, again.withdrawal),
        (false, withdrawn.withdrawal)
    );

    // What was withdrawn does not come back under another number.
    let order = Order {
        artifact: None,
        rollback: true,
        ..stable(&two)
    };
    let refused = room.propose(&order).await.unwrap_err();
    assert_eq!(refused.code(), Some("release.withdrawn"), "{refused}");

    let none = StatementDigest::of(b"no such release");
    let refused = room.withdraw(none, "x").await.unwrap_err();
    assert_eq!(refused.code(), Some("release.missing"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_by_the_supervisor_is_served_at_the_next_publication() {
    let world = World::found().await;
    let kept = Kept::new(&world).await;
    let mut room = kept.room(&quiet);
    room.init_repository(&world.root, &kept.seats)
        .await
        .unwrap();
    let one = world.build("1.0.0").await;
    let proposed = room.propose(&stable(&one)).await.unwrap();
    room.publish().await.unwrap();
    let digest = proposed.quorum.release().digest();

    let mut config = world.supervisor_config();
    config.dir = world.path().join("second-desk");
    let mut desk = world.supervisor_room_of(config);
    desk.withdraw(digest, "a door was found").await.unwrap();
    room.publish().await.unwrap();
    assert_eq!(kept.client_sees(), [] as [&str; 0]);
    assert_eq!(kept.withdrawals(), [digest]);
}

#[tokio::test(flavor = "multi_thread")]
async fn renewing_gives_a_new_timestamp_and_changes_nothing_else() {
    let world = World::found().await;
    let kept = Kept::new(&world).await;
    let mut room = kept.room(&quiet);
    let first = room
        .init_repository(&world.root, &kept.seats)
        .await
        .unwrap();
    let renewed = room.renew().await.unwrap();
    assert_eq!(renewed.timestamp, first.timestamp + 1);
    assert_eq!(
        (renewed.snapshot, &renewed.roles),
        (first.snapshot, &first.roles)
    );
    assert_eq!(kept.client_sees(), [] as [&str; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_no_lab_repeated_is_waited_for_and_then_given_up() {
    let world = World::found().await;
    let mut kept = Kept::new(&world).await;
    kept.config.wait_ms = 50;
    let mut room = kept.room(&quiet);
    let built = world.begin_build("1.0.0", Kind::Software).await;
    let error = room.propose(&stable(&built)).await.unwrap_err();
    assert!(matches!(error, ReleaseError::Waited { .. }), "{error}");
    assert!(error.to_string().contains("rebuild.too_few"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_root_than_the_constitution_names_is_refused() {
    let world = World::found().await;
    let kept = Kept::new(&world).await;
    let mut room = kept.room(&quiet);
    let plan = tuf::RootPlan {
        version: 1,
        expires: tuf::Expires::from_posix(crate::world::now() + 1_000).unwrap(),
        root: world.seats("root"),
        targets: world.seats("targets"),
        snapshot: world.seats("software"),
        timestamp: world.seats("software"),
    };
    let begun = release::begin_root(&plan).unwrap();
    let copies = ["vendor", "supervisor"]
        .map(|party| release::sign_root(&begun, &world.tuf_key(party, "tuf-root")).unwrap());
    let alone = release::complete_root(&[&copies[0]], None);
    assert!(alone.is_err(), "one signature is not enough");
    let root = release::complete_root(&[&copies[0], &copies[1]], None).unwrap();

    let refused = room.init_repository(&root, &kept.seats).await.unwrap_err();
    assert_eq!(refused.code(), Some("tuf_root.not_in_constitution"));
    let unborn = room.publish().await.unwrap_err();
    assert!(
        matches!(unborn, ReleaseError::NotInitialised { .. }),
        "{unborn}"
    );
    room.init_repository(&world.root, &kept.seats)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_keepers_do_not_work_on_one_directory() {
    let world = World::found().await;
    let kept = Kept::new(&world).await;
    let _room = kept.room(&quiet);
    let second = release::Room::connect(&kept.config, release::system_clock, &quiet);
    assert!(matches!(second.err().unwrap(), ReleaseError::Store(_)));
}

#[test]
fn steps_read_as_sentences() {
    let step = Step::MetadataStaged("software", 4);
    assert_eq!(step.to_string(), "software 4 signed by both");
}
