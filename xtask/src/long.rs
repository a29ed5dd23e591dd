//! `cargo xtask long NAME`: what takes too long for every commit. The last result of each, with
//! its commit and machine, stays in `docs/evidence/`.

mod demo_times;
mod environments;
mod fuzz;
mod garage;
mod histories;
mod kills;
mod mutants;
mod powercuts;
mod projects;
mod sim;
mod vectors;

use anyhow::{Context, Result};

/// 0 if the result is as promised, 1 if not; the evidence is written either way.
pub(crate) fn run(name: &str, rest: &[&str]) -> Result<u8> {
    let root = crate::cargo::root()?;
    if name == "mutants" {
        return Ok(u8::from(!mutants::run(&root, rest)?));
    }
    if name == "environments" {
        return Ok(u8::from(!environments::run(&root)?));
    }
    if name == "garage" {
        return Ok(u8::from(!garage::run(&root)?));
    }
    if name == "projects" {
        return Ok(u8::from(!projects::run(&root)?));
    }
    if name == "vectors" {
        return Ok(u8::from(!vectors::run(&root)?));
    }
    let number = match rest {
        [] => None,
        [text] => Some(
            text.parse::<u64>()
                .with_context(|| format!("`{text}` is no number"))?,
        ),
        _ => anyhow::bail!("`{name}` takes at most one number"),
    };
    let kept = match name {
        "fuzz" => fuzz::run(&root, number.unwrap_or(fuzz::SECONDS_EACH))?,
        "histories" => histories::run(&root, number.unwrap_or(histories::COUNT))?,
        "kills" => kills::run(&root, number.unwrap_or(kills::COUNT))?,
        "powercuts" => powercuts::run(&root, number.unwrap_or(powercuts::CUTS))?,
        "sim" => sim::run(&root, number.unwrap_or(sim::SEEDS))?,
        "demo-times" => demo_times::run(&root, number.unwrap_or(demo_times::RUNS))?,
        _ => anyhow::bail!(
            "no long run is called `{name}`: mutants, fuzz, garage, histories, kills, powercuts, sim, demo-times, environments, projects or vectors"
        ),
    };
    Ok(u8::from(!kept))
}
