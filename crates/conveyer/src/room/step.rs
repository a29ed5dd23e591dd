//! Progress of conveyer and rebuilder, for people and for tests that stop them at any point.

use std::fmt;

use statement::{FileDigest, StatementDigest, Verdict};

/// What just happened, or what is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The source lies in the party's store as one archive.
    SourceImported {
        /// Digest of the archive.
        archive: FileDigest,
        /// Its size.
        bytes: u64,
        /// Files and links in it.
        entries: usize,
    },
    /// The log holds a blob.
    BlobStored {
        /// What it is.
        what: &'static str,
        /// Its digest.
        digest: FileDigest,
        /// Its size.
        bytes: u64,
    },
    /// The `source` stands; this is the build's id.
    SourceLogged(StatementDigest),
    /// The archive was fetched and is what the `source` says.
    SourceChecked(StatementDigest),
    /// An environment is fetched by its lock, or imported from this machine; the first time it takes seconds.
    EnvironmentBegun(String),
    /// It can be built in.
    EnvironmentReady {
        /// Its name.
        name: String,
        /// Digest of its lock.
        lock: FileDigest,
        /// Files and links in it.
        files: usize,
        /// Their bytes.
        bytes: u64,
    },
    /// The sandbox starts.
    Building {
        /// Product.
        product: String,
        /// Its version.
        version: String,
    },
    /// The sandbox gave an artifact.
    ArtifactBuilt {
        /// Its digest.
        artifact: FileDigest,
        /// Its size.
        bytes: u64,
        /// How long the build took.
        wall_ms: u64,
    },
    /// A test of the recipe was run.
    Tested {
        /// Its name.
        name: String,
        /// How it failed.
        failure: Option<String>,
    },
    /// The test result stands.
    TestsLogged {
        /// The build.
        build: StatementDigest,
        /// How many tests passed.
        passed: usize,
        /// How many did not.
        failed: usize,
    },
    /// A result from before a restart is gone on with; nothing is built again.
    ResultFound(StatementDigest),
    /// The result and its salt are durable, nobody has seen anything of them.
    ResultKept(StatementDigest),
    /// The `environment` stands.
    EnvironmentLogged(FileDigest),
    /// The commitment stands.
    Committed {
        /// The build.
        build: StatementDigest,
        /// What was committed to.
        commitment: FileDigest,
    },
    /// Others have to act first.
    Waiting {
        /// For what.
        what: &'static str,
        /// What is missing.
        why: String,
    },
    /// Enough independent parties committed.
    CommitmentsStand(usize),
    /// The provenance stands: the artifact is public.
    ProvenanceLogged(StatementDigest),
    /// This source does not build here; it will be said when there is a provenance to name.
    BuildFailed {
        /// The build.
        build: StatementDigest,
        /// Why.
        reason: String,
    },
    /// The rebuild stands.
    RebuildLogged {
        /// The build.
        build: StatementDigest,
        /// What came out.
        verdict: Verdict,
        /// The statement.
        rebuild: StatementDigest,
    },
    /// A released build is built again.
    LookingBack(StatementDigest),
    /// Something of ours or of the log prevented a step; it is tried again.
    Trouble {
        /// The build, unless it is the log as a whole.
        build: Option<StatementDigest>,
        /// Why.
        why: String,
    },
}

/// Who is told about steps.
pub type Progress<'a> = &'a (dyn Fn(Step) + Sync);

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SourceImported { .. }
            | Self::BlobStored { .. }
            | Self::EnvironmentReady { .. }
            | Self::ArtifactBuilt { .. } => self.fmt_bytes(f),
            Self::SourceLogged(build) => write!(f, "source logged; build {}", build.short()),
            Self::SourceChecked(build) => {
                write!(f, "source of build {} fetched and checked", build.short())
            }
            Self::EnvironmentBegun(name) => {
                write!(f, "preparing environment {name}")
            }
            Self::Building { product, version } => write!(f, "building {product} {version}"),
            Self::Tested { name, failure } => match failure {
                None => write!(f, "test {name} passed"),
                Some(why) => write!(f, "test {name} FAILED: {why}"),
            },
            Self::TestsLogged {
                build,
                passed,
                failed,
            } => {
                let build = build.short();
                write!(
                    f,
                    "tests of build {build} logged: {passed} passed, {failed} failed"
                )
            }
            Self::ResultFound(build) => {
                write!(f, "going on with the kept result of {}", build.short())
            }
            Self::ResultKept(build) => write!(f, "result and salt of {} kept", build.short()),
            Self::EnvironmentLogged(lock) => write!(f, "environment {} logged", lock.short()),
            Self::Committed { build, commitment } => {
                let (build, commitment) = (build.short(), commitment.short());
                write!(f, "commitment {commitment} to build {build} logged")
            }
            Self::Waiting { what, why } => write!(f, "waiting for {what}: {why}"),
            Self::CommitmentsStand(count) => write!(f, "{count} independent rebuilders committed"),
            Self::ProvenanceLogged(digest) => write!(f, "provenance {} logged", digest.short()),
            Self::BuildFailed { build, reason } => {
                write!(f, "build {} failed here: {reason}", build.short())
            }
            Self::RebuildLogged { build, verdict, .. } => {
                write!(f, "rebuild of {} logged: {verdict:?}", build.short())
            }
            Self::LookingBack(build) => {
                write!(f, "looking back: building {} again", build.short())
            }
            Self::Trouble { build, why } => match build {
                Some(build) => write!(f, "build {} has to wait: {why}", build.short()),
                None => write!(f, "trying again: {why}"),
            },
        }
    }
}

impl Step {
    /// The steps that yield bytes, with digest and size.
    fn fmt_bytes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, digest, bytes, more) = match self {
            Self::SourceImported {
                archive,
                bytes,
                entries,
            } => (
                "source archive",
                archive,
                bytes,
                format!("{entries} entries"),
            ),
            Self::BlobStored {
                what,
                digest,
                bytes,
            } => (*what, digest, bytes, "in the log".to_owned()),
            Self::EnvironmentReady {
                name,
                lock,
                files,
                bytes,
            } => {
                let more = format!("{name}, {files} files");
                ("environment", lock, bytes, more)
            }
            Self::ArtifactBuilt {
                artifact,
                bytes,
                wall_ms,
            } => (
                "artifact",
                artifact,
                bytes,
                format!("built in {wall_ms} ms"),
            ),
            _ => return Ok(()),
        };
        write!(f, "{what} {}: {bytes} bytes, {more}", digest.short())
    }
}
