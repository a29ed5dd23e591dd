//! The supervisor says nothing for 72 hours while the center tries every hour with its own valid
//! signatures: nothing ships. When the supervisor is back, one release comes of everything that was
//! ordered meanwhile.
//!
//! The hours are simulated: center, supervisor and endpoint share a clock of the test's. Logs, witnesses
//! and rebuilds are real.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::desk::Desk;
use crate::repository::{Kept, quiet};
use crate::site::{endpoint_of, serve_repository, update};
use crate::world::{Built, CENTER_LOG, World};
use release::{Fate, Keeper, Order, Settlement};
use serve::Metrics;
use statement::{Kind, Release, Statement, StatementDigest, Subject};

const HOUR: u64 = 3_600;
const HOURS: u64 = 72;
/// A new build every so many hours.
const BUILD_EVERY: u64 = 8;

static AHEAD: AtomicU64 = AtomicU64::new(0);

fn clock() -> u64 {
    crate::world::now() + AHEAD.load(Ordering::Relaxed)
}

fn stable(built: &Built) -> Order {
    Order {
        build: built.build,
        channel: "stable".to_owned(),
        artifact: None,
        rollback: false,
        signature: None,
    }
}

/// A release of this build with the center's signature alone, under an approval that nobody gave.
async fn sign_alone(world: &World, (built, version): &(Built, String), before: StatementDigest) {
    let release = Release {
        audience: vec![CENTER_LOG.parse().unwrap()],
        not_after: world.not_after,
        blobs: Vec::new(),
        product: "truename".to_owned(),
        artifact_bytes: crate::world::artifact_bytes(version).len() as u64,
        version: version.clone(),
        channel: "stable".to_owned(),
        platform: "linux-x86_64".to_owned(),
        seq: 2,
        predecessor: Some(before),
        kind: Kind::Software,
        file: "truename".to_owned(),
        artifact: built.artifact,
        build: built.build,
        approval: StatementDigest::of(b"nobody approved this"),
        signed: None,
    };
    let subject = Subject::new("truename", built.artifact);
    let center = world.statement_key("vendor", "center");
    // The same words every hour are one entry.
    world
        .say(&center, Statement::new(vec![subject], release))
        .await;
}

/// One hour later the center tries again, with everything that it can sign alone.
async fn try_alone(
    world: &World,
    kept: &Kept,
    builds: &mut Vec<(Built, String)>,
    (hour, before): (u64, StatementDigest),
) {
    AHEAD.store(hour * HOUR, Ordering::Relaxed);
    if hour % BUILD_EVERY == 1 {
        let version = format!("1.{hour}.0");
        let built = world.build(&version).await;
        let mut room = kept.room_at(clock, &quiet);
        room.enqueue(&stable(&built)).unwrap();
        builds.push((built, version));
    }
    sign_alone(world, builds.last().unwrap(), before).await;
}

/// The newest was released, and everything else dropped because of it.
fn check_collapsed(settled: &[Settlement], newest: StatementDigest) {
    let mut released = 0;
    for settlement in settled {
        match &settlement.fate {
            Fate::Released { seq, .. } => {
                assert_eq!((settlement.queued.order.build, *seq), (newest, 2));
                released += 1;
            }
            Fate::Dropped { reason } => {
                assert!(reason.contains(&newest.to_string()), "{reason}");
            }
        }
    }
    assert_eq!(released, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn seventy_two_hours_of_silence_ship_nothing_and_end_in_one_release() {
    let world = World::found().await;
    let mut desk = Desk::start(&world, clock).await;
    let kept = Kept::beside(&world, desk.url());
    let mut room = kept.room_at(clock, &quiet);
    room.init_repository(&world.root, &kept.seats)
        .await
        .unwrap();
    let first = world.build("1.0.0").await;
    let released = room.propose(&stable(&first)).await.unwrap();
    room.publish().await.unwrap();
    drop(room);
    let before = released.quorum.release().digest();
    let endpoint = endpoint_of(&world, serve_repository(&kept).await);
    assert_eq!(update(&endpoint, clock()).await.unwrap(), (true, 1));
    let mut keeper = Keeper::connect(kept.config.clone(), clock, Metrics::new()).unwrap();

    desk.fall_silent().await;
    let mut builds = Vec::new();
    let mut timestamps = Vec::new();
    for hour in 1..=HOURS {
        try_alone(&world, &kept, &mut builds, (hour, before)).await;
        let tended = keeper.tick(&quiet).await.unwrap();
        assert_eq!(tended.settled, [], "hour {hour}");
        assert_eq!(tended.pending, builds.len());
        assert!(tended.failed.is_empty(), "{:?}", tended.failed);
        let published = tended.published.unwrap();
        assert_eq!(published.roles[1].version, 2, "software stays what it was");
        timestamps.push(published.timestamp);
        assert_eq!(
            update(&endpoint, clock()).await.unwrap(),
            (false, 1),
            "hour {hour}"
        );
    }
    timestamps.dedup();
    assert!(
        timestamps.len() >= 4,
        "clients saw live timestamps: {timestamps:?}"
    );
    let follower = world.follower().await;
    assert_eq!(follower.view().unwrap().released().len(), 1);

    desk.come_back(&world).await;
    let (newest, _) = builds.last().unwrap();
    let began = Instant::now();
    let mut settled = Vec::new();
    while settled.len() < builds.len() {
        assert!(began.elapsed() < Duration::from_secs(60), "{settled:?}");
        settled.extend(keeper.tick(&quiet).await.unwrap().settled);
        tokio::task::yield_now().await;
    }
    let published = keeper.tick(&quiet).await.unwrap().published.unwrap();
    assert_eq!(
        published.roles[1].version, 3,
        "one more version of `software`"
    );
    check_collapsed(&settled, newest.build);
    let follower = world.follower().await;
    assert_eq!(follower.view().unwrap().released().len(), 2);
    assert_eq!(update(&endpoint, clock()).await.unwrap(), (true, 2));
}
