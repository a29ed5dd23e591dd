//! in-toto Test Result v0.1 (`https://in-toto.io/attestation/test-result/v0.1`): what the tests of a build said.
//!
//! The standard predicate has no field for the log it is meant for. It is bound by its configuration instead: the item
//! whose `uri` is [`approval_resource_uri`] of log and build, with the build as its digest.

use serde::{Deserialize, Serialize};
use tlog::Origin;

use crate::{
    ids::{FileDigest, StatementDigest},
    slsa::{ResourceDescriptor, approval_resource_uri},
    software::Blob,
};

/// What the tests as a whole said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TestOutcome {
    /// All passed.
    Passed,
    /// All passed, some with warnings.
    Warned,
    /// At least one failed: an adverse statement about the build.
    Failed,
}

/// Test Result v0.1 of one build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TestResult {
    /// The build in its log, then what was tested with: recipe and environment.
    pub configuration: Vec<ResourceDescriptor>,
    /// Names of tests that failed.
    pub failed_tests: Vec<String>,
    /// Names of tests that passed.
    pub passed_tests: Vec<String>,
    /// All of them together.
    pub result: TestOutcome,
    /// Names of tests that passed with warnings.
    pub warned_tests: Vec<String>,
}

impl TestResult {
    /// The result of some tests of a build; failed as soon as one failed.
    pub fn of(
        (origin, build): (&Origin, StatementDigest),
        tested_with: impl IntoIterator<Item = ResourceDescriptor>,
        passed_tests: Vec<String>,
        failed_tests: Vec<String>,
    ) -> Self {
        let uri = approval_resource_uri(origin, build);
        let itself = ResourceDescriptor::new(uri, FileDigest::new(*build.hash()));
        Self {
            configuration: std::iter::once(itself).chain(tested_with).collect(),
            result: if failed_tests.is_empty() {
                TestOutcome::Passed
            } else {
                TestOutcome::Failed
            },
            failed_tests,
            passed_tests,
            warned_tests: Vec::new(),
        }
    }

    /// The build it is about; nothing when it names none or two, or when name and digest disagree.
    pub fn build(&self) -> Option<StatementDigest> {
        let mut named = self.configuration.iter().filter_map(|item| {
            let (_, build) = item.uri.rsplit_once("/build/")?;
            let build: StatementDigest = build.parse().ok()?;
            (build.hash() == item.digest.sha256.hash()).then_some(build)
        });
        let build = named.next()?;
        named.next().is_none().then_some(build)
    }

    /// Whether it is about a build in the log `origin`.
    pub fn is_for(&self, origin: &Origin) -> bool {
        self.build().is_some_and(|build| {
            let uri = approval_resource_uri(origin, build);
            self.configuration.iter().any(|item| item.uri == uri)
        })
    }

    /// Carries no bounds of ours; the configuration binds it.
    pub(crate) const fn bounds(&self) -> (&[Origin], u64, &[Blob]) {
        (&[], u64::MAX, &[])
    }
}
