//! What an artifact was built with: the inputs of the environment's lock.

use super::purl;
use super::wire::{Component, Kind, Scope};
use crate::lock::{ArchiveFormat, Input, Lock, LockedKind};
use crate::room::environment_inputs;

/// Every input.
pub(super) fn of(lock: &Lock) -> Vec<Component> {
    let inputs = lock.inputs().iter().zip(environment_inputs(lock));
    let component = inputs.map(|(input, summed)| {
        let kind = match input.is_public() || input.origin == "host" {
            true => Kind::Application,
            false => Kind::Data,
        };
        let archive = lock.archive_of(&input.name);
        let mut component = Component::new(format!("input:{}", input.name), kind, &input.name)
            .with_sha256(archive.map(|archive| archive.sha256))
            .with("about", &input.about)
            .with("bytes", summed.bytes.to_string())
            .with("files", summed.files.to_string())
            .with("files-sha256", summed.sha256.to_string())
            .with("origin", &input.origin);
        let version = archive.map(|archive| archive.version.clone());
        component.version = version.or_else(|| number_of(&summed.version));
        component.purl = component
            .version
            .as_deref()
            .and_then(|version| purl_of(lock, input, version));
        component
    });
    component.collect()
}

/// Packages of Debian and crates have names that others know.
fn purl_of(lock: &Lock, input: &Input, version: &str) -> Option<String> {
    let Some(archive) = lock.archive_of(&input.name) else {
        let package = format!("Debian package {} ", input.name);
        let is_debian = input.about.starts_with(&package);
        return is_debian.then(|| purl::of_debian(&input.name, version, None));
    };
    match archive.format {
        // CODENAME/COMPONENT/ARCHITECTURE: the index that lists it. Of a package for all architectures this is
        // the one that was asked for.
        ArchiveFormat::Deb => {
            let codename = archive.place.split('/').next();
            Some(purl::of_debian(&input.name, version, codename))
        }
        ArchiveFormat::Crate => {
            let name = input.name.strip_suffix(&format!("-{version}"));
            Some(purl::of_known_crate(name.unwrap_or(&input.name), version))
        }
        ArchiveFormat::RustTarGz | ArchiveFormat::RustTarXz => None,
    }
}

/// The standard library of Rust, which every Rust program has in it: the input that has it among its files.
pub(super) fn std_of(lock: &Lock) -> Option<Component> {
    let is_std = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or(path);
        path.contains("/rustlib/") && name.starts_with("libstd-") && name.ends_with(".rlib")
    };
    let mut files = lock.files().iter();
    let file = files.find(|file| is_std(file.path.as_str()))?;
    let mut inputs = of(lock).into_iter();
    let input = inputs.find(|input| input.name == file.input)?;
    let sha256 = match &file.kind {
        LockedKind::File { sha256, .. } => Some(*sha256),
        LockedKind::Link { .. } => None,
    };
    let mut component = Component::new("std", Kind::Library, "std")
        .with("file", file.path.as_str())
        .with("from", input.id)
        .with("unknown", "the crates that it is made of itself")
        .with_sha256(sha256);
    component.version = input.version;
    component.scope = Some(Scope::Required);
    Some(component)
}

/// A version is one word; of a sentence about a toolchain it is the first word that begins with a digit.
fn number_of(version: &str) -> Option<String> {
    let mut words = version.split_whitespace();
    let found = words.find(|word| word.starts_with(|first: char| first.is_ascii_digit()));
    found.map(str::to_owned)
}
