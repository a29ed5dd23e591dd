//! What a program needs that is not in its file, so that it runs in a tree that holds nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::{Sandbox, SandboxError};

/// Where libraries stand in the tree.
const PLACE: &str = "/lib";
/// The loader's name there.
const LOADER: &str = "loader";

/// The shared libraries of this process, and their loader. They serve this very program and any that was linked like it.
#[derive(Debug, Clone)]
pub struct Libraries {
    loader: Option<PathBuf>,
    shared: BTreeSet<PathBuf>,
}

impl Libraries {
    /// Those of this process; none, if it was linked statically.
    ///
    /// # Errors
    /// `/proc/self/maps` cannot be read.
    pub fn of_this_process() -> Result<Self, SandboxError> {
        let maps = Path::new("/proc/self/maps");
        let text = fs::read_to_string(maps).map_err(SandboxError::io("read", maps))?;
        let paths = text
            .lines()
            .filter_map(|line| line.find('/').map(|at| &line[at..]));
        let shared: BTreeSet<PathBuf> = paths
            .filter(|path| path.ends_with(".so") || path.contains(".so."))
            .map(PathBuf::from)
            .collect();
        let is_loader = |path: &&PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with("ld-"))
        };
        let loader = shared.iter().find(is_loader).cloned();
        Ok(Self { loader, shared })
    }

    /// Makes a tree at `root` for [`Sandbox`]: empty folders and files to mount on, the libraries' and those of `files`
    /// and `folders`, for everybody to enter.
    ///
    /// # Errors
    /// A folder or file cannot be made.
    pub fn make_tree(
        &self,
        root: &Path,
        files: &[&str],
        folders: &[&str],
    ) -> Result<(), SandboxError> {
        for inner in ["", "proc", "dev", "tmp", PLACE].iter().chain(folders) {
            let path = root.join(inner.trim_start_matches('/'));
            fs::create_dir_all(&path).map_err(SandboxError::io("make", &path))?;
            let open = fs::Permissions::from_mode(0o755);
            fs::set_permissions(&path, open).map_err(SandboxError::io("open", &path))?;
        }
        let libraries = self.named().map(|(_, inner)| inner);
        for inner in libraries.chain(files.iter().map(|&inner| inner.to_owned())) {
            let path = root.join(inner.trim_start_matches('/'));
            fs::write(&path, b"").map_err(SandboxError::io("make", &path))?;
        }
        Ok(())
    }

    /// The beginning of the argument list of a program that uses them: the loader, named because the path that the
    /// program itself names does not exist in the tree.
    #[must_use]
    pub fn argv(&self) -> Vec<String> {
        match self.loader {
            Some(_) => vec![
                format!("{PLACE}/{LOADER}"),
                "--library-path".to_owned(),
                PLACE.to_owned(),
            ],
            None => Vec::new(),
        }
    }

    /// Shows them in the tree.
    #[must_use]
    pub fn bind(&self, sandbox: Sandbox) -> Sandbox {
        self.named().fold(sandbox, |sandbox, (path, inner)| {
            sandbox.read_only(path, &inner)
        })
    }

    /// Each with its place.
    fn named(&self) -> impl Iterator<Item = (&Path, String)> {
        let loader = self
            .loader
            .iter()
            .map(|path| (path.as_path(), format!("{PLACE}/{LOADER}")));
        let shared = self.shared.iter().filter_map(|path| {
            let name = path.file_name()?.to_str()?;
            Some((path.as_path(), format!("{PLACE}/{name}")))
        });
        loader.chain(shared)
    }
}
