//! Another time of day inside a build. There is no namespace for it: a small library stands before the C library in
//! every program that is linked dynamically. It is compiled in the sandbox, by the compiler of the environment, so that
//! nothing enters the build that is not made of the environment.

use std::fs;
use std::path::Path;

use sandbox::Identity;

use crate::error::ConveyerError;
use crate::lock::Lock;

/// Folder of the library, below `/build`.
const FOLDER: &str = "clock";
/// The library, as programs inside see it.
pub(crate) const LIBRARY: &str = "/build/clock/clock.so";

const IN_C: &str = include_str!("clock.c");
const IN_RUST: &str = include_str!("clock_rust.txt");

/// The compilers that an environment may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compiler {
    C,
    Rust,
}

/// Writes the library's source below `build` and gives the command that compiles it inside; nothing where the
/// environment has no compiler that can.
pub(crate) fn source(
    ahead_seconds: u64,
    lock: &Lock,
    build: &Path,
    identity: &Identity,
) -> Result<Option<Vec<String>>, ConveyerError> {
    let Some(compiler) = compiler_of(lock) else {
        return Ok(None);
    };
    let folder = build.join(FOLDER);
    fs::create_dir(&folder).map_err(ConveyerError::io("make", &folder))?;
    identity.own(&folder)?;
    let (name, text) = match compiler {
        Compiler::C => ("clock.c", format!("#define AHEAD {ahead_seconds}L\n{IN_C}")),
        Compiler::Rust => (
            "clock.rs",
            format!("{IN_RUST}\nconst AHEAD: i64 = {ahead_seconds};\n"),
        ),
    };
    let path = folder.join(name);
    fs::write(&path, text).map_err(ConveyerError::io("write", &path))?;
    identity.own(&path)?;
    let inner = format!("/build/{FOLDER}/{name}");
    let command: &[&str] = match compiler {
        Compiler::C => &["gcc", "-shared", "-fPIC", "-O1", "-nostdlib"],
        Compiler::Rust => &[
            "rustc",
            "--edition=2021",
            "--crate-type=cdylib",
            "-Copt-level=1",
            "-Cpanic=abort",
        ],
    };
    let words = command.iter().copied().chain(["-o", LIBRARY, &inner]);
    Ok(Some(words.map(str::to_owned).collect()))
}

fn compiler_of(lock: &Lock) -> Option<Compiler> {
    let has = |path: &str| lock.files().iter().any(|file| file.path.as_str() == path);
    let has_cc1 = lock
        .files()
        .iter()
        .any(|file| file.path.as_str().ends_with("/cc1"));
    if has_cc1 && has("usr/bin/gcc") && has("usr/bin/as") {
        return Some(Compiler::C);
    }
    let has_rust = has("opt/rust/bin/rustc") || has("usr/bin/rustc");
    (has_rust && has("usr/bin/cc")).then_some(Compiler::Rust)
}
