//! Why there is no SBOM.

use statement::CanonicalError;

/// Why an SBOM cannot be made or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SbomFault {
    /// Something has more bytes or items than is read.
    #[error("{what} has {found}; at most {max} are read")]
    TooMuch {
        /// What was counted.
        what: &'static str,
        /// How much there is.
        found: u64,
        /// The limit.
        max: u64,
    },
    /// `Cargo.lock` cannot be read.
    #[error("Cargo.lock is not as cargo writes it; run: cargo generate-lockfile")]
    CargoLock(#[source] toml::de::Error),
    /// A text is not UTF-8.
    #[error("{what} is not UTF-8")]
    NotText {
        /// Which.
        what: &'static str,
    },
    /// `Cargo.lock` contradicts itself.
    #[error(
        "Cargo.lock: package {package} depends on {dependency:?}, which names {found} packages of it"
    )]
    Dependency {
        /// The package.
        package: String,
        /// What it depends on, as written.
        dependency: String,
        /// How many packages that can be.
        found: usize,
    },
    /// A checksum is no SHA-256.
    #[error("Cargo.lock: package {package} has checksum {value:?}, which is no SHA-256 in hex")]
    Checksum {
        /// The package.
        package: String,
        /// As written.
        value: String,
    },
    /// A line of cargo's build messages is none.
    #[error("line {line} is no message of `cargo build --message-format=json`")]
    Message {
        /// Line, from 1.
        line: usize,
        /// What the parser says.
        #[source]
        source: serde_json::Error,
    },
    /// The messages end without the end of a successful build.
    #[error(
        "cargo's messages do not end with a build that succeeded; let the build finish and take all of its output"
    )]
    Unfinished,
    /// The metadata cannot be read.
    #[error("this is not what `cargo metadata --format-version 1` prints")]
    Metadata(#[source] serde_json::Error),
    /// The metadata has no graph.
    #[error("the metadata has no resolved graph; run cargo metadata without --no-deps")]
    NoGraph,
    /// A package id is not in the form of cargo 1.77 and later.
    #[error("package id {value:?} is not KIND+URL#NAME@VERSION; use cargo 1.77 or newer")]
    PackageId {
        /// The id.
        value: String,
    },
    /// Cargo names a crate that is not locked.
    #[error(
        "cargo names {name} {version}, which Cargo.lock does not have; both must be of one build"
    )]
    NotLocked {
        /// Its name.
        name: String,
        /// Its version.
        version: String,
    },
    /// The recipe has no such artifact.
    #[error("the recipe makes no artifact {name:?}; give the name of one of its [[artifact]]")]
    NoArtifact {
        /// The name wished for.
        name: String,
    },
    /// The text is no SBOM of ours.
    #[error("this is not an SBOM in the form of spec/sbom.md")]
    Form(#[from] CanonicalError),
    /// A field of an SBOM has another value than the one it must have.
    #[error("SBOM field {field} is {value:?}: {want}")]
    Field {
        /// The field.
        field: &'static str,
        /// What stands there, at most 200 characters.
        value: String,
        /// What must stand there.
        want: &'static str,
    },
}

/// Refuses a count above its limit.
pub(super) fn check_amount(what: &'static str, found: usize, max: u64) -> Result<(), SbomFault> {
    let found = found as u64;
    if found > max {
        return Err(SbomFault::TooMuch { what, found, max });
    }
    Ok(())
}
