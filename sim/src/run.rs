//! One run: everybody works, things go wrong, then nothing does any more, and it is judged.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::{Arc, Once};

use anyhow::{Context as _, Result};
use tlog::Hash;

use crate::checkers;
use crate::fate::Fate;
use crate::faults::Cast;
use crate::front_end::FrontEnd;
use crate::history::{self, History};
use crate::others::Other;
use crate::parties;
use crate::readers;
use crate::stores::Defect;
use crate::submitters::Submitter;
use crate::world::World;

/// Milliseconds after which everything acknowledged must be published once nothing goes wrong.
const PUBLISHED_WITHIN: u64 = 60_000;
const SUBMITTERS: [&str; 3] = ["alice", "bob", "carol"];
const FRONT_ENDS: [&str; 2] = ["log-a.example", "log-b.example"];

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// Digest of everything that happened, which is the same for the same seed.
    pub digest: Hash,
    /// What happened, line by line.
    pub trace: String,
    /// Promises that were broken.
    pub broken: Vec<String>,
    /// What there was to break.
    pub counts: Counts,
}

/// How much happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Entries in the published tree at the end.
    pub published: u64,
    /// Times that somebody was told an index.
    pub acknowledged: u64,
    /// Trees that outsiders saw signed.
    pub trees: u64,
    /// Times that a process of the log died or ended.
    pub ends: u64,
    /// Times that a process became the leader.
    pub leaders: u64,
    /// Simulated time, in milliseconds.
    pub milliseconds: u64,
}

/// Runs one seed.
///
/// # Errors
/// This machine does not give what a run needs; nothing is known then.
pub fn run(seed: u64, defect: Defect) -> Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    let dir = scratch()?;
    count_panics();
    runtime.block_on(live(seed, defect, dir.path().to_owned()))
}

/// A directory in memory if there is one, since nothing in it has to outlive the run.
fn scratch() -> Result<tempfile::TempDir> {
    let memory = PathBuf::from("/dev/shm");
    let made = tempfile::tempdir_in(&memory).or_else(|_| tempfile::tempdir());
    made.context("no directory for databases of witnesses")
}

async fn live(seed: u64, defect: Defect, dir: PathBuf) -> Result<Outcome> {
    let mut shape = Fate::new(seed).fixed(&[b"shape"]);
    let is_local = shape.hits(300) && !defect.ignores_leader() || defect == Defect::ShelfForgets;
    let time = shape.between(12_000, 25_000);
    let prefill = shape.between(0, 280) as usize;
    let world = World::new(seed, defect, is_local, dir);
    let names = match is_local {
        true => &FRONT_ENDS[..1],
        false => &FRONT_ENDS[..],
    };
    let hub = tokio::spawn(Arc::clone(&world.hub).run());
    let cast = cast(&world, names)?;
    let prefill = match defect {
        Defect::ShelfForgets => 280,
        _ => prefill,
    };
    for front_end in &cast.front_ends {
        tokio::spawn(Arc::clone(front_end).run());
    }
    tokio::spawn(readers::look(Arc::clone(&world), names.to_vec()));
    for (name, front_end) in ["dave", "erin"].into_iter().zip(names) {
        tokio::spawn(readers::follow(Arc::clone(&world), name, front_end));
    }
    tokio::spawn(readers::push(Arc::clone(&world), names.to_vec()));
    let founder = submitter("founder", 0, &world, names);
    tokio::spawn(async move { founder.found(prefill).await });
    for (n, name) in SUBMITTERS.into_iter().enumerate() {
        let submitter = submitter(name, 700, &world, names);
        tokio::spawn(async move { submitter.run(n * 1_000).await });
    }
    let story = async {
        cast.run(time).await;
        settle(&world, names).await
    };
    let history = tokio::select! {
        history = story => history,
        _ = hub => anyhow::bail!("seed {seed}: the simulation itself ended by a defect"),
    };
    let panics = PANICS.take();
    if panics > 0 {
        world.seen.complain(format!("{panics} panics"));
    }
    let outcome = outcome(seed, &world, &history);
    cast.others.iter().for_each(|other| other.stop());
    world.end();
    Ok(outcome)
}

thread_local! {
    /// Panics in tasks of the run of this thread; the runtime catches them.
    static PANICS: Cell<u64> = const { Cell::new(0) };
}

fn count_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.set(PANICS.get() + 1);
            before(panic);
        }));
    });
    PANICS.set(0);
}

fn cast(world: &Arc<World>, names: &[&'static str]) -> Result<Cast> {
    let mut others = Vec::new();
    for n in 0..parties::WITNESSES.len() {
        others.push(Other::witness(n, world)?);
    }
    others.push(Other::mirror(world)?);
    for other in &others {
        other.start();
    }
    let mut front_ends = Vec::new();
    for (number, name) in (0..).zip(names) {
        let config = parties::log_config(&world.dir.join(name))?;
        front_ends.push(FrontEnd::new(name, number, world, config));
    }
    Ok(Cast {
        world: Arc::clone(world),
        front_ends,
        others,
    })
}

fn submitter(
    name: &'static str,
    patient: u64,
    world: &Arc<World>,
    names: &[&'static str],
) -> Submitter {
    Submitter {
        name,
        patient,
        world: Arc::clone(world),
        front_ends: names.to_vec(),
    }
}

/// Waits until everything acknowledged is published, one more entry among it; reads all of it.
async fn settle(world: &Arc<World>, names: &[&'static str]) -> History {
    let end = world.hub.now() + PUBLISHED_WITHIN;
    let late = submitter("zoe", 1000, world, names);
    let last = tokio::spawn(async move { late.submit_until_told(&[parties::entry(4_000)]).await });
    let mut found = Err("no front end answers".to_owned());
    while world.hub.now() < end {
        world.pause("judge", 500, 500).await;
        for name in names {
            match history::read(world, name).await {
                Ok(history) if history.size() >= due(world) && last.is_finished() => {
                    return history;
                }
                Ok(history) => found = Ok(history),
                Err(error) if found.is_err() => found = Err(error),
                Err(_) => {}
            }
        }
    }
    let what = format!(
        "{PUBLISHED_WITHIN} ms after the last fault not everything acknowledged is published: {}",
        match &found {
            Ok(history) => format!("only {} entries are", history.size()),
            Err(error) => error.clone(),
        }
    );
    world.seen.complain(what);
    found.unwrap_or_else(|_| History::of(Vec::new()))
}

/// The size that has to be published: all that was acknowledged and all that was signed, until this very moment.
fn due(world: &World) -> u64 {
    world.seen.with(|notes| {
        let told = notes.acknowledged.iter().map(|told| told.index + 1);
        let signed = notes.signed.keys().map(|tree| tree.size);
        told.chain(signed).max().unwrap_or(0)
    })
}

fn outcome(seed: u64, world: &World, history: &History) -> Outcome {
    let trace = world.trace.text();
    let (broken, counts) = world.seen.with(|notes| {
        let counts = Counts {
            published: history.size(),
            acknowledged: notes.acknowledged.len() as u64,
            trees: notes.signed.len() as u64,
            ends: count(&trace, " begins").saturating_sub(1),
            leaders: count(&trace, " leads as "),
            milliseconds: world.hub.now(),
        };
        (checkers::judge(notes, history), counts)
    });
    Outcome {
        seed,
        digest: world.trace.digest(),
        trace,
        broken,
        counts,
    }
}

fn count(trace: &str, what: &str) -> u64 {
    trace.lines().filter(|line| line.contains(what)).count() as u64
}
