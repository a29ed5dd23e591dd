//! Parties with folders and uids of their own, and sources written on the spot.
#![allow(dead_code)] // Not every test file that shares this module needs all of it.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use conveyer::{
    BuildOutcome, ConveyerError, Environment, HostKind, PartyDirs, Recipe, Source, SourceFrom,
    Variation, build, import_source,
};
use sandbox::Identity;
use store::Blobs;

/// A folder that every uid can enter, for the parties of one test.
pub fn ground() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// One party with the busybox environment.
pub struct Party {
    pub dirs: PartyDirs,
    pub environment: Environment,
}

impl Party {
    /// `number` must differ between all tests, so that uids do.
    pub fn new(ground: &Path, number: u32) -> Self {
        Self::with(ground, number, HostKind::Busybox)
    }

    pub fn with(ground: &Path, number: u32, kind: HostKind) -> Self {
        let identity = Identity::for_party(number).unwrap();
        let dirs = PartyDirs::open(&ground.join(format!("party-{number}")), identity).unwrap();
        let environment = Environment::import_host(kind, &dirs).unwrap();
        Self { dirs, environment }
    }

    /// Imports a directory and builds it.
    pub fn build(
        &self,
        source: &Path,
        variation: &Variation,
    ) -> Result<BuildOutcome, ConveyerError> {
        let source = self.import(source)?;
        let recipe = Recipe::of_source(&source, self.dirs.blobs())?;
        build(&recipe, &source, &self.environment, variation, &self.dirs)
    }

    pub fn import(&self, path: &Path) -> Result<Source, ConveyerError> {
        let exclude = vec!["target".parse().unwrap()];
        import_source(
            &SourceFrom::Directory {
                path: path.to_owned(),
                exclude,
            },
            self.dirs.blobs(),
        )
    }

    pub fn artifact(&self, outcome: &BuildOutcome) -> File {
        self.dirs
            .blobs()
            .open_file(&outcome.artifacts[0].sha256)
            .unwrap()
            .0
    }
}

/// Compares what two parties built, without any rule that would explain a difference.
pub fn verdict(a: (&Party, &BuildOutcome), b: (&Party, &BuildOutcome)) -> binary::Verdict {
    let bytes = |(party, outcome): (&Party, &BuildOutcome)| {
        let mut bytes = Vec::new();
        party.artifact(outcome).read_to_end(&mut bytes).unwrap();
        bytes
    };
    binary::compare(&bytes(a), &bytes(b), &binary::Explanations::none()).verdict
}

/// The recipe of every shell-script product in these tests. Its disk limit is small, so that it fits any memory
/// file system.
pub const RECIPE: &str = r#"
product = "canary"
version = "1.0.0"
kind = "rules"
platform = "linux-x86_64"

[environment]
name = "busybox"

[build]
command = ["sh", "build.sh"]
limits = { wall_ms = 60000, disk_bytes_max = 16777216, memory_bytes_max = 268435456 }

[artifact]
path = "out/canary"
name = "canary"
"#;

/// A source with a build script and some data files.
pub fn script_source(ground: &Path, name: &str, script: &str) -> PathBuf {
    let folder = ground.join(name);
    fs::create_dir_all(folder.join("data")).unwrap();
    fs::write(folder.join("recipe.toml"), RECIPE).unwrap();
    fs::write(
        folder.join("build.sh"),
        format!("set -e\nmkdir out\n{script}\n"),
    )
    .unwrap();
    for index in 0..40 {
        fs::write(
            folder.join("data").join(format!("file-{index}")),
            format!("{index}\n"),
        )
        .unwrap();
    }
    folder
}

/// A tree with everything an archive can hold; the order, modes and times are the caller's.
pub fn plant(root: &Path, backwards: bool, umask_mode: u32, seconds: u64) {
    let long = format!(
        "{}/{}",
        "a-rather-long-folder-name".repeat(3),
        "and-a-file-name".repeat(4)
    );
    let mut files = vec![
        ("run.sh", 0o755),
        ("src/main.rs", 0o644),
        ("src/a/b.rs", 0o644),
        ("naïve.txt", 0o644),
        ("empty", 0o644),
        (&long, 0o644),
    ];
    if backwards {
        files.reverse();
    }
    for (path, mode) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let content = if path.ends_with("empty") {
            ""
        } else {
            "content\n"
        };
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode & umask_mode)).unwrap();
        File::open(&path)
            .unwrap()
            .set_modified(UNIX_EPOCH + Duration::from_secs(seconds))
            .unwrap();
    }
    symlink("../run.sh", root.join("src/link")).unwrap();
}

/// Imports a directory into a store.
pub fn import(path: &Path, blobs: &Blobs) -> Result<Source, ConveyerError> {
    import_source(
        &SourceFrom::Directory {
            path: path.to_owned(),
            exclude: vec!["target".parse().unwrap()],
        },
        blobs,
    )
}

/// The bytes of an archive.
pub fn bytes(source: &Source, blobs: &Blobs) -> Vec<u8> {
    blobs.get(source.archive(), 1 << 24).unwrap()
}
