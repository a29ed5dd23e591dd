//! The keeper by a clock of its own: what it makes anew, and what it says when it cannot.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::desk::Desk;
use crate::repository::{Kept, quiet};
use crate::world::World;
use release::{Keeper, Published, Tended};
use serve::Metrics;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

fn versions(published: &Published) -> Vec<u64> {
    published.roles.iter().map(|role| role.version).collect()
}

fn failed(tended: &Tended) -> Vec<&str> {
    tended.failed.iter().map(|(duty, _)| *duty).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_made_anew_before_it_expires() {
    static AHEAD: AtomicU64 = AtomicU64::new(0);
    fn clock() -> u64 {
        crate::world::now() + AHEAD.load(Ordering::Relaxed)
    }
    let world = World::found().await;
    let desk = Desk::start(&world, clock).await;
    let kept = Kept::beside(&world, desk.url());
    let first = kept
        .room_at(clock, &quiet)
        .init_repository(&world.root, &kept.seats)
        .await
        .unwrap();
    let metrics = Metrics::new();
    let mut keeper = Keeper::connect(kept.config.clone(), clock, metrics.clone()).unwrap();
    let quietly = keeper.tick(&quiet).await.unwrap();
    assert_eq!(quietly.published.unwrap(), first, "nothing is due");

    // Days ahead; then versions of targets, software, rules, snapshot.
    let due = [
        (0, 14 * HOUR, [1, 1, 1, 1]),
        (0, 17 * HOUR, [1, 1, 1, 1]),
        (5, 0, [1, 1, 1, 2]),
        (10, 0, [1, 1, 2, 3]),
        (61, 0, [1, 2, 3, 4]),
    ];
    let mut timestamps = vec![first.timestamp];
    for (days, seconds, [targets, software, rules, snapshot]) in due {
        AHEAD.store(days * DAY + seconds, Ordering::Relaxed);
        let tended = keeper.tick(&quiet).await.unwrap();
        assert_eq!(failed(&tended), [] as [&str; 0], "{:?}", tended.failed);
        assert!(tended.timestamp_expires.unwrap() > clock() + 7 * HOUR);
        let published = tended.published.unwrap();
        let got = versions(&published);
        assert_eq!(
            (got, published.snapshot),
            (vec![targets, software, rules], snapshot)
        );
        timestamps.push(published.timestamp);
        kept.client_sees();
    }
    assert_eq!(timestamps, [1, 1, 2, 3, 4, 5]);
    assert_eq!(metrics.failing(), [] as [&str; 0]);

    // Targets live for a year; the root of this world ends before that, and only its holders can help.
    AHEAD.store(245 * DAY, Ordering::Relaxed);
    let tended = keeper.tick(&quiet).await.unwrap();
    assert_eq!(failed(&tended), ["root-renewal"]);
    assert_eq!(versions(&tended.published.unwrap()), [2, 3, 4]);
    assert_eq!(metrics.failing(), ["root-renewal"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_supervisor_clients_still_see_that_nothing_is_withheld_and_health_says_what_fails()
 {
    static AHEAD: AtomicU64 = AtomicU64::new(0);
    fn clock() -> u64 {
        crate::world::now() + AHEAD.load(Ordering::Relaxed)
    }
    let world = World::found().await;
    let mut desk = Desk::start(&world, clock).await;
    let kept = Kept::beside(&world, desk.url());
    let mut room = kept.room_at(clock, &quiet);
    let first = room
        .init_repository(&world.root, &kept.seats)
        .await
        .unwrap();
    drop(room);
    let metrics = Metrics::new();
    let mut keeper = Keeper::connect(kept.config.clone(), clock, metrics.clone()).unwrap();
    desk.fall_silent().await;
    AHEAD.store(10 * DAY, Ordering::Relaxed);
    let tended = keeper.tick(&quiet).await.unwrap();
    assert_eq!(failed(&tended), ["rules"]);
    let published = tended.published.unwrap();
    assert_eq!(versions(&published), versions(&first));
    assert_eq!((published.snapshot, published.timestamp), (2, 2));
    assert_eq!(metrics.failing(), ["rules"]);
    assert!(metrics.render().contains("limpid_release_failing 1"));

    desk.come_back(&world).await;
    let tended = keeper.tick(&quiet).await.unwrap();
    assert_eq!(failed(&tended), [] as [&str; 0]);
    assert_eq!(versions(&tended.published.unwrap()), [1, 1, 2]);
    assert_eq!(metrics.failing(), [] as [&str; 0]);

    // A verb at work is no failure of the keeper, but it is said.
    let busy = kept.room(&quiet);
    keeper.tick(&quiet).await.unwrap_err();
    assert_eq!(metrics.failing(), ["directory"]);
    drop(busy);
    keeper.tick(&quiet).await.unwrap();
    assert_eq!(metrics.failing(), [] as [&str; 0]);
}
