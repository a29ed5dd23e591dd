//! A daemon gives up everything but its own directory, its keys and what it serves, before its first thread starts.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use scenarios::daemon::CONFINEMENT_FILE;

/// What a daemon needs of the file system, by its configuration.
#[derive(Debug)]
pub(crate) struct Territory {
    /// Its own directory; the only place it may change.
    dir: PathBuf,
    /// Files and trees that it reads.
    read: Vec<PathBuf>,
    /// More trees that it may change.
    write: Vec<PathBuf>,
}

impl Territory {
    /// The daemon configured by `config`, at work in `dir`.
    pub(crate) fn of(config: &Path, dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            // The room reads its configuration again when it starts.
            read: vec![config.to_owned()],
            write: Vec::new(),
        }
    }

    /// And reads these.
    pub(crate) fn reads<'a>(mut self, paths: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        self.read.extend(paths.into_iter().cloned());
        self
    }

    /// And changes these trees too, which are made if they are not there.
    pub(crate) fn writes<'a>(mut self, paths: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        self.write.extend(paths.into_iter().cloned());
        self
    }

    /// And reads the passphrase of its keys, if `origin` (`env:NAME`, `file:PATH`) says that it lies in a file.
    pub(crate) fn passphrase(mut self, origin: Option<&str>) -> Self {
        let file = origin.and_then(|origin| origin.strip_prefix("file:"));
        self.read.extend(file.map(PathBuf::from));
        self
    }

    /// Confines this process; how well it is held is logged, and written to the directory for `limpid up`.
    ///
    /// # Errors
    /// A path that is not there, or landlock refuses. A kernel without landlock is no error: it is said.
    pub(crate) fn enter(self) -> Result<()> {
        // It has to be there to be named, and afterwards nothing can be made beside it.
        let mut trees = self.write;
        trees.insert(0, self.dir.clone());
        for dir in &trees {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(dir)
                .with_context(|| format!("cannot create {}", dir.display()))?;
        }
        let held = sandbox::confine_self(&self.read, &trees)?;
        let dir = self.dir.display();
        if held.is_whole() {
            tracing::info!(%dir, "confined to its own directory: {held}");
        } else {
            tracing::warn!(%dir, "confined to its own directory: {held}");
        }
        let said = self.dir.join(CONFINEMENT_FILE);
        fs::write(&said, format!("{held}\n"))
            .with_context(|| format!("cannot write {}", said.display()))
    }
}
