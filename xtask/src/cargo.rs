//! Starting cargo and other programs from the root of the tree.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The root of the tree: the folder above this crate.
pub(crate) fn root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.parent().context("xtask lies in no folder")?;
    anyhow::ensure!(
        root.join("Cargo.toml").is_file(),
        "{} has no Cargo.toml; the tree was moved after xtask was built: run `cargo xtask` again from its root",
        root.display()
    );
    Ok(root.to_owned())
}

/// A cargo command without stdin that sees the environment as a person's shell would have it.
///
/// `cargo run` exports the variables of the package it runs; left in place they reach build
/// scripts of the inner cargo and make it build again what stands.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = program(root, "cargo");
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_")
            || text.starts_with("CARGO_MANIFEST_")
            || text == "LD_LIBRARY_PATH"
        {
            command.env_remove(name);
        }
    }
    command
}

/// Any program, without stdin, in `root`.
pub(crate) fn program(root: &Path, name: &str) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root).stdin(Stdio::null());
    command
}

/// Runs with output to the terminal; true for exit status 0.
pub(crate) fn succeeds(command: &mut Command) -> Result<bool> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command
        .status()
        .with_context(|| format!("cannot start `{name}`"))?;
    Ok(status.success())
}

/// Runs quietly; true for exit status 0, false also when the program is absent.
pub(crate) fn succeeds_quietly(command: &mut Command) -> bool {
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The trimmed standard output of a program that must succeed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let output = command
        .output()
        .with_context(|| format!("cannot start `{shown}`"))?;
    anyhow::ensure!(
        output.status.success(),
        "`{shown}` failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The command as a person would type it.
pub(crate) fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(
        command
            .get_args()
            .map(|word| word.to_string_lossy().into_owned()),
    );
    words.join(" ")
}
