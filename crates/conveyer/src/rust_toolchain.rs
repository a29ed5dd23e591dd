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
    name_inputs(finding, &cargo)?;
    let inner_libraries = format!("{INNER}/lib/rustlib/{TRIPLE}");
    finding.take("cargo", &cargo, &format!("{INNER}/bin/cargo"))?;
    finding.take(
        "rustc",
        &sysroot.join("bin/rustc"),
        &format!("{INNER}/bin/rustc"),
    )?;
    for name in ["rust-lld", "rust-objcopy", "gcc-ld/ld.lld"] {
        let inner = format!("{inner_libraries}/bin/{name}");
        finding.take("rustc", &libraries.join("bin").join(name), &inner)?;
    }
    let compiler = sysroot.join("lib");
    folder(
        finding,
        "rustc",
        &compiler,
        &format!("{INNER}/lib"),
        |name| name.contains(".so"),
    )?;
    let std = libraries.join("lib");
    let inner = format!("{inner_libraries}/lib");
    folder(finding, "rust-std", &std, &inner, |name| {
        !name.starts_with("librustc-stable_rt.")
    })?;
    let (std, inner) = (
        std.join("self-contained"),
        format!("{inner}/self-contained"),
    );
    folder(finding, "rust-std", &std, &inner, |_| true)
}

/// Names the three inputs by what the programs say about themselves.
fn name_inputs(finding: &mut Finding, cargo: &Path) -> Result<(), ConveyerError> {
    let about = ask("rustc", &["-vV"], REMEDY)?;
    let field = |name: &str| {
        let line = about.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or("unknown").trim().to_owned()
    };
    let (host, release, commit) = (field("host:"), field("release:"), field("commit-hash:"));
    if host != TRIPLE {
        return Err(lacks(format!(
            "a Rust toolchain for {TRIPLE} (found {host})"
        )));
    }
    let cargo_about = ask(&cargo.to_string_lossy(), &["--version"], REMEDY)?;
    finding.input("cargo", "host", format!("{cargo_about} as installed"));
    finding.input(
        "rustc",
        "host",
        format!("rustc {release} (commit {commit}) as installed"),
    );
    finding.input(
        "rust-std",
        "host",
        format!("rust-std for {TRIPLE} of rustc {release} as installed"),
    );
    Ok(())
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
