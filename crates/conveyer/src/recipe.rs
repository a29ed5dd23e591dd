//! A recipe: how one artifact is built, and in which environment. The form is `spec/recipe.md`.

use std::collections::BTreeMap;
use std::str::FromStr;

use sandbox::Limits;
use store::Blobs;
use tlog::Hash;

use crate::error::ConveyerError;
use crate::limits::RECIPE_BYTES_MAX;
use crate::path::TreePath;
use crate::source::Source;

/// What is wrong with a recipe, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {field} = {value}: {want}")]
pub struct RecipeFault {
    /// Line of the file, from 1.
    pub line: usize,
    /// The field, with its table.
    pub field: String,
    /// The value found, as written, at most 100 characters.
    pub value: String,
    /// What is wanted instead.
    pub want: String,
}

/// What an artifact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A program; released by people.
    Software,
    /// A rule database; released by machines as long as no rule is flagged.
    Rules,
}

impl Kind {
    /// As written in a recipe.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Software => "software",
            Self::Rules => "rules",
        }
    }
}

impl FromStr for Kind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Software, Self::Rules]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(())
    }
}

/// Where an artifact runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Platform {
    /// 64-bit x86, Linux.
    LinuxX86_64,
}

impl Platform {
    /// As written in a recipe.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LinuxX86_64 => "linux-x86_64",
        }
    }
}

impl FromStr for Platform {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == Self::LinuxX86_64.as_str() {
            Ok(Self::LinuxX86_64)
        } else {
            Err(())
        }
    }
}

/// A checked recipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// Product name: `a-z`, digits and `-`.
    pub product: String,
    /// Version, shown to people.
    pub version: String,
    /// What is built.
    pub kind: Kind,
    /// For which platform.
    pub platform: Platform,
    /// Name of the environment it is built in.
    pub environment: String,
    /// Program and arguments; no shell is added.
    pub command: Vec<String>,
    /// Where the source is, inside. At `/build/` or below.
    pub inner_path: String,
    /// Variables beyond the fixed ones.
    pub env: BTreeMap<String, String>,
    /// Most parallel jobs; a variation may give fewer.
    pub jobs: u32,
    /// Seconds since 1970 for `SOURCE_DATE_EPOCH` and the times of source files.
    pub source_date_epoch: u64,
    /// What the build may use.
    pub limits: Limits,
    /// Where the command leaves the artifact, below `inner_path`.
    pub artifact_path: TreePath,
    /// File name under which the artifact is released.
    pub artifact_name: String,
    /// SHA-256 of the recipe's bytes.
    pub digest: Hash,
}

impl Recipe {
    /// Reads a recipe from its bytes.
    ///
    /// # Errors
    /// [`RecipeFault`] with line, field and value.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecipeFault> {
        crate::recipe_text::parse(bytes)
    }

    /// Reads `recipe.toml` at the root of a source.
    ///
    /// # Errors
    /// [`ConveyerError::NoSuchFile`], or the recipe is refused.
    pub fn of_source(source: &Source, archives: &Blobs) -> Result<Self, ConveyerError> {
        let bytes = source.read_file(archives, "recipe.toml", RECIPE_BYTES_MAX)?;
        Ok(Self::parse(&bytes)?)
    }
}
