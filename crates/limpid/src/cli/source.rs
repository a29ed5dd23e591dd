//! How every verb that takes a source is told which.

use std::path::PathBuf;

use ::conveyer::{BuildOrder, SourceFrom};
use clap::Args;

/// What a source is taken from.
#[derive(Debug, Args)]
pub(super) struct FromArgs {
    /// Directory with the source and its recipe.toml, or a git repository
    #[arg(value_name = "SOURCE")]
    source: PathBuf,
    /// Take this commit of the git repository, not the directory's files
    #[arg(long, value_name = "COMMIT")]
    git: Option<String>,
    /// Recipe for a source that brings none
    #[arg(long, value_name = "FILE")]
    recipe: Option<PathBuf>,
}

/// What is chosen of a recipe's arguments.
#[derive(Debug, Args)]
pub(super) struct Choices {
    /// Choose an argument of the recipe; may be given several times
    #[arg(long = "argument", value_name = "NAME=VALUE", value_parser = argument)]
    arguments: Vec<(String, String)>,
}

/// `NAME=VALUE`
fn argument(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("NAME=VALUE is wanted")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl FromArgs {
    /// With the recipe's arguments as they stand.
    pub(super) fn order(self) -> BuildOrder {
        let from = match self.git {
            Some(commit) => SourceFrom::GitCommit {
                repository: self.source,
                commit,
                folder: None,
            },
            None => SourceFrom::Directory {
                path: self.source,
                exclude: Vec::new(),
            },
        };
        BuildOrder {
            recipe: self.recipe,
            ..from.into()
        }
    }

    pub(super) fn order_with(self, choices: Choices) -> BuildOrder {
        BuildOrder {
            arguments: choices.arguments.into_iter().collect(),
            ..self.order()
        }
    }
}
