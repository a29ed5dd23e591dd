//! Crates through cargo: which ones a `Cargo.lock` names, and their files from cargo's own cache.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::fault::SupplyError;
use super::wish::bad;
use crate::crates::{LockedCrate, locked_crates};
use crate::error::ConveyerError;
use crate::limits::LOCKFILE_BYTES_MAX;

/// Every crate of a `Cargo.lock` that comes from a registry.
pub(super) fn named_in(lockfile: &Path) -> Result<Vec<LockedCrate>, SupplyError> {
    let about = std::fs::metadata(lockfile).map_err(ConveyerError::io("look at", lockfile))?;
    if about.len() > LOCKFILE_BYTES_MAX {
        let shown = lockfile.display().to_string();
        return Err(bad("lockfile", &shown, "a smaller Cargo.lock"));
    }
    let text = std::fs::read(lockfile).map_err(ConveyerError::io("read", lockfile))?;
    let crates = locked_crates(&text)?;
    match crates.iter().find(|one| !is_plain(&one.name, &one.version)) {
        Some(odd) => Err(bad("lockfile", &odd.name, "names and versions of crates")),
        None => Ok(crates),
    }
}

/// Where cargo has the `.crate` file; cargo is asked to get it when it has none. Its bytes are not judged here.
pub(super) fn crate_file(name: &str, version: &str, scratch: &Path) -> Result<PathBuf, String> {
    if !is_plain(name, version) {
        return Err("its name or version is not one of a crate".to_owned());
    }
    let file = format!("{name}-{version}.crate");
    if let Some(path) = in_cache(&file) {
        return Ok(path);
    }
    // `cargo info` gets exactly one crate, and nothing that it depends on.
    let done = Command::new("cargo")
        .args(["info", "--quiet", "--color=never"])
        .arg(format!("{name}@{version}"))
        .current_dir(scratch)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cargo cannot be started ({error})"))?;
    let said = String::from_utf8_lossy(&done.stderr);
    in_cache(&file).ok_or_else(|| {
        let error = said.lines().find(|line| line.starts_with("error"));
        let error = error.unwrap_or("cargo has no such crate");
        error.to_owned()
    })
}

/// Cargo keeps a folder for each registry.
fn in_cache(file: &str) -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))?;
    let registries = std::fs::read_dir(home.join("registry/cache")).ok()?;
    registries
        .flatten()
        .map(|registry| registry.path().join(file))
        .find(|path| path.is_file())
}

/// Nothing that could be an option or a path.
fn is_plain(name: &str, version: &str) -> bool {
    let is_word = |text: &str, more: &[u8]| {
        text.starts_with(|first: char| first.is_ascii_alphanumeric())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
    };
    is_word(name, b"_-") && is_word(version, b".-+")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cargo_would_read_otherwise_are_refused() {
        assert!(is_plain("proc-macro2", "1.0.0-rc.1+x"));
        for (name, version) in [("-x", "1"), ("../x", "1"), ("x", "1/2"), ("x", "")] {
            assert!(!is_plain(name, version), "{name} {version}");
        }
    }
}
