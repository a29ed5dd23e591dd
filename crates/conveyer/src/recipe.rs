//! A recipe: how the artifacts of a product are built and tested, and in which environment. The form is
//! `spec/recipe.md`.

use std::collections::BTreeMap;
use std::str::FromStr;

use sandbox::Limits;
use store::Blobs;
use tlog::Hash;

use crate::error::ConveyerError;
use crate::limits::RECIPE_BYTES_MAX;
use crate::path::TreePath;
use crate::source::Source;

/// The argument that every recipe has: the number of parallel jobs, which varies.
pub(crate) const JOBS: &str = "jobs";

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

/// Why a choice of arguments is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("argument {name} = {value:?}: {want}")]
pub struct ArgumentFault {
    /// The argument.
    pub name: String,
    /// The value that was chosen.
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

/// A choice that whoever starts a build has, from a closed list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// What it may be.
    pub values: Vec<String>,
    /// What it is.
    pub chosen: String,
}

/// A file that the build leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactPlace {
    /// Where the steps leave it, below `inner_path`.
    pub path: TreePath,
    /// File name under which it is released.
    pub name: String,
}

/// A command that judges what was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// Its name in the test result.
    pub name: String,
    /// Program and arguments.
    pub command: Vec<String>,
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
    /// Choices, by name.
    pub arguments: BTreeMap<String, Argument>,
    /// Programs and their arguments, run one after another; no shell is added. `{{name}}` stands for an argument.
    pub steps: Vec<Vec<String>>,
    /// Run after the artifacts were taken out, so that they cannot change them.
    pub tests: Vec<Test>,
    /// Where the source is, inside. At `/build/` or below.
    pub inner_path: String,
    /// Variables beyond the fixed ones. `{{name}}` stands for an argument.
    pub env: BTreeMap<String, String>,
    /// Most parallel jobs; a variation may give fewer.
    pub jobs: u32,
    /// Seconds since 1970 for `SOURCE_DATE_EPOCH` and the times of source files.
    pub source_date_epoch: u64,
    /// What each step and each test may use.
    pub limits: Limits,
    /// The Cargo.lock whose crates are unpacked for the build.
    pub cargo_lock: Option<TreePath>,
    /// What comes out, at least one.
    pub artifacts: Vec<ArtifactPlace>,
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

    /// Chooses some arguments; the others stay as they are.
    ///
    /// # Errors
    /// [`ArgumentFault`] for a name or value that the recipe does not have.
    pub fn choose(&mut self, chosen: &BTreeMap<String, String>) -> Result<(), ArgumentFault> {
        for (name, value) in chosen {
            let fault = |want: String| ArgumentFault {
                name: name.chars().take(100).collect(),
                value: value.chars().take(100).collect(),
                want,
            };
            let known: Vec<_> = self.arguments.keys().cloned().collect();
            let Some(argument) = self.arguments.get_mut(name) else {
                let known = if known.is_empty() {
                    "the recipe has no arguments".to_owned()
                } else {
                    format!("the recipe's arguments are {}", known.join(", "))
                };
                return Err(fault(known));
            };
            if !argument.values.contains(value) {
                return Err(fault(format!("one of {}", argument.values.join(", "))));
            }
            argument.chosen.clone_from(value);
        }
        Ok(())
    }

    /// Every argument as it is chosen.
    #[must_use]
    pub fn chosen(&self) -> BTreeMap<String, String> {
        let arguments = self.arguments.iter();
        arguments
            .map(|(name, argument)| (name.clone(), argument.chosen.clone()))
            .collect()
    }

    /// `text` with every `{{name}}` replaced; the parser saw that each is known.
    pub(crate) fn filled(&self, text: &str, jobs: u32) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, name, after)) = next_argument(rest) {
            filled.push_str(before);
            if name == JOBS {
                filled.push_str(&jobs.to_string());
            } else if let Some(argument) = self.arguments.get(name) {
                filled.push_str(&argument.chosen);
            }
            rest = after;
        }
        filled.push_str(rest);
        filled
    }
}

/// What is before the first `{{name}}`, the name, and what is after it.
pub(crate) fn next_argument(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("{{")?;
    let (name, after) = rest.split_once("}}")?;
    Some((before, name, after))
}
