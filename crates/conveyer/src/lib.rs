//! Room: takes source that is open to audit and turns it into one artifact, so that others can do it again.
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
//! [build]
//! command = ["cargo", "build", "--release", "--locked", "--offline"]
//! [artifact]
//! path = "target/release/truename"
//! name = "truename"
//! ```
//!
//! The story of one build, the same for the conveyer and for every rebuilder, each in folders of its own:
//!
//! 1. [`import_source`]: a directory or git commit becomes one archive with exactly one form, named by its digest.
//! 2. [`Lock::import_host`]: the toolchain enters the party's digest-addressed store; the [`Lock`] lists every
//!    file with its digest and where it came from (here: `host`, that is, "as installed on this machine").
//! 3. [`Environment::assemble`]: the store, and nothing else, becomes the tree that will be `/`.
//! 4. [`build`]: a private copy of the source, the tree, the recipe's command, a sandbox without network.
//! 5. [`compare`]: the bytes of two builds are identical, or the first difference is shown.
//!
//! In scope: everything above. Out of scope: signing, commitments and logging (the daemon), whether anybody may
//! release the artifact (`law`), isolation itself (`sandbox`), and explanations of a difference (later).

mod archive;
mod artifact;
mod build;
mod compare;
mod debian;
mod environment;
mod error;
mod git;
mod host;
mod import;
mod limits;
mod lock;
mod party;
mod path;
mod reader;
mod recipe;
mod recipe_text;
mod room;
mod rust_toolchain;
mod scratch;
mod source;
mod stage;
mod variation;

pub use archive::{ArchiveWriter, Entry, EntryKind};
pub use build::{BuildOutcome, build};
pub use compare::{FirstDifference, Verdict, compare};
pub use environment::{Assurance, Environment};
pub use error::{ArchiveFault, ConveyerError};
pub use host::HostKind;
pub use lock::{Input, Lock, LockFault, LockedFile, LockedKind};
pub use party::PartyDirs;
pub use path::{BadTreePath, LinkTarget, TreePath};
pub use reader::ArchiveReader;
pub use recipe::{Kind, Platform, Recipe, RecipeFault};
pub use room::{
    Announced, Built, Clock, Conveyer, ConveyerConfig, ConveyerKeyPaths, Isolation, KeptResult,
    Progress, RebuilderConfig, Rebuilt, RoomError, Step, build_release, rebuild_once, system_clock,
    watch,
};
pub use source::{Source, SourceFrom, import_source};
pub use variation::{FileOrder, Variation};
