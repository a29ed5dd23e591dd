//! Times the demonstration and the attacks, after compilation.

use crate::cargo::{cargo, succeeds};
use crate::evidence::Evidence;
use anyhow::Result;
use std::path::Path;
use std::time::{Duration, Instant};

/// How often each is run unless told otherwise.
pub(super) const RUNS: u64 = 3;
const DEMO_MAX: Duration = Duration::from_secs(60);

const MEANING: &str = "Wall time of the demonstration and of all attacks, each on the machine named below, \
already compiled. The demonstration is promised to take less than 60 seconds.";

const TIMED: [&[&str]; 2] = [&["demo"], &["demo", "--attack", "all"]];

pub(super) fn run(root: &Path, runs: u64) -> Result<bool> {
    anyhow::ensure!(
        succeeds(cargo(root).args(["build", "--locked", "--package", "limpid"]))?,
        "the binary does not build"
    );
    let mut result = "| command | seconds, each run | as promised |\n|---|---|---|\n".to_owned();
    let mut kept = runs > 0;
    for (index, arguments) in TIMED.iter().enumerate() {
        let mut times = Vec::new();
        let mut green = true;
        for _ in 0..runs {
            let started = Instant::now();
            green &= succeeds(cargo(root).args(*arguments))?;
            times.push(started.elapsed());
        }
        let in_time = index > 0 || times.iter().all(|time| *time < DEMO_MAX);
        kept &= green && in_time;
        result.push_str(&row(arguments, &times, green, in_time));
    }
    let command = format!("cargo xtask long demo-times {runs}");
    Evidence {
        name: "demo-times",
        title: "Times",
        meaning: MEANING,
        command,
        result,
    }
    .write(root)?;
    Ok(kept)
}

fn row(arguments: &[&str], times: &[Duration], green: bool, in_time: bool) -> String {
    let shown: Vec<String> = times
        .iter()
        .map(|time| format!("{:.1}", time.as_secs_f64()))
        .collect();
    let word = match (green, in_time) {
        (false, _) => "**no: it failed**",
        (true, false) => "**no: too slow**",
        (true, true) => "yes",
    };
    format!(
        "| `cargo {}` | {} | {word} |\n",
        arguments.join(" "),
        shown.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_or_failed_run_is_said_so() {
        let times = [Duration::from_millis(61_250), Duration::from_secs(2)];
        assert_eq!(
            row(&["demo"], &times, true, false),
            "| `cargo demo` | 61.2, 2.0 | **no: too slow** |\n"
        );
        assert!(row(&["demo"], &times, false, true).contains("it failed"));
        assert!(row(&["demo"], &times, true, true).ends_with("| yes |\n"));
    }
}
