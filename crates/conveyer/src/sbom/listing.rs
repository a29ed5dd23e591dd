//! What cargo says about a build: its messages name what was compiled, its metadata why, and under which licence.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::fault::{SbomFault, check_amount};
use super::limits::LISTING_BYTES_MAX;

/// A crate as cargo's package ids name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CrateId {
    pub(super) name: String,
    pub(super) version: String,
    /// `registry+URL`, `sparse+URL` or `git+URL`; none for a folder.
    pub(super) source: Option<String>,
}

impl CrateId {
    /// `KIND+URL#NAME@VERSION`, or `KIND+URL#VERSION` where the URL ends with the name.
    fn parse(value: &str) -> Result<Self, SbomFault> {
        let odd = || SbomFault::PackageId {
            value: value.chars().take(200).collect(),
        };
        let (source, about) = value.rsplit_once('#').ok_or_else(odd)?;
        let (kind, url) = source.split_once('+').ok_or_else(odd)?;
        let (name, version) = match about.split_once('@') {
            Some((name, version)) => (name, version),
            None => {
                let path = url.split('?').next().unwrap_or(url);
                (path.rsplit('/').next().unwrap_or(path), about)
            }
        };
        if name.is_empty() || !version.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(odd());
        }
        Ok(Self {
            name: name.to_owned(),
            version: version.to_owned(),
            source: (kind != "path").then(|| source.to_owned()),
        })
    }
}

/// What was compiled of one crate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Compiled {
    /// Runs in the compiler, is no part of what comes out.
    pub(super) is_macro: bool,
    /// Gives a program, or a library for others than cargo.
    pub(super) is_final: bool,
    /// Names of the files that came out.
    pub(super) files: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    package_id: Option<String>,
    target: Option<Target>,
    #[serde(default)]
    filenames: Vec<String>,
    success: Option<bool>,
}

#[derive(Deserialize)]
struct Target {
    #[serde(default)]
    name: String,
    #[serde(default)]
    kind: Vec<String>,
}

impl Target {
    fn is(&self, kind: &str) -> bool {
        self.kind.iter().any(|own| own == kind)
    }

    fn is_final(&self) -> bool {
        ["bin", "cdylib", "staticlib"]
            .iter()
            .any(|kind| self.is(kind))
    }
}

/// Reads what `cargo build --message-format=json` prints.
pub(super) fn messages(bytes: &[u8]) -> Result<BTreeMap<CrateId, Compiled>, SbomFault> {
    check_amount("cargo's messages in bytes", bytes.len(), LISTING_BYTES_MAX)?;
    let mut crates: BTreeMap<CrateId, Compiled> = BTreeMap::new();
    let mut succeeded = false;
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        let message: Message =
            serde_json::from_slice(line).map_err(|source| SbomFault::Message {
                line: at + 1,
                source,
            })?;
        match message.reason.as_str() {
            "build-finished" => succeeded = message.success == Some(true),
            "compiler-artifact" => {
                let id = CrateId::parse(&message.package_id.unwrap_or_default())?;
                let compiled = crates.entry(id).or_default();
                let target = message.target.as_ref();
                compiled.is_macro |= target.is_some_and(|target| target.is("proc-macro"));
                compiled.is_final |= target.is_some_and(Target::is_final);
                let names = message
                    .filenames
                    .iter()
                    .filter_map(|path| path.rsplit('/').next());
                compiled.files.extend(names.map(str::to_owned));
            }
            _ => {}
        }
    }
    if !succeeded {
        return Err(SbomFault::Unfinished);
    }
    Ok(crates)
}

/// Why a crate needs another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    /// Linked to it.
    Normal,
    /// For its build script.
    Build,
}

/// What cargo resolved for one crate.
#[derive(Clone, Debug, Default)]
pub(super) struct Resolved {
    pub(super) is_macro: bool,
    /// As in its `Cargo.toml`.
    pub(super) licence: Option<String>,
    /// Names of the programs and libraries for others it gives.
    pub(super) finals: BTreeSet<String>,
    pub(super) needs: BTreeSet<(CrateId, Need)>,
}

/// Cargo's graph.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) crates: BTreeMap<CrateId, Resolved>,
    /// The package that was asked about, if it was one.
    pub(super) root: Option<CrateId>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Option<Resolve>,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    license: Option<String>,
    #[serde(default)]
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
    root: Option<String>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dep>,
}

#[derive(Deserialize)]
struct Dep {
    pkg: String,
    dep_kinds: Vec<DepKind>,
}

#[derive(Deserialize)]
struct DepKind {
    kind: Option<String>,
}

/// Reads what `cargo metadata --format-version 1 --filter-platform TARGET` prints.
pub(super) fn metadata(bytes: &[u8]) -> Result<Graph, SbomFault> {
    check_amount("cargo's metadata in bytes", bytes.len(), LISTING_BYTES_MAX)?;
    let metadata: Metadata = serde_json::from_slice(bytes).map_err(SbomFault::Metadata)?;
    let resolve = metadata.resolve.ok_or(SbomFault::NoGraph)?;
    let mut graph = Graph {
        root: resolve.root.as_deref().map(CrateId::parse).transpose()?,
        ..Graph::default()
    };
    for node in resolve.nodes {
        let resolved = graph.crates.entry(CrateId::parse(&node.id)?).or_default();
        for dep in node.deps {
            let id = CrateId::parse(&dep.pkg)?;
            for kind in dep.dep_kinds {
                match kind.kind.as_deref() {
                    None => resolved.needs.insert((id.clone(), Need::Normal)),
                    Some("build") => resolved.needs.insert((id.clone(), Need::Build)),
                    // Tests are not built.
                    Some(_) => false,
                };
            }
        }
    }
    for package in metadata.packages {
        // Packages of other platforms are listed and not resolved.
        if let Some(resolved) = graph.crates.get_mut(&CrateId::parse(&package.id)?) {
            resolved.licence = package.license;
            resolved.is_macro = package.targets.iter().any(|target| target.is("proc-macro"));
            let finals = package.targets.into_iter().filter(Target::is_final);
            resolved.finals = finals.map(|target| target.name).collect();
        }
    }
    Ok(graph)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn package_ids_are_read_in_each_of_cargos_forms() {
        for (id, name, version, source) in [
            ("path+file:///build/src#0.1.0", "src", "0.1.0", None),
            ("path+file:///build/src#small@0.1.0", "small", "0.1.0", None),
            (
                "registry+https://r.example/i#a-b@1.0.0+c",
                "a-b",
                "1.0.0+c",
                Some("registry+https://r.example/i"),
            ),
            (
                "git+https://g.example/repo?rev=1#2.0.0",
                "repo",
                "2.0.0",
                Some("git+https://g.example/repo?rev=1"),
            ),
        ] {
            let found = CrateId::parse(id).unwrap();
            assert_eq!(
                (found.name.as_str(), found.version.as_str()),
                (name, version)
            );
            assert_eq!(found.source.as_deref(), source);
        }
        for odd in [
            "",
            "small 0.1.0 (path+file:///build/src)",
            "path+file:///a#b",
            "x#1.0.0",
        ] {
            assert!(CrateId::parse(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn messages_of_a_build_that_did_not_end_well_are_refused() {
        let done = r#"{"reason":"build-finished","success":false}"#;
        assert!(matches!(messages(b""), Err(SbomFault::Unfinished)));
        assert!(matches!(
            messages(done.as_bytes()),
            Err(SbomFault::Unfinished)
        ));
        let odd = messages(b"{\"reason\":\"x\"}\n   Compiling a\n");
        assert!(matches!(odd, Err(SbomFault::Message { line: 2, .. })));
    }
}
