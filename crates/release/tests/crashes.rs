//! The keeper dies after each step it takes, one step at a time, and is started again: clients accept
//! the repository at every point, and it ends where it would have ended without a crash.

use std::collections::BTreeSet;
use std::sync::Mutex;

use crate::repository::{Kept, quiet};
use crate::world::World;
use release::{Order, Published, RemoteLog, Room, Step};
use tokio::runtime::Handle;

/// Steps at which the keeper has died so far.
#[derive(Default)]
struct Deaths(Mutex<BTreeSet<String>>);

impl Deaths {
    /// Dies at a step the first time it is reached.
    fn at(&self, step: Step) {
        // Each life that renews makes a timestamp of its own, so their versions are not told apart.
        let name = match &step {
            Step::Waiting { .. } => return,
            Step::TimestampWritten(_) => "timestamp".to_owned(),
            step => step.to_string(),
        };
        let mut seen = self.0.lock().unwrap();
        if seen.insert(name) {
            drop(seen);
            panic!("the keeper dies here: {step}");
        }
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn include(&self, words: &str) -> bool {
        self.0
            .lock()
            .unwrap()
            .iter()
            .any(|step| step.contains(words))
    }
}

/// What a keeper is asked to do.
type Verb = fn(&mut Room<'_, RemoteLog>, &Handle, &Kept, &World) -> Published;

fn init(room: &mut Room<'_, RemoteLog>, on: &Handle, kept: &Kept, world: &World) -> Published {
    on.block_on(room.init_repository(&world.root, &kept.seats))
        .unwrap()
}

fn publish(room: &mut Room<'_, RemoteLog>, on: &Handle, _: &Kept, _: &World) -> Published {
    on.block_on(room.publish()).unwrap()
}

fn renew(room: &mut Room<'_, RemoteLog>, on: &Handle, _: &Kept, _: &World) -> Published {
    on.block_on(room.renew()).unwrap()
}

/// Runs a verb in a thread that may die; `None` when it did.
fn live_once(world: &World, kept: &Kept, deaths: &Deaths, verb: Verb) -> Option<Published> {
    let handle = Handle::current();
    std::thread::scope(|scope| {
        let life = scope.spawn(|| {
            let progress = |step| deaths.at(step);
            let mut room = kept.room(&progress);
            verb(&mut room, &handle, kept, world)
        });
        life.join().ok()
    })
}

/// Runs a verb until one life sees it through; after each death a client looks at the repository.
fn see_through(
    world: &World,
    kept: &Kept,
    verb: Verb,
) -> (Published, Deaths, BTreeSet<Vec<String>>) {
    let deaths = Deaths::default();
    let mut seen = BTreeSet::new();
    loop {
        let lived = tokio::task::block_in_place(|| live_once(world, kept, &deaths, verb));
        if kept.is_served() {
            seen.insert(kept.client_sees());
        }
        if let Some(published) = lived {
            return (published, deaths, seen);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keeper_that_dies_at_every_step_still_publishes_each_version_once() {
    let world = World::found().await;
    let kept = Kept::new(&world).await;

    let (first, deaths, _) = see_through(&world, &kept, init);
    for role in ["targets 1", "software 1", "rules 1"] {
        for step in [
            "signed by the center",
            "signed by both",
            "in the repository",
        ] {
            assert!(deaths.include(&format!("{role} {step}")), "{role} {step}");
        }
        for step in ["publication of", "proof of publication of"] {
            assert!(deaths.include(&format!("{step} {role}")), "{step} {role}");
        }
    }
    assert!(deaths.include("snapshot 1") && deaths.include("timestamp"));
    assert!(first.roles.iter().all(|role| role.version == 1));

    let built = world.build("1.0.0").await;
    let order = Order {
        build: built.build,
        channel: "stable".to_owned(),
        artifact: None,
        rollback: false,
        signature: None,
    };
    let mut room = kept.room(&quiet);
    room.propose(&order).await.unwrap();
    drop(room);
    let (second, deaths, seen) = see_through(&world, &kept, publish);
    assert!(deaths.count() >= 10, "{}", deaths.count());
    let versions: Vec<_> = second.roles.iter().map(|role| role.version).collect();
    assert_eq!(versions, [1, 2, 1]);
    assert_eq!(
        second.snapshot, 2,
        "a snapshot that was left unnamed is used"
    );
    // Clients saw the old state or the new one, and nothing in between.
    let listed = vec!["software/truename/stable/linux-x86_64/1/truename".to_owned()];
    assert_eq!(seen, BTreeSet::from([Vec::new(), listed]));

    let (third, _, _) = see_through(&world, &kept, renew);
    assert_eq!(third.roles, second.roles);
    assert!(third.timestamp > second.timestamp);

    // One publication for each version stands: had a second one been signed, this would be a fault.
    let follower = world.follower().await;
    let view = follower.view().unwrap();
    for role in &second.roles {
        let newest = view.newest_publication(role.role.as_str()).unwrap();
        assert_eq!(newest.unwrap().metadata, role.metadata);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_center_that_dies_after_signing_a_release_goes_on_with_the_same_payload() {
    let world = World::found().await;
    let kept = Kept::new(&world).await;
    let built = world.build("1.0.0").await;
    let order = Order {
        build: built.build,
        channel: "stable".to_owned(),
        artifact: None,
        rollback: false,
        signature: None,
    };
    let deaths = Deaths::default();
    let handle = Handle::current();
    let lives = tokio::task::block_in_place(|| {
        (1..=9).find(|_| {
            std::thread::scope(|scope| {
                let life = scope.spawn(|| {
                    let progress = |step| deaths.at(step);
                    let mut room = kept.room(&progress);
                    handle.block_on(room.propose(&order)).unwrap();
                });
                life.join().is_ok()
            })
        })
    });
    assert!(lives.is_some_and(|lives| lives > 1), "{lives:?}");
    let follower = world.follower().await;
    let view = follower.view().unwrap();
    assert_eq!(view.released().len(), 1);
    assert_eq!(view.open_releases().len(), 0);
}
