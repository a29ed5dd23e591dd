//! What conveyer and rebuilder say, word for word. Pure.

use std::collections::BTreeMap;

use statement::{
    Blob, BuildDefinition, Builder, Commitment, Environment, EnvironmentInput, ExternalParameters,
    FileDigest, InternalParameters, Provenance, Rebuild, ResourceDescriptor, RunDetails,
    RunMetadata, Source, SourceOrigin, Statement, StatementDigest, Subject, Verdict,
};
use tlog::Origin;

use super::config::ConveyerConfig;
use super::kept::KeptResult;
use crate::lock::{Lock, LockedKind};
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
    let imported_from = match source.commit() {
        Some(commit) => SourceOrigin::Git {
            commit: commit.to_owned(),
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
fn inputs(lock: &Lock) -> Vec<EnvironmentInput> {
    let mut lines: BTreeMap<&str, String> = BTreeMap::new();
    let text = lock.to_text();
    let about_files = text
        .lines()
        .filter(|line| line.starts_with("file ") || line.starts_with("link "));
    for (file, line) in lock.files().iter().zip(about_files) {
        let of_input = lines.entry(&file.input).or_default();
        of_input.push_str(line);
        of_input.push('\n');
    }
    lock.inputs()
        .iter()
        .map(|input| {
            let files = lock.files().iter().filter(|file| file.input == input.name);
            let about = input.about.strip_suffix(" as installed");
            let about = about.unwrap_or(&input.about);
            let package = format!("Debian package {} ", input.name);
            EnvironmentInput {
                name: input.name.clone(),
                version: about.strip_prefix(&package).unwrap_or(about).to_owned(),
                origin: input.origin.clone(),
                sha256: FileDigest::of(
                    lines
                        .get(input.name.as_str())
                        .map_or(&b""[..], |text| text.as_bytes()),
                ),
                files: files.clone().count() as u64,
                bytes: files.map(|file| bytes_of(&file.kind)).sum(),
            }
        })
        .collect()
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

/// Provenance: what went in and came out; opens the conveyer's commitment.
pub(super) fn provenance(
    config: &ConveyerConfig,
    (archive, recipe): (FileDigest, FileDigest),
    kept: &KeptResult,
    not_after: u64,
) -> Statement {
    let resource = |uri: &str, digest| ResourceDescriptor::new(uri, digest);
    let predicate = Provenance {
        build_definition: BuildDefinition {
            build_type: Provenance::BUILD_TYPE.to_owned(),
            external_parameters: ExternalParameters {
                audience: vec![config.origin.clone()],
                blobs: vec![public(kept.artifact(), kept.artifact_bytes())],
                build: kept.build(),
                not_after,
            },
            internal_parameters: InternalParameters { salt: kept.salt() },
            resolved_dependencies: vec![
                resource("source", archive),
                resource("recipe", recipe),
                resource("environment", kept.environment()),
            ],
        },
        run_details: RunDetails {
            builder: Builder {
                id: config.builder_id.clone(),
            },
            metadata: RunMetadata {
                finished_on: rfc3339(kept.finished_at()),
                // Unique by its salt, and the same however often it is said.
                invocation_id: kept.commitment().to_string(),
            },
        },
    };
    let subject = Subject::new(kept.artifact_name(), kept.artifact());
    Statement::new(vec![subject], predicate)
}

/// What a rebuilder found, and what it is compared with.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) build: StatementDigest,
    pub(super) archive: FileDigest,
    pub(super) provenance: StatementDigest,
    pub(super) verdict: Verdict,
    /// The result, unless it failed.
    pub(super) kept: Option<KeptResult>,
    /// Size of the lock it was built in.
    pub(super) lock_bytes: u64,
    /// Where the bytes differ, or why it failed.
    pub(super) difference: Option<String>,
}

/// `rebuild`: what came out when I built it myself.
pub(super) fn rebuild(origin: &Origin, found: &Found, not_after: u64) -> Statement {
    let kept = found.kept.as_ref();
    let predicate = Rebuild {
        audience: vec![origin.clone()],
        not_after,
        blobs: kept
            .map(|kept| public(kept.environment(), found.lock_bytes))
            .into_iter()
            .collect(),
        build: found.build,
        provenance: found.provenance,
        verdict: found.verdict,
        artifact: kept.map(KeptResult::artifact),
        salt: kept.map(KeptResult::salt),
        environment: kept.map(KeptResult::environment),
        // The environment is this party's own. Source and recipe are the center's by nature.
        taken_from_center: Vec::new(),
        difference: found.difference.clone(),
    };
    let subject = match kept {
        Some(kept) => Subject::new(kept.artifact_name(), kept.artifact()),
        None => Subject::new("source", found.archive),
    };
    Statement::new(vec![subject], predicate)
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
