//! From the paths of the command line to files, in an order that does not depend on the disk.

use std::fs;
use std::path::{Path, PathBuf};

/// A path that could not be looked at, and why.
pub type Problem = (PathBuf, String);

/// Lists the files. A directory is opened only when `recursive`; links inside are not followed.
pub fn files(paths: &[PathBuf], recursive: bool) -> Vec<Result<PathBuf, Problem>> {
    let mut found = Vec::new();
    for path in paths {
        match fs::metadata(path) {
            Ok(meta) if meta.is_dir() && recursive => below(path, &mut found),
            Ok(meta) if meta.is_dir() => {
                found.push(Err((
                    path.clone(),
                    "is a directory; use -r to look inside".to_owned(),
                )));
            }
            Ok(_) => found.push(Ok(path.clone())),
            Err(error) => found.push(Err((path.clone(), error.to_string()))),
        }
    }
    found
}

fn below(top: &Path, found: &mut Vec<Result<PathBuf, Problem>>) {
    let mut open = vec![top.to_path_buf()];
    while let Some(directory) = open.pop() {
        let entries =
            match fs::read_dir(&directory).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
                Ok(entries) => entries,
                Err(error) => {
                    found.push(Err((directory, error.to_string())));
                    continue;
                }
            };
        let mut entries: Vec<_> = entries
            .iter()
            .map(|e| (e.path(), e.file_type().ok()))
            .collect();
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        let mut inner = Vec::new();
        for (path, kind) in entries {
            match kind {
                Some(kind) if kind.is_dir() => inner.push(path),
                Some(kind) if kind.is_file() => found.push(Ok(path)),
                // Links, sockets, devices: nothing to read there.
                Some(_) => {}
                None => found.push(Err((path, "its type cannot be read".to_owned()))),
            }
        }
        open.extend(inner.into_iter().rev());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_needs_the_recursive_option() {
        let here = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src");
        assert!(files(std::slice::from_ref(&here), false)[0].is_err());
        let found = files(std::slice::from_ref(&here), true);
        assert!(found.contains(&Ok(here.join("walk.rs"))));
    }

    #[test]
    fn a_missing_file_is_reported_and_the_rest_goes_on() {
        let here = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let found = files(&[PathBuf::from("/no/such/file"), here.clone()], false);
        assert!(found[0].is_err());
        assert_eq!(found[1], Ok(here));
    }
}
