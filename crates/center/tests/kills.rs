//! A cell killed at any moment: what it acknowledged is there, is receipted once, and has one verdict.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serve::wait_url;
use statement::{Predicate, Proven, ReceiptRecord, StatementDigest};

use crate::world::{
    Owner, PATIENCE, World, config, open_by, open_logged, text, wait_for, wait_open,
};

const WORLD: &str = "LIMPID_TEST_WORLD";
/// Whose children are those of the cells here.
const PARTY: u32 = 17;

/// Not a claim of its own: the process that the tests below start and kill.
#[tokio::test(flavor = "multi_thread")]
async fn child_runs_a_cell_when_asked_to() {
    let Ok(told) = std::env::var(WORLD) else {
        return;
    };
    let told: Vec<&str> = told.split('\n').collect();
    let [world, log_url, anchor, party, arguments, admission] = told[..] else {
        panic!("six lines");
    };
    let mut config = config(Path::new(world), log_url, anchor.parse().unwrap());
    config.worker_arguments = arguments.split_whitespace().map(str::to_owned).collect();
    config.sandbox_party = party.parse().unwrap();
    if admission == "tokens" {
        config.admission = center::AdmissionRule::Tokens;
        // What comes waits.
        config.workers = 0;
    }
    center::serve(config, std::future::pending()).await.unwrap();
}

/// A cell in a process of its own; killed at the latest when the test ends.
pub(crate) struct Process {
    pub(crate) child: Child,
    dir: PathBuf,
}

impl Process {
    pub(crate) fn start(world: &World, party: u32, arguments: &str) -> Self {
        Self::with(world, party, (arguments, "open"))
    }

    /// One that asks for tokens, and has no machines.
    pub(crate) fn asking(world: &World) -> Self {
        Self::with(world, PARTY, ("", "tokens"))
    }

    fn with(world: &World, party: u32, (arguments, admission): (&str, &str)) -> Self {
        let dir = world.path().join("cell");
        // A killed daemon leaves its address behind, which must not be taken for the next one's.
        drop(std::fs::remove_file(dir.join("url")));
        let place = world.path().display();
        let told = format!(
            "{place}\n{}\n{}\n{party}\n{arguments}\n{admission}",
            world.log_url, world.anchor
        );
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kills::child_runs_a_cell_when_asked_to"])
            .env(WORLD, told)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, dir }
    }

    pub(crate) async fn url(&self) -> String {
        let url = wait_url(&self.dir, PATIENCE).await.unwrap();
        wait_open(&url).await;
        url
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGKILL; already dead is fine.
        drop(self.child.kill());
        self.child.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_upload_survives_a_kill_and_is_receipted_once() {
    let world = World::found().await;
    let mut acknowledged = Vec::new();
    for round in 0..4 {
        let cell = Process::start(&world, PARTY, "");
        let url = cell.url().await;
        let keys = world.epoch_keys(&url).await;
        for number in 0..=round {
            let owner = Owner::of(format!("{round} {number}").as_bytes(), &keys, world.policy);
            if owner.send(&url).await.is_ok() {
                acknowledged.push(owner);
            }
        }
        // Killed while receipts are made and submitted, and workers at work.
        tokio::time::sleep(std::time::Duration::from_millis(60 * round)).await;
        drop(cell);
    }
    assert_eq!(acknowledged.len(), 10);
    let cell = Process::start(&world, PARTY, "");
    let url = cell.url().await;
    each_has_one_receipt_and_one_verdict(&world, &url, &acknowledged).await;
}

/// Asks the cell at `url` about everything that was acknowledged, and the log about everything that was said.
pub(crate) async fn each_has_one_receipt_and_one_verdict(
    world: &World,
    url: &str,
    owners: &[Owner],
) {
    let mut places = std::collections::BTreeSet::new();
    let follower = world.follower().await;
    for owner in owners {
        let shown = owner.wait(url, "analysed", "verdict").await;
        let (batch, said) = open_by(&follower, &shown["receipt"]);
        let Predicate::Receipts(receipts) = &said.predicate else {
            panic!("a batch of receipts");
        };
        let proven = text(&shown["receipt"]["proven"]);
        let proven: Proven<ReceiptRecord> = Proven::parse(proven.as_bytes()).unwrap();
        assert_eq!(proven.check(batch, receipts).unwrap().sample, owner.sample);
        places.insert((batch, proven.to_bytes().unwrap()));
        let ends = shown["touched"].as_array().unwrap();
        let reported = ends.iter().filter(|it| it["end"] == "reported").count();
        assert_eq!(reported, 1, "{ends:?}");
    }
    assert_eq!(places.len(), owners.len());
    let counts = async |keeps: fn(&Predicate) -> bool| {
        let said = world.said(keeps).await;
        let counted = said.iter().map(|said| match &said.predicate {
            Predicate::Receipts(batch) => (batch.seq, batch.count),
            Predicate::Verdicts(batch) => (batch.seq, batch.count),
            _ => (0, 0),
        });
        counted.collect::<Vec<(u64, u64)>>()
    };
    for counts in [
        counts(|predicate| matches!(predicate, Predicate::Receipts(_))).await,
        counts(|predicate| matches!(predicate, Predicate::Verdicts(_))).await,
    ] {
        let mut seqs: Vec<u64> = counts.iter().map(|(seq, _)| *seq).collect();
        seqs.sort_unstable();
        assert_eq!(seqs, (1..=counts.len() as u64).collect::<Vec<_>>());
        assert_eq!(
            counts.iter().map(|(_, count)| count).sum::<u64>(),
            owners.len() as u64
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_is_fenced_and_the_sample_gets_one_verdict() {
    let world = World::found().await;
    let cell = Process::start(&world, PARTY, "endless");
    let url = cell.url().await;
    let keys = world.epoch_keys(&url).await;
    let owner = Owner::of(b"held by a worker that dies", &keys, world.policy);
    owner.send(&url).await.unwrap();
    wait_for("a try begins", async || {
        let shown = owner.disclosure(&url).await.ok()?;
        (shown["touched"].as_array()?.len() == 1).then_some(())
    })
    .await;
    drop(cell);
    let cell = Process::start(&world, PARTY, "");
    let shown = owner.wait(&cell.url().await, "analysed", "verdict").await;
    let ends: Vec<String> = shown["touched"]
        .as_array()
        .unwrap()
        .iter()
        .map(|touched| text(&touched["end"]))
        .collect();
    assert_eq!(ends, ["lost", "reported"]);
    let said = world
        .said(|predicate| matches!(predicate, Predicate::Verdicts(_)))
        .await;
    assert_eq!(said.len(), 1);
    let (digest, _) = open_logged(&world, &shown["verdict"]).await;
    assert_eq!(digest, StatementDigest::of(&said[0].to_payload().unwrap()));
}

/// Every process of a uid that has to do with children: bubblewrap, the program that forks, a child.
pub(crate) fn children_of(uid: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let theirs = processes.filter(|entry| {
        let status = std::fs::read_to_string(entry.path().join("status")).unwrap_or_default();
        let line = std::fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        status.contains(&format!("Uid:\t{uid}\t")) && line.split('\0').any(|it| it == "/child")
    });
    theirs
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// Kills them; how many there were.
fn kill_sandboxes(uid: u32) -> usize {
    let pids = children_of(uid);
    let named: Vec<String> = pids.iter().map(u32::to_string).collect();
    // One of them may have ended meanwhile.
    drop(Command::new("kill").arg("-KILL").args(&named).output());
    pids.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_program_that_forks_is_killed_another_goes_on_and_no_sample_has_two_verdicts() {
    let world = World::found().await;
    let config = config(world.path(), &world.log_url, world.anchor);
    let uid = sandbox::Identity::for_party(config.sandbox_party)
        .unwrap()
        .uid();
    let cell = world.start(config).await;
    let keys = world.epoch_keys(&cell.url).await;
    let mut owners = Vec::new();
    for number in 0..24 {
        let owner = Owner::of(format!("{number}").as_bytes(), &keys, world.policy);
        owner.send(&cell.url).await.unwrap();
        owners.push(owner);
        // Not more often than a sample may be tried.
        if number % 12 == 7 {
            wait_for("a sandbox to be killed", async || {
                (kill_sandboxes(uid) > 0).then_some(())
            })
            .await;
        }
    }
    for owner in &owners {
        let shown = owner.wait(&cell.url, "analysed", "verdict").await;
        let ends = shown["touched"].as_array().unwrap();
        let reported = ends.iter().filter(|it| it["end"] == "reported").count();
        assert_eq!(reported, 1, "{ends:?}");
    }
}
