//! Simulates logs with everybody around them, each from one seed (crate `sim`), far more of them
//! than in `cargo xtask test`.

use crate::cargo::{cargo, output, program, succeeds};
use crate::evidence::Evidence;
use anyhow::{Context, Result};
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

/// Seeds unless told otherwise.
pub(super) const SEEDS: u64 = 1_000;

const MEANING: &str = "Each seed is one run of the real log, witnesses, mirror and readers over simulated stores, network \
and clocks: processes die between and in calls, leaders are deposed and write late, messages are lost, doubled and \
overtaken, witnesses and the mirror come and go, power cuts take what was not durable. Checkers that know only what outsiders saw \
compare it with the published history of the end. A seed that breaks a promise is named and can be run again. It shows nothing about real \
disks, databases and sockets; other pages do.";

pub(super) fn run(root: &Path, seeds: u64) -> Result<bool> {
    let mut build = cargo(root);
    build.args(["build", "--locked", "-p", "limpid-sim"]);
    anyhow::ensure!(succeeds(&mut build)?, "the simulation could not be built");
    let mut metadata = cargo(root);
    metadata.args(["metadata", "--format-version", "1", "--no-deps"]);
    let metadata: serde_json::Value = serde_json::from_str(&output(&mut metadata)?)?;
    let target = metadata["target_directory"]
        .as_str()
        .context("no target folder")?;
    let sim = Path::new(target).join("debug/sim");
    let mut command = program(root, &sim.display().to_string());
    command.args(["1", &seeds.to_string()]);
    let started = Instant::now();
    let ended = command
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start the simulation")?;
    let seconds = started.elapsed().as_secs();
    let text = String::from_utf8_lossy(&ended.stdout).into_owned();
    println!("{text}");
    let kept = ended.status.success();
    let word = match kept {
        true => "Every promise was kept.",
        false => "**A promise was broken: see below.**",
    };
    Evidence {
        name: "sim",
        title: "Simulated logs",
        meaning: MEANING,
        command: format!("cargo xtask long sim {seeds}"),
        result: format!("{word} {seconds} s.\n\n{}", text.trim()),
    }
    .write(root)?;
    Ok(kept)
}
