//! The crates that a Cargo.lock names: found by their checksums, unpacked for one build.
//!
//! A `.crate` file is what ordinary cargo keeps after a download (`cargo fetch`): tar and gzip with everything
//! below `<name>-<version>/`. Its SHA-256 is the `checksum` of Cargo.lock. The source archive stays what the author wrote;
//! cargo finds the unpacked crates through a source replacement in its own configuration, outside of the source.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use sandbox::Identity;
use serde::Deserialize;
use store::Blobs;
use tar::{Archive, EntryType};
use tlog::Hash;

use crate::error::ConveyerError;
use crate::limits::{
    CRATE_BYTES_MAX, CRATE_FILES_MAX, CRATE_UNPACKED_BYTES_MAX, CRATES_MAX, LOCKFILE_BYTES_MAX,
};
use crate::path::TreePath;
use crate::recipe::Recipe;
use crate::source::Source;

/// Where crates are unpacked, below `/build`.
pub(crate) const FOLDER: &str = "vendor";
/// How far down `.crate` files are looked for: `registry/cache/<registry>/` of a cargo home.
const DEPTH_MAX: usize = 5;

/// One crate of a Cargo.lock.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LockedCrate {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the `.crate` file.
    pub checksum: Hash,
}

impl std::fmt::Display for LockedCrate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

#[derive(Deserialize)]
struct LockText {
    #[serde(default)]
    package: Vec<PackageText>,
}

#[derive(Deserialize)]
struct PackageText {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
}

/// Every crate that a Cargo.lock wants from a registry, sorted. Packages without a source are in the tree itself.
///
/// # Errors
/// [`ConveyerError::CargoLock`]: no Cargo.lock, a package from git, from a second registry, or without checksum.
pub fn locked_crates(text: &[u8]) -> Result<Vec<LockedCrate>, ConveyerError> {
    let bad = |package: &str, why| ConveyerError::CargoLock {
        package: package.chars().take(100).collect(),
        why,
    };
    let text = std::str::from_utf8(text).map_err(|_| bad("", "it is not UTF-8"))?;
    let lock: LockText = toml::from_str(text).map_err(|_| bad("", "it is no Cargo.lock"))?;
    let mut crates = Vec::new();
    let mut registry: Option<&str> = None;
    for package in &lock.package {
        let Some(source) = package.source.as_deref() else {
            continue;
        };
        let bad = |why| bad(&format!("{} {}", package.name, package.version), why);
        if !source.starts_with("registry+") && !source.starts_with("sparse+") {
            return Err(bad(
                "it comes from git, not from a registry; put it into the source",
            ));
        }
        if *registry.get_or_insert(source) != source {
            return Err(bad("it comes from a second registry; only one can be used"));
        }
        let checksum = package.checksum.as_deref();
        let checksum = checksum.and_then(|text| Hash::from_hex(text).ok());
        let is_plain = |text: &str| {
            (1..=128).contains(&text.len())
                && !text.starts_with('.')
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte))
        };
        if !is_plain(&package.name) || !is_plain(&package.version) {
            return Err(bad("its name or version is none"));
        }
        crates.push(LockedCrate {
            name: package.name.clone(),
            version: package.version.clone(),
            checksum: checksum.ok_or_else(|| bad("it has no SHA-256 checksum"))?,
        });
    }
    if crates.len() > CRATES_MAX {
        return Err(bad("", "it names more than 4,096 crates"));
    }
    crates.sort_unstable();
    Ok(crates)
}

/// The crates that a recipe's build needs; none without a `[cargo]` table.
///
/// # Errors
/// The Cargo.lock is not in the source, or is refused.
pub fn crates_of(
    recipe: &Recipe,
    source: &Source,
    archives: &Blobs,
) -> Result<Vec<LockedCrate>, ConveyerError> {
    match &recipe.cargo_lock {
        None => Ok(Vec::new()),
        Some(path) => {
            let text = source.read_file(archives, path.as_str(), LOCKFILE_BYTES_MAX)?;
            locked_crates(&text)
        }
    }
}

/// Those whose `.crate` file is not in `inputs`.
#[must_use]
pub fn missing<'a>(crates: &'a [LockedCrate], inputs: &Blobs) -> Vec<&'a LockedCrate> {
    let is_missing = |one: &&LockedCrate| !inputs.contains(&one.checksum);
    crates.iter().filter(is_missing).collect()
}

/// Takes the `.crate` files of `crates` from a folder that ordinary cargo filled, for example `registry/cache` of a cargo
/// home, into `inputs`. Returns how many were taken; those that were there already are not looked for.
///
/// # Errors
/// [`ConveyerError::CrateMissing`] naming those that are not there; [`ConveyerError::CrateDigest`] for one with other
/// bytes than Cargo.lock says.
pub fn take_crates(
    crates: &[LockedCrate],
    folder: &Path,
    inputs: &Blobs,
) -> Result<usize, ConveyerError> {
    let mut files = Vec::new();
    find_crate_files(folder, 0, &mut files)?;
    let wanted = missing(crates, inputs);
    let mut lost = Vec::new();
    for one in &wanted {
        let name = format!("{}-{}.crate", one.name, one.version);
        let named = |path: &&PathBuf| path.file_name().is_some_and(|found| found == name.as_str());
        let Some(path) = files.iter().find(named) else {
            lost.push(one.to_string());
            continue;
        };
        let file = File::open(path).map_err(ConveyerError::io("open", path))?;
        let (found, _) = inputs.put_reader(file, CRATE_BYTES_MAX)?;
        if found != one.checksum {
            return Err(ConveyerError::CrateDigest {
                path: path.clone(),
                wanted: one.checksum,
                found,
            });
        }
    }
    if lost.is_empty() {
        return Ok(wanted.len());
    }
    Err(ConveyerError::CrateMissing {
        crates: listed(&lost),
    })
}

/// The list of crates, of which the digest stands in provenance: one line a crate, sorted.
#[must_use]
pub fn crate_list(crates: &[LockedCrate]) -> String {
    let mut text = "limpid-crates 1\n".to_owned();
    for one in crates {
        let digest = one.checksum.to_hex();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{digest} {} {}", one.name, one.version);
    }
    text
}

/// Unpacks every crate below `build/vendor` and tells cargo, in its home, to look there. All of it belongs to `identity`.
pub(crate) fn unpack(
    crates: &[LockedCrate],
    inputs: &Blobs,
    build: &Path,
    epoch: u64,
    identity: &Identity,
) -> Result<(), ConveyerError> {
    let lost: Vec<_> = missing(crates, inputs)
        .iter()
        .map(ToString::to_string)
        .collect();
    if !lost.is_empty() {
        return Err(ConveyerError::CrateMissing {
            crates: listed(&lost),
        });
    }
    let vendor = build.join(FOLDER);
    let ground = Ground { epoch, identity };
    ground.folder(&vendor)?;
    for one in crates {
        ground.unpack_one(one, inputs, &vendor)?;
    }
    let home = build.join("home/cargo");
    ground.folder(&home)?;
    let config = format!(
        "[source.crates-io]\nreplace-with = \"limpid\"\n\n[source.limpid]\ndirectory = \"/build/{FOLDER}\"\n"
    );
    let bytes = (&mut config.as_bytes() as &mut dyn Read, config.len() as u64);
    ground.file(&home.join("config.toml"), bytes, false)
}

/// How what is unpacked looks.
struct Ground<'a> {
    epoch: u64,
    identity: &'a Identity,
}

impl Ground<'_> {
    /// A crate can be anybody's: nothing of it but plain files below its own folder gets out of the archive.
    fn unpack_one(
        &self,
        one: &LockedCrate,
        inputs: &Blobs,
        vendor: &Path,
    ) -> Result<(), ConveyerError> {
        let bad = |why: String| ConveyerError::CrateRefused {
            name: one.to_string(),
            why,
        };
        let bytes = inputs.get(&one.checksum, CRATE_BYTES_MAX)?;
        let unzipped = flate2::read::GzDecoder::new(bytes.as_slice());
        let mut archive = Archive::new(unzipped.take(CRATE_UNPACKED_BYTES_MAX));
        let root = format!("{}-{}", one.name, one.version);
        let folder = vendor.join(&root);
        self.folder(&folder)?;
        let entries = archive.entries().map_err(|error| bad(error.to_string()))?;
        let mut count = 0_usize;
        for entry in entries {
            let mut entry = entry.map_err(|error| bad(error.to_string()))?;
            let path = entry.path_bytes().into_owned();
            let path =
                String::from_utf8(path).map_err(|_| bad("a name is not UTF-8".to_owned()))?;
            match entry.header().entry_type() {
                EntryType::Regular | EntryType::Continuous => {}
                EntryType::Directory | EntryType::XGlobalHeader => continue,
                _ => return Err(bad(format!("{path:?} is neither file nor folder"))),
            }
            count += 1;
            if count > CRATE_FILES_MAX {
                return Err(bad("it has more than 50,000 files".to_owned()));
            }
            let inner: TreePath = path
                .parse()
                .map_err(|error: crate::path::BadTreePath| bad(error.to_string()))?;
            let Some(below) = path.strip_prefix(&format!("{root}/")) else {
                return Err(bad(format!("{path:?} is outside of {root}/")));
            };
            for above in inner.folders() {
                let above = vendor.join(above);
                if !above.is_dir() {
                    self.folder(&above)?;
                }
            }
            let (size, mode) = (entry.header().size(), entry.header().mode());
            let is_run = mode.is_ok_and(|mode| mode & 0o100 != 0);
            let bytes = (&mut entry as &mut dyn Read, size.unwrap_or(0));
            self.file(&folder.join(below), bytes, is_run)?;
        }
        // Cargo compares the files that are listed here; that all of them are the crate's was seen above.
        let note = format!(
            "{{\"files\":{{}},\"package\":\"{}\"}}",
            one.checksum.to_hex()
        );
        let path = folder.join(".cargo-checksum.json");
        if path.exists() {
            return Err(bad("it brings a .cargo-checksum.json of its own".to_owned()));
        }
        self.file(&path, (&mut note.as_bytes(), note.len() as u64), false)
    }

    fn folder(&self, path: &Path) -> Result<(), ConveyerError> {
        use std::os::unix::fs::PermissionsExt as _;
        fs::create_dir(path).map_err(ConveyerError::io("make", path))?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))
            .map_err(ConveyerError::io("open", path))?;
        Ok(self.identity.own(path)?)
    }

    fn file(
        &self,
        path: &Path,
        (bytes, size): (&mut dyn Read, u64),
        is_run: bool,
    ) -> Result<(), ConveyerError> {
        use std::os::unix::fs::PermissionsExt as _;
        let mut file = File::create_new(path).map_err(ConveyerError::io("make", path))?;
        let copied = std::io::copy(bytes, &mut file).map_err(ConveyerError::io("write", path))?;
        if copied != size {
            let short = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
            return Err(ConveyerError::io("write", path)(short));
        }
        file.flush().map_err(ConveyerError::io("write", path))?;
        file.set_permissions(fs::Permissions::from_mode(if is_run {
            0o755
        } else {
            0o644
        }))
        .and_then(|()| file.set_modified(UNIX_EPOCH + Duration::from_secs(self.epoch)))
        .map_err(ConveyerError::io("finish", path))?;
        Ok(self.identity.own(path)?)
    }
}

fn find_crate_files(
    folder: &Path,
    depth: usize,
    files: &mut Vec<PathBuf>,
) -> Result<(), ConveyerError> {
    for entry in fs::read_dir(folder).map_err(ConveyerError::io("list", folder))? {
        let entry = entry.map_err(ConveyerError::io("list", folder))?;
        let path = entry.path();
        let kind = entry
            .file_type()
            .map_err(ConveyerError::io("look at", &path))?;
        if kind.is_dir() && depth < DEPTH_MAX {
            find_crate_files(&path, depth + 1, files)?;
        } else if kind.is_file() && path.extension().is_some_and(|end| end == "crate") {
            files.push(path);
        }
    }
    Ok(())
}

fn listed(names: &[String]) -> String {
    let shown = names
        .iter()
        .take(10)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    match names.len().saturating_sub(10) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
