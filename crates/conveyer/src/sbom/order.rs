//! Reads from disk what an SBOM follows from, for people who want one without building.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use store::Blobs;
use tlog::{Hash, Sha256Stream};

use super::limits::{CARGO_LOCK_BYTES_MAX, LISTING_BYTES_MAX};
use super::{CargoFacts, Sbom, SbomFault, SbomInput, of};
use crate::archive::EntryKind;
use crate::error::ConveyerError;
use crate::limits::{CHUNK_BYTES, LOCK_BYTES_MAX};
use crate::lock::Lock;
use crate::order::BuildOrder;
use crate::recipe::{ArtifactPlace, Recipe};
use crate::source::Source;

/// Of what an SBOM is wanted.
#[derive(Clone, Debug)]
pub struct SbomOrder {
    /// The source and its recipe.
    pub build: BuildOrder,
    /// The environment's lock.
    pub environment: PathBuf,
    /// Which of the recipe's artifacts, by the name it is released under; the first if there is no wish.
    pub name: Option<String>,
    /// The artifact, if it was built.
    pub artifact: Option<PathBuf>,
    /// What `cargo build --message-format=json` printed.
    pub messages: Option<PathBuf>,
    /// What `cargo metadata --format-version 1 --filter-platform TARGET` printed.
    pub metadata: Option<PathBuf>,
}

impl SbomOrder {
    /// Imports the source into a scratch folder, reads what is named, and makes the SBOM.
    ///
    /// # Errors
    /// What [`BuildOrder::import`], [`Lock::parse`] and [`of`] refuse; a file that cannot be read.
    pub fn carry_out(&self) -> Result<Sbom, ConveyerError> {
        let scratch =
            tempfile::tempdir().map_err(ConveyerError::io("make", std::env::temp_dir()))?;
        let archives = Blobs::open_cache(scratch.path())?;
        let (source, recipe) = self.build.import(&archives)?;
        let lock = read(
            &self.environment,
            "the lock in bytes",
            LOCK_BYTES_MAX as u64,
        )?;
        let text = String::from_utf8(lock).map_err(|_| SbomFault::NotText { what: "the lock" })?;
        let environment = Lock::parse(&text)?;
        let listing = |path: &Option<PathBuf>| {
            let read = |path: &PathBuf| read(path, "cargo's output in bytes", LISTING_BYTES_MAX);
            path.as_ref().map(read).transpose()
        };
        let (messages, metadata) = (listing(&self.messages)?, listing(&self.metadata)?);
        let read = |path| source.read_file(&archives, path, CARGO_LOCK_BYTES_MAX);
        let cargo_lock = cargo_lock(&recipe, &source).map(read).transpose()?;
        let place = self.place(&recipe)?;
        Ok(of(&SbomInput {
            product: &recipe.product,
            version: &recipe.version,
            artifact_name: &place.name,
            artifact_file: file_name(place.path.as_str()),
            artifact: self.artifact.as_deref().map(digest).transpose()?,
            archive: *source.archive(),
            tree: *source.tree(),
            recipe: recipe.digest,
            source_date_epoch: recipe.source_date_epoch,
            environment: &environment,
            cargo: cargo_lock.as_deref().map(|lock| CargoFacts {
                lock,
                messages: messages.as_deref(),
                metadata: metadata.as_deref(),
            }),
        })?)
    }

    fn place<'a>(&self, recipe: &'a Recipe) -> Result<&'a ArtifactPlace, SbomFault> {
        let Some(name) = &self.name else {
            return Ok(&recipe.artifacts[0]);
        };
        let mut places = recipe.artifacts.iter();
        let found = places.find(|place| place.name == *name);
        found.ok_or_else(|| SbomFault::NoArtifact {
            name: name.chars().take(200).collect(),
        })
    }
}

/// The path of the lock of crates: where the recipe says, else at the root of the source.
pub(super) fn cargo_lock<'a>(recipe: &'a Recipe, source: &Source) -> Option<&'a str> {
    if let Some(path) = &recipe.cargo_lock {
        return Some(path.as_str());
    }
    let is_there = source.files().iter().any(|(entry, _)| {
        entry.path.as_str() == "Cargo.lock" && matches!(entry.kind, EntryKind::File { .. })
    });
    is_there.then_some("Cargo.lock")
}

pub(super) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The whole file; nothing when it is longer.
fn read(path: &Path, what: &'static str, max: u64) -> Result<Vec<u8>, ConveyerError> {
    let file = File::open(path).map_err(ConveyerError::io("open", path))?;
    let mut bytes = Vec::new();
    file.take(max + 1)
        .read_to_end(&mut bytes)
        .map_err(ConveyerError::io("read", path))?;
    super::fault::check_amount(what, bytes.len(), max)?;
    Ok(bytes)
}

fn digest(path: &Path) -> Result<Hash, ConveyerError> {
    let mut file = File::open(path).map_err(ConveyerError::io("open", path))?;
    let mut stream = Sha256Stream::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let count = file
            .read(&mut chunk)
            .map_err(ConveyerError::io("read", path))?;
        if count == 0 {
            return Ok(stream.finish());
        }
        stream.update(&chunk[..count]);
    }
}
