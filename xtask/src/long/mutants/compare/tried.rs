//! The program of all mutants, told who is to be awake, one after the other.
//!
//! A history is written down once and then told again to the mutated side alone (`crates/audit/tests/histories/script.rs`).
//! First every side hears every script with all mutants asleep, which says who would have had a part in it. A mutant is then
//! looked for only in scripts that reach it; what none reaches needs no run.

use super::listed::Mutant;
use crate::cargo::program;
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;

const TEST: &str = "law_and_audit_agree_on_generated_histories";
const WORKERS: usize = 2;
/// A broken loop must not take the memory of the machine.
const MEMORY_KIB: u64 = 5 * 1024 * 1024;

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

/// One line for the program: what a thread is called, what it tells to whom.
#[derive(Clone)]
struct Order {
    name: String,
    rest: String,
}

impl Order {
    fn new(name: String, (side, how): (&str, &str), seeds: &[u64]) -> Self {
        let seeds: Vec<_> = seeds.iter().map(u64::to_string).collect();
        let rest = format!("{side}\t{how}\t{}", seeds.join(","));
        Self { name, rest }
    }
}

/// Where and how a mutant is reached: whether by reading every entry anew, and in which histories.
pub(super) type Reached = BTreeMap<usize, (&'static str, Vec<u64>)>;

/// Tells each script to each side, with all mutants asleep.
pub(super) fn reach(histories: &Path, folder: &Path, count: u64) -> Result<Reached> {
    let notes = folder.join("reached");
    let _ = std::fs::remove_file(&notes);
    let mut orders = Vec::new();
    for how in ["hears", "reads"] {
        for seed in 1..=count {
            for side in super::COMPARED {
                let name = format!("reach {how} {side} {seed}");
                orders.push(Order::new(name, (side, how), &[seed]));
            }
        }
    }
    for (order, answer) in tell(histories, folder, &orders)? {
        anyhow::ensure!(answer == "agrees", "without any mutant: {order} {answer}");
    }
    let mut reached = Reached::new();
    let text = std::fs::read_to_string(&notes).context("nothing was reached")?;
    let mut lines: Vec<_> = text.lines().filter_map(note).collect();
    lines.sort_unstable();
    for (how, seed, number) in lines {
        let (first, seeds) = reached.entry(number).or_insert((how, Vec::new()));
        if *first == how {
            seeds.push(seed);
        }
    }
    Ok(reached)
}

/// `reach hears law 7<tab>12`: mutant 12 has a part in history 7.
fn note(line: &str) -> Option<(&'static str, u64, usize)> {
    let (name, number) = line.split_once('\t')?;
    let mut words = name.split(' ').skip(1);
    let how = match words.next()? {
        "hears" => "hears",
        _ => "reads",
    };
    Some((how, words.nth(1)?.parse().ok()?, number.parse().ok()?))
}

/// Tries each mutant in at most `most` of the histories that reach it.
pub(super) fn try_each(
    histories: &Path,
    folder: &Path,
    mutants: &[&Mutant],
    (reached, most): (&Reached, usize),
) -> Result<Vec<Fate>> {
    let name = |mutant: &Mutant| format!("mutant {}", mutant.number);
    let orders = mutants.iter().filter_map(|mutant| {
        let (how, seeds) = reached.get(&mutant.number)?;
        let side = if mutant.file.starts_with("crates/law/") {
            "law"
        } else {
            "audit"
        };
        let seeds = &seeds[..seeds.len().min(most)];
        Some(Order::new(name(mutant), (side, how), seeds))
    });
    let answers = tell(histories, folder, &orders.collect::<Vec<_>>())?;
    let fate = |mutant: &&Mutant| match answers.get(&name(mutant)).map(String::as_str) {
        None => Fate::Unreached,
        Some("agrees") => Fate::Survived,
        Some("late") => Fate::TimedOut,
        Some(_) => Fate::Noticed,
    };
    Ok(mutants.iter().map(fate).collect())
}

/// What came of each order, by its name; some for each worker.
fn tell(histories: &Path, folder: &Path, orders: &[Order]) -> Result<BTreeMap<String, String>> {
    let share = orders.len().div_ceil(WORKERS).max(1);
    let answers = std::thread::scope(|scope| {
        let shares = (0..).zip(orders.chunks(share));
        let workers: Vec<_> = shares
            .map(|(number, share)| scope.spawn(move || work(histories, folder, number, share)))
            .collect();
        let each = workers.into_iter().map(|worker| worker.join());
        each.collect::<Result<Vec<_>, _>>()
    });
    let Ok(answers) = answers else {
        anyhow::bail!("a worker ended before its time");
    };
    let mut all = BTreeMap::new();
    for answered in answers {
        all.extend(answered?);
    }
    Ok(all)
}

/// Starts the program until everything is answered. It ends early at what never would.
fn work(
    histories: &Path,
    folder: &Path,
    number: usize,
    orders: &[Order],
) -> Result<BTreeMap<String, String>> {
    let file = |what: &str| -> PathBuf { folder.join(format!("{what}-{number}")) };
    let mut answered = BTreeMap::new();
    let mut left = orders.to_vec();
    while !left.is_empty() {
        let lines = left
            .iter()
            .map(|order| format!("{}\t{}\n", order.name, order.rest));
        std::fs::write(file("orders"), lines.collect::<String>()).context("cannot give orders")?;
        let _ = std::fs::remove_file(file("answers"));
        let mut command = program(folder, "sh");
        command.args(["-c", &format!("ulimit -v {MEMORY_KIB}; exec \"$@\""), "sh"]);
        command.arg(histories).args([TEST, "--exact"]);
        command.env("LIMPID_MUTANTS_ORDERS", file("orders"));
        command.env("LIMPID_MUTANTS_ANSWERS", file("answers"));
        command.env("LIMPID_MUTANTS_REACHED", folder.join("reached"));
        command.env("RUST_BACKTRACE", "0");
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let status = command.status().context("cannot start the histories")?;
        let text = std::fs::read_to_string(file("answers")).unwrap_or_default();
        let news = text.lines().filter_map(|line| line.split_once('\t'));
        let mut fresh = BTreeSet::new();
        for (name, answer) in news {
            fresh.insert(name.to_owned());
            // Who began and did not end has ended everything: by its memory, or by its stack.
            answered.insert(name.to_owned(), answer.to_owned());
        }
        anyhow::ensure!(
            !fresh.is_empty(),
            "the histories answered nothing: {status}, see {}",
            file("orders").display()
        );
        left.retain(|order| !fresh.contains(&order.name));
        println!("worker {number}: {} orders are left", left.len());
    }
    Ok(answered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_says_who_was_reached_where() {
        assert_eq!(note("reach reads law 7\t12"), Some(("reads", 7, 12)));
        assert_eq!(note("reach reads law 7"), None);
    }
}
