//! Everything that can go wrong in this room.

use std::path::PathBuf;

use sandbox::{Exit, SandboxError};
use store::StoreError;
use tlog::Hash;

use crate::lock::LockFault;
use crate::path::BadTreePath;
use crate::recipe::{ArgumentFault, RecipeFault};
use crate::sbom::SbomFault;

/// Why an archive is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveFault {
    /// The bytes are not those that this content has in its one form.
    #[error("entry {index} is not in the one form a source archive has ({what})")]
    NotCanonical {
        /// Which entry, from 0.
        index: usize,
        /// What is off.
        what: &'static str,
    },
    /// A name or link target breaks a rule.
    #[error("entry {index}")]
    Path {
        /// Which entry, from 0.
        index: usize,
        /// The rule.
        #[source]
        source: BadTreePath,
    },
    /// An entry is not after the one before it; also how a second entry of one name shows.
    #[error("{path:?} does not come after the entry before it")]
    Order {
        /// The entry's path.
        path: String,
    },
    /// An entry lies behind another one that is no folder.
    #[error("{path:?} lies behind {behind:?}, which is not a folder")]
    Behind {
        /// The entry's path.
        path: String,
        /// The file or link in the way.
        behind: String,
    },
    /// Too many entries, or too many bytes.
    #[error("{what} is over the limit of {max}")]
    TooMuch {
        /// What was counted.
        what: &'static str,
        /// The limit.
        max: u64,
    },
    /// The archive ends too early or its stream fails.
    #[error("the archive breaks off")]
    Stream(#[source] std::io::Error),
}

/// Why an import, an assembly or a build did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConveyerError {
    /// The recipe is refused.
    #[error("the recipe is refused")]
    Recipe(#[from] RecipeFault),
    /// The source holds something an archive cannot.
    #[error("{path:?} cannot be part of a source: {why}")]
    SourceRefused {
        /// Where, in the source.
        path: String,
        /// Why, and what to do.
        why: &'static str,
    },
    /// A name in the source breaks a rule.
    #[error("the source has a name that is refused")]
    SourcePath(#[from] BadTreePath),
    /// The archive is refused.
    #[error("the source archive is refused")]
    Archive(#[from] ArchiveFault),
    /// The lock is refused.
    #[error("the environment lock is refused")]
    Lock(#[from] LockFault),
    /// There is no bill of materials.
    #[error("the SBOM cannot be made or read")]
    Sbom(#[from] SbomFault),
    /// A program of the host failed.
    #[error("{program} failed: {said}; {remedy}")]
    HostProgram {
        /// What was run.
        program: String,
        /// What it printed.
        said: String,
        /// What to do.
        remedy: String,
    },
    /// A git repository cannot be read.
    #[error("{} cannot be imported: {said}", repository.display())]
    Git {
        /// Its folder.
        repository: PathBuf,
        /// What is wrong.
        said: String,
    },
    /// The host lacks something the environment is made of.
    #[error("the host lacks {what}; {remedy}")]
    HostLacks {
        /// What is missing.
        what: String,
        /// The command that installs it.
        remedy: String,
    },
    /// The environment tree is not what its lock says.
    #[error("{path:?} in the environment is not what the lock says ({what}); remove {} to assemble it again", tree.display())]
    EnvironmentAltered {
        /// The file, inside.
        path: String,
        /// What differs.
        what: &'static str,
        /// The assembled tree.
        tree: PathBuf,
    },
    /// The recipe wants another environment than the one given.
    #[error("the recipe's environment is {wanted:?}, and {given:?} was given")]
    WrongEnvironment {
        /// In the recipe.
        wanted: String,
        /// In the lock.
        given: String,
    },
    /// The build command did not succeed.
    #[error("step {step} of {steps} ended with {exit}; its last words:\n{log_tail}")]
    BuildFailed {
        /// Which step, from 1.
        step: usize,
        /// How many the recipe has.
        steps: usize,
        /// How it ended.
        exit: Exit,
        /// End of its output.
        log_tail: String,
    },
    /// The build succeeded and left no artifact.
    #[error("the build left no usable {path:?} ({why}); its last words:\n{log_tail}")]
    ArtifactMissing {
        /// The recipe's artifact path.
        path: String,
        /// Why it is not usable.
        why: String,
        /// End of its output.
        log_tail: String,
    },
    /// The variation asks for something this machine does not have.
    #[error("variation {field} = {value}: {want}")]
    Variation {
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
        /// What is wanted.
        want: &'static str,
    },
    /// An argument was chosen that the recipe does not have.
    #[error("the choice of arguments is refused")]
    Argument(#[from] ArgumentFault),
    /// A Cargo.lock that cannot be vendored.
    #[error("Cargo.lock, package {package:?}: {why}")]
    CargoLock {
        /// Name and version, or nothing when it is the file as a whole.
        package: String,
        /// What is wrong, and what to do.
        why: &'static str,
    },
    /// This party lacks `.crate` files that Cargo.lock names.
    #[error(
        "this party lacks crates: {crates}; run cargo fetch --locked, then limpid conveyer vendor"
    )]
    CrateMissing {
        /// Names and versions.
        crates: String,
    },
    /// A `.crate` file has other bytes than Cargo.lock says.
    #[error("{} has SHA-256 {}, Cargo.lock wants {}; remove it and fetch it again", path.display(), found.to_hex(), wanted.to_hex())]
    CrateDigest {
        /// The file.
        path: PathBuf,
        /// In Cargo.lock.
        wanted: Hash,
        /// Of its bytes.
        found: Hash,
    },
    /// A `.crate` file holds something it should not.
    #[error("crate {name} is refused: {why}")]
    CrateRefused {
        /// Name and version.
        name: String,
        /// What it holds.
        why: String,
    },
    /// The source has no such file.
    #[error("source {} has no file {path:?}", source_digest.to_hex())]
    NoSuchFile {
        /// The archive.
        source_digest: Hash,
        /// The path looked for.
        path: String,
    },
    /// The sandbox refused or failed.
    #[error("the sandbox cannot be used")]
    Sandbox(#[from] SandboxError),
    /// The store refused or failed.
    #[error("the store cannot be used")]
    Store(#[from] StoreError),
    /// A system call failed.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl ConveyerError {
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}
