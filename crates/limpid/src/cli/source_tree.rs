//! Lines of an audited source tree, by the paths that a compiler saw.

use std::{
    collections::BTreeMap,
    fs,
    io::BufReader,
    path::{Component, Path, PathBuf},
};

use anyhow::{Context as _, Result};
use conveyer::{ArchiveReader, EntryKind};
use serde::Serialize;

/// A source file that is larger is not shown.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// A directory or a source archive, and where the compiler saw it.
pub(super) struct SourceTree {
    tree: PathBuf,
    built_at: PathBuf,
    read: BTreeMap<String, Option<Vec<u8>>>,
}

/// What a tree has for one line.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "found", rename_all = "kebab-case")]
pub(super) enum Line {
    /// The line.
    Found { path: String, text: String },
    /// The tree has no such file, or the compiler saw it elsewhere.
    NotInTree,
    /// The file is there and ends before this line.
    TooShort { path: String, lines: usize },
}

impl SourceTree {
    pub(super) fn open(tree: PathBuf, built_at: PathBuf) -> Result<Self> {
        fs::metadata(&tree).with_context(|| format!("cannot read {}", tree.display()))?;
        Ok(Self {
            tree,
            built_at,
            read: BTreeMap::new(),
        })
    }

    /// The line of a file, by the path in the debug information.
    pub(super) fn line(&mut self, file: &Path, line: u32) -> Result<Line> {
        let Some(path) = self.inner(file) else {
            return Ok(Line::NotInTree);
        };
        if !self.read.contains_key(&path) {
            let content = self.content(&path)?;
            self.read.insert(path.clone(), content);
        }
        let Some(Some(content)) = self.read.get(&path) else {
            return Ok(Line::NotInTree);
        };
        let text = String::from_utf8_lossy(content);
        let wanted = usize::try_from(line).unwrap_or(usize::MAX);
        Ok(match text.lines().nth(wanted.saturating_sub(1)) {
            Some(text) => Line::Found {
                path,
                text: text.to_owned(),
            },
            None => Line::TooShort {
                path,
                lines: text.lines().count(),
            },
        })
    }

    /// The path inside the tree; nothing that leaves it.
    fn inner(&self, file: &Path) -> Option<String> {
        let inside = if file.is_absolute() {
            file.strip_prefix(&self.built_at).ok()?
        } else {
            file
        };
        let parts: Option<Vec<&str>> = inside
            .components()
            .filter(|part| *part != Component::CurDir)
            .map(|part| match part {
                Component::Normal(name) => name.to_str(),
                _ => None,
            })
            .collect();
        Some(parts?.join("/")).filter(|path| !path.is_empty())
    }

    fn content(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let cannot = |path: &Path| format!("cannot read {}", path.display());
        if self.tree.is_dir() {
            let file = self.tree.join(path);
            let fits = fs::metadata(&file)
                .is_ok_and(|about| about.is_file() && about.len() <= FILE_BYTES_MAX);
            let read = || fs::read(&file).with_context(|| cannot(&file));
            return fits.then(read).transpose();
        }
        let archive = fs::File::open(&self.tree).with_context(|| cannot(&self.tree))?;
        let mut reader = ArchiveReader::new(BufReader::new(archive));
        let refused = || format!("{} is no source archive", self.tree.display());
        while let Some(entry) = reader.next_entry().with_context(refused)? {
            let EntryKind::File { bytes, .. } = entry.kind else {
                continue;
            };
            if entry.path.as_str() == path && bytes <= FILE_BYTES_MAX {
                let mut content = Vec::new();
                reader.body(&mut content).with_context(refused)?;
                return Ok(Some(content));
            }
            reader.body(&mut std::io::sink()).with_context(refused)?;
        }
        Ok(None)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn tree() -> (tempfile::TempDir, SourceTree) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("src")).unwrap();
        fs::write(folder.path().join("src/a.c"), "one\ntwo\n").unwrap();
        let tree = SourceTree::open(folder.path().to_owned(), "/build/src".into()).unwrap();
        (folder, tree)
    }

    #[test]
    fn a_line_is_found_by_the_path_the_compiler_saw() {
        let (_folder, mut tree) = tree();
        let found = Line::Found {
            path: "src/a.c".to_owned(),
            text: "two".to_owned(),
        };
        assert_eq!(
            tree.line(Path::new("/build/src/./src/a.c"), 2).unwrap(),
            found
        );
        assert_eq!(tree.line(Path::new("src/a.c"), 2).unwrap(), found);
        let short = tree.line(Path::new("src/a.c"), 3).unwrap();
        assert!(
            matches!(short, Line::TooShort { lines: 2, .. }),
            "{short:?}"
        );
    }

    #[test]
    fn what_was_seen_elsewhere_or_leaves_the_tree_is_not_in_it() {
        let (_folder, mut tree) = tree();
        for path in [
            "/rustc/abc/src/a.c",
            "/build/src/../src/a.c",
            "../src/a.c",
            "/build/src/b.c",
            "/build/src",
        ] {
            assert_eq!(
                tree.line(Path::new(path), 1).unwrap(),
                Line::NotInTree,
                "{path}"
            );
        }
    }
}
