//! `sim SEED [--trace]`: one run. `sim FIRST COUNT`: many, one after the other on each core.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use anyhow::{Context as _, Result};
use sim::{Counts, Defect, Outcome, run};

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |text: &String| text.parse::<u64>().with_context(|| format!("`{text}`"));
    let kept = match arguments.as_slice() {
        [seed] => one(number(seed)?, false)?,
        [seed, word] if word == "--trace" => one(number(seed)?, true)?,
        [first, count] => many(number(first)?, number(count)?)?,
        _ => anyhow::bail!("use: sim SEED [--trace], or sim FIRST COUNT"),
    };
    Ok(ExitCode::from(u8::from(!kept)))
}

fn one(seed: u64, with_trace: bool) -> Result<bool> {
    let outcome = run(seed, Defect::None)?;
    if with_trace {
        io::stdout().write_all(outcome.trace.as_bytes())?;
    }
    tell(&outcome)?;
    Ok(outcome.broken.is_empty())
}

fn tell(outcome: &Outcome) -> Result<()> {
    let Counts {
        published,
        acknowledged,
        trees,
        ends,
        leaders,
        milliseconds,
    } = outcome.counts;
    let word = match outcome.broken.is_empty() {
        true => "kept",
        false => "BROKEN",
    };
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "seed {}: {published} entries, {acknowledged} acknowledgements, {trees} trees, {ends} ends, {leaders} leaders, {} s: {word}, {}",
        outcome.seed,
        milliseconds / 1000,
        outcome.digest
    )?;
    for broken in &outcome.broken {
        writeln!(out, "  {broken}")?;
    }
    if !outcome.broken.is_empty() {
        writeln!(
            out,
            "  again: cargo run -p limpid-sim -- {} --trace",
            outcome.seed
        )?;
    }
    Ok(())
}

/// Runs seeds on all cores; the last lines are a table.
fn many(first: u64, count: u64) -> Result<bool> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (next, sum) = (
        AtomicU64::new(first),
        Mutex::new((Counts::default(), Vec::new())),
    );
    std::thread::scope(|threads| {
        let work = || -> Result<()> {
            loop {
                let seed = next.fetch_add(1, Relaxed);
                if seed >= first + count {
                    return Ok(());
                }
                let outcome = run(seed, Defect::None)?;
                if !outcome.broken.is_empty() {
                    tell(&outcome)?;
                }
                let mut sum = sum
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                add(&mut sum.0, outcome.counts);
                if !outcome.broken.is_empty() {
                    sum.1.push(seed);
                }
            }
        };
        let workers: Vec<_> = (0..cores).map(|_| threads.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| {
            let ended = worker.join();
            ended.map_err(|_| anyhow::anyhow!("a run ended by a defect"))?
        })
    })?;
    let (sum, broken) = sum
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "| | |\n|---|---|\n| seeds | {first} to {} |",
        first + count - 1
    )?;
    for (what, number) in [
        ("entries published", sum.published),
        ("acknowledgements", sum.acknowledged),
        ("signed trees seen", sum.trees),
        ("ends of a process", sum.ends),
        ("leaders", sum.leaders),
        ("simulated hours", sum.milliseconds / 3_600_000),
        ("seeds with a broken promise", broken.len() as u64),
    ] {
        writeln!(out, "| {what} | {number} |")?;
    }
    Ok(broken.is_empty())
}

fn add(sum: &mut Counts, one: Counts) {
    sum.published += one.published;
    sum.acknowledged += one.acknowledged;
    sum.trees += one.trees;
    sum.ends += one.ends;
    sum.leaders += one.leaders;
    sum.milliseconds += one.milliseconds;
}
