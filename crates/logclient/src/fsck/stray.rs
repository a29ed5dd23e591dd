//! Files in a directory that no log has.

use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;

use tlog::{ArchiveId, ArchiveIndex, BundleId, TileId};

use super::Check;
use super::report::Fault;
use crate::sources::ReadError;

/// Folders below `tile/`: an entry bundle of index 2^56 has seven, a partial one another.
const DEPTH_MAX: usize = 12;

enum Name {
    /// One of the log at the size that is checked, or a partial file on the way there.
    Known,
    /// One of a larger tree, written and not published yet.
    Ahead,
    /// None of a log.
    Stray,
}

impl Check<'_> {
    /// Looks through `tile/` and `archive/`, if the log is a directory. What else lies beside them (blobs, a page
    /// for people) is not the log's.
    pub(super) fn find_strays(&self) {
        let Some(dir) = self.files.as_directory() else {
            return;
        };
        for top in ["tile", "archive"] {
            if dir.join(top).is_dir() {
                self.search(&dir.join(top), top, 0);
            }
        }
    }

    fn search(&self, dir: &Path, name: &str, depth: usize) {
        let list = match fs::read_dir(dir) {
            Ok(list) => list,
            Err(source) => return self.unreadable(name, source),
        };
        for item in list {
            let item = match item {
                Ok(item) => item,
                Err(source) => return self.unreadable(name, source),
            };
            let below = format!("{name}/{}", item.file_name().to_string_lossy());
            let path = item.path();
            if path.is_dir() && depth < DEPTH_MAX {
                self.search(&path, &below, depth + 1);
                continue;
            }
            match self.judge(&below) {
                Name::Known => {}
                Name::Ahead => {
                    self.counts.ahead.fetch_add(1, Ordering::Relaxed);
                }
                Name::Stray => self.bad(below, Fault::Stray),
            }
        }
    }

    fn judge(&self, name: &str) -> Name {
        let size = self.size();
        let ahead = |ahead: bool| if ahead { Name::Ahead } else { Name::Known };
        if name == ArchiveIndex::PATH || ArchiveIndex::parse_page_path(name).is_some() {
            return Name::Known;
        }
        if let Ok(id) = ArchiveId::parse(name) {
            // A checkpoint is archived first and listed then; what is not listed is nobody's business yet.
            let listed = self.archived.binary_search(&id.size()).is_ok();
            return ahead(!listed);
        }
        if let Ok(id) = BundleId::parse(name) {
            return ahead(id.first_entry() + u64::from(id.width()) > size);
        }
        let Ok(id) = TileId::parse(name) else {
            return Name::Stray;
        };
        let hashes = size
            .checked_shr(8 * u32::from(id.level()))
            .unwrap_or_default();
        ahead(id.index() * 256 + u64::from(id.width()) > hashes)
    }

    fn unreadable(&self, name: &str, source: std::io::Error) {
        let path = name.to_owned();
        let fault = Fault::Read(ReadError::File {
            path: path.clone(),
            source,
        });
        self.bad(path, fault);
    }
}
