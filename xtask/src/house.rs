//! The tree as the checks see it: cargo's view, the files git knows or would add, the sources.

use crate::cargo;
use crate::lexer::{Blanked, blank};
use crate::modules::{Reach, Texts, reached};
use crate::tokens::{test_ranges, tokens};
use anyhow::{Context, Result};
use cargo_metadata::{CargoOpt, Metadata, MetadataCommand, Package, TargetKind};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One Rust file.
pub(crate) struct Source {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) blanked: Blanked,
    /// How the compiler reaches it; `None` for a file no target includes.
    pub(crate) reach: Option<Reach>,
}

impl Source {
    /// Code without anything that exists only under test; offsets and lines stay.
    pub(crate) fn product_code(&self) -> String {
        if self.reach == Some(Reach::TestOnly) {
            return String::new();
        }
        let code = &self.blanked.code;
        let ranges = test_ranges(&tokens(code));
        code.char_indices()
            .map(|(at, char)| match char {
                '\n' => '\n',
                _ if ranges.iter().any(|range| range.contains(&at)) => ' ',
                char => char,
            })
            .collect()
    }

    /// Uncommented text that exists only under test.
    pub(crate) fn test_text(&self) -> String {
        if self.reach == Some(Reach::TestOnly) {
            return self.blanked.uncommented.clone();
        }
        test_ranges(&tokens(&self.blanked.code))
            .into_iter()
            .filter_map(|range| {
                let end = range.end.min(self.blanked.uncommented.len());
                self.blanked.uncommented.get(range.start..end)
            })
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// Everything a check may ask for.
pub(crate) struct House {
    pub(crate) root: PathBuf,
    pub(crate) metadata: Metadata,
    /// Files git tracks or would add, relative to the root.
    pub(crate) files: Vec<String>,
    pub(crate) sources: Vec<Source>,
}

impl House {
    pub(crate) fn load() -> Result<Self> {
        let root = cargo::root()?;
        let metadata = MetadataCommand::new()
            .current_dir(&root)
            .features(CargoOpt::AllFeatures)
            .other_options(["--locked".to_owned()])
            .exec()
            .context("`cargo metadata --locked` failed")?;
        let files = listed_files(&root)?;
        let sources = load_sources(&root, &files, &target_roots(&root, &metadata))?;
        Ok(Self {
            root,
            metadata,
            files,
            sources,
        })
    }

    pub(crate) fn members(&self) -> Vec<&Package> {
        self.metadata.workspace_packages()
    }

    /// `crates/tlog/Cargo.toml` for a package.
    pub(crate) fn relative(&self, path: impl AsRef<Path>) -> String {
        relative(&self.root, path.as_ref())
    }

    pub(crate) fn read(&self, path: &str) -> Result<String> {
        std::fs::read_to_string(self.root.join(path)).with_context(|| format!("cannot read {path}"))
    }
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned()
}

fn listed_files(root: &Path) -> Result<Vec<String>> {
    let mut git = cargo::program(root, "git");
    git.args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let listing = cargo::output(&mut git).context("the checks read the tree through git")?;
    let mut files: Vec<String> = listing
        .split('\0')
        .filter(|path| !path.is_empty() && root.join(path).is_file())
        .map(str::to_owned)
        .collect();
    files.sort();
    files.dedup();
    Ok(files)
}

fn target_roots(root: &Path, metadata: &Metadata) -> Vec<(String, Reach)> {
    let mut roots = Vec::new();
    for package in metadata.workspace_packages() {
        for target in &package.targets {
            let test = target.kind.iter().any(|kind| {
                matches!(
                    kind,
                    TargetKind::Test | TargetKind::Bench | TargetKind::Example
                )
            });
            let reach = if test {
                Reach::TestOnly
            } else {
                Reach::Product
            };
            roots.push((relative(root, target.src_path.as_std_path()), reach));
        }
    }
    roots
}

fn load_sources(root: &Path, files: &[String], roots: &[(String, Reach)]) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for path in files.iter().filter(|path| path.ends_with(".rs")) {
        let text = std::fs::read_to_string(root.join(path))
            .with_context(|| format!("cannot read {path}"))?;
        let blanked = blank(&text);
        sources.push(Source {
            path: path.clone(),
            text,
            blanked,
            reach: None,
        });
    }
    let texts: BTreeMap<&str, Texts<'_>> = sources
        .iter()
        .map(|source| {
            let texts = Texts {
                text: &source.text,
                code: &source.blanked.code,
            };
            (source.path.as_str(), texts)
        })
        .collect();
    let found = reached(&texts, roots);
    for source in &mut sources {
        source.reach = found.get(&source.path).copied();
    }
    Ok(sources)
}

/// A source from fixture text, for the tests of the checks.
#[cfg(test)]
pub(crate) fn fixture(path: &str, text: &str, reach: Reach) -> Source {
    Source {
        path: path.to_owned(),
        text: text.to_owned(),
        blanked: blank(text),
        reach: Some(reach),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: &str = "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() { x(\"y\") }\n}\n";

    #[test]
    fn product_code_has_no_tests() {
        let source = fixture("a.rs", BOTH, Reach::Product);
        let code = source.product_code();
        assert!(code.contains("fn a") && !code.contains("fn b"));
        assert_eq!(code.lines().count(), BOTH.lines().count());
    }

    #[test]
    fn test_text_has_only_tests_and_keeps_literals() {
        let source = fixture("a.rs", BOTH, Reach::Product);
        let text = source.test_text();
        assert!(!text.contains("fn a") && text.contains("x(\"y\")"));
        let whole = fixture("a.rs", BOTH, Reach::TestOnly);
        assert!(whole.test_text().contains("fn a"));
    }
}
