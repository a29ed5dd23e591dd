//! More comes than a cell can do: it says by which rule it leaves something out, and how much it left out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use center::{Config, EpochTimes};
use serve::{ClientError, Clock, wait_url};
use statement::{Day, FileDigest, Predicate, SamplingRule, SamplingStep, is_drawn};
use tokio::task::JoinHandle;

use crate::world::{Owner, PATIENCE, World, get_json, now, text, wait_for, wait_open};

const STEPS: [(u64, u64); 2] = [(3, 2), (6, 8)];

fn rule() -> SamplingRule {
    let steps = STEPS.map(|(waiting, one_in)| SamplingStep { waiting, one_in });
    SamplingRule::new(steps.to_vec()).unwrap()
}

/// A cell without machines whose clock is behind.
struct Crowded {
    url: String,
    behind: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Crowded {
    async fn start(world: &World, behind_seconds: u64) -> Self {
        let config = Config {
            workers: 0,
            sampling: rule(),
            epochs: EpochTimes {
                valid_seconds: 3 * 86_400,
                lead_seconds: 1,
                destroy_seconds: 9 * 86_400,
            },
            not_after_seconds: 5 * 86_400,
            ..world.config()
        };
        let behind = Arc::new(AtomicU64::new(behind_seconds));
        let clock = Clock::reading({
            let behind = Arc::clone(&behind);
            move || now() - behind.load(Ordering::Relaxed)
        });
        let dir = config.dir.clone();
        let task = tokio::spawn(async move {
            let served = center::serve_by(config, clock, std::future::pending());
            served.await.unwrap();
        });
        let url = wait_url(&dir, PATIENCE).await.unwrap();
        wait_open(&url).await;
        Self { url, behind, task }
    }

    async fn stop(self, world: &World) {
        self.task.abort();
        drop(self.task.await);
        wait_for("the directory is free", async || {
            store::DirLock::take(&world.config().dir).ok().map(drop)
        })
        .await;
    }
}

/// Yesterday at noon, so that no day ends while a test runs.
fn noon_before() -> u64 {
    now() % 86_400 + 43_200
}

fn drawn_key(world: &World, day: Day) -> Option<FileDigest> {
    let bytes = std::fs::read(world.config().dir.join(format!("draws/{day}.draw"))).ok()?;
    let bytes: [u8; 32] = bytes.try_into().unwrap();
    Some(FileDigest::new(tlog::Hash::from_bytes(bytes)))
}

/// By how many the cell samples, if it did not take this one for that reason.
fn left_out<T>(sent: Result<T, ClientError>) -> Option<u64> {
    let error = sent.err()?;
    let problem = error.refused().unwrap().problem.clone().unwrap();
    assert_eq!(
        (error.status(), problem.code.as_str()),
        (Some(403), "intake.sampled")
    );
    assert!(!error.is_transient());
    assert_eq!(problem.field.as_deref(), Some("one_in"));
    Some(problem.value.unwrap().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_out_is_drawn_by_the_announced_rule_and_counted_in_the_census() {
    let world = World::found().await;
    let behind = noon_before();
    let cell = Crowded::start(&world, behind).await;
    let keys = world.epoch_keys(&cell.url).await;
    let day = Day::of(now() - behind).unwrap();
    let begun = Owner::of(b"begun while there was room", &keys, world.policy);
    begun.begin(&cell.url).await.unwrap();

    let shown = get_json(&format!("{}/where", cell.url)).await["sampling"].clone();
    assert_eq!(shown["steps"], serde_json::to_value(rule()).unwrap());
    assert_eq!(shown["one_in"], 1);
    let key = drawn_key(&world, day).unwrap();
    let promised = FileDigest::of(key.hash().as_bytes());
    assert_eq!(text(&shown["draw"]), promised.to_string());

    let (mut waiting, mut refused) = (0, Vec::new());
    // Until both steps were reached.
    while refused.len() < 12 || waiting < 7 {
        let owner = Owner::of(b"file", &keys, world.policy);
        let one_in = rule().one_in(waiting);
        let said = left_out(owner.send(&cell.url).await);
        let is_left_out = !is_drawn(&key, &owner.sample, one_in);
        assert_eq!(said, is_left_out.then_some(one_in), "{waiting} wait");
        match said {
            Some(_) => refused.push(owner),
            None => waiting += 1,
        }
    }
    let shown = get_json(&format!("{}/where", cell.url)).await["sampling"].clone();
    assert_eq!(shown["one_in"], 8);
    // What was begun goes on, and who asks again is told the same, also by a cell that was started anew.
    begun.append(&cell.url, 0, 1 << 20).await.unwrap();
    begun.complete(&cell.url).await.unwrap();
    let (again, calls) = (&refused[0], refused.len() as u64);
    assert_eq!(left_out(again.begin(&cell.url).await), Some(8));
    cell.stop(&world).await;
    let cell = Crowded::start(&world, behind).await;
    assert_eq!(left_out(again.send(&cell.url).await), Some(8));
    check_census(&world, &cell, (day, key), calls + 2).await;
}

async fn check_census(world: &World, cell: &Crowded, (day, key): (Day, FileDigest), out: u64) {
    cell.behind.store(0, Ordering::Relaxed);
    let census = wait_for("the census", async || {
        let said = world
            .said(|predicate| matches!(predicate, Predicate::Census(_)))
            .await;
        said.into_iter().next()
    })
    .await;
    let Predicate::Census(census) = census.predicate else {
        panic!("a census");
    };
    assert_eq!((census.day, census.declined), (day, 0));
    assert_eq!((census.sampled_out, census.one_in_max), (out, 8));
    assert_eq!(census.sampling, rule());
    // The key is public now, and is the one that was announced by its digest.
    assert_eq!(census.draw, Some(key));
    wait_for("the key is gone", async || {
        drawn_key(world, day).is_none().then_some(())
    })
    .await;
}
