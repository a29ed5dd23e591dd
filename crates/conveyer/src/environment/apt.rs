//! Debian through its own client. apt keeps and checks the signatures of the indexes; what is asked of it here never
//! depends on what this machine has installed or pinned, only on its sources.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;
use tlog::Hash;

use super::fault::SupplyError;
use super::wish::{is_package, is_version};
use crate::error::ConveyerError;

const REMEDY: &str = "run: apt-get update";
const HELPER: &str = "/usr/lib/apt/apt-helper";
/// What an index calls the origin; others may be among the sources of this machine.
const ORIGIN: &str = "Debian";
/// The architecture of every environment, beside `all`.
const ARCHITECTURE: &str = "amd64";

/// A version of a package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
}

/// What a signed index says of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Indexed {
    pub(super) sha256: Hash,
    pub(super) bytes: u64,
    /// `CODENAME/COMPONENT/ARCHITECTURE`.
    pub(super) place: String,
}

/// A view of Debian with nothing installed.
#[derive(Debug)]
pub(super) struct Apt {
    scratch: TempDir,
}

impl Apt {
    pub(super) fn open() -> Result<Self, ConveyerError> {
        let scratch = tempfile::tempdir()
            .map_err(ConveyerError::io("make a folder in", std::env::temp_dir()))?;
        Ok(Self { scratch })
    }

    /// The packages and everything they depend on, as apt's own solver chooses.
    pub(super) fn closure(&self, wishes: &[String]) -> Result<Vec<Package>, SupplyError> {
        let mut command = self.apt_get();
        command.args(["--simulate", "--no-install-recommends", "install", "--"]);
        let done = command.args(wishes).output();
        let done = done.map_err(|error| lacks_apt(&error))?;
        let said = String::from_utf8_lossy(&done.stdout);
        if !done.status.success() {
            let errors = String::from_utf8_lossy(&done.stderr);
            return Err(SupplyError::Unresolved {
                said: tail(&format!("{said}{errors}")),
            });
        }
        said.lines()
            .filter(|line| line.starts_with("Inst "))
            .map(|line| {
                parse_inst(line).ok_or_else(|| SupplyError::Unresolved {
                    said: line.to_owned(),
                })
            })
            .collect()
    }

    /// What Debian's signed indexes say of every version of these packages.
    pub(super) fn indexed(
        &self,
        names: &BTreeSet<String>,
    ) -> Result<BTreeMap<Package, Indexed>, ConveyerError> {
        let mut all = BTreeMap::new();
        for (place, file) in self.indexes()? {
            let mut child = Command::new(HELPER)
                .args(["cat-file", &file])
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .map_err(|error| lacks_apt(&error))?;
            let text = BufReader::new(child.stdout.take().expect("piped above"));
            let read = read_index(text, &place, names, &mut all);
            let status = child
                .wait()
                .map_err(ConveyerError::io("wait for", HELPER))?;
            read.map_err(ConveyerError::io("read", &file))?;
            if !status.success() {
                return Err(ConveyerError::HostProgram {
                    program: format!("{HELPER} cat-file {file}"),
                    said: status.to_string(),
                    remedy: REMEDY.to_owned(),
                });
            }
        }
        Ok(all)
    }

    /// Where this machine's sources have each package, by file name parts. What they do not have is not among it.
    pub(super) fn addresses(
        &self,
        packages: &[Package],
    ) -> Result<BTreeMap<Package, String>, ConveyerError> {
        let mut addresses = BTreeMap::new();
        if packages.is_empty() {
            return Ok(addresses);
        }
        let mut command = self.apt_get();
        command.args(["download", "--print-uris", "--"]);
        command.args(
            packages
                .iter()
                .map(|one| format!("{}={}", one.name, one.version)),
        );
        let done = command.output().map_err(|error| lacks_apt(&error))?;
        if !done.status.success() {
            return Err(ConveyerError::HostProgram {
                program: "apt-get download --print-uris".to_owned(),
                said: tail(&String::from_utf8_lossy(&done.stderr)),
                remedy: REMEDY.to_owned(),
            });
        }
        for line in String::from_utf8_lossy(&done.stdout).lines() {
            if let Some((package, address)) = parse_uri(line) {
                addresses.insert(package, address);
            }
        }
        Ok(addresses)
    }

    /// Place and file of each index that Debian signed.
    fn indexes(&self) -> Result<Vec<(String, String)>, ConveyerError> {
        let format = "$(ORIGIN)|$(TRUSTED)|$(CODENAME)/$(COMPONENT)|$(ARCHITECTURE)|$(FILENAME)";
        let mut command = self.apt_get();
        command.args(["indextargets", "--format", format, "Created-By: Packages"]);
        let done = command.output().map_err(|error| lacks_apt(&error))?;
        let text = String::from_utf8_lossy(&done.stdout);
        let indexes: Vec<_> = text.lines().filter_map(parse_target).collect();
        if indexes.is_empty() {
            return Err(ConveyerError::HostLacks {
                what: "an index that Debian signed".to_owned(),
                remedy: REMEDY.to_owned(),
            });
        }
        Ok(indexes)
    }

    /// apt-get that knows the sources of this machine, and nothing of its packages and preferences.
    fn apt_get(&self) -> Command {
        let mut command = Command::new("apt-get");
        command.env("LC_ALL", "C").stdin(Stdio::null());
        let scratch = self.scratch.path().display();
        for option in [
            "Dir::State::status=/dev/null".to_owned(),
            format!("Dir::State::extended_states={scratch}/extended_states"),
            format!("Dir::Cache={scratch}"),
            "Dir::Etc::preferences=/dev/null".to_owned(),
            "Dir::Etc::preferencesparts=/dev/null".to_owned(),
            "Debug::NoLocking=true".to_owned(),
            format!("APT::Architecture={ARCHITECTURE}"),
        ] {
            command.args(["-o", &option]);
        }
        command
    }
}

/// Gets one file with apt's own downloader, which knows this machine's proxies. Its bytes are not judged here; that
/// they end is: the kernel stops a writer that goes over the limit.
pub(super) fn download(address: &str, to: &Path, bytes_max: u64) -> Result<(), String> {
    let done = Command::new("prlimit")
        .arg(format!("--fsize={bytes_max}"))
        .args([HELPER, "-o", "Acquire::Retries=2"])
        .args(["download-file", address])
        .arg(to)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("apt-helper cannot be started ({error})"))?;
    if done.status.success() && to.is_file() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    let error = said.lines().find(|line| line.starts_with("E:"));
    Err(error
        .unwrap_or("it could not be downloaded, or is larger than it should be")
        .to_owned())
}

/// `Inst NAME (VERSION SOURCE [ARCHITECTURE])`, with marks for what else is going on after it.
fn parse_inst(line: &str) -> Option<Package> {
    let (name, rest) = line.strip_prefix("Inst ")?.split_once(" (")?;
    let version = rest.split(' ').next()?;
    let inside = rest.split_once(')')?.0;
    let is_ours = inside.ends_with("[amd64]") || inside.ends_with("[all]");
    (is_ours && is_package(name) && is_version(version)).then(|| Package {
        name: name.to_owned(),
        version: version.to_owned(),
    })
}

/// `'ADDRESS' NAME_VERSION_ARCHITECTURE.deb SIZE DIGEST`; a colon in a version is `%3a` in the file name.
fn parse_uri(line: &str) -> Option<(Package, String)> {
    let (address, rest) = line.strip_prefix('\'')?.split_once("' ")?;
    let mut parts = rest.split(' ').next()?.strip_suffix(".deb")?.split('_');
    let package = Package {
        name: parts.next()?.to_owned(),
        version: parts.next()?.replace("%3a", ":"),
    };
    Some((package, address.to_owned()))
}

fn parse_target(line: &str) -> Option<(String, String)> {
    let fields: Vec<&str> = line.split('|').collect();
    let [ORIGIN, "yes", place, ARCHITECTURE | "all", file] = fields[..] else {
        return None;
    };
    Some((place.to_owned(), file.to_owned()))
}

/// Takes the stanzas of the wanted packages out of an index (`deb-control(5)`, `Packages`). `Package` stands first in
/// each stanza, so that what is not wanted is passed over unread.
fn read_index(
    mut text: impl BufRead,
    place: &str,
    names: &BTreeSet<String>,
    all: &mut BTreeMap<Package, Indexed>,
) -> std::io::Result<()> {
    let mut stanza: BTreeMap<String, String> = BTreeMap::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        let count = text.read_until(b'\n', &mut line)?;
        if count <= 1 {
            if let Some((package, indexed)) = read_stanza(&stanza, place) {
                all.insert(package, indexed);
            }
            stanza.clear();
        }
        if count == 0 {
            return Ok(());
        }
        if stanza.is_empty() && !line.starts_with(b"Package: ") {
            continue;
        }
        let Some((key, value)) = std::str::from_utf8(&line)
            .ok()
            .and_then(|line| line.trim_end().split_once(": "))
        else {
            continue;
        };
        let is_read = match key {
            "Package" => names.contains(value),
            _ => ["Version", "Architecture", "SHA256", "Size"].contains(&key),
        };
        if is_read {
            stanza.insert(key.to_owned(), value.to_owned());
        }
    }
}

fn read_stanza(stanza: &BTreeMap<String, String>, place: &str) -> Option<(Package, Indexed)> {
    let name = stanza.get("Package")?;
    let architecture = stanza.get("Architecture")?;
    if architecture != ARCHITECTURE && architecture != "all" {
        return None;
    }
    let package = Package {
        name: name.clone(),
        version: stanza.get("Version")?.clone(),
    };
    let indexed = Indexed {
        sha256: Hash::from_hex(stanza.get("SHA256")?).ok()?,
        bytes: stanza.get("Size")?.parse().ok()?,
        place: format!("{place}/{architecture}"),
    };
    Some((package, indexed))
}

fn lacks_apt(error: &std::io::Error) -> ConveyerError {
    ConveyerError::HostLacks {
        what: format!("apt ({error})"),
        remedy: "use a Debian machine, or give the packages in a folder".to_owned(),
    }
}

/// The end of what a program said.
fn tail(said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str) -> Package {
        Package {
            name: name.to_owned(),
            version: version.to_owned(),
        }
    }

    #[test]
    fn what_apt_says_is_read() {
        let line = "Inst gcc (4:12.2.0-3 Debian:12.15/oldstable [amd64]) [x:amd64 ]";
        assert_eq!(parse_inst(line), Some(package("gcc", "4:12.2.0-3")));
        assert_eq!(
            parse_inst("Inst libc6:i386 (2.36-9 Debian:12/x [i386])"),
            None
        );
        let line = "'http://mirror.example/p/gcc_12.2.0-3_amd64.deb' gcc_4%3a12.2.0-3_amd64.deb 5216 MD5Sum:x";
        let (found, address) = parse_uri(line).unwrap();
        assert_eq!(found, package("gcc", "4:12.2.0-3"));
        assert!(address.starts_with("http://mirror.example/"));
    }

    #[test]
    fn only_indexes_that_debian_signed_count() {
        assert!(parse_target("Debian|yes|bookworm/main|amd64|/x").is_some());
        for other in [
            "Node Source|yes|nodistro/main|amd64|/x",
            "Debian|no|bookworm/main|amd64|/x",
            "Debian|yes|bookworm/main|arm64|/x",
        ] {
            assert!(parse_target(other).is_none(), "{other}");
        }
    }

    #[test]
    fn an_index_gives_digest_size_and_place_of_what_is_wanted() {
        let digest = "0c030586945fe504b604ecc2e875c38ede400cd5cd73da9730302162e6b02c6f";
        let text = format!(
            "Package: make\nVersion: 4.3-4.1\nArchitecture: amd64\nDescription: x\n more\nSize: 7\nSHA256: {digest}\n\n\
             Package: other\nVersion: 1\nArchitecture: all\nSize: 1\nSHA256: {digest}\n"
        );
        let names = BTreeSet::from(["make".to_owned()]);
        let mut all = BTreeMap::new();
        read_index(text.as_bytes(), "bookworm/main", &names, &mut all).unwrap();
        assert_eq!(all.len(), 1);
        let make = &all[&package("make", "4.3-4.1")];
        assert_eq!(
            (make.bytes, make.place.as_str()),
            (7, "bookworm/main/amd64")
        );
    }
}
