//! How much disk the writable trees hold. The trees belong to somebody hostile: names change while we look.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::processes::Process;

/// What each file or folder counts beyond its blocks, bytes: inodes are not free.
const ENTRY_BYTES: u64 = 4096;

/// The size of `trees` plus that of unlinked files which `processes` hold open. Stops counting at `enough`, which
/// also bounds the time. A folder that cannot be read counts as `enough`: hiding is not a way around a limit.
pub(crate) fn used(trees: &[PathBuf], processes: &[Process], enough: u64) -> u64 {
    let mut total = open_unlinked(processes);
    let mut folders: Vec<PathBuf> = trees.to_vec();
    let mut linked: HashSet<(u64, u64)> = HashSet::new();
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if is_race(&error) => continue,
            Err(_) => return enough,
        };
        for entry in entries.flatten() {
            let about = match entry.metadata() {
                Ok(about) => about,
                Err(error) if is_race(&error) => continue,
                Err(_) => return enough,
            };
            let is_repeat =
                about.nlink() > 1 && !about.is_dir() && !linked.insert((about.dev(), about.ino()));
            total += ENTRY_BYTES + if is_repeat { 0 } else { about.blocks() * 512 };
            if total >= enough {
                return enough;
            }
            if about.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    total.min(enough)
}

/// The entry went away, or became something else, between two system calls.
fn is_race(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn open_unlinked(processes: &[Process]) -> u64 {
    let mut seen = HashSet::new();
    let mut total = 0;
    for process in processes {
        let Ok(descriptors) = fs::read_dir(format!("/proc/{}/fd", process.pid)) else {
            continue;
        };
        for descriptor in descriptors.flatten() {
            let Ok(about) = fs::metadata(descriptor.path()) else {
                continue;
            };
            if about.is_file() && about.nlink() == 0 && seen.insert((about.dev(), about.ino())) {
                total += about.blocks() * 512;
            }
        }
    }
    total
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn many_empty_files_count() {
        let dir = tempfile::tempdir().unwrap();
        for index in 0..10 {
            fs::write(dir.path().join(index.to_string()), b"").unwrap();
        }
        assert_eq!(
            used(&[dir.path().to_owned()], &[], u64::MAX),
            10 * ENTRY_BYTES
        );
    }

    #[test]
    fn counting_stops_at_enough() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("big"), vec![1; 100_000]).unwrap();
        assert_eq!(used(&[dir.path().to_owned()], &[], 5000), 5000);
    }

    #[test]
    fn a_file_with_two_names_counts_once() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("one"), vec![1; 8192]).unwrap();
        fs::hard_link(dir.path().join("one"), dir.path().join("two")).unwrap();
        assert_eq!(
            used(&[dir.path().to_owned()], &[], u64::MAX),
            8192 + 2 * ENTRY_BYTES
        );
    }
}
