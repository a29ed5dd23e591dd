//! A database as a directory: `scoring.txt`, `known-bad.txt`, rule files `*.yar`.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use scan::{Database, FIRST_SCORING, ScanError};

/// An empty list of known files.
const NO_DIGESTS: &str = "limpid-digests v1\n";

/// Why a directory gives no database.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// A file of it is not as it must be.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// A file of it cannot be read.
    #[error("cannot read {}; install the rules again", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
}

/// Loads the database of a directory: `scoring.txt`, `known-bad.txt`, rule files `*.yar` in the order of their names.
/// What is not there is empty; without a directory the first scoring table is used.
///
/// # Errors
/// [`DatabaseError`].
pub fn load_database(dir: Option<&Path>) -> Result<Database, DatabaseError> {
    let Some(dir) = dir else {
        return Ok(Database::load(&[], NO_DIGESTS, FIRST_SCORING)?);
    };
    let failed = |path: &Path, source| DatabaseError::Read {
        path: path.to_owned(),
        source,
    };
    let read = |path: &Path| match std::fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        other => other.map(Some).map_err(|source| failed(path, source)),
    };
    let listed = std::fs::read_dir(dir).map_err(|source| failed(dir, source))?;
    let mut names: Vec<String> = listed
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".yar"))
        .collect();
    names.sort();
    let mut rules = Vec::new();
    for name in names {
        let text = read(&dir.join(&name))?.unwrap_or_default();
        rules.push((name, text));
    }
    let rules: Vec<(&str, &str)> = rules
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let known_bad = read(&dir.join("known-bad.txt"))?;
    let scoring = read(&dir.join("scoring.txt"))?;
    Ok(Database::load(
        &rules,
        known_bad.as_deref().unwrap_or(NO_DIGESTS),
        scoring.as_deref().unwrap_or(FIRST_SCORING),
    )?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use scan::{Limits, scan};

    #[test]
    fn what_is_not_there_is_empty_and_what_is_wrong_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let load = || load_database(Some(dir.path()));
        let sees = |database: &Database| {
            let report = scan(b"a lure", database, &Limits::default());
            report.reasons.first().map(|named| named.detail.clone())
        };
        assert_eq!(sees(&load_database(None).unwrap()), None);
        assert_eq!(sees(&load().unwrap()), None);
        let rule = "rule Lure { strings: $a = \"lure\" condition: $a }";
        std::fs::write(dir.path().join("b.yar"), rule).unwrap();
        assert_eq!(sees(&load().unwrap()).unwrap(), "b.yar:Lure");
        for (file, text) in [
            ("known-bad.txt", "limpid-digests v1"),
            ("scoring.txt", ""),
            ("a.yar", "rule"),
        ] {
            let path = dir.path().join(file);
            std::fs::write(&path, text).unwrap();
            assert!(matches!(load(), Err(DatabaseError::Scan(_))), "{file}");
            std::fs::remove_file(&path).unwrap();
        }
        let missing = dir.path().join("missing");
        assert!(
            matches!(load_database(Some(&missing)), Err(DatabaseError::Read { path, .. }) if path == missing)
        );
    }
}
