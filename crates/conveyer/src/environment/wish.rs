//! The wish list: what an environment is to be made of, in TOML. `spec/environment.md` shows one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tlog::Hash;

use super::fault::SupplyError;
use crate::lock::{ArchiveFormat, CRATES, DEBIAN, HOST, LIMPID, is_token};
use crate::path::TreePath;

/// What an environment is to be made of.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WishList {
    /// What recipes call the environment.
    pub(super) name: String,
    /// Debian packages, `NAME` or `NAME=VERSION`; all they depend on comes with them.
    #[serde(default)]
    pub(super) packages: Vec<String>,
    /// Packages of that closure to leave out.
    #[serde(default)]
    pub(super) without: Vec<String>,
    /// Beginnings of paths to leave out.
    #[serde(default)]
    pub(super) leave_out: Vec<String>,
    /// Links that maintainer scripts would make: path to target.
    #[serde(default)]
    pub(super) links: BTreeMap<String, String>,
    /// Archives of other origins.
    #[serde(default, rename = "archive")]
    pub(super) archives: Vec<ArchiveWish>,
    /// Sets of crates.
    #[serde(default)]
    pub(super) crates: Vec<CratesWish>,
}

/// One archive of another origin than Debian.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ArchiveWish {
    /// What the lock calls it.
    pub(super) name: String,
    /// Version, for people and statements.
    pub(super) version: String,
    /// Name of the origin; each party decides what address that is.
    pub(super) origin: String,
    /// Path below the origin.
    pub(super) place: String,
    /// `rust-tar-gz` or `rust-tar-xz`.
    pub(super) format: String,
    /// SHA-256 of the archive, lower-case hex.
    pub(super) sha256: String,
    /// Size of the archive.
    pub(super) bytes: u64,
}

/// Every crate of a `Cargo.lock` that has a checksum.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CratesWish {
    /// The `Cargo.lock`, relative to the wish list.
    pub(super) lockfile: PathBuf,
}

impl WishList {
    /// Reads a wish list; paths in it are relative to `folder`.
    ///
    /// # Errors
    /// [`SupplyError::WishText`] or [`SupplyError::Wish`].
    pub fn parse(text: &str, folder: &Path) -> Result<Self, SupplyError> {
        let mut wishes: Self =
            toml::from_str(text).map_err(|error| SupplyError::WishText(Box::new(error)))?;
        for one in &mut wishes.crates {
            one.lockfile = folder.join(&one.lockfile);
        }
        wishes.check()?;
        Ok(wishes)
    }

    /// What recipes call the environment.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a path begins as `leave_out` says.
    pub(super) fn leaves_out(&self, path: &str) -> bool {
        self.leave_out.iter().any(|start| path.starts_with(start))
    }

    fn check(&self) -> Result<(), SupplyError> {
        if !is_token(&self.name) {
            return Err(bad("name", &self.name, "printable ASCII without spaces"));
        }
        for wish in &self.packages {
            let (name, version) = wish.split_once('=').unwrap_or((wish, "0"));
            if !is_package(name) || !is_version(version) {
                return Err(bad("packages", wish, "`NAME` or `NAME=VERSION`"));
            }
        }
        for name in &self.without {
            if !is_package(name) {
                return Err(bad("without", name, "the name of a Debian package"));
            }
        }
        for (path, target) in &self.links {
            path.parse::<TreePath>()
                .map_err(crate::ConveyerError::from)?;
            if !is_token(path) || !is_token(target) {
                return Err(bad("links", path, "path and target without spaces"));
            }
        }
        for archive in &self.archives {
            archive.format()?;
            archive.sha256()?;
            let is_path = archive.place.parse::<TreePath>().is_ok() && is_token(&archive.place);
            if !is_path {
                return Err(bad("place", &archive.place, "a path below the origin"));
            }
            let words = [&archive.name, &archive.version, &archive.origin];
            if let Some(word) = words.into_iter().find(|word| !is_token(word)) {
                return Err(bad("archive", word, "printable ASCII without spaces"));
            }
            if [HOST, LIMPID, DEBIAN, CRATES].contains(&archive.origin.as_str()) {
                return Err(bad("origin", &archive.origin, "a name of your own"));
            }
        }
        Ok(())
    }
}

impl ArchiveWish {
    pub(super) fn format(&self) -> Result<ArchiveFormat, SupplyError> {
        match ArchiveFormat::from_name(&self.format) {
            Some(format @ (ArchiveFormat::RustTarGz | ArchiveFormat::RustTarXz)) => Ok(format),
            _ => Err(bad(
                "format",
                &self.format,
                "`rust-tar-gz` or `rust-tar-xz`",
            )),
        }
    }

    pub(super) fn sha256(&self) -> Result<Hash, SupplyError> {
        Hash::from_hex(&self.sha256)
            .map_err(|_| bad("sha256", &self.sha256, "64 lower-case hex digits"))
    }
}

pub(super) fn bad(field: &'static str, value: &str, want: &'static str) -> SupplyError {
    SupplyError::Wish {
        field,
        value: value.chars().take(200).collect(),
        want,
    }
}

/// Debian Policy 5.6.1, and nothing that apt would take for an option, a path, a pattern, or an order to remove (`gcc-`)
/// or install (`gcc+`) the package without the sign.
pub(super) fn is_package(name: &str) -> bool {
    let is_plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte);
    let is_order = name.ends_with('-') || name.ends_with('+') && !name.ends_with("++");
    name.len() >= 2
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(is_plain)
        && !is_order
}

/// Debian Policy 5.6.12.
pub(super) fn is_version(version: &str) -> bool {
    version.starts_with(|first: char| first.is_ascii_digit())
        && version
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.:~".contains(&byte))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_that_apt_would_read_otherwise_are_refused() {
        for fine in ["gcc", "g++", "libstdc++6", "libc6-dev", "gcc-12"] {
            assert!(is_package(fine), "{fine}");
        }
        for odd in [
            "gcc-",
            "gcc+",
            "-y",
            "./x.deb",
            "gcc*",
            "a",
            "~nx",
            "x/y",
            "libc6:i386",
        ] {
            assert!(!is_package(odd), "{odd}");
        }
        assert!(is_version("4:12.2.0-3+b1~x") && !is_version("-x") && !is_version("1 2"));
    }

    #[test]
    fn an_unknown_key_and_an_unclear_origin_are_refused() {
        let parse = |text: &str| WishList::parse(text, Path::new("/"));
        assert!(parse("name = \"x\"\npackages = [\"gcc\"]").is_ok());
        assert!(parse("name = \"x\"\nrecommends = true").is_err());
        assert!(parse("name = \"x y\"").is_err());
        assert!(parse("name = \"x\"\n[links]\n\"../out\" = \"y\"").is_err());
        let archive = |origin: &str| {
            format!(
                "name = \"x\"\n[[archive]]\nname = \"rustc\"\nversion = \"1\"\norigin = \"{origin}\"\n\
                 place = \"a/b\"\nformat = \"rust-tar-xz\"\nbytes = 1\nsha256 = \"{}\"",
                "0".repeat(64)
            )
        };
        assert!(parse(&archive("rust")).is_ok());
        assert!(parse(&archive("debian")).is_err());
    }
}
