//! What the builds of a world are given, beside what is on its machine.

use std::path::PathBuf;

/// What builds of software need that is not on this machine as such; the builds of a demonstration need nothing.
#[derive(Debug, Clone, Default)]
pub struct Supplies {
    /// Locks of environments; each party gets their inputs by itself.
    pub locks: Vec<PathBuf>,
    /// Folder with `.crate` files that ordinary cargo fetched.
    pub crates: Option<PathBuf>,
}

impl Supplies {
    /// For the configuration of whoever builds.
    pub(crate) fn crates_line(&self) -> String {
        let folder = self.crates.as_ref();
        folder.map_or_else(String::new, |folder| format!("crates = {folder:?}\n"))
    }
}
