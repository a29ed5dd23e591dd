//! What conveyer and rebuilder say, word for word. Pure.

use std::collections::BTreeMap;

use statement::{
    Artifact, Blob, BuildDefinition, Builder, Commitment, Environment, EnvironmentInput,
    ExternalParameters, FileDigest, InternalParameters, Provenance, Rebuild, ResourceDescriptor,
    RunDetails, RunMetadata, Source, SourceOrigin, Statement, StatementDigest, Subject, TestResult,
    Verdict,
};
use tlog::Origin;

use super::config::ConveyerConfig;
use super::kept::{KeptFile, KeptResult, Made};
use crate::lock::{Input, Lock, LockedKind};
use crate::recipe::{Kind, Recipe};

/// A public blob.
pub(super) const fn public(sha256: FileDigest, bytes: u64) -> Blob {
    Blob {
        sha256,
        bytes,
        public: true,
    }
}

/// The kind as statements say it.
pub(super) const fn kind(kind: Kind) -> statement::Kind {
    match kind {
        Kind::Software => statement::Kind::Software,
        Kind::Rules => statement::Kind::Rules,
    }
}

/// `source`: this tree is what gets built.
pub(super) fn source(
    config: &ConveyerConfig,
    source: &crate::Source,
    (recipe, recipe_bytes): (&Recipe, u64),
    not_after: u64,
) -> Statement {
    let archive = FileDigest::new(*source.archive());
    let recipe_digest = FileDigest::new(recipe.digest);
    let imported_from = match source.git() {
        Some(git) => SourceOrigin::Git {
            author: git.author.clone(),
            commit: git.commit.clone(),
            signature: git.signature.clone(),
            submodules: git.submodules.clone(),
        },
        None => SourceOrigin::Directory,
    };
    let predicate = Source {
        audience: vec![config.origin.clone()],
        not_after,
        blobs: vec![
            public(archive, source.archive_bytes()),
            public(recipe_digest, recipe_bytes),
        ],
        product: recipe.product.clone(),
        version: recipe.version.clone(),
        kind: kind(recipe.kind),
        platform: recipe.platform.as_str().to_owned(),
        archive,
        tree: FileDigest::new(*source.tree()),
        recipe: recipe_digest,
        arguments: recipe.chosen(),
        authors: config.authors.clone(),
        authored_in: config.authored_in.clone(),
        imported_from,
    };
    let name = format!("{}-{}.tar", recipe.product, recipe.version);
    Statement::new(vec![Subject::new(name, archive)], predicate)
}

/// `environment`: every input, summed up; the lock has every file.
pub(super) fn environment(origin: &Origin, lock: &Lock, not_after: u64) -> Statement {
    let digest = FileDigest::new(lock.digest());
    let predicate = Environment {
        audience: vec![origin.clone()],
        not_after,
        blobs: vec![public(digest, lock.to_text().len() as u64)],
        name: lock.name().to_owned(),
        lock: digest,
        inputs: inputs(lock),
    };
    Statement::new(vec![Subject::new(lock.name(), digest)], predicate)
}

/// The digest of an input is that of the lock's own lines about it, in order, each with its newline.
pub(crate) fn inputs(lock: &Lock) -> Vec<EnvironmentInput> {
    lock.inputs()
        .iter()
        .map(|input| EnvironmentInput {
            name: input.name.clone(),
            version: version_of(lock, input),
            origin: input.origin.clone(),
            sha256: FileDigest::new(lock.digest_of_input(&input.name)),
            files: lock.files_of(&input.name).count() as u64,
            bytes: lock
                .files_of(&input.name)
                .map(|file| bytes_of(&file.kind))
                .sum(),
        })
        .collect()
}

/// As its origin writes it; of what was taken from a host, what the lock says for people.
fn version_of(lock: &Lock, input: &Input) -> String {
    if let Some(archive) = lock.archive_of(&input.name) {
        return archive.version.clone();
    }
    let about = input.about.strip_suffix(" as installed");
    let about = about.unwrap_or(&input.about);
    let package = format!("Debian package {} ", input.name);
    about.strip_prefix(&package).unwrap_or(about).to_owned()
}

/// Bytes of a locked file; a link has none.
pub(super) const fn bytes_of(kind: &LockedKind) -> u64 {
    match kind {
        LockedKind::File { bytes, .. } => *bytes,
        LockedKind::Link { .. } => 0,
    }
}

/// `commitment`: I have a result, and this fixes it.
pub(super) fn commitment(origin: &Origin, kept: &KeptResult, not_after: u64) -> Statement {
    let predicate = Commitment {
        audience: vec![origin.clone()],
        not_after,
        blobs: Vec::new(),
        build: kept.build(),
        commitment: kept.commitment(),
    };
    let subject = Subject::new("source", FileDigest::new(*kept.build().hash()));
    Statement::new(vec![subject], predicate)
}

/// What the conveyer announced, and what of it provenance repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Inputs {
    pub(super) archive: FileDigest,
    pub(super) recipe: FileDigest,
    pub(super) arguments: BTreeMap<String, String>,
    /// The list of crates, if the recipe names a Cargo.lock, and its size.
    pub(super) crates: Option<(FileDigest, u64)>,
}

/// Provenance: what went in and came out; opens the conveyer's commitment.
pub(super) fn provenance(
    config: &ConveyerConfig,
    inputs: &Inputs,
    kept: &KeptResult,
    not_after: u64,
) -> Statement {
    let resource = |uri: &str, digest| ResourceDescriptor::new(uri, digest);
    let mut blobs: Vec<Blob> = Vec::new();
    let files = kept
        .artifacts()
        .iter()
        .chain(kept.sboms())
        .map(|file| (file.sha256, file.bytes));
    for (sha256, bytes) in files.chain(inputs.crates) {
        // Two artifacts may be the same bytes.
        if blobs.iter().all(|blob| blob.sha256 != sha256) {
            blobs.push(public(sha256, bytes));
        }
    }
    let crates = inputs.crates.map(|(digest, _)| resource("crates", digest));
    let dependencies = [
        resource("source", inputs.archive),
        resource("recipe", inputs.recipe),
        resource("environment", kept.environment()),
    ];
    let predicate = Provenance {
        build_definition: BuildDefinition {
            build_type: Provenance::BUILD_TYPE.to_owned(),
            external_parameters: ExternalParameters {
                audience: vec![config.origin.clone()],
                arguments: inputs.arguments.clone(),
                blobs,
                build: kept.build(),
                not_after,
            },
            internal_parameters: InternalParameters { salt: kept.salt() },
            resolved_dependencies: dependencies.into_iter().chain(crates).collect(),
        },
        run_details: RunDetails {
            builder: Builder {
                id: config.builder_id.clone(),
            },
            byproducts: kept
                .sboms()
                .iter()
                .map(|file| resource("sbom", file.sha256))
                .collect(),
            metadata: RunMetadata {
                finished_on: rfc3339(kept.finished_at()),
                // Unique by its salt, and the same however often it is said.
                invocation_id: kept.commitment().to_string(),
            },
        },
    };
    Statement::new(subjects(kept.artifacts()), predicate)
}

/// Every artifact, in the recipe's order.
fn subjects(artifacts: &[KeptFile]) -> Vec<Subject> {
    artifacts
        .iter()
        .map(|file| Subject::new(file.name.clone(), file.sha256))
        .collect()
}

/// Test result: what the tests of the recipe said.
pub(super) fn test_result(origin: &Origin, inputs: &Inputs, kept: &KeptResult) -> Statement {
    let of = |passed: bool| {
        let tests = kept.tests().iter().filter(|test| test.passed == passed);
        tests.map(|test| test.name.clone()).collect()
    };
    let tested_with = [
        ResourceDescriptor::new("recipe", inputs.recipe),
        ResourceDescriptor::new("environment", kept.environment()),
    ];
    let predicate = TestResult::of((origin, kept.build()), tested_with, of(true), of(false));
    Statement::new(subjects(kept.artifacts()), predicate)
}

/// What a rebuilder found, and what it is compared with.
pub(super) struct Found {
    pub(super) build: StatementDigest,
    pub(super) archive: FileDigest,
    pub(super) provenance: StatementDigest,
    pub(super) verdict: Verdict,
    /// The result, unless it failed.
    pub(super) made: Option<Made>,
    /// Size of the lock it was built in.
    pub(super) lock_bytes: u64,
    /// Where the bytes differ, or why it failed.
    pub(super) differences: Vec<String>,
    /// The whole comparison, and its size.
    pub(super) report: Option<(FileDigest, u64)>,
    /// Inputs of this party that it could get from the center only.
    pub(super) taken_from_center: Vec<String>,
}

/// `rebuild`: what came out when I built it myself.
pub(super) fn rebuild(origin: &Origin, found: &Found, not_after: u64) -> Statement {
    let made = found.made.as_ref();
    let predicate = Rebuild {
        audience: vec![origin.clone()],
        not_after,
        blobs: made
            .map(|made| (made.environment, found.lock_bytes))
            .into_iter()
            .chain(found.report)
            .map(|(digest, bytes)| public(digest, bytes))
            .collect(),
        build: found.build,
        provenance: found.provenance,
        verdict: found.verdict,
        artifacts: made.map_or_else(Vec::new, |made| {
            let files = made.artifacts.iter();
            files
                .map(|file| Artifact::new(file.name.clone(), file.sha256))
                .collect()
        }),
        salt: made.and_then(|made| made.salt),
        environment: made.map(|made| made.environment),
        // Of the environment only; source and recipe are the center's by nature.
        taken_from_center: found.taken_from_center.clone(),
        differences: found.differences.clone(),
        report: found.report.map(|(digest, _)| digest),
    };
    let subjects = match made {
        Some(made) => subjects(&made.artifacts),
        None => vec![Subject::new("source", found.archive)],
    };
    Statement::new(subjects, predicate)
}

/// RFC 3339 in UTC; empty where the calendar ends.
fn rfc3339(seconds: u64) -> String {
    let known = i64::try_from(seconds).ok();
    known
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map(|time| time.to_string())
        .unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const LOCK: &str = "limpid-environment 1\nname tiny\nplatform linux-x86_64\n\
        input a host Debian package a 1.0-2 as installed\n\
        input layout limpid the links of a Debian root tree\n\
        link layout bin usr/bin\n\
        file 555 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 1 a usr/bin/a\n\
        file 444 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 1 a usr/lib/b\n";

    #[test]
    fn an_input_is_named_by_the_locks_own_lines_about_it() {
        let lock = Lock::parse(LOCK).unwrap();
        let [a, layout] = <[EnvironmentInput; 2]>::try_from(inputs(&lock)).unwrap();
        let lines: String = LOCK
            .lines()
            .skip(6)
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(a.sha256, FileDigest::of(lines.as_bytes()));
        assert_eq!((a.version.as_str(), a.files, a.bytes), ("1.0-2", 2, 2));
        assert_eq!(a.origin, "host");
        assert_eq!((layout.files, layout.bytes), (1, 0));
        assert_eq!(layout.version, "the links of a Debian root tree");
    }

    #[test]
    fn a_time_is_said_in_utc() {
        assert_eq!(rfc3339(1_790_000_000), "2026-09-21T14:13:20Z");
        assert_eq!(rfc3339(u64::MAX), "");
    }
}
