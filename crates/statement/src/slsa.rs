//! The two standard predicates of the software stream, with the fields that bind them to us.
//!
//! SLSA Provenance v1 (`https://slsa.dev/provenance/v1`): `externalParameters.audience` says which
//! log it is meant for; without it the provenance does not count.
//! SLSA Verification Summary v1: the supervisor's approval; bound by `resourceUri` (log and build)
//! and `policy.digest` (the constitution it was judged by).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tlog::Origin;

use crate::{
    ids::{FileDigest, StatementDigest},
    software::Blob,
    statement::{SubjectDigest, audience},
};

/// A thing that went into a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceDescriptor {
    /// Its digest.
    pub digest: SubjectDigest,
    /// What it is: `source`, `environment`, or the name of a statement.
    pub uri: String,
}

impl ResourceDescriptor {
    /// A resource by SHA-256.
    pub fn new(uri: impl Into<String>, sha256: FileDigest) -> Self {
        Self {
            digest: SubjectDigest { sha256 },
            uri: uri.into(),
        }
    }
}

/// What the outside asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalParameters {
    /// Value of each argument of the recipe, as the `source` chose it.
    pub arguments: BTreeMap<String, String>,
    /// Logs it is meant for.
    #[serde(with = "audience")]
    pub audience: Vec<Origin>,
    /// Bulk evidence: the artifacts themselves, and byproducts.
    pub blobs: Vec<Blob>,
    /// The build: digest of the `source` statement.
    pub build: StatementDigest,
    /// POSIX seconds by which it must be included.
    pub not_after: u64,
}

/// What the conveyer adds: it opens its own commitment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InternalParameters {
    /// Salt of the commitment, 32 bytes in lower-case hex.
    pub salt: FileDigest,
}

/// Inputs of the build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BuildDefinition {
    /// URI of the kind of build.
    pub build_type: String,
    /// What was asked for.
    pub external_parameters: ExternalParameters,
    /// What the builder chose.
    pub internal_parameters: InternalParameters,
    /// Source archive, recipe and environment.
    pub resolved_dependencies: Vec<ResourceDescriptor>,
}

/// Who built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Builder {
    /// URI of the conveyer.
    pub id: String,
}

/// When it was built, as the builder says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RunMetadata {
    /// RFC 3339, a claim of the builder's clock.
    pub finished_on: String,
    /// Identifies the run.
    pub invocation_id: String,
}

/// The run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunDetails {
    /// Who built.
    pub builder: Builder,
    /// What came out beside the artifacts, each also a blob.
    pub byproducts: Vec<ResourceDescriptor>,
    /// When, by its own clock.
    pub metadata: RunMetadata,
}

/// SLSA Provenance v1 of every artifact of a build; these are the statement's subjects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Provenance {
    /// Inputs.
    pub build_definition: BuildDefinition,
    /// The run.
    pub run_details: RunDetails,
}

impl Provenance {
    /// Build type of conveyer builds (`spec/recipe.md`).
    pub const BUILD_TYPE: &'static str = "https://spec.limpid.example/build/v1";

    pub(crate) fn bounds(&self) -> (&[Origin], u64, &[Blob]) {
        let asked = &self.build_definition.external_parameters;
        (&asked.audience, asked.not_after, &asked.blobs)
    }

    /// The build it is of.
    pub const fn build(&self) -> StatementDigest {
        self.build_definition.external_parameters.build
    }

    /// Digest of the dependency with this uri.
    pub fn dependency(&self, uri: &str) -> Option<FileDigest> {
        let mut found = self
            .build_definition
            .resolved_dependencies
            .iter()
            .filter(|item| item.uri == uri);
        let first = found.next()?.digest.sha256;
        found.next().is_none().then_some(first)
    }
}

/// Who verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verifier {
    /// URI of the supervisor.
    pub id: String,
}

/// What it was verified against: the constitution in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VsaPolicy {
    /// Digest of the constitution.
    pub digest: SubjectDigest,
    /// Its name.
    pub uri: String,
}

/// Outcome of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum VerificationResult {
    /// Everything held.
    Passed,
    /// Something did not: an adverse statement.
    Failed,
}

/// SLSA Verification Summary v1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct VerificationSummary {
    /// The provenance and rebuilds it rests on, by statement digest.
    pub input_attestations: Vec<ResourceDescriptor>,
    /// The constitution in force.
    pub policy: VsaPolicy,
    /// [`approval_resource_uri`] of log and build.
    pub resource_uri: String,
    /// RFC 3339; a claim of the supervisor's clock.
    pub time_verified: String,
    /// `PASSED` or `FAILED`.
    pub verification_result: VerificationResult,
    /// SLSA levels that hold.
    pub verified_levels: Vec<String>,
    /// Who verified.
    pub verifier: Verifier,
}

impl VerificationSummary {
    /// A VSA carries no bounds of ours: it is bound by resource and policy instead.
    pub(crate) const fn bounds(&self) -> (&[Origin], u64, &[Blob]) {
        (&[], u64::MAX, &[])
    }
}

/// The resource an approval is of: one build in one log.
pub fn approval_resource_uri(origin: &Origin, build: StatementDigest) -> String {
    format!("{origin}/build/{build}")
}
