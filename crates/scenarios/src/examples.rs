//! The example sources that the demonstration releases, carried inside the binary.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use include_dir::{Dir, DirEntry, include_dir};

static EXAMPLES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../examples");

/// An example product at one version.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// Directory below `examples/`.
    pub path: &'static str,
}

/// `truename` 1.0: says what files really are.
pub const TRUENAME_1_0: Example = Example {
    path: "truename/1.0",
};
/// `truename` 1.1.
pub const TRUENAME_1_1: Example = Example {
    path: "truename/1.1",
};
/// A small rule database that builds in milliseconds.
pub const LURES_1_0: Example = Example { path: "lures/1.0" };
/// Its next version.
pub const LURES_1_1: Example = Example { path: "lures/1.1" };

/// Rules by which machines judge files.
pub const DETECTION_1_0: Example = Example {
    path: "detection/1.0",
};

/// What each reason does to the outcome of a file; its table is written beside it.
pub const SCORING_1_0: Example = Example {
    path: "scoring/1.0",
};

/// A text below `examples/`.
///
/// # Errors
/// When it is not in this binary.
pub fn text(path: &str) -> Result<&'static str> {
    let file = EXAMPLES.get_file(path);
    file.and_then(include_dir::File::contents_utf8)
        .with_context(|| format!("example {path} is not in this binary"))
}

impl Example {
    /// Writes the source to `target`, under another product name if one is given.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_to(self, target: &Path, product: Option<&str>) -> Result<PathBuf> {
        let dir = EXAMPLES
            .get_dir(self.path)
            .with_context(|| format!("example {} is not in this binary", self.path))?;
        write_dir(dir, dir.path(), target)?;
        if let Some(product) = product {
            let recipe = target.join("recipe.toml");
            let text = fs::read_to_string(&recipe)?;
            let (_, rest) = text
                .split_once('\n')
                .context("the recipe has more than one line")?;
            fs::write(&recipe, format!("product = \"{product}\"\n{rest}"))?;
        }
        Ok(target.to_owned())
    }
}

fn write_dir(dir: &Dir<'_>, root: &Path, target: &Path) -> Result<()> {
    for entry in dir.entries() {
        let path = target.join(entry.path().strip_prefix(root)?);
        match entry {
            DirEntry::Dir(inner) => write_dir(inner, root, target)?,
            DirEntry::File(file) => {
                let parent = path.parent().context("a file has a directory")?;
                fs::create_dir_all(parent)
                    .with_context(|| format!("cannot create {}", parent.display()))?;
                fs::write(&path, file.contents())
                    .with_context(|| format!("cannot write {}", path.display()))?;
            }
        }
    }
    Ok(())
}
