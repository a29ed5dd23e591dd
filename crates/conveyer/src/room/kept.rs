//! Results that were built and not shown yet, each with its salt: one private file a result.
//!
//! A commitment fixes the artifact, so a result is never replaced: who builds again may get other bytes, and could
//! not open the commitment that stands. The file is there before the commitment is submitted.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use statement::{FileDigest, KeyId, StatementDigest, artifacts_digest, commitment_digest};
use tlog::Hash;
use zeroize::Zeroizing;

use super::error::RoomError;
use super::limits::RESULT_BYTES_MAX;
use crate::build::{BuildOutcome, BuiltFile, TestRun};

/// A result that was built for one build by one key, and the salt of its commitment.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptResult {
    build: StatementDigest,
    key: KeyId,
    artifacts: Vec<KeptFile>,
    #[serde(default)]
    tests: Vec<KeptTest>,
    #[serde(default)]
    sboms: Vec<KeptFile>,
    environment: FileDigest,
    finished_at: u64,
    salt: FileDigest,
}

/// A file that was built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptFile {
    /// File name it is released under.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: FileDigest,
    /// Its size.
    pub bytes: u64,
}

/// A test that was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptTest {
    /// Its name.
    pub name: String,
    /// Whether it succeeded.
    pub passed: bool,
}

/// What a rebuilder made of a build, as its verdict names it.
pub(super) struct Made {
    pub(super) artifacts: Vec<KeptFile>,
    /// Digest of the lock it was built in.
    pub(super) environment: FileDigest,
    /// Opens the commitment; none when the build is of the past, and nothing was committed to.
    pub(super) salt: Option<FileDigest>,
}

impl From<&KeptResult> for Made {
    fn from(kept: &KeptResult) -> Self {
        Self {
            artifacts: kept.artifacts.clone(),
            environment: kept.environment,
            salt: Some(kept.salt),
        }
    }
}

impl From<&BuildOutcome> for Made {
    fn from(outcome: &BuildOutcome) -> Self {
        Self {
            artifacts: outcome.artifacts.iter().map(KeptFile::from).collect(),
            environment: FileDigest::new(outcome.environment),
            salt: None,
        }
    }
}

impl fmt::Debug for KeptResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the salt: it is secret until the reveal.
        f.debug_struct("KeptResult")
            .field("build", &self.build)
            .field("artifacts", &self.artifacts)
            .finish_non_exhaustive()
    }
}

impl KeptResult {
    /// The build.
    #[must_use]
    pub const fn build(&self) -> StatementDigest {
        self.build
    }
    /// What came out, in the recipe's order.
    #[must_use]
    pub fn artifacts(&self) -> &[KeptFile] {
        &self.artifacts
    }
    /// The tests that were run.
    #[must_use]
    pub fn tests(&self) -> &[KeptTest] {
        &self.tests
    }
    /// The SBOM of each artifact, if it was made.
    #[must_use]
    pub fn sboms(&self) -> &[KeptFile] {
        &self.sboms
    }
    /// Digest of the lock it was built in.
    #[must_use]
    pub const fn environment(&self) -> FileDigest {
        self.environment
    }
    /// What may be shown before the reveal.
    #[must_use]
    pub fn commitment(&self) -> FileDigest {
        let files = self.artifacts.iter();
        let digest = artifacts_digest(files.map(|file| (file.name.as_str(), file.sha256)));
        commitment_digest(self.key, self.build, digest, self.salt)
    }

    pub(super) const fn finished_at(&self) -> u64 {
        self.finished_at
    }
    pub(super) const fn salt(&self) -> FileDigest {
        self.salt
    }
}

impl From<&BuiltFile> for KeptFile {
    fn from(built: &BuiltFile) -> Self {
        Self {
            name: built.name.clone(),
            sha256: FileDigest::new(built.sha256),
            bytes: built.bytes,
        }
    }
}

impl From<&TestRun> for KeptTest {
    fn from(run: &TestRun) -> Self {
        Self {
            name: run.name.clone(),
            passed: run.exit.is_success(),
        }
    }
}

/// The folder of results, 0700, its files 0600.
#[derive(Debug)]
pub(super) struct KeptResults {
    folder: PathBuf,
}

impl KeptResults {
    pub(super) fn open(folder: &Path) -> Result<Self, RoomError> {
        let made = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .and_then(|()| fs::set_permissions(folder, fs::Permissions::from_mode(0o700)))
            .and_then(|()| sync_folder(folder.parent().unwrap_or(Path::new("."))));
        made.map_err(RoomError::kept("make", folder))?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// What this key has for this build.
    pub(super) fn find(
        &self,
        build: StatementDigest,
        key: KeyId,
    ) -> Result<Option<KeptResult>, RoomError> {
        let path = self.path(build, key);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(RoomError::kept("open", path)(error)),
        };
        let mut bytes = Zeroizing::new(Vec::new());
        file.take(RESULT_BYTES_MAX)
            .read_to_end(&mut bytes)
            .map_err(RoomError::kept("read", &path))?;
        match serde_json::from_slice::<KeptResult>(&bytes) {
            Ok(kept) if kept.build == build && kept.key == key => Ok(Some(kept)),
            _ => Err(RoomError::KeptMalformed { path }),
        }
    }

    /// Draws a salt and keeps the outcome with it. There must be none yet.
    pub(super) fn keep(
        &self,
        build: StatementDigest,
        key: KeyId,
        outcome: &BuildOutcome,
        finished_at: u64,
    ) -> Result<KeptResult, RoomError> {
        let kept = KeptResult {
            build,
            key,
            artifacts: outcome.artifacts.iter().map(KeptFile::from).collect(),
            tests: outcome.tests.iter().map(KeptTest::from).collect(),
            sboms: outcome.sboms.iter().map(KeptFile::from).collect(),
            environment: FileDigest::new(outcome.environment),
            finished_at,
            salt: FileDigest::new(Hash::from_bytes(*keys::random_bytes()?)),
        };
        let text = serde_json::to_vec(&kept).expect("texts and numbers are JSON");
        let path = self.path(build, key);
        self.create(&path, &Zeroizing::new(text))
            .map_err(RoomError::kept("keep", path))?;
        Ok(kept)
    }

    /// The file appears whole and durable, or not at all, and replaces nothing.
    fn create(&self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        let unfinished = self.folder.join(".unfinished");
        // From a crash; one process works here.
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::hard_link(&unfinished, path)?;
        fs::remove_file(&unfinished)?;
        sync_folder(&self.folder)
    }

    fn path(&self, build: StatementDigest, key: KeyId) -> PathBuf {
        self.folder.join(format!("{build}.{key}.json"))
    }
}

fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Variation;

    fn outcome() -> BuildOutcome {
        let hash = tlog::sha256(b"x");
        BuildOutcome {
            artifacts: vec![BuiltFile {
                name: "x".to_owned(),
                sha256: hash,
                bytes: 1,
            }],
            tests: Vec::new(),
            sboms: Vec::new(),
            source: hash,
            recipe: hash,
            crates: Vec::new(),
            environment: hash,
            environment_tree: hash,
            variation: Variation::conveyer(),
            file_order_shows: false,
            clock_moves: false,
            log_tail: String::new(),
            wall_ms: 1,
            peak_memory_bytes: 0,
        }
    }

    fn ids() -> (StatementDigest, KeyId) {
        (StatementDigest::of(b"build"), KeyId::of(b"key"))
    }

    #[test]
    fn a_kept_result_is_private_and_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let results = KeptResults::open(&folder.path().join("results")).unwrap();
        let (build, key) = ids();
        assert!(results.find(build, key).unwrap().is_none());
        let kept = results.keep(build, key, &outcome(), 7).unwrap();
        assert_eq!(results.find(build, key).unwrap(), Some(kept.clone()));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&results.path(build, key)), 0o600);
        assert_eq!(mode(&results.folder), 0o700);
        assert!(!format!("{kept:?}").contains(&kept.salt.to_string()));
    }

    #[test]
    fn a_kept_result_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let results = KeptResults::open(folder.path()).unwrap();
        let (build, key) = ids();
        let first = results.keep(build, key, &outcome(), 7).unwrap();
        assert!(results.keep(build, key, &outcome(), 8).is_err());
        let again = KeptResults::open(folder.path()).unwrap();
        assert_eq!(again.find(build, key).unwrap(), Some(first));
    }

    #[test]
    fn a_file_that_is_no_result_is_an_error_and_not_absence() {
        let folder = tempfile::tempdir().unwrap();
        let results = KeptResults::open(folder.path()).unwrap();
        let (build, key) = ids();
        fs::write(results.path(build, key), b"{").unwrap();
        let found = results.find(build, key);
        assert!(matches!(found, Err(RoomError::KeptMalformed { .. })));
    }

    #[test]
    fn two_results_of_the_same_bytes_have_different_commitments() {
        let folder = tempfile::tempdir().unwrap();
        let results = KeptResults::open(folder.path()).unwrap();
        let (build, key) = ids();
        let one = results.keep(build, key, &outcome(), 7).unwrap();
        let other = StatementDigest::of(b"another build");
        let two = results.keep(other, key, &outcome(), 7).unwrap();
        assert_ne!(one.salt, two.salt);
        assert_ne!(one.commitment(), two.commitment());
    }

    #[test]
    fn the_commitment_of_the_specifications_example_is_the_one_it_shows() {
        let kept = KeptResult {
            build: StatementDigest::of(b"b"),
            key: KeyId::of(b"a"),
            artifacts: vec![KeptFile {
                name: "truename".to_owned(),
                sha256: FileDigest::of(b"c"),
                bytes: 1,
            }],
            tests: Vec::new(),
            sboms: Vec::new(),
            environment: FileDigest::of(b"e"),
            finished_at: 0,
            salt: FileDigest::of(b"d"),
        };
        let page = include_str!("../../../../spec/commitment.md");
        assert!(page.contains(&format!("SHA-256 {}\n", kept.commitment())));
    }
}
