//! Cuts the power of the log and of the witness on paper, at very many moments, and leaves out each
//! kind of `fsync` (crate `powercut`).

use crate::cargo::{cargo, output, program, succeeds};
use crate::evidence::Evidence;
use anyhow::{Context, Result};
use std::path::Path;
use std::process::Stdio;

/// Power cuts of the log unless told otherwise; the witness gets half as many.
pub(super) const CUTS: u64 = 500;
/// How many of the same system call of one thread a log is struck at.
const FAILPOINTS: u64 = 16;

const MEANING: &str = "The real daemons were recorded under strace: each write, each name, each fsync, each byte they \
said, in one order. For many moments of that order the disk was built as a power cut could have left it, the real \
daemon was started on it, and it had to keep everything it had said before: entries, blobs, checkpoints, cosignatures, \
evidence. It shows nothing about a disk that acknowledges an fsync and forgets it.";

pub(super) fn run(root: &Path, cuts: u64) -> Result<bool> {
    build(root)?;
    let mut result = String::new();
    let mut is_kept = true;
    for (title, words) in [
        ("Log", ["log".to_owned(), cuts.to_string()]),
        ("Witness", ["witness".to_owned(), (cuts / 2).to_string()]),
        (
            "A log struck at a system call, started again, and then without power",
            ["failpoints".to_owned(), FAILPOINTS.to_string()],
        ),
    ] {
        let (text, kept) = powercut(root, &words)?;
        is_kept &= kept;
        result += &format!("## {title}\n\n{}\n\n", text.trim());
    }
    Evidence {
        name: "powercuts",
        title: "Power cuts",
        meaning: MEANING,
        command: format!("cargo xtask long powercuts {cuts}"),
        result,
    }
    .write(root)?;
    Ok(is_kept)
}

/// Builds the daemons and the tool.
pub(super) fn build(root: &Path) -> Result<()> {
    let mut build = cargo(root);
    build.args(["build", "--locked", "-p", "limpid", "-p", "limpid-powercut"]);
    anyhow::ensure!(succeeds(&mut build)?, "the daemons could not be built");
    Ok(())
}

/// What the tool printed, and whether everything held.
pub(super) fn powercut(root: &Path, words: &[String]) -> Result<(String, bool)> {
    let mut metadata = cargo(root);
    metadata.args(["metadata", "--format-version", "1", "--no-deps"]);
    let metadata: serde_json::Value = serde_json::from_str(&output(&mut metadata)?)?;
    let target = metadata["target_directory"]
        .as_str()
        .context("no target folder")?;
    let debug = Path::new(target).join("debug");
    let mut command = program(root, &debug.join("powercut").display().to_string());
    command.arg(debug.join("limpid")).args(words);
    println!("> powercut {}", words.join(" "));
    let ended = command
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start powercut")?;
    let text = String::from_utf8_lossy(&ended.stdout).into_owned();
    println!("{text}");
    Ok((text, ended.status.success()))
}
