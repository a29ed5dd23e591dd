//! Finds the installed Rust: compiler, cargo, the standard library and the linker that comes with them.

use std::fs;
use std::path::Path;

use crate::error::ConveyerError;
use crate::host::{Finding, ask};

/// The only target, host of the compiler as well.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";
/// Where the toolchain is, inside.
const INNER: &str = "opt/rust";
const REMEDY: &str = "install Rust with rustup: https://rustup.rs";

/// Adds the toolchain under `opt/rust`. Left out: documentation, clippy, rustfmt, rustdoc, debugger scripts, shell
/// completions, and the runtimes of sanitizers, none of which a build reads.
pub(crate) fn find(finding: &mut Finding) -> Result<(), ConveyerError> {
    let about = ask("rustc", &["-vV"], REMEDY)?;
    let field = |name: &str| {
        about
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap_or("unknown")
            .trim()
            .to_owned()
    };
    if field("host:") != TRIPLE {
        return Err(lacks(format!(
            "a Rust toolchain for {TRIPLE} (found {})",
            field("host:")
        )));
    }
    let sysroot = ask("rustc", &["--print", "sysroot"], REMEDY)?;
    let sysroot = Path::new(&sysroot);
    let cargo = sysroot.join("bin/cargo");
    let libraries = sysroot.join("lib/rustlib").join(TRIPLE);
    if !cargo.is_file() || !libraries.join("bin/rust-lld").is_file() {
        return Err(lacks(format!(
            "a rustup toolchain (cargo and rust-lld below {})",
            sysroot.display()
        )));
    }
    let cargo_about = ask(&cargo.to_string_lossy(), &["--version"], REMEDY)?;
    finding.input(
        "rustc",
        "host",
        format!(
            "rustc {} (commit {}) as installed",
            field("release:"),
            field("commit-hash:")
        ),
    );
    finding.input("cargo", "host", format!("{cargo_about} as installed"));
    finding.input(
        "rust-std",
        "host",
        format!(
            "rust-std for {TRIPLE} of rustc {} as installed",
            field("release:")
        ),
    );
    finding.take("cargo", &cargo, &format!("{INNER}/bin/cargo"))?;
    finding.take(
        "rustc",
        &sysroot.join("bin/rustc"),
        &format!("{INNER}/bin/rustc"),
    )?;
    for name in ["rust-lld", "rust-objcopy", "gcc-ld/ld.lld"] {
        finding.take(
            "rustc",
            &libraries.join("bin").join(name),
            &format!("{INNER}/lib/rustlib/{TRIPLE}/bin/{name}"),
        )?;
    }
    folder(
        finding,
        "rustc",
        &sysroot.join("lib"),
        &format!("{INNER}/lib"),
        |name| name.contains(".so"),
    )?;
    let std = format!("{INNER}/lib/rustlib/{TRIPLE}/lib");
    folder(finding, "rust-std", &libraries.join("lib"), &std, |name| {
        !name.starts_with("librustc-stable_rt.")
    })?;
    folder(
        finding,
        "rust-std",
        &libraries.join("lib/self-contained"),
        &format!("{std}/self-contained"),
        |_| true,
    )
}

/// Adds the files (not the folders) of one folder; a folder that is not there adds none.
fn folder(
    finding: &mut Finding,
    input: &str,
    host: &Path,
    inner: &str,
    is_wanted: fn(&str) -> bool,
) -> Result<(), ConveyerError> {
    if !host.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(host).map_err(ConveyerError::io("list", host))? {
        let entry = entry.map_err(ConveyerError::io("list", host))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if is_wanted(&name) && !entry.path().is_dir() {
            finding.take(input, &entry.path(), &format!("{inner}/{name}"))?;
        }
    }
    Ok(())
}

fn lacks(what: String) -> ConveyerError {
    ConveyerError::HostLacks {
        what,
        remedy: REMEDY.to_owned(),
    }
}
