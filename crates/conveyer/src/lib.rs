//! Room: takes source that is open to audit and turns it into artifacts, so that others can do it again.
//!
//! Specifications: `spec/recipe.md`, `spec/source-archive.md` and `spec/environment.md`. A recipe is TOML:
//!
//! ```toml
//! product = "truename"
//! version = "1.0.0"
//! kind = "software"
//! platform = "linux-x86_64"
//! [environment]
//! name = "rust-host"
//! [cargo]
//! lock = "Cargo.lock"
//! [[step]]
//! command = ["cargo", "build", "--release", "--locked", "--offline"]
//! [[test]]
//! name = "answers"
//! command = ["target/release/truename", "--version"]
//! [[artifact]]
//! path = "target/release/truename"
//! name = "truename"
//! ```
//!
//! The story of one build, the same for the conveyer and for every rebuilder, each in folders of its own:
//!
//! 1. [`import_source`]: a directory or git commit becomes one archive with exactly one form, named by its digest.
//! 2. [`fetch`]: each party gets the toolchain from its public origins into its own digest-addressed store and compares
//!    it with the [`Lock`], which lists every input, archive and file ([`lock_wishes`] made it from a wish list).
//!    Or [`Lock::import_host`]: origin `host`, that is, "as installed on this machine".
//! 3. [`Environment::assemble`]: the store, and nothing else, becomes the tree that will be `/`.
//! 4. [`build`]: a private copy of the source, crates by the checksums of its Cargo.lock, the tree, the recipe's
//!    steps in a sandbox without network; [`build_and_test`] runs its tests too, after the artifacts were taken out.
//! 5. [`Report`]: the artifacts of two builds are identical, or what differs is told (`binary` finds it).
//!
//! In scope: everything above. Out of scope: signing, commitments and logging (the daemon), whether anybody may
//! release the artifact (`law`), isolation itself (`sandbox`), and what explains a difference (`binary`).

mod archive;
mod artifact;
mod build;
mod compare;
mod crates;
mod debian;
mod environment;
mod error;
mod git;
mod host;
mod import;
mod limits;
mod lock;
mod order;
mod party;
mod path;
mod reader;
mod recipe;
mod recipe_text;
mod room;
mod rust_toolchain;
mod sbom;
mod scratch;
mod signature;
mod source;
mod stage;
mod trial;
mod variation;

pub use archive::{ArchiveWriter, Entry, EntryKind};
pub use build::{BuildOutcome, BuiltFile, TestRun, build, build_and_test};
pub use compare::{ComparedArtifact, Report};
pub use crates::{LockedCrate, crate_list, crates_of, locked_crates, missing, take_crates};
pub use environment::{
    Assurance, Center, Environment, EnvironmentStore, EnvironmentsConfig, Fetched, Obtained,
    PackFault, Sources, Supplier, SupplyError, Tell, Verified, WishList, WrongInput, fetch,
    lock_wishes,
};
pub use error::{ArchiveFault, ConveyerError};
pub use git::GitOrigin;
pub use host::HostKind;
pub use lock::{Archive, ArchiveFormat, Input, Lock, LockFault, LockedFile, LockedKind};
pub use order::BuildOrder;
pub use party::PartyDirs;
pub use path::{BadTreePath, LinkTarget, TreePath};
pub use reader::ArchiveReader;
pub use recipe::{
    Argument, ArgumentFault, ArtifactPlace, Kind, Platform, Recipe, RecipeFault, Test,
};
pub use room::{
    Announced, Built, Clock, Conveyer, ConveyerConfig, ConveyerKeyPaths, Isolation, KeptFile,
    KeptResult, KeptTest, PastConfig, Progress, RebuilderConfig, Rebuilt, RoomError, Step,
    build_release, rebuild_once, system_clock, watch,
};
pub use sbom::{
    CargoFacts, Sbom, SbomChange, SbomDiff, SbomFault, SbomField, SbomInput, SbomItem, SbomOrder,
    SbomPart, of as sbom_of,
};
pub use source::{RecipeBeside, Source, SourceFrom, import_source, import_with_recipe};
pub use trial::{Trial, TrialEnvironment, TrialOrder, TrialSummary, TrialTell, try_recipe};
pub use variation::{FileOrder, Variation};
