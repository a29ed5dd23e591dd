//! The program of all mutants, run for one mutant after the other.
//!
//! First each history is told once with all mutants asleep, which says who would have had a part in it. A mutant
//! is then looked for only in histories that reach it; what none reaches needs no run.

use super::listed::Mutant;
use crate::cargo::program;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

const TEST: &str = "law_and_audit_agree_on_generated_histories";
const WORKERS: usize = 2;
/// Seconds of a processor, whoever else uses it: at the start, and for each history many times what one takes.
const SECONDS_FIRST: usize = 10;
const SECONDS_EACH: usize = 3;
/// By then even what only waits is ended.
const WAIT_MAX: Duration = Duration::from_secs(900);
/// The signal for who used up the seconds.
const OUT_OF_TIME: i32 = 24;
/// A broken loop must not take the memory of the machine.
const MEMORY_KIB: u64 = 3 * 1024 * 1024;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Fate {
    /// Law and audit differ, or one of them panics.
    Noticed,
    /// It was reached, and they agree.
    Survived,
    /// No history comes to it.
    Unreached,
    TimedOut,
}

/// The histories that reach each mutant.
pub(super) type Reached = BTreeMap<usize, Vec<u64>>;

/// Tells each history once, with all mutants asleep.
pub(super) fn reach(histories: &Path, folder: &Path, count: u64) -> Result<Reached> {
    let seeds: Vec<u64> = (1..=count).collect();
    let told = each(&seeds, |seed| {
        let note = folder.join(format!("reached-{seed}"));
        let _ = std::fs::remove_file(&note);
        let told = tell(
            histories,
            &[*seed],
            ("LIMPID_MUTANTS_REACHED", &note.to_string_lossy()),
        )?;
        anyhow::ensure!(
            told == Told::Agree,
            "law and audit differ in history {seed} without any mutant: {told:?}"
        );
        let text = std::fs::read_to_string(&note).unwrap_or_default();
        std::fs::remove_file(&note).ok();
        text.lines()
            .map(|line| Ok(line.parse::<usize>()?))
            .collect::<Result<Vec<_>>>()
    })?;
    let mut reached = Reached::new();
    for (seed, numbers) in seeds.iter().zip(told) {
        for number in numbers {
            reached.entry(number).or_default().push(*seed);
        }
    }
    Ok(reached)
}

/// Tries each mutant in at most `most` of the histories that reach it.
pub(super) fn try_each(
    histories: &Path,
    mutants: &[&Mutant],
    reached: &Reached,
    most: usize,
) -> Result<Vec<Fate>> {
    let done = Mutex::new(0);
    each(mutants, |mutant| {
        let fate = match reached.get(&mutant.number) {
            None => Fate::Unreached,
            Some(seeds) => {
                let seeds = &seeds[..seeds.len().min(most)];
                let awake = ("LIMPID_MUTANT", &*mutant.number.to_string());
                match tell(histories, seeds, awake)? {
                    Told::Differ => Fate::Noticed,
                    Told::Agree => Fate::Survived,
                    Told::TooLong => Fate::TimedOut,
                }
            }
        };
        if let Ok(mut done) = done.lock() {
            *done += 1;
            println!("{done}/{} {fate:?}: {}", mutants.len(), mutant.name);
        }
        Ok(fate)
    })
}

/// The answers for all items, in their order, by two workers.
fn each<T: Sync, R: Send>(items: &[T], ask: impl Fn(&T) -> Result<R> + Sync) -> Result<Vec<R>> {
    let next = Mutex::new(0..items.len());
    let answers = std::thread::scope(|scope| {
        let work = || {
            let mut answers = Vec::new();
            loop {
                let at = next.lock().ok().and_then(|mut range| range.next());
                let Some(at) = at else {
                    return answers;
                };
                answers.push((at, ask(&items[at])));
            }
        };
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        let each = workers.into_iter().map(|worker| worker.join());
        each.collect::<Result<Vec<_>, _>>()
    });
    let Ok(answers) = answers else {
        anyhow::bail!("a worker ended before its time");
    };
    let mut answers: Vec<_> = answers.into_iter().flatten().collect();
    answers.sort_by_key(|(at, _)| *at);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Told {
    Agree,
    Differ,
    TooLong,
}

fn tell(histories: &Path, seeds: &[u64], (name, value): (&str, &str)) -> Result<Told> {
    let folder = histories
        .parent()
        .context("the program lies in no folder")?;
    let seconds = SECONDS_FIRST + SECONDS_EACH * seeds.len();
    let limits = format!("ulimit -v {MEMORY_KIB}; ulimit -t {seconds}; exec \"$@\"");
    let mut command = program(folder, "sh");
    command.args(["-c", &limits, "sh"]);
    command.arg(histories).args([TEST, "--exact"]);
    let seeds: Vec<_> = seeds.iter().map(u64::to_string).collect();
    command.env("LIMPID_HISTORIES_OF", seeds.join(","));
    command.env(name, value).env("RUST_BACKTRACE", "0");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    wait(command.spawn().context("cannot start the histories")?)
}

fn wait(mut child: Child) -> Result<Told> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().context("cannot wait for the histories")? {
            return Ok(match status.signal() {
                Some(OUT_OF_TIME) => Told::TooLong,
                _ if status.success() => Told::Agree,
                _ => Told::Differ,
            });
        }
        if started.elapsed() > WAIT_MAX {
            child.kill().context("cannot stop the histories")?;
            child.wait().context("cannot wait for the histories")?;
            return Ok(Told::TooLong);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
