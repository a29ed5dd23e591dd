//! What is to be built: where the source is, which recipe it lacks, what is chosen of the recipe's arguments.

use std::collections::BTreeMap;
use std::path::PathBuf;

use store::Blobs;

use crate::error::ConveyerError;
use crate::recipe::Recipe;
use crate::source::{RecipeBeside, Source, SourceFrom, import_with_recipe};

/// What should be built.
#[derive(Debug, Clone)]
pub struct BuildOrder {
    /// The source.
    pub from: SourceFrom,
    /// A recipe for a source that brings none.
    pub recipe: Option<PathBuf>,
    /// Values of arguments that are not to stay as the recipe has them.
    pub arguments: BTreeMap<String, String>,
}

impl BuildOrder {
    /// Imports the source into `archives` and reads its recipe, arguments chosen.
    ///
    /// # Errors
    /// As [`import_with_recipe`], [`Recipe::of_source`] and [`Recipe::choose`].
    pub fn import(&self, archives: &Blobs) -> Result<(Source, Recipe), ConveyerError> {
        let beside = self.recipe.as_deref().map(RecipeBeside::read).transpose()?;
        let source = import_with_recipe(&self.from, beside.as_ref(), archives)?;
        let mut recipe = Recipe::of_source(&source, archives)?;
        recipe.choose(&self.arguments)?;
        Ok((source, recipe))
    }
}

impl From<SourceFrom> for BuildOrder {
    fn from(from: SourceFrom) -> Self {
        Self {
            from,
            recipe: None,
            arguments: BTreeMap::new(),
        }
    }
}

impl From<&SourceFrom> for BuildOrder {
    fn from(from: &SourceFrom) -> Self {
        from.clone().into()
    }
}
