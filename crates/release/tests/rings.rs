//! Rings: narrow first, the supervisor insists on it, and an emergency is said before it happens.

use crate::repository::{Kept, quiet};
use crate::world::{Built, World};
use release::{Order, Proposed};

fn stable(built: &Built) -> Order {
    Order {
        build: built.build,
        channel: "stable".to_owned(),
        artifact: None,
        rollback: false,
        signature: None,
    }
}

fn place(proposed: &Proposed) -> (&str, u64) {
    let release = proposed.quorum.release();
    (&release.channel, release.seq)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_goes_ring_by_ring_and_an_emergency_goes_to_all_with_its_reason_in_the_log() {
    let world = World::found().await;
    let mut kept = Kept::new(&world).await;
    let mut room = kept.room(&quiet);
    room.init_repository(&world.root, &kept.seats)
        .await
        .unwrap();
    let one = world.build("1.0.0").await;
    let rings = [1, 10];
    for expected in [("stable.r1", 1), ("stable.r10", 1), ("stable", 1)] {
        let proposed = room.widen(&stable(&one), &rings).await.unwrap();
        assert_eq!(place(&proposed), expected);
        assert!(proposed.is_new);
    }
    let again = room.widen(&stable(&one), &rings).await.unwrap();
    assert_eq!((place(&again), again.is_new), (("stable", 1), false));
    room.publish().await.unwrap();
    assert_eq!(
        kept.client_sees(),
        ["stable", "stable.r1", "stable.r10"]
            .map(|channel| format!("software/truename/{channel}/linux-x86_64/1/truename"))
    );

    // Nobody skips a ring: neither the center's own room nor the supervisor, who waits longer here.
    let two = world.build("1.1.0").await;
    let skipped = room.propose(&stable(&two)).await.unwrap_err();
    assert_eq!(skipped.code(), Some("release.ring"), "{skipped}");
    drop(room);
    kept.config.ring_seconds = 86_400;
    let mut room = kept.room(&quiet);
    room.widen(&stable(&two), &rings).await.unwrap();
    let early = room.widen(&stable(&two), &rings).await.unwrap_err();
    assert_eq!(early.code(), Some("release.ring"), "{early}");

    let order = stable(&two);
    let all = room.emergency(&order, &rings, "it is being attacked");
    let all = all.await.unwrap();
    let places: Vec<_> = all.iter().map(place).collect();
    assert_eq!(places, [("stable.r1", 2), ("stable.r10", 2), ("stable", 2)]);
    let follower = world.follower().await;
    let entries = follower.view().unwrap().entries_of_build(two.build);
    let said = entries
        .iter()
        .filter_map(|entry| match &entry.statement().predicate {
            statement::Predicate::Emergency(emergency) => Some(emergency.reason.as_str()),
            _ => None,
        });
    assert_eq!(said.collect::<Vec<_>>(), ["it is being attacked"]);
}
