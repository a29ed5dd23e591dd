//! Writes the conformance vectors again with their generator and compares.
//!
//! It needs Python with `venv` and two packages from its registry, which is why it is no part of every test.

use crate::cargo::{output, program, succeeds};
use crate::evidence::Evidence;
use anyhow::{Context, Result};
use std::path::Path;

const GENERATOR: &str = "spec/vectors/generate";
/// A Python of its own, kept for the next time.
const ENVIRONMENT: &str = "target/long/vectors-env";

const MEANING: &str = "The files of `spec/vectors/` are exactly what their generator writes, a program in another \
language that shares no code with the crates; another implementation of ML-DSA-44 has verified each signature that it \
made, and another one of HPKE has opened each wrap. That the crates agree with the files is shown by their own tests.";

pub(super) fn run(root: &Path) -> Result<bool> {
    let python = root.join(ENVIRONMENT).join("bin/python");
    if !python.exists() {
        let made = succeeds(program(root, "python3").args(["-m", "venv", ENVIRONMENT]))?;
        anyhow::ensure!(
            made,
            "cannot make a Python environment; install python3 and its `venv`"
        );
    }
    let python = python.to_str().context("the folder has no UTF-8 name")?;
    let requirements = format!("{GENERATOR}/requirements.txt");
    let mut install = program(root, python);
    install.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--requirement",
        &requirements,
    ]);
    anyhow::ensure!(succeeds(&mut install)?, "cannot install {requirements}");
    let script = format!("{GENERATOR}/generate.py");
    // Also tells which packages: other versions must write the same.
    let packages = output(program(root, python).args(["-m", "pip", "freeze"]))?;
    let mut check = program(root, python);
    check.args(["-B", &script, "--check"]);
    let result = check
        .output()
        .with_context(|| format!("cannot run {script}"))?;
    let kept = result.status.success();
    let report = String::from_utf8_lossy(&result.stdout);
    print!("{report}{}", String::from_utf8_lossy(&result.stderr));
    Evidence {
        name: "vectors",
        title: "Conformance vectors",
        meaning: MEANING,
        command: "cargo xtask long vectors".to_owned(),
        result: format!("```text\n{report}```\n\nWith\n\n```text\n{packages}\n```"),
    }
    .write(root)?;
    Ok(kept)
}
