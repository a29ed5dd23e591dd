//! `Cargo.lock`: every crate that may be fetched, with its checksum. It says nothing about which are compiled.

use std::collections::BTreeMap;

use serde::Deserialize;
use tlog::Hash;

use super::fault::{SbomFault, check_amount};
use super::limits::{CARGO_LOCK_BYTES_MAX, CRATES_MAX};
use super::listing::CrateId;

/// One package.
#[derive(Debug)]
pub(super) struct LockedCrate {
    pub(super) name: String,
    pub(super) version: String,
    /// Registry or repository; none for a part of the source.
    pub(super) source: Option<String>,
    /// SHA-256 of the `.crate` file.
    pub(super) checksum: Option<Hash>,
    /// Positions of what it may depend on, for any platform, feature, or only for its tests.
    pub(super) may_need: Vec<usize>,
}

/// All packages; others are named by their position.
#[derive(Debug)]
pub(super) struct CargoLock {
    crates: Vec<LockedCrate>,
    by_name: BTreeMap<String, Vec<usize>>,
}

/// As written. Other tables (unused patches) are of no interest.
#[derive(Deserialize)]
struct Text {
    #[serde(default)]
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

impl CargoLock {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, SbomFault> {
        check_amount("Cargo.lock in bytes", bytes.len(), CARGO_LOCK_BYTES_MAX)?;
        let text = str::from_utf8(bytes).map_err(|_| SbomFault::NotText { what: "Cargo.lock" })?;
        let text: Text = toml::from_str(text).map_err(SbomFault::CargoLock)?;
        check_amount(
            "Cargo.lock in crates",
            text.package.len(),
            CRATES_MAX as u64,
        )?;
        let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, package) in text.package.iter().enumerate() {
            by_name.entry(package.name.clone()).or_default().push(at);
        }
        let mut crates = Vec::with_capacity(text.package.len());
        for package in &text.package {
            let needs = package
                .dependencies
                .iter()
                .map(|dependency| meant(&text.package, &by_name, package, dependency));
            crates.push(LockedCrate {
                name: package.name.clone(),
                version: package.version.clone(),
                source: package.source.clone(),
                checksum: checksum(package)?,
                may_need: needs.collect::<Result<_, _>>()?,
            });
        }
        Ok(Self { crates, by_name })
    }

    pub(super) fn crates(&self) -> &[LockedCrate] {
        &self.crates
    }

    /// The position of a crate that cargo names.
    pub(super) fn find(&self, id: &CrateId) -> Result<usize, SbomFault> {
        let all = self.by_name.get(&id.name).into_iter().flatten().copied();
        let same: Vec<usize> = all
            .filter(|at| self.crates[*at].version == id.version)
            .collect();
        // A git source of the lock has the commit behind `#`, which a package id has not.
        let is_its_source = |at: &usize| {
            let source = self.crates[*at].source.as_deref();
            source.map(|text| text.split('#').next().unwrap_or(text)) == id.source.as_deref()
        };
        let exact = same.iter().copied().find(is_its_source);
        match (exact, same.as_slice()) {
            (Some(at), _) => Ok(at),
            // Cargo names a vendored git crate in other words than the lock.
            (None, [at]) if self.crates[*at].source.is_some() == id.source.is_some() => Ok(*at),
            _ => Err(SbomFault::NotLocked {
                name: id.name.clone(),
                version: id.version.clone(),
            }),
        }
    }
}

/// `NAME`, `NAME VERSION` or `NAME VERSION (SOURCE)`: as much as it takes to be unique.
fn meant(
    packages: &[Package],
    by_name: &BTreeMap<String, Vec<usize>>,
    package: &Package,
    dependency: &str,
) -> Result<usize, SbomFault> {
    let mut words = dependency.splitn(3, ' ');
    let (name, version, source) = (words.next(), words.next(), words.next());
    let source = source.map(|text| text.trim_start_matches('(').trim_end_matches(')'));
    let named = name.and_then(|name| by_name.get(name));
    let fitting: Vec<usize> = named
        .into_iter()
        .flatten()
        .copied()
        .filter(|at| version.is_none_or(|version| packages[*at].version == version))
        .filter(|at| source.is_none() || packages[*at].source.as_deref() == source)
        .collect();
    match fitting[..] {
        [one] => Ok(one),
        _ => Err(SbomFault::Dependency {
            package: package.name.clone(),
            dependency: dependency.chars().take(200).collect(),
            found: fitting.len(),
        }),
    }
}

fn checksum(package: &Package) -> Result<Option<Hash>, SbomFault> {
    let parse = |text: &String| {
        Hash::from_hex(text).map_err(|_| SbomFault::Checksum {
            package: package.name.clone(),
            value: text.chars().take(200).collect(),
        })
    };
    package.checksum.as_ref().map(parse).transpose()
}
