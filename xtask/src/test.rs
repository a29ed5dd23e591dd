//! `cargo xtask test`: makes the machine ready, builds once, runs every test, counts.
//!
//! The last line is always `N passed, N failed`. A step that breaks before its tests run (a
//! compile error, say) counts as one failure, so that nothing broken reads as `0 failed`.

mod count;
mod machine;

use crate::cargo::{cargo, root, shown, succeeds_quietly};
use anyhow::{Context, Result};
use count::Count;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Instant;

/// Set to `1`, it adds the demonstration and all attacks as two more tests.
const WITH_DEMO: &str = "LIMPID_TEST_DEMO";

/// PostgreSQL and S3 are off unless asked for; their tests are not.
const REMOTE: &str = "limpid-log/remote,limpid-center/postgres,limpid-store/postgres";

/// 0 if all passed, 1 if not, 2 if this machine lacks something.
pub(crate) fn run() -> Result<u8> {
    let root = root()?;
    let started = Instant::now();
    if !machine::make_ready()? {
        return Ok(2);
    }
    let mut total = Count::default();
    for mut command in steps(&root) {
        println!("\n> {}", shown(&command));
        let step = Instant::now();
        let count = run_counted(&mut command, &mut std::io::stdout())?;
        println!("> {} in {:.1} s", count, step.elapsed().as_secs_f64());
        total += count;
    }
    println!("\ntotal time {:.1} s", started.elapsed().as_secs_f64());
    println!("{total}");
    Ok(u8::from(total.failed > 0))
}

fn steps(root: &Path) -> Vec<Command> {
    let mut steps = Vec::new();
    let mut step = |arguments: &[&str]| {
        let mut command = cargo(root);
        command.args(arguments).env("CARGO_TERM_COLOR", "never");
        steps.push(command);
    };
    if has_nextest(root) {
        step(&[
            "nextest",
            "run",
            "--workspace",
            "--locked",
            "--no-fail-fast",
            "--features",
            REMOTE,
        ]);
    } else {
        step(&[
            "test",
            "--workspace",
            "--locked",
            "--no-fail-fast",
            "--features",
            REMOTE,
            "--lib",
            "--bins",
            "--tests",
        ]);
    }
    // With the same features, so that nothing is built twice.
    step(&[
        "test",
        "--workspace",
        "--locked",
        "--no-fail-fast",
        "--features",
        REMOTE,
        "--doc",
    ]);
    if std::env::var_os(WITH_DEMO).is_some_and(|value| value == "1") {
        step(&["demo"]);
        step(&["demo", "--attack", "all"]);
    }
    steps
}

/// Whether `cargo nextest` is installed; it runs the tests of all binaries side by side.
pub(crate) fn has_nextest(root: &Path) -> bool {
    succeeds_quietly(cargo(root).args(["nextest", "--version"]))
}

/// Runs a step, copies its output to `out` as it comes, and counts the tests it reports.
///
/// A step that reports no tests is one test itself.
pub(crate) fn run_counted(command: &mut Command, out: &mut impl Write) -> Result<Count> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start `{}`", shown(command)))?;
    let (sender, lines) = mpsc::channel();
    follow(child.stdout.take(), sender.clone());
    follow(child.stderr.take(), sender);
    let mut count = Count::default();
    let mut reported = false;
    for line in lines {
        writeln!(out, "{line}")?;
        if let Some(part) = count::reported(&line) {
            reported = true;
            count += part;
        }
    }
    let success = child
        .wait()
        .context("the step cannot be waited for")?
        .success();
    if !success && count.failed == 0 {
        writeln!(
            out,
            "> the step failed before or beside its tests: counted as one failure"
        )?;
        count.failed = 1;
    } else if success && !reported {
        count.passed = 1;
    }
    Ok(count)
}

fn follow(pipe: Option<impl std::io::Read + Send + 'static>, lines: mpsc::Sender<String>) {
    let Some(pipe) = pipe else { return };
    std::thread::spawn(move || {
        let mut reader = BufReader::new(pipe);
        let mut bytes = Vec::new();
        // Tests may print any bytes; a line that is no text must not end the following.
        while reader
            .read_until(b'\n', &mut bytes)
            .is_ok_and(|size| size > 0)
        {
            let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
            if lines.send(line).is_err() {
                return;
            }
            bytes.clear();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::program;

    fn counted(script: &str) -> Count {
        let mut command = program(Path::new("."), "sh");
        run_counted(command.args(["-c", script]), &mut std::io::sink()).expect("sh starts")
    }

    #[test]
    fn counts_of_a_step_are_summed_from_both_streams() {
        let script = "echo 'test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out'; \
                      echo '     Summary [   0.010s] 5 tests run: 5 passed, 1 skipped' >&2";
        assert_eq!(
            counted(script),
            Count {
                passed: 8,
                failed: 0
            }
        );
    }

    #[test]
    fn a_step_that_breaks_before_its_tests_is_one_failure() {
        assert_eq!(
            counted("echo 'error: could not compile' >&2; exit 101"),
            Count {
                passed: 0,
                failed: 1
            }
        );
    }

    #[test]
    fn a_step_without_tests_of_its_own_is_one_test() {
        assert_eq!(
            counted("printf 'a\\377b\\n'"),
            Count {
                passed: 1,
                failed: 0
            }
        );
    }
}
